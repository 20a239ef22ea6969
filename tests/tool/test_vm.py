# SPDX-License-Identifier: MIT
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
