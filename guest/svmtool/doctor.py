# SPDX-License-Identifier: MIT
"""./svm doctor: what is there, what is missing, what would be used, and why. Changes nothing."""
import os
import platform
import shutil
from pathlib import Path

from . import build, hostpkgs, image, kernel, mirror, paths, qemu, store
from .ui import SvmError


def _line(what, text):
    print(f"{what + ':':<20} {text}")


def _size(folder):
    total = 0
    for root, _, files in os.walk(folder):
        for f in files:
            try:
                total += os.lstat(os.path.join(root, f)).st_blocks * 512
            except OSError:
                pass
    return f"{total / (1 << 30):.1f} GiB"


def _host():
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        text = ""
    name = next((line.split("=", 1)[1].strip('"') for line in text.splitlines()
                 if line.startswith("PRETTY_NAME=")), "unknown")
    known = hostpkgs.DEBIAN in (12, 13)
    _line("host", f"{name}, {platform.machine()}, {os.cpu_count()} CPUs"
          + ("" if known and platform.machine() == "x86_64" else " (made for Debian 12 or 13 on x86-64)"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    _line("memory", f"{memory:.0f} GiB" + ("" if memory >= 6 else " (a guest wants 4 GiB: use --mem)"))
    free = shutil.disk_usage(paths.make(paths.CACHE)).free / (1 << 30)
    _line("disk", f"{free:.0f} GiB free" + ("" if free >= 8 else " (set-up wants 8 GiB)"))


def _packages():
    ok = True
    for need, why in (("tree", "QEMU and image"), ("image", "image"), ("init", "guest's init"),
                      *((("build", "project's build"),) if not build.private_toolchain() else ()), ("kernel", "kernels fast and debug"),
                      ("stock", "kernel stock")):
        gone = hostpkgs.missing(need)
        ok = ok and not gone
        if gone:
            fix = "will be installed on need" if os.geteuid() == 0 else f"apt-get install {' '.join(gone)}"
            _line(f"packages ({why})", f"missing {' '.join(gone)}: {fix}")
    if ok:
        _line("packages", "all there")


def _mirror():
    try:
        _line("mirror", " and ".join(mirror.urls())
              + (" (SVM_DEBIAN_MIRROR)" if os.environ.get("SVM_DEBIAN_MIRROR") else " (from apt's configuration)"))
    except SvmError as e:
        _line("mirror", f"MISSING: {e}")


def _qemu():
    own = qemu.system()
    if own:
        used = own
    elif qemu.private_is_there():
        used = qemu.private()
    else:
        _line("QEMU", "none with vfio-user-pci (>= 10.1): a private tree will be made")
        return
    _line("QEMU", f"{'.'.join(map(str, used.version))}, {used.origin}")
    if own is None and shutil.which("qemu-system-x86_64"):
        _line("", "the system's qemu-system-x86_64 has no vfio-user-pci")
    forced = os.environ.get("SVM_ACCEL")
    known = qemu.remembered_kvm(used)
    if forced:
        _line("acceleration", f"{forced} (SVM_ACCEL)")
    elif not qemu.kvm_openable():
        _line("acceleration", "TCG: /dev/kvm is absent or not ours to open")
    elif known is None:
        _line("acceleration", "not known yet: the first guest tests KVM with a short boot")
    else:
        _line("acceleration", f"{'KVM' if known['works'] else 'TCG'}: {known['why']} "
                              f"(remembered; ./svm clean kvm forgets)")


def _guest():
    _line("guest image", f"{image.describe()}")
    for variant in kernel.VARIANTS:
        _line(f"kernel {variant}", kernel.state(variant))
    sim = Path(os.environ.get("SVM_SIM", paths.BUILD / "simulator" / "dg1-sim"))
    _line("simulator", f"{sim}{'' if sim.exists() else ' (not built yet)'}")
    _line("cache", f"{paths.CACHE}, {_size(paths.CACHE)}")
    _line("logs", str(paths.LOGS))


def run():
    _host()
    _packages()
    _mirror()
    _qemu()
    _guest()
    broken = [str(p.parent) for p in paths.CACHE.glob(f"*/*/{store.SEAL}") if not store.is_whole(p.parent)]
    for p in broken:
        _line("broken", f"{p} (will be made again)")
    return 0
