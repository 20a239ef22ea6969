# SPDX-License-Identifier: MIT
"""The project's own build: cmake in ./build."""
import os
import shutil
import subprocess
from pathlib import Path

from . import hostpkgs, paths, store
from .ui import SvmError, step


def _lock():
    return store.lock("build-" + store.digest(str(paths.BUILD)))


def _configure():
    """cmake once; afterwards make itself reruns it when a CMakeLists.txt changes."""
    if (paths.BUILD / "CMakeCache.txt").exists() and (paths.BUILD / "Makefile").exists():
        return
    hostpkgs.ensure("build")
    paths.make(paths.BUILD)
    with step("Configuring the build") as s:
        s.run(["cmake", "-S", paths.TREE, "-B", paths.BUILD, "-G", "Unix Makefiles"])


def targets(*names, title=None):
    """Build these CMake targets (all of them when none is named)."""
    with _lock():
        _configure()
        argv = ["cmake", "--build", str(paths.BUILD), "-j", str(os.cpu_count() or 1)]
        if names:
            argv += ["--target", *names]
        # Quiet when there is nothing to do, which is nearly always.
        dry = subprocess.run(["make", "-C", str(paths.BUILD), "-q", *(names or ["all"])],
                             capture_output=True, check=False)
        if dry.returncode == 0:
            return
        with step(title or f"Building {' '.join(names) or 'the project'}") as s:
            s.run(["nice", "-n", "5", *argv])


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
