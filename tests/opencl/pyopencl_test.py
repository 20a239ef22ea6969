#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
PyOpenCL's own tests and examples of shared memory, unmodified, as Debian ships them
(python-pyopencl-doc), over our ICD. TAP.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

import pytest

EXAMPLES = pathlib.Path("/usr/share/doc/python-pyopencl-doc/examples")
SCRIPTS = ("svm.py", "demo_array_svm.py")
TESTS = (("test_wrapper.py", "svm"), ("test_array.py", "svm"))


class Tap:
    """A pytest plugin that says each outcome as a line of TAP."""

    count = 0

    def say(self, name, outcome, detail=""):
        Tap.count += 1
        note = f" # SKIP {detail}" if outcome == "skipped" else ""
        if outcome == "failed":
            print("\n".join(f"# {line}" for line in detail.splitlines()))
        print(f"{'not ok' if outcome == 'failed' else 'ok'} {Tap.count} - {name}{note}", flush=True)

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            detail = report.longrepr[2] if report.outcome == "skipped" else report.longreprtext
            name = re.sub(r"<context factory.*>>", "gpu", report.nodeid.rpartition("::")[2])
            self.say(f"{pathlib.Path(report.fspath).name}: {name}", report.outcome, detail)


def run_script(tap, name):
    done = subprocess.run([sys.executable, EXAMPLES / name], text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, check=False)
    lines = [f"# {line}" for line in (done.stdout + done.stderr).splitlines()]
    print(*lines, sep="\n")
    tap.say(name, "passed" if done.returncode == 0 else "failed", f"status {done.returncode}")


def main():
    tap = Tap()
    for name in SCRIPTS:
        run_script(tap, name)
    with tempfile.TemporaryDirectory() as scratch:
        for name, which in TESTS:
            pytest.main(["-p", "no:terminal", "-p", "no:cacheprovider", "--rootdir", scratch,
                         "-k", which, str(EXAMPLES / name)], plugins=[tap])
    print(f"1..{tap.count}")


main()
