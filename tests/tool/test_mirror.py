# SPDX-License-Identifier: MIT
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from svmtool import mirror
from svmtool.ui import SvmError

ONE_LINE = """
# deb http://wrong.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://a.example/debian bookworm main contrib # comment
deb-src http://src.example/debian bookworm main
deb http://s.example/debian-security bookworm-security main
"""
DEB822 = """Types: deb deb-src
# http://snapshot.example/archive
URIs: http://b.example/debian/
Suites: trixie trixie-updates
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie

Types: deb
URIs: http://other.example/tool
Suites: nodistro
"""


class Mirror(unittest.TestCase):
    def entries(self, lists="", sources=""):
        with tempfile.TemporaryDirectory() as apt:
            apt = Path(apt)
            (apt / "sources.list.d").mkdir()
            (apt / "sources.list.d/x.list").write_text(lists)
            (apt / "sources.list.d/y.sources").write_text(sources)
            return mirror.entries(apt)

    def test_reads_one_line_entries(self):
        self.assertEqual(mirror.urls(self.entries(lists=ONE_LINE)),
                         ("http://a.example/debian", "http://s.example/debian-security"))

    def test_reads_deb822_and_skips_disabled_and_foreign_stanzas(self):
        self.assertEqual(mirror.urls(self.entries(sources=DEB822)),
                         ("http://b.example/debian", "http://b.example/debian-security"))

    def test_environment_wins(self):
        with mock.patch.dict(os.environ, SVM_DEBIAN_MIRROR="http://m.example/debian/"):
            self.assertEqual(mirror.urls([]), ("http://m.example/debian", "http://m.example/debian-security"))

    def test_says_what_to_set_when_apt_knows_none(self):
        with self.assertRaisesRegex(SvmError, "SVM_DEBIAN_MIRROR"):
            mirror.urls([("http://x.example/tool", "nodistro")])
