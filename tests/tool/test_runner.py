# SPDX-License-Identifier: MIT
import unittest
from argparse import Namespace

from svmtool.runner import Runner, faults_in
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


WARNING = "[ 1.0] WARNING: CPU: 1 PID: 2 at kernel/dma/debug.c:463 add_dma_entry+0x464/0x550"


class FindKernelFaults(unittest.TestCase):
    def test_warnings_and_reports(self):
        log = "[ 1.0] fine\n" + WARNING + "\n[ 1.1] BUG: KASAN: use-after-free in x\n[ 1.2] fine"
        self.assertEqual(len(faults_in(log)), 2)

    def test_page_mapped_by_many_vms_is_no_fault(self):
        log = "[ 1.0] DMA-API: exceeded 7 overlapping mappings of cacheline 0x1\n" + WARNING
        self.assertEqual(faults_in(log), [])
        self.assertEqual(faults_in(log + "\n" + WARNING), [WARNING])
