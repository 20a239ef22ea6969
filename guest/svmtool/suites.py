# SPDX-License-Identifier: MIT
"""The registry of test suites: every folder of tests/ with a suite.toml (see tests/README.md)."""
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from . import kernel, paths
from .ui import SvmError

TESTS = paths.TREE / "tests"
KINDS = ("gtest", "tap", "i915-mock", "i915-live")


@dataclass
class Program:
    """One run: a program on the host or in a fresh guest, or one i915 selftest list."""
    suite: "Suite"
    name: str
    kind: str = "gtest"
    target: str = ""    # CMake target to build first
    path: Path = None   # what to execute
    args: list = field(default_factory=list)
    env: dict = field(default_factory=dict)
    timeout: float = 300
    options: dict = field(default_factory=dict)  # guest: see _GUEST_KEYS
    needs: list = field(default_factory=list)    # more CMake targets to build first
    where: str = "host"
    group: str = ""     # benchmarks: the word after ./svm bench


@dataclass
class Suite:
    name: str
    folder: Path
    where: str = "host"
    kernel: str = "fast"
    description: str = ""
    default: bool = True
    beside: bool = False                            # runs beside suites that use the guest
    programs: list = field(default_factory=list)
    benches: list = field(default_factory=list)
    skips: list = field(default_factory=list)       # reasons (regular expressions) a test may skip for
    packages: list = field(default_factory=list)    # Debian packages that its programs need on the host
    exceptions: dict = field(default_factory=dict)  # test name -> reason, measured cause
    wall_clock: dict = field(default_factory=dict)  # test name -> the limit that a busy host can break
    settings: dict = field(default_factory=dict)


_SUITE_KEYS = {"description", "where", "kernel", "timeout", "default", "guest", "program", "exception",
               "mock", "live", "needs", "env", "bench", "packages", "skips", "beside",
               "wall_clock"}
_PROGRAM_KEYS = {"name", "target", "path", "kind", "args", "env", "timeout", "guest", "needs", "where", "group"}
_GUEST_KEYS = {"lmem", "lmem-bar", "mem", "smp", "iommu", "i915", "append", "gpu", "kernel"}


def _refuse_unknown(what, table, known):
    unknown = set(table) - known
    if unknown:
        raise SvmError(f"{what}: unknown keys {', '.join(sorted(unknown))}")


def _program(suite, table, defaults):
    where = f"tests/{suite.name}/suite.toml"
    _refuse_unknown(where, table, _PROGRAM_KEYS)
    options = {**defaults.get("guest", {}), **table.get("guest", {})}
    _refuse_unknown(where + " guest", options, _GUEST_KEYS)
    target, path = table.get("target", ""), table.get("path", "")
    if bool(target) == bool(path):
        raise SvmError(f"{where}: a program has either a target or a path")
    kind = table.get("kind", "gtest")
    if kind not in KINDS:
        raise SvmError(f"{where}: kind {kind} is none of {', '.join(KINDS)}")
    return Program(suite, table.get("name", target or Path(path).name), kind, target,
                   paths.BUILD / "tests" / suite.name / target if target else paths.TREE / _expand(path),
                   [_expand(a) for a in table.get("args", [])],
                   {k: _expand(v) for k, v in {**defaults.get("env", {}), **table.get("env", {})}.items()},
                   table.get("timeout", defaults.get("timeout", 300)), options,
                   defaults.get("needs", []) + table.get("needs", []),
                   table.get("where", suite.where), table.get("group", suite.name))


def _expand(text):
    """{build} and {tree} are the folders' paths, the same on the host and in the guest."""
    return text.replace("{build}", str(paths.BUILD)).replace("{tree}", str(paths.TREE))


def _load(folder):
    with open(folder / "suite.toml", "rb") as f:
        table = tomllib.load(f)
    name = folder.name
    _refuse_unknown(f"tests/{name}/suite.toml", table, _SUITE_KEYS)
    suite = Suite(name, folder, table.get("where", "host"), table.get("kernel", "fast"),
                  table.get("description", ""), table.get("default", True), table.get("beside", False), settings=table)
    if suite.where not in ("host", "guest") or suite.kernel not in kernel.VARIANTS:
        raise SvmError(f"tests/{name}/suite.toml: bad where or kernel")
    suite.programs = [_program(suite, p, table) for p in table.get("program", [])]
    suite.packages = table.get("packages", [])
    suite.skips = table.get("skips", [])
    suite.benches = [_program(suite, p, table) for p in table.get("bench", [])]
    for e in table.get("exception", []):
        suite.exceptions[e["test"]] = f"{e['reason']} Measured: {e['cause']}"
    suite.wall_clock = {t["test"]: t["limit"] for t in table.get("wall_clock", [])}
    if table.get("mock"):
        suite.programs.append(Program(suite, "mock", "i915-mock", where="guest", timeout=table["mock"].get("timeout", 300),
                                      options={"gpu": False}))
    for name in table.get("live", {}).get("lists", []):
        limits = table["live"].get("timeouts", {})
        suite.programs.append(Program(suite, name, "i915-live", where="guest",
                                      timeout=limits.get(name, table["live"].get("timeout", 300))))
    return suite


def load_all():
    return [_load(f.parent) for f in sorted(TESTS.glob("*/suite.toml"))]


def select(names):
    everything = load_all()
    if not names:
        return [s for s in everything if s.default]
    known = {s.name: s for s in everything}
    for n in names:
        if n not in known:
            raise SvmError(f"no suite {n}; there are: {', '.join(known)}")
    return [known[n] for n in names]


def benches(groups):
    """The benchmarks of these groups, or of all of them."""
    everything = [b for s in load_all() for b in s.benches]
    known = sorted({b.group for b in everything})
    for g in groups:
        if g not in known:
            raise SvmError(f"no benchmarks {g}; there are: {', '.join(known) or 'none'}")
    return [b for b in everything if not groups or b.group in groups]
