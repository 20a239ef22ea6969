# SPDX-License-Identifier: MIT
"""Readers of test output: each turns lines into (test name, "passed" | "failed" | "skipped", detail)."""
import re


class GTest:
    """GoogleTest's own output, which names each test before and after it runs."""

    _START = re.compile(r"\[ RUN      \] (\S+)")
    _END = re.compile(r"\[ *(OK|FAILED|SKIPPED) *\] (\S+?),? .*\((\d+) ms\)")
    _BROKEN = "the program ended in it"

    def __init__(self):
        self.running, self.finished, self.said = None, False, []
        self.count = 0

    def line(self, text):
        start = self._START.match(text)
        if start:
            self.running, self.said = start[1], []
            return None
        end = self._END.match(text)
        if end and self.running:
            self.running = None
            self.count += 1
            word = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}[end[1]]
            detail = "" if word == "passed" else "\n".join(self.said)
            return end[2], word, detail, int(end[3])
        if re.match(r"\[==========\] \d+ tests? from .* ran", text):
            self.finished = True
        self.said.append(text)
        return None

    def close(self, status):
        """What the exit status adds: a crash fails the test that ran."""
        if self.running:
            return [(self.running, "failed", "\n".join([*self.said, f"{self._BROKEN} with status {status}"]), 0)]
        if not self.finished:
            return [("program", "failed", "\n".join([*self.said[-40:], f"no summary, status {status}"]), 0)]
        if not self.count:
            return [("program", "failed", "it ran no test", 0)]
        return []


class Tap:
    """ "ok 1 - name", "not ok 2 - name", "ok 3 - name # SKIP why"; a plan "1..N" is checked."""

    _RESULT = re.compile(r"(not )?ok\b\s*\d*\s*-?\s*(.*)")

    def __init__(self):
        self.said, self.count, self.plan, self.failed = [], 0, None, 0

    def line(self, text):
        plan = re.match(r"1\.\.(\d+)", text)
        if plan:
            self.plan = int(plan[1])
            return None
        found = self._RESULT.match(text)
        if not found:
            self.said.append(text)
            return None
        self.count += 1
        name, _, directive = found[2].partition(" # ")
        said, self.said = self.said, []
        if found[1]:
            self.failed += 1
            return name.strip(), "failed", "\n".join(said), 0
        if directive.upper().startswith("SKIP"):
            return name.strip(), "skipped", directive[4:].strip(), 0
        return name.strip(), "passed", "", 0

    def close(self, status):
        why = None
        if self.plan is not None and self.plan != self.count:
            why = f"planned {self.plan} results, gave {self.count}; status {status}"
        elif not self.count:
            why = f"it gave no result; status {status}"
        elif status and not self.failed:
            why = f"status {status}"
        return [("program", "failed", "\n".join([*self.said[-40:], why]), 0)] if why else []


class I915Selftests:
    """
    The kernel log of i915's own selftests. A list runs its subtests in order and stops at the first
    that fails, with "i915/FUNCTION: SUBTEST failed with error N". Tests are named LIST/SUBTEST.
    """

    _LIST = re.compile(r"i915: Running (\w+)$")
    _RUN = re.compile(r"i915: Running \w+/(\w+)$")
    _FAIL = re.compile(r"i915/\w+: (?:setup failed for (\w+)|(\w+) failed with error (-?\d+))")
    _PREFIX = re.compile(r"^(?:<\d>)?\[ *[\d.]+\] ?")

    def __init__(self):
        self.list, self.running, self.said, self.count = "", None, [], 0

    def _result(self, name, word, detail=""):
        self.running = None
        self.count += 1
        return name, word, detail, 0

    def line(self, text):
        text = self._PREFIX.sub("", text)
        fail, run, section = (r.search(text) for r in (self._FAIL, self._RUN, self._LIST))
        if fail:
            return self._result(f"{self.list}/{fail[1] or fail[2]}", "failed",
                                "\n".join([*self.said[-60:], text]))
        if run or section:
            done, self.running = self.running, None
            result = self._result(done, "passed") if done else None
            if section:
                self.list = section[1]
            else:
                self.running = f"{self.list}/{run[1]}"
            self.said = []
            return result
        self.said.append(text)
        return None

    def close(self, problem):
        """problem: None when the lists ended as they should, else what went wrong."""
        detail = "\n".join([*self.said[-60:], problem or ""])
        if self.running:
            return [self._result(self.running, "failed" if problem else "passed", detail if problem else "")]
        if problem and self.list:
            return [self._result(f"{self.list}/end", "failed", detail)]
        if self.count:
            return []
        if self.list:  # a list without subtests, that ended as it should
            return [self._result(self.list, "passed")]
        return [self._result("list", "failed", detail + "no selftest ran")]


READERS = {"gtest": GTest, "tap": Tap, "i915-mock": I915Selftests, "i915-live": I915Selftests}
