# SPDX-License-Identifier: MIT
"""
The project's own build: cmake in ./build.

What is built runs in the Debian 12 guest too. So on another host than Debian 12 it is built with a
private Debian 12's compiler and libraries; the simulator runs on newer hosts all the same.
"""
import os
import shutil
import subprocess
from pathlib import Path

from . import hostpkgs, mirror, paths, store
from .ui import SvmError, step


def _lock():
    return store.lock("build-" + store.digest(str(paths.BUILD)))


GUEST_DEBIAN, SUITE = 12, "bookworm"
# Enters a tree with the host's /proc, /dev, and our folders at their own paths.
_ENTER = """
root=$1; here=$2; shift 2
for d in /proc /dev "$@"; do
    [ "$d" != -- ] || break
    mkdir -p "$root$d"; mount --rbind "$d" "$root$d"
done
while [ "$1" != -- ]; do shift; done; shift
exec chroot "$root" /usr/bin/env -C "$here" "$@"
"""


def private_toolchain():
    return hostpkgs.DEBIAN != GUEST_DEBIAN or os.environ.get("SVM_PRIVATE_BUILD") == "1"


def extract_tree(s, root, packages):
    """Debian 12 packages unpacked into a folder; nothing of them is run, so no root is needed."""
    hostpkgs.ensure("tree")
    mode = [] if os.geteuid() == 0 else ["--mode=chrootless"]
    s.run(["mmdebstrap", *mode, "--variant=extract", f"--include={','.join(packages)}",
           "--aptopt=APT::Install-Recommends \"false\"", f"--keyring={mirror.KEYRING}",
           SUITE, root, *mirror.lines(SUITE)])


def link_programs(root, links):
    """Names that maintainer scripts would have made."""
    for name, program in links:
        link = root / "usr/bin" / name
        if not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(program)


def enter(root, *folders):
    """What goes before a command that is to run in such a tree, with these folders of ours in it."""
    namespace = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    return [*namespace, "--", "sh", "-ec", _ENTER, "svm", str(root), str(folders[0]),
            *map(str, folders), "--"]


def _make_toolchain(folder):
    packages = [*hostpkgs.NEEDS["build"], "libc-bin", "coreutils", "dash", "bash", "sed", "grep", "gawk",
                "findutils", "diffutils", "python3-minimal"]
    packages = [p for p in packages if p != "intel-ocloc"]
    with step("Making a private Debian 12 to build in") as s:
        extract_tree(s, folder / "root", packages)
        link_programs(folder / "root", (("sh", "dash"), ("cc", "gcc"), ("c++", "g++"), ("awk", "gawk")))


def inside():
    """What goes before a command that builds, or runs what was built against libraries of Debian 12."""
    if not private_toolchain():
        return []
    hostpkgs.ensure("tree")
    key = store.digest(SUITE, *sorted(hostpkgs.NEEDS["build"]), 1)
    root = store.artefact("toolchain", key, _make_toolchain, deep=False) / "root"
    return enter(root, paths.TREE, paths.make(paths.BUILD))


def _configure(again=False):
    """cmake once; afterwards make itself reruns it when a CMakeLists.txt changes."""
    if not again and (paths.BUILD / "CMakeCache.txt").exists() and (paths.BUILD / "Makefile").exists():
        return
    if not private_toolchain():
        hostpkgs.ensure("build")
    paths.make(paths.BUILD)
    before = inside()
    with step("Configuring the build") as s:
        s.run([*before, "cmake", "-S", paths.TREE, "-B", paths.BUILD, "-G", "Unix Makefiles"])


def targets(*names, title=None):
    """Build these CMake targets (all of them when none is named)."""
    with _lock():
        _configure()
        argv = [*inside(), "nice", "-n", "5", "cmake", "--build", str(paths.BUILD), "-j", str(os.cpu_count() or 1)]
        if names:
            argv += ["--target", *names]
        # Quiet when there is nothing to do, which is nearly always.
        dry = subprocess.run([*inside(), "make", "-C", str(paths.BUILD), "-q", *(names or ["all"])],
                             capture_output=True, check=False)
        if dry.returncode == 0:
            return
        if b"No rule to make target" in dry.stderr:  # a suite that is younger than the build folder
            _configure(again=True)
        with step(title or f"Building {' '.join(names) or 'the project'}") as s:
            s.run(argv)


def simulator(fresh=True):
    """
    The path of a dg1-sim: built now, or with fresh=False the one that was built last, whatever the
    sources look like. SVM_SIM names another binary.
    """
    other = os.environ.get("SVM_SIM")
    if other:
        if not os.access(other, os.X_OK):
            raise SvmError(f"SVM_SIM={other} is not a program")
        return Path(other)
    # Guests run a copy, so that a later build does not change it under them.
    kept = paths.BUILD / "last-good" / "dg1-sim"
    if fresh or not kept.exists():
        targets("dg1-sim", title="Building the simulator")
        built = paths.BUILD / "simulator" / "dg1-sim"
        if not kept.exists() or built.stat().st_mtime_ns != kept.stat().st_mtime_ns:
            new = paths.make(kept.parent) / f"dg1-sim.{os.getpid()}"
            shutil.copy2(built, new)
            new.rename(kept)
    return kept
