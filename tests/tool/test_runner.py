# SPDX-License-Identifier: MIT
import contextlib
import io
import unittest
from argparse import Namespace

from svmtool.runner import Beside, Runner, faults_in
from svmtool.suites import Program, Suite
from svmtool.ui import say


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


WARNING = "[ 1.0] WARNING: CPU: 1 PID: 2 at kernel/dma/debug.c:862 dma_debug_device_change+0x26e/0x3d0"


class FindKernelFaults(unittest.TestCase):
    def test_warnings_and_reports(self):
        log = "[ 1.0] fine\n" + WARNING + "\n[ 1.1] BUG: KASAN: use-after-free in x\n[ 1.2] fine"
        self.assertEqual(len(faults_in(log)), 2)

    def test_leaks_are_told_by_the_scan(self):
        kernel_says = "[ 1.0] kmemleak: 16 new suspected memory leaks (see /sys/kernel/debug/kmemleak)"
        scan_says = "[ 1.1] kmemleak: unreferenced object 0xffff888108ec5600 (size 32):"
        self.assertEqual(faults_in(kernel_says + "\n" + scan_says), [scan_says])

    def test_objects_of_open_files_may_stay_when_the_driver_goes(self):
        left = "[ 1.0] DMA-API: pci 0000:00:10.0: device driver has pending DMA allocations while released " \
            "from device [count=7]\\x0aOne of leaked entries details: [mapped as %s]\n"
        self.assertEqual(faults_in(left % "scatter-gather" + WARNING), [])
        self.assertEqual(faults_in(left % "scatter-gather" + WARNING + "\n" + WARNING), [WARNING])
        self.assertEqual(faults_in(left % "single" + WARNING), [WARNING])


class RunBeside(unittest.TestCase):
    """Suites that run in a thread, whose results count like the others'."""

    def setUp(self):
        self.runner = Runner(Namespace(quiet=True, kernel=None))

    def beside(self, run_suite):
        self.runner.run_suite = run_suite
        others = Beside(self.runner, [Suite("a", None), Suite("b", None)])
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            others.start()
            others.join()
            before = said.getvalue()
            others.finish()
        return before, said.getvalue()

    def test_speak_when_asked_to(self):
        before, said = self.beside(lambda suite: say(f"ran {suite.name}"))
        self.assertEqual((before, said), ("", "ran a\nran b\n"))

    def test_results_are_added(self):
        program = Program(Suite("a", None), "p")
        with contextlib.redirect_stdout(io.StringIO()):
            self.beside(lambda suite: self.runner.report.result(program, "A.Test", "failed"))
        whole = Runner(Namespace(quiet=True, kernel=None)).report
        whole.merge(self.runner.report)
        self.assertEqual((whole.total.failed, whole.failures), (2, ["a: A.Test", "a: A.Test"]))

    def test_what_breaks_there_breaks_the_run(self):
        def broken(suite):
            raise ValueError(suite.name)
        with self.assertRaises(ValueError):
            self.beside(broken)
