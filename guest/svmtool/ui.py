# SPDX-License-Identifier: MIT
"""Messages: errors for people, and set-up steps with elapsed time and a log."""
import contextlib
import os
import sys
import threading
import time

from . import paths, procs


class SvmError(Exception):
    """Something the user can act on; printed without a traceback."""


def note(text):
    print(f"svm: {text}", file=sys.stderr, flush=True)


_kept = threading.local()


@contextlib.contextmanager
def kept():
    """What this thread says meanwhile goes into a list, for later."""
    _kept.lines = []
    try:
        yield _kept.lines
    finally:
        _kept.lines = None


def say(text=""):
    lines = getattr(_kept, "lines", None)
    if lines is None:
        print(text, flush=True)
    else:
        lines.append(text)


class Step:
    """One long step of the set-up: says what it does, how long it has taken, where its log is."""

    HEARTBEAT_S = 15 if not sys.stderr.isatty() else 1

    def __init__(self, title):
        self.title = title
        self.started = time.monotonic()
        name = "".join(c if c.isalnum() else "-" for c in title.lower()).strip("-")
        self.log_path = paths.make(paths.LOGS) / f"{name}-{os.getpid()}.log"
        self.log = open(self.log_path, "wb")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def elapsed(self):
        seconds = int(time.monotonic() - self.started)
        return f"{seconds // 60}:{seconds % 60:02d}"

    def _line(self, text, end="\n"):
        start = "\r\x1b[K" if sys.stderr.isatty() else ""
        print(f"{start}svm: [{self.elapsed()}] {self.title}{text}", end=end, file=sys.stderr, flush=True)

    def _tick(self):
        end = "" if sys.stderr.isatty() else "\n"
        while not self._stop.wait(self.HEARTBEAT_S):
            self._line(" ...", end)

    def run(self, argv, **kwargs):
        """Run a program with its output in the step's log; raise SvmError when it fails."""
        self.log.write(("$ " + " ".join(map(str, argv)) + "\n").encode())
        self.log.flush()
        status = procs.run(argv, self.log, **kwargs)
        if status:
            tail = self.log_path.read_bytes()[-3000:].decode(errors="replace")
            raise SvmError(f"{self.title}: {argv[0]} failed with status {status}\n"
                           f"{tail}\nThe whole log: {self.log_path}")


@contextlib.contextmanager
def step(title):
    """`with step("Building X") as s: s.run([...])`"""
    s = Step(title)
    s._line(" ...", "" if sys.stderr.isatty() else "\n")
    s._thread.start()
    try:
        yield s
    except BaseException:
        s._stop.set()
        s._line(": failed")
        raise
    finally:
        s._stop.set()
        s._thread.join()
        s.log.close()
    s._line(": done")
