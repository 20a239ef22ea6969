# SPDX-License-Identifier: MIT
"""
The guest's kernels. `fast` and `debug` are Debian's linux-source-6.12 with the files and patches of
kernel/ laid over it; `stock` is Debian's own binary; `stock+svm` is refused where it cannot exist.
"""
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import hostpkgs, paths, store
from .apt import Apt
from .ui import SvmError, note, step

SERIES = "6.12"
GUEST_SUITE = "bookworm"
BUILT = ("fast", "debug")
VARIANTS = ("stock", *BUILT)
KERNEL_DIR = paths.TREE / "kernel"
# Folders of kernel/ that mirror the kernel's own tree; the others are ours.
OVERLAY = ("Documentation", "arch", "drivers", "fs", "include", "lib", "mm", "tools")
ROOT = paths.CACHE / "kernel"
KEEP = 10  # finished kernels kept in the cache


class Kernel:
    """A kernel that QEMU can boot: `image`, and `modules` = a lib/modules/<release> folder."""

    def __init__(self, variant, folder):
        self.variant = variant
        self.folder = folder
        self.image = next(p for p in (folder / "vmlinux", folder / "bzImage", folder / "vmlinuz")
                          if p.exists())
        self.modules = next((folder / "lib/modules").iterdir())
        self.release = self.modules.name


# --- source ----------------------------------------------------------------------------------

def _installed_source():
    """(version, tarball) of the host's linux-source package, if there."""
    tarball = Path(f"/usr/src/linux-source-{SERIES}.tar.xz")
    out = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}",
                          f"linux-source-{SERIES}"], capture_output=True, text=True, check=False)
    words = out.stdout.split()
    if tarball.exists() and len(words) == 2 and words[0] == "installed":
        return words[1], tarball
    return None


def source_version(update=False):
    """The Debian version of the source in use: once chosen, it stays until --update."""
    chosen = ROOT / "version"
    if not update and chosen.exists():
        return chosen.read_text().strip()
    installed = None if update else _installed_source()
    version = installed[0] if installed else Apt(GUEST_SUITE).version(f"linux-source-{SERIES}")
    if not version:
        raise SvmError(f"the mirror has no linux-source-{SERIES} for {GUEST_SUITE}")
    paths.make(ROOT)
    chosen.write_text(version + "\n")
    return version


def _places(version, variant):
    """(source tree, Debian's originals of the files we change, objects): one set per variant, so
    that a long build of one does not hold up the other."""
    suffix = "" if variant == "fast" else f"-{variant}"
    return (ROOT / f"src-{version}{suffix}", ROOT / f"pristine-{version}{suffix}",
            ROOT / f"obj-{version}-{variant}")


def _source_tree(version, tree, pristine):
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


def _our_files():
    return [p for top in OVERLAY for p in sorted((KERNEL_DIR / top).rglob("*")) if p.is_file()]


def _patches():
    return sorted((KERNEL_DIR / "patches").glob("*.patch"))


def _fragments(variant):
    config = KERNEL_DIR / "config"
    return [config / "base.config", config / f"{variant}.config"]


def _svm_fragment():
    return KERNEL_DIR / "config" / "svm.config"


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
            for patch in _patches():
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
        wanted = {str(p.relative_to(KERNEL_DIR)): p.read_bytes() for p in _our_files()}
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


# --- build -----------------------------------------------------------------------------------

def _make(tree, obj, *targets):
    # A fixed origin, so that the same source gives the same kernel.
    return ["nice", "-n", "5", "make", f"-j{os.cpu_count() or 1}", "-C", tree, f"O={obj}",
            "LOCALVERSION=", "KBUILD_BUILD_USER=svm", "KBUILD_BUILD_HOST=svm",
            "KBUILD_BUILD_TIMESTAMP=@0", *targets]


def _wanted_symbols(files):
    symbols = {}
    for f in files:
        for line in f.read_text().splitlines():
            m = re.match(r"(CONFIG_\w+)=(.*)", line) or re.match(r"# (CONFIG_\w+) (is not set)", line)
            if m:
                symbols[m[1]] = "n" if m[2] == "is not set" else m[2]
    return symbols


def _configure(s, tree, obj, variant):
    fragments = _fragments(variant)
    i915 = tree / "drivers/gpu/drm/i915"
    kconfig = (i915 / "Kconfig").read_text()
    ours = i915 / "Kconfig.svm"
    if "Kconfig.svm" in kconfig and ours.exists():  # the hooks are in
        kconfig += ours.read_text()
        fragments.append(_svm_fragment())
    key = store.digest(kconfig, *fragments)
    stamp = obj / ".svm-config"
    if stamp.exists() and stamp.read_text() == key and (obj / ".config").exists():
        return
    env = dict(os.environ, KCONFIG_CONFIG=".config.svm")
    new = obj / ".config.svm"
    s.run(_make(tree, obj, "-s", "allnoconfig"), env=env)
    with open(new, "a", encoding="utf-8") as out:
        for f in fragments:
            out.write(f.read_text())
    s.run(_make(tree, obj, "-s", "olddefconfig"), env=env)
    got = _wanted_symbols([new])
    lost = [f"{k}={v} (got {got.get(k, 'n')})" for k, v in _wanted_symbols(fragments).items()
            if got.get(k, "n") != v]
    if lost:
        raise SvmError("this kernel does not take these settings of kernel/config: " + ", ".join(lost))
    if not (obj / ".config").exists() or (obj / ".config").read_bytes() != new.read_bytes():
        new.replace(obj / ".config")
    stamp.write_text(key)


