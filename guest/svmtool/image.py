# SPDX-License-Identifier: MIT
"""
The guest's root: Debian 12 as one read-only erofs image.

Measured under TCG (docs in guest/README.md): an uncompressed erofs beats a compressed one, because
the guest's CPU is the slow part and the host's page cache is not.
"""
from . import hostpkgs, mirror, paths, store
from .ui import SvmError, step

SUITE = "bookworm"
RECIPE = 1  # raise when _make changes
PACKAGES = paths.TREE / "guest" / "packages.txt"
# Not needed to run anything, and a fifth of the image.
EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
# Tests that Debian ships as documentation; dpkg has to be told of the folders above, too.
INCLUDED = ("/usr/share/doc/python-pyopencl-doc", "/usr/share/doc/python-pyopencl-doc/examples",
            "/usr/share/doc/python-pyopencl-doc/examples/*")


def _packages():
    lines = PACKAGES.read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def bootstrap_options():
    opts = ["--aptopt=APT::Install-Recommends \"false\"", "--dpkgopt=force-unsafe-io",
            f"--keyring={mirror.KEYRING}"]
    opts += [f"--dpkgopt=path-exclude={p}" for p in EXCLUDED]
    return opts + [f"--dpkgopt=path-include={p}" for p in INCLUDED]


def _make(folder):
    hostpkgs.ensure("tree", "image")
    image = folder / "root.erofs"
    # The hooks run where root owns the tree, be it as root or in a user namespace; "download"
    # brings the result out of it.
    hooks = [
        "--customize-hook=rm -rf \"$1\"/var/cache/apt \"$1\"/var/lib/apt/lists/*",
        "--customize-hook=mkdir -p \"$1\"/lib/modules",
        # proc, sys and dev are mounted while hooks run; the guest mounts its own.
        "--customize-hook=mkfs.erofs -d0 -T0 -x-1 --exclude-path=root.erofs "
        "'--exclude-regex=^(proc|sys|dev|run|tmp)/.+' \"$1\"/root.erofs \"$1\"",
        f"--customize-hook=download /root.erofs \"{image}\"",
    ]
    with step("Making the guest image (Debian 12 with NEO)") as s:
        s.run(["mmdebstrap", "--variant=minbase", "--format=null", "--skip=cleanup/apt",
               f"--include={','.join(_packages())}",
               *bootstrap_options(), *hooks, SUITE, "-", *mirror.lines(SUITE)])
    if not image.exists() or image.stat().st_size < 1 << 20:
        raise SvmError("mmdebstrap left no image")


def _key():
    return store.digest(SUITE, *_packages(), *EXCLUDED, *INCLUDED, RECIPE)


def ensure():
    folder = store.artefact("image", _key(), _make)
    store.prune("image", 3)
    return folder / "root.erofs"


def describe():
    folder = paths.CACHE / "image" / _key()
    return f"{folder / 'root.erofs'}" if store.is_whole(folder) else "will be made (Debian 12 with NEO)"
