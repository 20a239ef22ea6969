# SPDX-License-Identifier: MIT
"""Debian's kernel source, and laying the files and patches of kernel/ over it."""
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import paths, store
from .apt import Apt
from .ui import SvmError, step

SERIES = "6.12"
GUEST_SUITE = "bookworm"
KERNEL_DIR = paths.TREE / "kernel"
# Folders of kernel/ that mirror the kernel's own tree; the others are ours.
OVERLAY = ("Documentation", "arch", "drivers", "fs", "include", "lib", "mm", "tools")
ROOT = paths.CACHE / "kernel"


class Kernel:
    """A kernel that QEMU can boot: `image`, and `modules` = a lib/modules/<release> folder."""

    def __init__(self, variant, folder):
        self.variant = variant
        self.folder = folder
        self.image = next(p for p in (folder / "vmlinux", folder / "bzImage", folder / "vmlinuz")
                          if p.exists())
        self.modules = next((folder / "lib/modules").iterdir())
        self.release = self.modules.name


def _installed_source():
    """(version, tarball) of the host's linux-source package, if there."""
    tarball = Path(f"/usr/src/linux-source-{SERIES}.tar.xz")
    out = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}",
                          f"linux-source-{SERIES}"], capture_output=True, text=True, check=False)
    words = out.stdout.split()
    if tarball.exists() and len(words) == 2 and words[0] == "installed":
        return words[1], tarball
    return None


def source_version():
    """The Debian version of the source in use: once chosen, it stays until update()."""
    chosen = ROOT / "version"
    if chosen.exists():
        return chosen.read_text().strip()
    installed = _installed_source()
    return _choose(installed[0] if installed else Apt(GUEST_SUITE).version(f"linux-source-{SERIES}"))


def _choose(version):
    if not version:
        raise SvmError(f"the mirror has no linux-source-{SERIES} for {GUEST_SUITE}")
    (paths.make(ROOT) / "version").write_text(version + "\n")
    return version


def update():
    """Take the newest source and binary kernel of the series that the mirror has."""
    apt = Apt(GUEST_SUITE)
    apt.update(force=True)
    (ROOT / "stock-package").unlink(missing_ok=True)
    _choose(apt.version(f"linux-source-{SERIES}"))


def places(version, variant):
    """(source tree, Debian's originals of the files we change, objects): one set per variant, so
    that a long build of one does not hold up the other."""
    suffix = "" if variant == "fast" else f"-{variant}"
    return (ROOT / f"src-{version}{suffix}", ROOT / f"pristine-{version}{suffix}",
            ROOT / f"obj-{version}-{variant}")


def unpack(version, tree, pristine):
    """Debian's source, unpacked; our files are laid over it in place."""
    if store.is_whole(tree):
        return
    with tempfile.TemporaryDirectory(prefix="unpack-", dir=paths.make(ROOT)) as tmp:
        tmp = Path(tmp)
        installed = _installed_source()
        if installed and installed[0] == version:
            tarball = installed[1]
        else:
            deb = Apt(GUEST_SUITE).download(f"linux-source-{SERIES}={version}", tmp)
            with step("Unpacking the kernel's package") as s:
                s.run(["dpkg-deb", "-x", deb, tmp])
            tarball = tmp / f"usr/src/linux-source-{SERIES}.tar.xz"
        with step(f"Unpacking linux-source {version}") as s:
            s.run(["tar", "-xf", tarball, "-C", tmp])
        for old in (tree, pristine):
            if old.exists():
                shutil.rmtree(old)
        (tmp / f"linux-source-{SERIES}").rename(tree)
    store.seal(tree, deep=False)


def our_files():
    return [p for top in OVERLAY for p in sorted((KERNEL_DIR / top).rglob("*")) if p.is_file()]


def patches():
    return sorted((KERNEL_DIR / "patches").glob("*.patch"))


class Overlay:
    """Keeps a source tree equal to Debian's plus ours, writing only the files that differ."""

    def __init__(self, tree, pristine):
        self.tree, self.pristine = tree, pristine
        self.record = tree / ".svm-overlay.json"
        try:
            self.ours = set(json.loads(self.record.read_text()))
        except (OSError, ValueError):
            self.ours = set()

    def original(self, rel):
        """Debian's content of a file, or None when Debian has no such file."""
        saved = self.pristine / rel
        if saved.exists():
            return saved.read_bytes()
        if rel in self.ours or not (self.tree / rel).exists():
            return None
        return (self.tree / rel).read_bytes()

    def _patched(self, wanted):
        with tempfile.TemporaryDirectory(prefix="svm-patch-") as stage:
            stage = Path(stage)
            touched = set()
            for patch in patches():
                text = patch.read_text(errors="replace")
                names = set(re.findall(r"^(?:---|\+\+\+) [ab]/(\S+)", text, re.M))
                for rel in names - touched:
                    content = wanted.get(rel, self.original(rel))
                    if content is not None:
                        paths.make((stage / rel).parent)
                        (stage / rel).write_bytes(content)
                touched |= names
                done = subprocess.run(["patch", "-p1", "-F0", "-N", "--no-backup-if-mismatch",
                                       "-r", "-", "-d", stage, "-i", patch],
                                      capture_output=True, text=True, check=False)
                if done.returncode:
                    raise SvmError(f"{patch.relative_to(paths.TREE)} does not apply to this kernel "
                                   f"source:\n{done.stdout}{done.stderr}")
            return {rel: (stage / rel).read_bytes() for rel in touched if (stage / rel).exists()}

    def sync(self):
        wanted = {str(p.relative_to(KERNEL_DIR)): p.read_bytes() for p in our_files()}
        wanted.update(self._patched(wanted))
        self.record.write_text(json.dumps(sorted(self.ours | set(wanted))))
        for rel in sorted(self.ours - set(wanted)):
            self._restore(rel)
        for rel, content in wanted.items():
            target = self.tree / rel
            if target.exists() and target.read_bytes() == content:
                continue
            if target.exists() and rel not in self.ours:
                paths.make((self.pristine / rel).parent)
                shutil.copy2(target, self.pristine / rel)
            paths.make(target.parent)
            target.write_bytes(content)
        self.record.write_text(json.dumps(sorted(wanted)))
        self.ours = set(wanted)

    def _restore(self, rel):
        target = self.tree / rel
        content = self.original(rel)
        if content is None:
            target.unlink(missing_ok=True)
        elif not target.exists() or target.read_bytes() != content:
            target.write_bytes(content)
