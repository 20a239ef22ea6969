# SPDX-License-Identifier: MIT
"""The host's packages: what each step needs, installed as root, named when we are not."""
import os
import shutil
import subprocess
from pathlib import Path

from .ui import SvmError, step



def _debian_release():
    """12, 13, …; 0 when this is no Debian."""
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return 0
    fields = dict(line.replace('"', "").split("=", 1) for line in text.splitlines() if "=" in line)
    number = fields.get("VERSION_ID", "0")
    return int(number) if fields.get("ID") == "debian" and number.isdigit() else 0


DEBIAN = _debian_release()

# What a step needs: Debian package -> how to see that it is there (a program, or a file).
NEEDS = {
    "tree": {  # unpacking Debian trees: private QEMU, guest image
        "mmdebstrap": "mmdebstrap",
        "debian-archive-keyring": "/usr/share/keyrings/debian-archive-keyring.gpg",
        "mount": "mount",  # of our folders into such a tree
    },
    "image": {
        "erofs-utils": "mkfs.erofs",
        # Who is not root makes the image in a user namespace.
        **({"uidmap": "newuidmap"} if os.geteuid() != 0 else {}),
    },
    "init": {"gcc": "gcc", "libc6-dev": "/usr/include/stdio.h"},
    "stock": {"kmod": "depmod", "xz-utils": "xz"},
    "kernel": {
        "gcc": "gcc", "make": "make", "flex": "flex", "bison": "bison", "bc": "bc",
        "libelf-dev": "/usr/include/libelf.h", "libssl-dev": "/usr/include/openssl/ssl.h",
        "libc6-dev": "/usr/include/stdio.h", "xz-utils": "xz", "lz4": "lz4", "patch": "patch",
        "kmod": "depmod", "perl": "perl", "cpio": "cpio", "rsync": "rsync",
    },
    "build": {
        "cmake": "cmake", "make": "make", "gcc": "gcc", "g++": "g++", "pkg-config": "pkg-config",
        "libgtest-dev": "/usr/include/gtest/gtest.h", "libgmock-dev": "/usr/include/gmock/gmock.h",
        "libdrm-dev": "/usr/include/libdrm/drm.h",
        "opencl-c-headers": "/usr/include/CL/cl.h",
        "opencl-clhpp-headers": "/usr/include/CL/opencl.hpp",
        "ocl-icd-opencl-dev": "/usr/lib/x86_64-linux-gnu/libOpenCL.so",
        "libze-dev": "/usr/include/level_zero/ze_api.h",
        "intel-opencl-icd": "/usr/lib/x86_64-linux-gnu/intel-opencl/libigdrcl.so",
        # NEO's compiler, for the samples' kernels: a package of its own from Debian 13 on.
        **({"intel-ocloc": "ocloc"} if DEBIAN >= 13 else {}),
    },
    "deb": {"debhelper": "dh", "dpkg-dev": "dpkg-buildpackage", "python3": "python3"},
    "fuzz": {"clang": "clang"},
}


def _present(probe):
    if probe.startswith("/"):
        return Path(probe).exists()
    return shutil.which(probe, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is not None


def missing(*needs):
    return sorted({pkg for need in needs for pkg, probe in NEEDS[need].items() if not _present(probe)})


def _known(package):
    out = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False)
    return "Candidate: " in out.stdout and "Candidate: (none)" not in out.stdout


def _installed(package):
    out = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
                         capture_output=True, text=True, check=False)
    return out.stdout == "installed"


def ensure_named(packages):
    """The same for packages that are known by name alone."""
    _install([p for p in packages if not _installed(p)])


def ensure(*needs):
    """Have the packages of these steps installed, or say which ones a root must install."""
    _install(missing(*needs))
    still = missing(*needs)
    if still:
        raise SvmError(f"installed, but still not found: {' '.join(still)}")


def _install(packages):
    if not packages:
        return
    if os.geteuid() != 0:
        raise SvmError("these Debian packages are needed; install them as root and run again:\n"
                       f"    apt-get install {' '.join(packages)}")
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=600"]
    with step(f"Installing {len(packages)} Debian packages") as s:
        if not all(_known(p) for p in packages):
            s.run(apt + ["update"], env=env)
        install = apt + ["install", "--no-install-recommends"] + packages
        try:
            s.run(install, env=env)
        except SvmError:  # an old package list names versions the mirror has dropped
            s.run(apt + ["update"], env=env)
            s.run(install, env=env)
