# SPDX-License-Identifier: MIT
"""
Debian's own binary kernel: unchanged (`stock`), or with only its i915 replaced by ours
(`stock+svm`), which has everything of SVM that needs no other vmlinux.
"""
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import build, hostpkgs, paths, store
from .apt import Apt
from .ksource import GUEST_SUITE, ROOT, SERIES, Kernel, Overlay, our_files, patches, places, source_version, unpack
from .ui import SvmError, step

VARIANTS = ("stock", "stock+svm")
PLANS = {"stock": "will be downloaded on need (Debian's binary, nothing to build)",
         "stock+svm": "will be made on need (Debian's binary, its i915 built again with kernel/)"}
RECIPE = 2  # raise when _fetch_stock changes
I915 = Path("drivers/gpu/drm/i915")


def _fetch_stock(package, folder):
    hostpkgs.ensure("stock")
    with tempfile.TemporaryDirectory(prefix="stock-", dir=paths.make(ROOT)) as tmp:
        deb = Apt(GUEST_SUITE).download(package, Path(tmp))
        with step(f"Unpacking {package}") as s:
            s.run(["dpkg-deb", "-x", deb, Path(tmp) / "root"])
            root = Path(tmp) / "root"
            for name in ("vmlinuz", "config"):
                shutil.copy2(next((root / "boot").glob(f"{name}-*")), folder / name)
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


def _binary():
    package = stock_package()
    folder = store.artefact("kernels", "stock-" + store.digest(package, RECIPE),
                            lambda f: _fetch_stock(package, f))
    return Kernel("stock", folder)


# --- stock+svm -------------------------------------------------------------------------------

def _make_headers_tree(release, folder):
    """Debian's headers with the compiler they want, entered like the build's private Debian."""
    packages = [f"linux-headers-{release}", "gcc-12", "make", "libc6-dev", "binutils", "coreutils", "dash",
                "sed", "grep", "mawk", "perl-base", "bash", "findutils", "diffutils", "kmod"]
    with step(f"Making a tree with Debian's headers for {release}") as s:
        build.extract_tree(s, folder / "root", packages)
        build.link_programs(folder / "root", (("sh", "dash"), ("awk", "mawk"), ("gcc", "gcc-12")))


def _copy_module_source(work):
    """i915 with our files in it, and the headers that it finds outside of its folder."""
    version = source_version()
    tree, pristine, _ = places(version, "fast")
    with store.lock("kernel-tree-fast"):
        unpack(version, tree, pristine)
        Overlay(tree, pristine).sync()
        for sub in (I915, Path("include/uapi/drm"), Path("include/trace"), Path("drivers/platform/x86")):
            paths.make(work / sub)
            subprocess.run(["rsync", "-rc", f"{tree / sub}/", f"{work / sub}/"], check=True)


def _build_i915(release, version, folder):
    stock = _binary()
    package_version = stock_package().split("=")[1]
    if package_version != source_version():
        raise SvmError(f"the binary kernel is {package_version} but the source is {source_version()}: "
                       "./svm kernel --update brings both up to date")
    hostpkgs.ensure("kernel")
    headers = store.artefact("headers", store.digest(release, version),
                             lambda f: _make_headers_tree(release, f), deep=False) / "root"
    work = paths.make(ROOT / f"obj-{version}-stock+svm")
    with store.lock("kernel-tree-stock+svm"):
        _copy_module_source(work)
        # No .config is changed: the headers are Debian's, and so is what DEVICE_PRIVATE is not.
        flags = f"-DCONFIG_DRM_I915_SVM=1 -I{work}/include -I{work}/include/uapi -I{work}/include/trace"
        with step(f"Building i915 for Debian's {release}") as s:
            s.run([*build.enter(headers, work), "nice", "-n", "5", "make", f"-j{os.cpu_count() or 1}",
                   "-C", f"/usr/src/linux-headers-{release}", f"M={work / I915}",
                   "CONFIG_DRM_I915_SVM=y", f"KCFLAGS={flags}", "modules"])
            # Every other file is Debian's: linked, not copied.
            s.run(["cp", "-al", stock.folder / "lib", stock.folder / "vmlinuz", folder])
            target = folder / "lib/modules" / release / "kernel" / I915 / "i915.ko"
            target.unlink()
            s.run(["objcopy", "--strip-debug", work / I915 / "i915.ko", target])
            s.run(["/sbin/depmod", "-b", folder, release])


def _with_svm():
    stock = _binary()
    version = source_version()
    parts = [stock.folder.name]
    for p in [*our_files(), *patches()]:
        parts += [str(p.relative_to(paths.TREE)), p]
    folder = store.artefact("kernels", "stock+svm-" + store.digest(*parts),
                            lambda f: _build_i915(stock.release, version, f), deep=False)
    return Kernel("stock+svm", folder)


def ensure(variant):
    return _binary() if variant == "stock" else _with_svm()
