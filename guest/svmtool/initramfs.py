# SPDX-License-Identifier: MIT
"""The initramfs: our init and the modules of one kernel, as an uncompressed cpio archive."""
import os
import shutil
import stat
import tempfile
from pathlib import Path

from . import hostpkgs, paths, store
from .ui import SvmError, step

INIT_DIR = paths.TREE / "guest" / "init"
# Needed to reach the root image, when not built in.
# crc32c: libcrc32c asks the crypto layer for it by name, which depmod cannot see.
EARLY = ("crc32c_generic", "virtio_pci", "virtio_blk", "virtio_console", "9p", "9pnet_virtio", "erofs", "overlay",
         "virtio-rng")
GPU = ("i915",)
# Loaded by tests with modprobe.
TESTS = ("test_hmm", "hwpoison-inject", "zram", "loop", "squashfs", "ext4", "drm_buddy")


class Cpio:
    """Writes the "newc" format (Documentation/driver-api/early-userspace/buffer-format.rst)."""

    def __init__(self, out):
        self.out, self.ino = out, 0

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        self.ino += 1
        raw = name.encode() + b"\0"
        fields = (self.ino, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % f for f in fields)
        self.out.write(head + raw + b"\0" * (-(len(head) + len(raw)) % 4))
        self.out.write(data + b"\0" * (-len(data) % 4))

    def folder(self, name):
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        self._entry(name, stat.S_IFREG | mode, data)

    def device(self, name, major, minor):
        self._entry(name, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def end(self):
        self._entry("TRAILER!!!", 0)


def _module_name(path):
    return os.path.basename(path).split(".ko", 1)[0].replace("-", "_")


class Modules:
    """modules.dep of one kernel."""

    def __init__(self, folder):
        self.folder = folder
        self.deps = {}
        for line in (folder / "modules.dep").read_text().splitlines():
            path, deps = line.split(":", 1)
            self.deps[_module_name(path)] = (path, deps.split())
        builtin = folder / "modules.builtin"
        self.builtin = {_module_name(p) for p in builtin.read_text().split()} if builtin.exists() else set()

    def closure(self, names):
        """Paths of these modules and of what they need, dependencies first."""
        ordered = []
        for name in names:
            name = name.replace("-", "_")
            if name not in self.deps:
                continue
            path, deps = self.deps[name]
            # depmod lists the whole closure of a module, the nearest dependency first.
            for p in [*reversed(deps), path]:
                if p not in ordered:
                    ordered.append(p)
        return ordered


def _compile_init(folder):
    hostpkgs.ensure("init")
    with step("Compiling the guest's init") as s:
        sources = sorted(INIT_DIR.glob("*.c"))
        s.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-static",
               "-s", "-o", folder / "init", *sources])


def _init_program():
    sources = sorted(INIT_DIR.glob("*.[ch]"))
    return store.artefact("init", store.digest(*sources), _compile_init) / "init"


def _stage_modules(s, kernel, carried, stage):
    """The modules that travel, with indexes of their own for modprobe."""
    target = stage / "lib/modules" / kernel.release
    for path in carried:
        paths.make((target / path).parent)
        shutil.copy2(kernel.modules / path, target / path)
    for extra in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        if (kernel.modules / extra).exists():
            shutil.copy2(kernel.modules / extra, target)
    s.run(["/sbin/depmod", "-b", stage, kernel.release])


def _pack(stage, out):
    cpio = Cpio(out)
    cpio.folder("dev")
    cpio.device("dev/console", 5, 1)
    for path in sorted(stage.rglob("*")):
        name = str(path.relative_to(stage))
        if path.is_dir():
            cpio.folder(name)
        else:
            cpio.file(name, path.read_bytes(), 0o755 if os.access(path, os.X_OK) else 0o644)
    cpio.end()


def _write(kernel, init, folder):
    hostpkgs.ensure("stock")
    mods = Modules(kernel.modules)
    early, gpu = mods.closure(EARLY), mods.closure(GPU)
    if not gpu:
        raise SvmError(f"the {kernel.variant} kernel has no i915 module")
    gpu = [p for p in gpu if p not in early]
    carried = list(dict.fromkeys(early + gpu + mods.closure(TESTS)))
    with step(f"Packing the {kernel.variant} kernel's modules") as s, \
            tempfile.TemporaryDirectory(prefix="svm-initramfs-") as stage:
        stage = Path(stage)
        _stage_modules(s, kernel, carried, stage)
        base = f"/lib/modules/{kernel.release}"
        for name, listed in (("svm-early.list", early), ("svm-gpu.list", gpu)):
            (stage / "lib/modules" / name).write_text("".join(f"{base}/{p}\n" for p in listed))
        shutil.copy2(init, stage / "init")
        with open(folder / "initramfs.cpio", "wb") as out:
            _pack(stage, out)


def ensure(kernel):
    init = _init_program()
    key = store.digest(kernel.folder.name, init, Path(__file__))
    folder = store.artefact("initramfs", f"{kernel.variant}-{key}", lambda f: _write(kernel, init, f))
    store.prune("initramfs", 12)
    return folder / "initramfs.cpio"
