# SPDX-License-Identifier: MIT
import unittest

from svmtool.results import GTest, I915Selftests, Tap


def read(reader, text, status):
    found = [r for r in map(reader.line, text.splitlines()) if r]
    return [(name, word) for name, word, _, _ in found + reader.close(status)]


GTEST = """[==========] Running 3 tests from 1 test suite.
[ RUN      ] A.Good
[       OK ] A.Good (5 ms)
[ RUN      ] A.Bad/1
a.cc:1: Failure
[  FAILED  ] A.Bad/1, where GetParam() = 7 (0 ms)
[ RUN      ] A.Skips
[  SKIPPED ] A.Skips (0 ms)
[==========] 3 tests from 1 test suite ran. (5 ms total)
[  FAILED  ] A.Bad/1, where GetParam() = 7
"""


class ReadGTest(unittest.TestCase):
    def test_reads_each_result_once(self):
        self.assertEqual(read(GTest(), GTEST, 1),
                         [("A.Good", "passed"), ("A.Bad/1", "failed"), ("A.Skips", "skipped")])

    def test_crash_fails_the_running_test(self):
        self.assertEqual(read(GTest(), "[ RUN      ] A.Dies\n", -11), [("A.Dies", "failed")])

    def test_program_without_output_failed(self):
        self.assertEqual(read(GTest(), "", 127), [("program", "failed")])

    def test_program_that_ran_nothing_failed(self):
        self.assertEqual(read(GTest(), "[==========] 0 tests from 0 test suites ran. (0 ms total)\n", 0),
                         [("program", "failed")])


class ReadTap(unittest.TestCase):
    def test_reads_results(self):
        self.assertEqual(read(Tap(), "1..3\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP why\n", 1),
                         [("a", "passed"), ("b", "failed"), ("c", "skipped")])

    def test_missing_result_failed(self):
        self.assertEqual(read(Tap(), "1..2\nok 1 - a\n", 0), [("a", "passed"), ("program", "failed")])

    def test_status_counts_when_all_said_ok(self):
        self.assertEqual(read(Tap(), "ok 1 - a\n", 3), [("a", "passed"), ("program", "failed")])


LOG = """<6>[    4.1] i915: Performing live selftests with st_random_seed=0x1 st_timeout=1000
<6>[    4.2] i915: Running gem
<6>[    4.3] i915: Running i915_gem_live_selftests/igt_one
<6>[    5.3] i915: Running i915_gem_live_selftests/igt_two
"""


class ReadI915(unittest.TestCase):
    def test_subtests_pass_when_the_list_ends_well(self):
        self.assertEqual(read(I915Selftests(), LOG, None), [("gem/igt_one", "passed"), ("gem/igt_two", "passed")])

    def test_failed_subtest_is_named(self):
        log = LOG + "<3>[    6.0] i915/i915_gem_live_selftests: igt_two failed with error -5\n"
        self.assertEqual(read(I915Selftests(), log, None), [("gem/igt_one", "passed"), ("gem/igt_two", "failed")])

    def test_guest_that_died_fails_the_running_subtest(self):
        self.assertEqual(read(I915Selftests(), LOG, "died"), [("gem/igt_one", "passed"), ("gem/igt_two", "failed")])

    def test_list_without_subtests_counts(self):
        self.assertEqual(read(I915Selftests(), "i915: Running sanitycheck\n", None), [("sanitycheck", "passed")])

    def test_silence_failed(self):
        self.assertEqual(read(I915Selftests(), "", None), [("list", "failed")])
