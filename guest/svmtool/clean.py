# SPDX-License-Identifier: MIT
"""./svm clean: removes what can be made again."""
import shutil

from . import paths, qemu, store
from .ui import note

# What each word removes, under the cache; "all" is all of them and ./build.
PARTS = {
    "image": ["image"],
    "kernel": ["kernel", "kernels", "initramfs"],
    "qemu": ["qemu"],
    "logs": ["logs"],
    "kvm": [],
    "build": [],
}


def run(parts):
    chosen = list(PARTS) if "all" in parts else (parts or ["build", "logs"])
    for part in chosen:
        for name in PARTS[part]:
            with store.lock(f"clean-{name}"):
                shutil.rmtree(paths.CACHE / name, ignore_errors=True)
        if part == "kvm":
            qemu.KVM_MEMORY.unlink(missing_ok=True)
        if part == "build":
            shutil.rmtree(paths.BUILD, ignore_errors=True)
        note(f"removed: {part}")
    if "all" in parts:
        shutil.rmtree(paths.CACHE, ignore_errors=True)
    return 0
