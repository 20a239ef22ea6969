# SPDX-License-Identifier: MIT
"""
An apt of our own: its lists and downloads are in the cache, so that no root is needed, the host's
lists stay as they are, and a Debian 13 host sees Debian 12's packages.
"""
import os
import re
import subprocess
import time

from . import hostpkgs, mirror, paths, store
from .ui import SvmError, step

LISTS_AGE_S = 24 * 3600


class Apt:
    def __init__(self, suite):
        self.suite = suite
        self.root = paths.CACHE / "apt" / suite
        self.env = dict(os.environ, APT_CONFIG=str(self.root / "apt.conf"), LC_ALL="C")

    def _configure(self):
        for sub in ("lists/partial", "archives/partial", "empty"):
            paths.make(self.root / sub)
        (self.root / "status").write_bytes(b"")
        (self.root / "sources.list").write_text("\n".join(mirror.lines(self.suite)) + "\n")
        r = self.root
        (r / "apt.conf").write_text(
            f'Dir::State "{r}";\nDir::State::status "{r}/status";\nDir::State::lists "{r}/lists";\n'
            f'Dir::Cache "{r}";\nDir::Cache::archives "{r}/archives";\n'
            f'Dir::Etc::sourcelist "{r}/sources.list";\nDir::Etc::sourceparts "{r}/empty";\n'
            f'Dir::Etc::preferences "{r}/none";\nDir::Etc::preferencesparts "{r}/empty";\n'
            f'Dir::Etc::trusted "{mirror.KEYRING}";\nDir::Etc::trustedparts "{r}/empty";\n'
            'APT::Architecture "amd64";\nAPT::Sandbox::User "";\nAcquire::Languages "none";\n')

    def update(self, force=False):
        hostpkgs.ensure("tree")
        with store.lock(f"apt-{self.suite}"):
            stamp = self.root / "updated"
            if not force and stamp.exists() and time.time() - stamp.stat().st_mtime < LISTS_AGE_S:
                return
            self._configure()
            with step(f"Reading the package lists of Debian {self.suite}") as s:
                s.run(["apt-get", "-q", "update"], env=self.env)
            stamp.touch()

    def _query(self, *argv):
        return subprocess.run(argv, env=self.env, capture_output=True, text=True, check=False).stdout

    def names(self, pattern):
        """Package names that match the regular expression as a whole."""
        self.update()
        return [n for n in self._query("apt-cache", "pkgnames").split() if re.fullmatch(pattern, n)]

    def version(self, package):
        self.update()
        found = re.search(r"Candidate: (\S+)", self._query("apt-cache", "policy", package))
        return found.group(1) if found and found.group(1) != "(none)" else None

    def download(self, package, folder):
        """Fetch the package (apt checks its hash) and return the .deb's path."""
        self.update()
        with step(f"Downloading {package}") as s:
            try:
                s.run(["apt-get", "-q", "download", package], env=self.env, cwd=folder)
            except SvmError:
                self.update(force=True)
                s.run(["apt-get", "-q", "download", package], env=self.env, cwd=folder)
        debs = sorted(folder.glob(f"{package.split('=')[0]}_*.deb"))
        if not debs:
            raise SvmError(f"apt-get downloaded no {package}")
        return debs[-1]
