# SPDX-License-Identifier: MIT
"""Which QEMU, and whether KVM can be used with it."""
import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from . import hostpkgs, mirror, paths, store
from .ui import SvmError, step

SUITE = "trixie"
NEEDED = (10, 1)  # the first with vfio-user-pci
RECIPE = 1  # raise when _make_tree changes
KVM_MEMORY = paths.CACHE / "kvm.json"


class Qemu:
    def __init__(self, argv, version, origin):
        self.argv, self.version, self.origin = argv, version, origin


def _version(argv):
    try:
        out = subprocess.run([*argv, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    m = re.search(r"version (\d+)\.(\d+)\.?(\d*)", out.stdout)
    return tuple(int(x or 0) for x in m.groups()) if m else None


def _has_vfio_user(argv):
    out = subprocess.run([*argv, "-device", "help"], capture_output=True, text=True, timeout=30, check=False)
    return "vfio-user-pci" in out.stdout


def system():
    """The host's own QEMU, when it has vfio-user-pci."""
    path = shutil.which("qemu-system-x86_64")
    if not path:
        return None
    version = _version([path])
    if not version or version[:2] < NEEDED or not _has_vfio_user([path]):
        return None
    return Qemu([path], version, "the system's own")


def _make_tree(folder):
    hostpkgs.ensure("tree")
    with step("Making a private QEMU tree (Debian 13 + backports)") as s:
        # "extract" runs nothing of the tree, so it needs neither root nor namespaces.
        mode = [] if os.geteuid() == 0 else ["--mode=chrootless"]
        s.run(["mmdebstrap", *mode, "--variant=extract", "--include=qemu-system-x86,seabios",
               f"--aptopt=APT::Default-Release \"{SUITE}-backports\"",
               "--aptopt=APT::Install-Recommends \"false\"", f"--keyring={mirror.KEYRING}",
               SUITE, folder / "root", *mirror.lines(SUITE), mirror.backports(SUITE)])


def _key():
    return store.digest(SUITE, *NEEDED, RECIPE)


def private_is_there():
    return store.is_whole(paths.CACHE / "qemu" / _key())


def private():
    folder = store.artefact("qemu", _key(), _make_tree)
    usr = folder / "root" / "usr"
    # Through the tree's own loader: its C library is newer than the host's may be.
    argv = [str(usr / "lib64/ld-linux-x86-64.so.2"), "--library-path",
            f"{usr}/lib/x86_64-linux-gnu", str(usr / "bin/qemu-system-x86_64"),
            "-L", str(usr / "share/qemu"), "-L", str(usr / "share/seabios")]
    version = _version(argv)
    if not version or version[:2] < NEEDED:
        raise SvmError(f"the QEMU of Debian {SUITE}-backports is {version}, {NEEDED} is needed")
    return Qemu(argv, version, f"private tree {folder}")


def ensure():
    return system() or private()


# --- acceleration ----------------------------------------------------------------------------

def _host_key(qemu):
    cpu = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return f"{platform.release()} | {cpu} | QEMU {'.'.join(map(str, qemu.version))}"


def remembered_kvm(qemu):
    """{'works': bool, 'why': text} of an earlier test boot on this host with this QEMU, or None."""
    try:
        return json.loads(KVM_MEMORY.read_text())[_host_key(qemu)]
    except (OSError, ValueError, KeyError):
        return None


def remember_kvm(qemu, works, why):
    with store.lock("kvm"):
        try:
            known = json.loads(KVM_MEMORY.read_text())
        except (OSError, ValueError):
            known = {}
        known[_host_key(qemu)] = {"works": works, "why": why}
        KVM_MEMORY.write_text(json.dumps(known, indent=1))


def kvm_openable():
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
        return True
    except OSError:
        return False


def acceleration(qemu, test_boot):
    """("kvm" or "tcg", why). `test_boot()` boots under KVM and returns None or what went wrong."""
    forced = os.environ.get("SVM_ACCEL")
    if forced in ("kvm", "tcg"):
        return forced, "SVM_ACCEL says so"
    if not kvm_openable():
        return "tcg", "/dev/kvm is absent or not ours to open"
    known = remembered_kvm(qemu)
    if known is None:
        with step("Testing whether KVM can boot a guest here"):
            problem = test_boot()
        remember_kvm(qemu, problem is None, problem or "a test boot succeeded")
        known = remembered_kvm(qemu)
    return ("kvm" if known["works"] else "tcg"), known["why"]
