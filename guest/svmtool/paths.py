# SPDX-License-Identifier: MIT
"""Where things are: the project's tree, the cache, the output folder."""
import os
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
OUT = TREE / "out"
BUILD = Path(os.environ.get("SVM_BUILD_DIR", TREE / "build"))
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "i915-svm"
LOGS = CACHE / "logs"


def make(path):
    path.mkdir(parents=True, exist_ok=True)
    return path
