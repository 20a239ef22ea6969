# SPDX-License-Identifier: MIT
"""The cache: locks, and artefacts kept under a hash of everything they were made from."""
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from . import paths
from .ui import note

SEAL = ".complete.json"


@contextlib.contextmanager
def lock(name):
    """Exclusive among all ./svm processes that share the cache; freed by the kernel if we die."""
    path = paths.make(paths.CACHE / "locks") / f"{name}.lock"
    with open(path, "w", encoding="ascii") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note(f"waiting for another ./svm ({name})")
            fcntl.flock(f, fcntl.LOCK_EX)
        yield


def digest(*parts):
    """A short hash of strings, bytes and files (Path: its content and executable bit)."""
    h = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            data = part.read_bytes() + (b"x" if os.access(part, os.X_OK) else b"-")
        else:
            data = part if isinstance(part, bytes) else str(part).encode()
        h.update(len(data).to_bytes(8, "little") + data)
    return h.hexdigest()[:20]


def _sizes(folder):
    return {str(p.relative_to(folder)): p.stat().st_size
            for p in sorted(folder.rglob("*"))
            if p.is_file() and not p.is_symlink() and p.name != SEAL}


def seal(folder, deep):
    """Mark a finished artefact. `deep` lists every file, else only the top level's."""
    sizes = _sizes(folder) if deep else {}
    (folder / SEAL).write_text(json.dumps(sizes), encoding="utf-8")


def is_whole(folder):
    """True when the artefact was finished and none of its listed files is gone or cut short."""
    try:
        sizes = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def artefact(kind, key, make, deep=True):
    """
    The folder CACHE/kind/key. When absent or broken, make(new_folder) fills a new one, which takes
    its place only when complete: an interrupted build leaves nothing that looks finished.
    """
    folder = paths.CACHE / kind / key
    if is_whole(folder):
        os.utime(folder)
        return folder
    with lock(f"{kind}-{key}"):
        if is_whole(folder):
            return folder
        paths.make(folder.parent)
        for leftover in folder.parent.glob(f"{key}.new-*"):  # of a killed ./svm: we hold the lock
            shutil.rmtree(leftover, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix=f"{key}.new-", dir=folder.parent))
        try:
            make(new)
            seal(new, deep)
            if folder.exists():
                shutil.rmtree(folder)
            new.chmod(0o755)
            new.rename(folder)
        finally:
            if new.exists():
                shutil.rmtree(new, ignore_errors=True)
    return folder


def prune(kind, keep, min_age_s=86400):
    """Remove all but the `keep` most recently used artefacts; those of the last day stay."""
    folder = paths.CACHE / kind
    if not folder.is_dir():
        return
    items = sorted((p for p in folder.iterdir() if (p / SEAL).exists()),
                   key=lambda p: p.stat().st_mtime, reverse=True)
    for old in items[keep:]:
        if time.time() - old.stat().st_mtime > min_age_s:
            shutil.rmtree(old, ignore_errors=True)
