# SPDX-License-Identifier: MIT
"""Child processes that never outlive us."""
import os
import signal
import subprocess

# util-linux (essential in Debian): the kernel kills the child when ./svm dies, however it dies.
_DIE_WITH_US = ["setpriv", "--pdeathsig", "KILL", "--"]


_running = set()


def end_all():
    """What other threads still run, when we give up."""
    for child in list(_running):
        child.end()


class Child:
    def __init__(self, argv, output, stderr_to_stdout=False, **kwargs):
        # A process group of its own: the terminal's ^C reaches us alone, and we end the child.
        self.popen = subprocess.Popen([*_DIE_WITH_US, *map(str, argv)], stdin=subprocess.DEVNULL,
                                      stdout=output,
                                      stderr=subprocess.STDOUT if stderr_to_stdout else output,
                                      process_group=0, **kwargs)
        _running.add(self)

    def ended(self):
        return self.popen.poll() is not None

    def wait(self, timeout):
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def end(self, grace_s=2.0):
        """Ask, wait, then kill the whole group."""
        _running.discard(self)
        if self.ended():
            return
        self._signal(signal.SIGTERM)
        if self.wait(grace_s) is None:
            self._signal(signal.SIGKILL)
            self.popen.wait()

    def _signal(self, number):
        try:
            os.killpg(self.popen.pid, number)
        except ProcessLookupError:
            pass


def run(argv, output, **kwargs):
    """Run to the end and return the status; when we are interrupted, so is all that it started."""
    child = Child(argv, output, **kwargs)
    try:
        return child.popen.wait()
    finally:
        child.end()
