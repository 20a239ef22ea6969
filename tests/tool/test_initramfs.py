# SPDX-License-Identifier: MIT
import io
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from svmtool import initramfs

DEP = """kernel/a.ko: kernel/b.ko kernel/c.ko
kernel/b.ko: kernel/c.ko
kernel/c.ko:
kernel/x-y.ko:
"""


class Initramfs(unittest.TestCase):
    def test_dependencies_come_first_and_once(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "modules.dep").write_text(DEP)
            mods = initramfs.Modules(Path(folder))
        self.assertEqual(mods.closure(["b", "a", "x_y", "absent"]),
                         ["kernel/c.ko", "kernel/b.ko", "kernel/a.ko", "kernel/x-y.ko"])

    @unittest.skipUnless(shutil.which("cpio"), "needs cpio")
    def test_cpio_reads_what_we_write(self):
        out = io.BytesIO()
        cpio = initramfs.Cpio(out)
        cpio.folder("d")
        cpio.file("d/f", b"12345", 0o755)
        cpio.end()
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["cpio", "-i", "--quiet"], input=out.getvalue(), cwd=folder, check=True)
            made = Path(folder) / "d/f"
            self.assertEqual((made.read_bytes(), made.stat().st_mode & 0o777), (b"12345", 0o755))
