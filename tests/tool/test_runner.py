# SPDX-License-Identifier: MIT
import unittest
from argparse import Namespace

from svmtool.runner import Runner
from svmtool.suites import Program, Suite


def judged(word, detail, skips=(), kernel=None):
    suite = Suite("s", None, skips=list(skips))
    runner = Runner(Namespace(quiet=True, kernel=kernel))
    return runner._judge_skip(Program(suite, "p"), "A.Test", word, detail, 0)[1]


class JudgeSkips(unittest.TestCase):
    def test_unforeseen_skip_is_a_failure(self):
        self.assertEqual(judged("skipped", "no SVM"), "failed")
        self.assertEqual(judged("skipped", "no SVM", ["no fp64"]), "failed")

    def test_foreseen_skip_stays_one(self):
        self.assertEqual(judged("skipped", "no fp64 here", ["no fp64"]), "skipped")

    def test_another_kernel_may_lack_anything(self):
        self.assertEqual(judged("skipped", "no SVM", kernel="stock"), "skipped")

    def test_other_results_are_left_alone(self):
        self.assertEqual(judged("passed", "no SVM"), "passed")
