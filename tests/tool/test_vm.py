# SPDX-License-Identifier: MIT
import os
import time
import unittest
from unittest import mock

from svmtool import vm


class RunFolders(unittest.TestCase):
    def test_old_ones_go_unless_their_guest_runs(self):
        with mock.patch.object(vm, "KEPT_RUNS", 0):
            running, held = vm.new_run_folder()
            ended, over = vm.new_run_folder()
            over.close()
            vm.new_run_folder()[1].close()
            self.assertTrue(running.exists())
            self.assertFalse(ended.exists())
            held.close()

    def test_one_that_ended_just_now_stays_however_long_ago_it_began(self):
        long_ago, held = vm.new_run_folder()
        between, over = vm.new_run_folder()
        (long_ago / "kernel.log").write_text("the end")
        held.close()
        over.close()
        for path, age in ((long_ago, 9000), (long_ago / "in-use", 9000), (between, 600), (between / "in-use", 600)):
            os.utime(path, times=(time.time() - age,) * 2)
        with mock.patch.object(vm, "KEPT_RUNS", 1):
            vm.new_run_folder()[1].close()
        self.assertTrue(long_ago.exists())
        self.assertFalse(between.exists())
