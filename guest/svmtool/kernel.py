# SPDX-License-Identifier: MIT
"""
The guest's kernels. `fast` and `debug` are built here from Debian's source with kernel/ laid over
it; `stock` and `stock+svm` are in stock.py.
"""
import os
import re
import shutil
from pathlib import Path

from . import hostpkgs, paths, stock, store
from .ksource import KERNEL_DIR, ROOT, Kernel, Overlay, our_files, patches, places, source_version, unpack
from .ui import SvmError, note, step

BUILT = ("fast", "debug")
VARIANTS = (*stock.VARIANTS, *BUILT)
KEEP = 10  # finished kernels kept in the cache


def _fragments(variant):
    config = KERNEL_DIR / "config"
    return [config / "base.config", config / f"{variant}.config"]


def _svm_fragment():
    return KERNEL_DIR / "config" / "svm.config"


def make_argv(tree, obj, *targets):
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
    s.run(make_argv(tree, obj, "-s", "allnoconfig"), env=env)
    with open(new, "a", encoding="utf-8") as out:
        for f in fragments:
            out.write(f.read_text())
    s.run(make_argv(tree, obj, "-s", "olddefconfig"), env=env)
    got = _wanted_symbols([new])
    lost = [f"{k}={v} (got {got.get(k, 'n')})" for k, v in _wanted_symbols(fragments).items()
            if got.get(k, "n") != v]
    if lost:
        raise SvmError("this kernel does not take these settings of kernel/config: " + ", ".join(lost))
    if not (obj / ".config").exists() or (obj / ".config").read_bytes() != new.read_bytes():
        new.replace(obj / ".config")
    stamp.write_text(key)


def _install(s, tree, obj, folder):
    s.run(make_argv(tree, obj, "-s", f"INSTALL_MOD_PATH={folder}", "INSTALL_MOD_STRIP=1", "modules_install"))
    for link in (folder / "lib/modules").glob("*/build"):
        link.unlink()
    s.run(["objcopy", "--strip-debug", obj / "vmlinux", folder / "vmlinux"])
    shutil.copy2(obj / "System.map", folder)
    shutil.copy2(obj / ".config", folder / "config")


def _key(variant, version):
    parts = [version, variant]
    for p in [*our_files(), *patches(), *_fragments(variant), _svm_fragment()]:
        parts += [str(p.relative_to(KERNEL_DIR)), p]
    return f"{variant}-" + store.digest(*parts)


def _sync(variant, version):
    """Bring the tree up to date and return the key of what is in it."""
    tree, pristine, obj = places(version, variant)
    unpack(version, tree, pristine)
    paths.make(obj)
    while True:  # kernel/ may be edited meanwhile
        key = _key(variant, version)
        Overlay(tree, pristine).sync()
        if key == _key(variant, version):
            return key


def _build(variant, version, folder):
    tree, _, obj = places(version, variant)
    with step(f"Building the {variant} kernel {version}") as s:
        _configure(s, tree, obj, variant)
        s.run(make_argv(tree, obj, "vmlinux", "modules"))
        _install(s, tree, obj, folder)


def build(variant):
    version = source_version()
    folder = paths.CACHE / "kernels" / _key(variant, version)
    if not store.is_whole(folder):
        hostpkgs.ensure("kernel")
        with store.lock(f"kernel-tree-{variant}"):
            key = _sync(variant, version)
            folder = store.artefact("kernels", key, lambda f: _build(variant, version, f))
    os.utime(folder)
    store.prune("kernels", KEEP)
    return Kernel(variant, folder)


def newest_built(variant):
    """The kernel of that variant that was built or used last, whatever kernel/ holds now."""
    done = [p for p in (paths.CACHE / "kernels").glob(f"{variant}-*") if (p / store.SEAL).exists()]
    if not done:
        raise SvmError(f"no {variant} kernel was built yet: run ./svm kernel")
    return Kernel(variant, max(done, key=lambda p: p.stat().st_mtime))


def ensure(variant, build_if_changed=True):
    if variant == "stock" or (variant == "stock+svm" and build_if_changed):
        return stock.ensure(variant)
    if variant not in VARIANTS:
        raise SvmError(f"no kernel {variant}; there are: {', '.join(VARIANTS)}")
    return build(variant) if build_if_changed else newest_built(variant)


def state(variant):
    """For doctor: what would be used, without making anything."""
    done = [p for p in (paths.CACHE / "kernels").glob(f"{variant}-*") if store.is_whole(p)]
    if variant in stock.VARIANTS:
        if done:
            return str(max(done, key=lambda p: p.stat().st_mtime))
        return stock.PLANS[variant]
    if not (ROOT / "version").exists():
        return "will be built on need (about 10 minutes on 2 CPUs)"
    current = paths.CACHE / "kernels" / _key(variant, source_version())
    if current in done:
        return str(current)
    return "will be built again: kernel/ has changed" if done else "will be built on need"


def describe(kernel):
    note(f"{kernel.variant} kernel {kernel.release}: {kernel.folder}")
