# SPDX-License-Identifier: MIT
"""The Debian mirrors: from SVM_DEBIAN_MIRROR, else from apt's own configuration."""
import os
import re
import shlex
from pathlib import Path

from .ui import SvmError

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_APT = Path("/etc/apt")


def _one_line(text):
    """(uri, suite) of each "deb [options] uri suite component..." line."""
    for line in text.splitlines():
        line = re.sub(r"\[[^]]*\]", " ", line.split("#", 1)[0])
        words = shlex.split(line)
        if len(words) >= 3 and words[0] == "deb":
            yield words[1], words[2]


def _deb822(text):
    """(uri, suite) of each stanza of a .sources file."""
    for stanza in re.split(r"\n\s*\n", text):
        fields, last = {}, None
        for line in stanza.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0].isspace() and last:
                fields[last] += " " + line.strip()
            elif ":" in line:
                last, value = line.split(":", 1)
                last = last.strip().lower()
                fields[last] = value.strip()
        if fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        if "deb" not in fields.get("types", "").split():
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield uri, suite


def entries(apt=_APT):
    """Every (uri, suite) that apt would use."""
    found = []
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        if path.suffix == ".list":
            found += _one_line(path.read_text(errors="replace"))
        elif path.suffix == ".sources":
            found += _deb822(path.read_text(errors="replace"))
    return found


def _codename(suite):
    return re.match(r"(bookworm|trixie|forky|sid|stable|testing|oldstable)", suite)


def urls(found=None):
    """(archive, security): base addresses of the main archive and of the security archive."""
    override = os.environ.get("SVM_DEBIAN_MIRROR")
    if override:
        archive = override.rstrip("/")
        security = re.sub(r"/debian$", "/debian-security", archive)
        return archive, os.environ.get("SVM_DEBIAN_SECURITY_MIRROR", security)
    archive = security = None
    for uri, suite in entries() if found is None else found:
        if not uri.startswith(("http", "file:", "mirror")) or not _codename(suite):
            continue
        if "security" in suite:
            security = security or uri.rstrip("/")
        elif re.search(r"/debian/?$", uri):
            archive = archive or uri.rstrip("/")
    if not archive:
        raise SvmError("no Debian mirror found in /etc/apt; set SVM_DEBIAN_MIRROR to one, "
                       "for example to the address your sources.list would hold")
    return archive, security or re.sub(r"/debian$", "/debian-security", archive)


def lines(suite):
    """The sources of a Debian release as one-line entries."""
    archive, security = urls()
    return [f"deb {archive} {suite} main",
            f"deb {archive} {suite}-updates main",
            f"deb {security} {suite}-security main"]


def backports(suite):
    return f"deb {urls()[0]} {suite}-backports main"
