# SPDX-License-Identifier: MIT
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from svmtool import ksource, paths
from svmtool.ui import SvmError

PATCH = """--- a/drivers/a.c
+++ b/drivers/a.c
@@ -1,3 +1,4 @@
 one
 two
+ours
 three
"""


class Overlay(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(dir=paths.make(paths.CACHE))
        base = Path(self.dir.name)
        self.tree, self.pristine, self.kernel = base / "src", base / "pristine", base / "kernel"
        for folder in ("drivers", "patches"):
            paths.make(self.kernel / folder)
        paths.make(self.tree / "drivers")
        (self.tree / "drivers/a.c").write_text("one\ntwo\nthree\n")
        for name, value in (("KERNEL_DIR", self.kernel),):
            patch = mock.patch.object(ksource, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        patch = mock.patch.object(paths, "TREE", base)
        patch.start()
        self.addCleanup(patch.stop)
        self.addCleanup(self.dir.cleanup)

    def sync(self):
        ksource.Overlay(self.tree, self.pristine).sync()

    def text(self, name):
        return (self.tree / name).read_text()

    def test_lays_new_files_and_patches(self):
        (self.kernel / "drivers/new.c").write_text("new\n")
        (self.kernel / "patches/1.patch").write_text(PATCH)
        self.sync()
        self.assertEqual((self.text("drivers/new.c"), self.text("drivers/a.c")),
                         ("new\n", "one\ntwo\nours\nthree\n"))

    def test_second_sync_writes_nothing(self):
        (self.kernel / "patches/1.patch").write_text(PATCH)
        self.sync()
        before = (self.tree / "drivers/a.c").stat().st_mtime_ns
        self.sync()
        self.assertEqual((self.tree / "drivers/a.c").stat().st_mtime_ns, before)

    def test_what_goes_away_is_undone(self):
        (self.kernel / "drivers/new.c").write_text("new\n")
        (self.kernel / "patches/1.patch").write_text(PATCH)
        self.sync()
        (self.kernel / "drivers/new.c").unlink()
        (self.kernel / "patches/1.patch").unlink()
        self.sync()
        self.assertFalse((self.tree / "drivers/new.c").exists())
        self.assertEqual(self.text("drivers/a.c"), "one\ntwo\nthree\n")

    def test_hunk_that_needs_fuzz_is_refused_by_name(self):
        (self.tree / "drivers/a.c").write_text("one\nTWO\nthree\n")
        (self.kernel / "patches/1.patch").write_text(PATCH)
        with self.assertRaisesRegex(SvmError, r"(?s)1\.patch does not apply.*Hunk #1 FAILED"):
            self.sync()
        self.assertEqual(self.text("drivers/a.c"), "one\nTWO\nthree\n")

    def test_patches_build_on_each_other(self):
        (self.kernel / "patches/1.patch").write_text(PATCH)
        (self.kernel / "patches/2.patch").write_text(PATCH.replace("@@ -1,3 +1,4 @@\n one\n two\n+ours\n three\n",
                                                                   "@@ -2,3 +2,3 @@\n two\n-ours\n+again\n three\n"))
        self.sync()
        self.assertEqual(self.text("drivers/a.c"), "one\ntwo\nagain\nthree\n")