def _install(s, tree, obj, folder):
    s.run(_make(tree, obj, "-s", f"INSTALL_MOD_PATH={folder}", "INSTALL_MOD_STRIP=1", "modules_install"))
    for link in (folder / "lib/modules").glob("*/build"):
        link.unlink()
    s.run(["objcopy", "--strip-debug", obj / "vmlinux", folder / "vmlinux"])
    shutil.copy2(obj / "System.map", folder)
    shutil.copy2(obj / ".config", folder / "config")


def _key(variant, version):
    parts = [version, variant]
    for p in [*_our_files(), *_patches(), *_fragments(variant), _svm_fragment()]:
        parts += [str(p.relative_to(KERNEL_DIR)), p]
    return f"{variant}-" + store.digest(*parts)


def _build(variant, version, folder):
    hostpkgs.ensure("kernel")
    tree, pristine, obj = _places(version, variant)
    with store.lock(f"kernel-tree-{variant}"):
        _source_tree(version, tree, pristine)
        paths.make(obj)
        Overlay(tree, pristine).sync()
        with step(f"Building the {variant} kernel {version}") as s:
            _configure(s, tree, obj, variant)
            s.run(_make(tree, obj, "vmlinux", "modules"))
            _install(s, tree, obj, folder)


def build(variant, update=False):
    version = source_version(update)
    folder = store.artefact("kernels", _key(variant, version), lambda f: _build(variant, version, f))
    store.prune("kernels", KEEP)
    return Kernel(variant, folder)


def newest_built(variant):
    """The kernel of that variant that was built or used last, whatever kernel/ holds now."""
    done = [p for p in (paths.CACHE / "kernels").glob(f"{variant}-*") if (p / store.SEAL).exists()]
    if not done:
        raise SvmError(f"no {variant} kernel was built yet: run ./svm kernel")
    return Kernel(variant, max(done, key=lambda p: p.stat().st_mtime))


# --- Debian's own binary ---------------------------------------------------------------------

def _fetch_stock(package, folder):
    hostpkgs.ensure("stock")
    with tempfile.TemporaryDirectory(prefix="stock-", dir=paths.make(ROOT)) as tmp:
        deb = Apt(GUEST_SUITE).download(package, Path(tmp))
        with step(f"Unpacking {package}") as s:
            s.run(["dpkg-deb", "-x", deb, Path(tmp) / "root"])
            root = Path(tmp) / "root"
            shutil.copy2(next((root / "boot").glob("vmlinuz-*")), folder / "vmlinuz")
            lib = root / "lib/modules"
            lib = lib if lib.is_dir() else root / "usr/lib/modules"
            paths.make(folder / "lib")
            lib.rename(folder / "lib/modules")
            release = next((folder / "lib/modules").iterdir()).name
            # Uncompressed on the host once, not under TCG at every boot.
            packed = [str(p) for p in (folder / "lib/modules").rglob("*.ko.xz")]
            for at in range(0, len(packed), 500):
                s.run(["xz", "-d", "-T0", *packed[at:at + 500]])
            s.run(["/sbin/depmod", "-b", folder, release])


def stock_package():
    chosen = ROOT / "stock-package"
    if chosen.exists():
        return chosen.read_text().strip()
    apt = Apt(GUEST_SUITE)
    pattern = rf"linux-image-{re.escape(SERIES)}\.(\d+)\+deb\d+-amd64(-unsigned)?"
    names = apt.names(pattern)
    if not names:
        raise SvmError(f"the mirror has no binary linux-image-{SERIES} for {GUEST_SUITE}")
    # The newest; the signed build where both are there.
    best = max(names, key=lambda n: (int(re.fullmatch(pattern, n)[1]), not n.endswith("unsigned")))
    package = f"{best}={apt.version(best)}"
    paths.make(ROOT)
    chosen.write_text(package + "\n")
    return package


def stock():
    package = stock_package()
    folder = store.artefact("kernels", "stock-" + store.digest(package),
                            lambda f: _fetch_stock(package, f))
    return Kernel("stock", folder)


def ensure(variant, build_if_changed=True):
    if variant == "stock":
        return stock()
    if variant not in BUILT:
        raise SvmError(f"no kernel {variant}; there are: {', '.join(VARIANTS)}")
    return build(variant) if build_if_changed else newest_built(variant)


def state(variant):
    """For doctor: what would be used, without making anything."""
    done = [p for p in (paths.CACHE / "kernels").glob(f"{variant}-*") if store.is_whole(p)]
    if variant == "stock":
        if done:
            return str(max(done, key=lambda p: p.stat().st_mtime))
        return "will be downloaded on need (Debian's binary, nothing to build)"
    if not (ROOT / "version").exists():
        return "will be built on need (about 10 minutes on 2 CPUs)"
    current = paths.CACHE / "kernels" / _key(variant, source_version())
    if current in done:
        return str(current)
    return "will be built again: kernel/ has changed" if done else "will be built on need"


def describe(kernel):
    note(f"{kernel.variant} kernel {kernel.release}: {kernel.folder}")
