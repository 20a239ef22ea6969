# SPDX-License-Identifier: MIT
"""The project's own build: cmake in ./build."""
import os
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


def simulator():
    """The path of dg1-sim, built; SVM_SIM names another binary."""
    other = os.environ.get("SVM_SIM")
    if other:
        if not os.access(other, os.X_OK):
            raise SvmError(f"SVM_SIM={other} is not a program")
        return Path(other)
    targets("dg1-sim", title="Building the simulator")
    return paths.BUILD / "simulator" / "dg1-sim"
