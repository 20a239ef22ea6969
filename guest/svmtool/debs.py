# SPDX-License-Identifier: MIT
"""./svm kernel --deb: packages for a real machine that runs Debian 12, in out/debs."""
import shutil
import tempfile
from pathlib import Path

from . import hostpkgs, kernel, paths, stock, store
from .ksource import Overlay, places, source_version, unpack
from .ui import SvmError, step

FOLDER = paths.OUT / "debs"
# On top of the configuration of Debian's own kernel of the same version.
FULL_SETTINGS = """
CONFIG_DEVICE_PRIVATE=y
CONFIG_DRM_I915_SVM=y
CONFIG_LOCALVERSION="-i915-svm"
CONFIG_SYSTEM_TRUSTED_KEYS=""
CONFIG_MODULE_SIG_KEY="certs/signing_key.pem"
CONFIG_DEBUG_INFO_NONE=y
# CONFIG_DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT is not set
# CONFIG_DEBUG_INFO_BTF is not set
"""

_CONTROL = """Package: i915-svm-module-{release}
Version: {version}
Architecture: amd64
Maintainer: i915 SVM
Section: kernel
Priority: optional
Depends: linux-image-{release} | linux-image-{release}-unsigned, kmod
Description: i915 with shared virtual memory for Debian's {release}
 Replaces the i915 module of an otherwise unchanged kernel. CPU ranges and the
 whole process can be bound to the GPU; pages do not migrate to device memory,
 which needs a rebuilt kernel. The module is not signed.
"""
_SCRIPT = """#!/bin/sh
set -e
depmod {release}
if command -v update-initramfs >/dev/null; then update-initramfs -u -k {release}; fi
"""


def module_package():
    """i915.ko for Debian's unchanged kernel; updates/ is searched before the kernel's own."""
    built = stock.ensure("stock+svm")
    version = f"1~{source_version()}"
    with tempfile.TemporaryDirectory(prefix="svm-deb-") as root, step("Packing the i915 module") as s:
        root = Path(root)
        target = paths.make(root / "lib/modules" / built.release / "updates/i915-svm")
        shutil.copy2(next(built.modules.rglob("i915.ko")), target)
        control = paths.make(root / "DEBIAN")
        (control / "control").write_text(_CONTROL.format(release=built.release, version=version))
        for name in ("postinst", "postrm"):
            (control / name).write_text(_SCRIPT.format(release=built.release))
            (control / name).chmod(0o755)
        root.chmod(0o755)
        s.run(["dpkg-deb", "--root-owner-group", "-Zxz", "--build", root, paths.make(FOLDER)])
    return sorted(FOLDER.glob(f"i915-svm-module-{built.release}_*.deb"))


def _read_lsmod(listing):
    try:
        loaded = Path(listing).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise SvmError(f"--lsmod {listing}: {e}") from e
    if not loaded.startswith("Module "):
        raise SvmError(f"--lsmod {listing}: not what lsmod prints")
    return loaded


def _only_modules(s, tree, obj, loaded):
    """Leave out the modules that lsmod does not name (the kernel's localmodconfig)."""
    full = obj / ".lsmod"
    full.write_text(loaded.rstrip("\n") + "\ni915 0 0\n")
    s.run(kernel.make_argv(tree, obj, "-s", f"LSMOD={full}", "localmodconfig"))


def kernel_packages(listing=None):
    """
    The whole kernel with Debian's configuration: hours on a small machine. With the modules of
    one machine only, as lsmod prints them there, about one.
    """
    loaded = _read_lsmod(listing) if listing else ""  # before anything that takes long
    hostpkgs.ensure("kernel", "deb")
    version = source_version()
    debian = stock.ensure("stock")
    if stock.stock_package().split("=")[1] != version:
        raise SvmError("the binary kernel and the source differ in version: ./svm kernel --update")
    tree, pristine, obj = places(version, "deb")
    with store.lock("kernel-tree-deb"):
        unpack(version, tree, pristine)
        Overlay(tree, pristine).sync()
        paths.make(obj)
        with step(f"Building Debian packages of {version} with SVM") as s:
            (obj / ".config").write_text((debian.folder / "config").read_text() + FULL_SETTINGS)
            s.run(kernel.make_argv(tree, obj, "-s", "olddefconfig"))
            if loaded:
                _only_modules(s, tree, obj, loaded)
            got = (obj / ".config").read_text()
            for wanted in ("CONFIG_DRM_I915=m", "CONFIG_DEVICE_PRIVATE=y", "CONFIG_DRM_I915_SVM=y"):
                if wanted not in got:
                    raise SvmError(f"the configuration does not take {wanted}")
            s.run(kernel.make_argv(tree, obj, f"KDEB_PKGVERSION=1~{version}", "bindeb-pkg"))
    done = []
    for deb in obj.parent.glob("linux-*-i915-svm*.deb"):
        done.append(paths.make(FOLDER) / deb.name)
        shutil.move(deb, done[-1])
    return done
