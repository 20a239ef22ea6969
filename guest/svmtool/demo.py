# SPDX-License-Identifier: MIT
"""./svm demo: the GPU works on a trie of pointers that the CPU made with malloc from a real text."""
import os
import shutil

from . import build, paths, vm
from .ui import SvmError

TARGETS = ["svm-demo", "i915svm_opencl", "i915svm_level_zero"]
# In the guest's image: the licences Debian ships with every system, and its word list.
LICENCES = ["Artistic", "BSD", "CC0-1.0", "GFDL-1.3", "GPL-2", "GPL-3", "LGPL-2.1", "MPL-2.0"]
DEFAULT_TEXTS = ["/usr/share/dict/american-english", *(f"/usr/share/common-licenses/{n}" for n in LICENCES)]


def add_parser(verbs, guest_options, make_options):
    d = verbs.add_parser("demo", help="the main job, on a real text",
                         description="Build what is missing, boot, make a trie of pointers from a text on the CPU, "
                                     "let the GPU count, search and change it through the same pointers, by OpenCL "
                                     "and Level Zero, from system and device memory, and check everything.")
    guest_options(d)
    d.add_argument("--api", choices=("opencl", "level-zero"), help="one of the two only")
    d.add_argument("--words", type=int, default=0, metavar="N", help="the first N words only")
    d.add_argument("file", nargs="*", help="texts; default: licences and the word list of Debian")
    d.set_defaults(func=lambda args: run(args, make_options))


def environment():
    """What makes the loaders of OpenCL and Level Zero take our layers out of the build folder."""
    return {"OCL_ICD_VENDORS": str(paths.BUILD / "icd/opencl/i915svm.icd"),
            "ZE_ENABLE_ALT_DRIVERS": str(paths.BUILD / "icd/level-zero/libi915svm-level-zero.so")}


def _copy(names):
    """The guest sees the tree only: the user's texts go to out/."""
    folder = paths.make(paths.OUT / "demo")
    copies = []
    for i, name in enumerate(names):
        copy = folder / f"text{i}-{os.path.basename(name)}"
        try:
            shutil.copyfile(name, copy)
        except OSError as e:
            raise SvmError(f"{name}: {e.strerror}") from e
        copies.append(str(copy))
    return copies


def run(args, make_options):
    texts = _copy(args.file) if args.file else DEFAULT_TEXTS
    build.targets(*TARGETS, title="Building the demo and the runtime layers")
    command = [str(paths.BUILD / "samples/demo/svm-demo")]
    if args.api:
        command += ["--api", args.api]
    if args.words:
        command += ["--words", str(args.words)]
    chosen = make_options(args, command + texts)
    chosen.env = {**environment(), **chosen.env}
    status, _guest = vm.run_here(chosen)
    return status
