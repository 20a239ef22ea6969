# SPDX-License-Identifier: MIT
"""
i915's own selftests (CONFIG_DRM_I915_SELFTEST): mock lists against a recorded baseline, live lists
on the simulated GPU, each live list in a fresh guest because a list leaves the driver unloaded.
"""
import os
import re

from . import kernel
from .results import I915Selftests
from .ui import say

# "Run the tests, then leave the device alone": the value that ends as -ENOTTY when all passed.
RUN_AND_STOP, ALL_PASSED = -1, -25
LOAD = "force_probe=4905 enable_guc=0"  # as in guest/init/modules.c
# Between subtests of one list; the driver's default is 1000.
SUBTEST_TIMEOUT_MS = 1000


def _parameter(built, kind, name):
    """igt__N__live_NAME: N is a line number and shifts from build to build."""
    module = next(built.modules.rglob("i915.ko"))
    found = re.search(rb"parmtype=(igt__\d+__%s_%s):" % (kind.encode(), name.encode()), module.read_bytes())
    return found[1].decode() if found else None


def _script(params, result):
    """A failed probe is no failed modprobe: the driver leaves the outcome in its parameter."""
    return ["/bin/sh", "-c", f"modprobe i915 {params}; cat /sys/module/i915/parameters/{result}"]


def _boot(runner, program, params, result, gpu, log):
    options = runner.guest_options(program, _script(params, result))
    options.gpu, options.load_gpu = gpu, False
    guest = runner.guest(options)
    said = bytearray()
    status = guest.run(write=lambda kind, data: said.extend(data))
    kernel_log = (guest.logs / "kernel.log").read_text(errors="replace")
    log.write(kernel_log.encode() + bytes(said) + guest.last_words().encode())
    problem = None
    value = said.split()[-1:] or [b""]
    if guest.problems:
        problem = "; ".join(guest.problems) + "\n" + guest.last_words()
    elif status or value[0] != str(ALL_PASSED).encode():
        problem = f"{result} is {said.decode(errors='replace').strip()!r}, not {ALL_PASSED}"
    return kernel_log, problem, guest


def _read(kernel_log, problem):
    reader = I915Selftests()
    found = [r for r in map(reader.line, kernel_log.splitlines()) if r]
    # A subtest that failed explains the outcome; nothing to add then.
    if any(word == "failed" for _, word, _, _ in found):
        problem = None
        reader.running = None
    return found + reader.close(problem)


TRIES = 3  # of tests with a limit in real time


def _host_is_overloaded():
    """The live tests hold wall-clock limits of 100 us to 1 s, which other people's work can break."""
    return os.getloadavg()[0] > 2 * (os.cpu_count() or 1) + 2


def _why_again(suite, failed, tries):
    """What may have broken these tests though the driver and the device are right; None: nothing."""
    limits = [suite.wall_clock.get(name) for name in failed]
    if failed and all(limits) and tries < TRIES:
        return limits[0]
    if failed and tries == 1 and _host_is_overloaded():
        return f"load {os.getloadavg()[0]:.0f} on {os.cpu_count()} CPUs"
    return None


def _run_live(runner, program, params, log):
    kernel_log, problem, guest = _boot(runner, program, params, "live_selftests", True, log)
    return _read(kernel_log, problem), guest


def _live(runner, program, log):
    suite = program.suite
    built = kernel.ensure(runner.args.kernel or suite.kernel, not runner.args.no_build)
    parameter = _parameter(built, "live", program.name)
    if not parameter:
        runner.report.result(program, program.name, "failed", "this kernel has no such list")
        return
    left_out = {t: why for t, why in suite.exceptions.items() if t.split("/")[0] == program.name}
    params = f"{LOAD} live_selftests={RUN_AND_STOP} {parameter}=1 st_timeout={SUBTEST_TIMEOUT_MS}"
    if left_out:
        params += " st_filter=" + ",".join("!" + t.split("/", 1)[1] for t in left_out)
    for tries in range(1, TRIES + 1):
        found, guest = _run_live(runner, program, params, log)
        failed = [name for name, word, _, _ in found if word == "failed"]
        why = _why_again(suite, failed, tries)
        if not why:
            break
        say(f"  ({', '.join(failed)} failed; {why}: once more)")
    for result in found:
        runner.report.result(program, *result)
    for test, why in left_out.items():
        runner.report.result(program, test, "skipped", why)
    runner.kernel_faults(program, guest)


def _mock(runner, program, log):
    """
    What passed in the unpatched tree passes, and so does what the patch adds; nothing is missing, and
    nothing is there that neither list knows.
    """
    lines = [line for name in ("mock-baseline.txt", "mock-svm.txt")
             for line in (program.suite.folder / name).read_text().splitlines()]
    baseline = dict(reversed(line.split()[:2]) for line in lines if line and not line.startswith("#"))
    params = f"mock_selftests={RUN_AND_STOP} st_timeout={SUBTEST_TIMEOUT_MS}"
    known_bad = [t for t, word in baseline.items() if word == "failed"]
    if known_bad:  # a list ends at its first failure: see what comes after it, too
        params += " st_filter=" + ",".join("!" + t.split("/", 1)[1] for t in known_bad)
    kernel_log, problem, guest = _boot(runner, program, params, "mock_selftests", False, log)
    seen = set()
    for name, word, detail, ms in _read(kernel_log, problem):
        seen.add(name)
        if word == "passed" and name not in baseline:
            detail, word = "not in the baseline: record it", "failed"
        runner.report.result(program, f"mock {name}", word, detail, ms)
    for test, word in baseline.items():
        if test in seen:
            continue
        if word == "failed":
            runner.report.result(program, f"mock {test}", "skipped", "fails in the unpatched tree too")
        else:
            runner.report.result(program, f"mock {test}", "failed", "in the baseline, but did not run")
    runner.kernel_faults(program, guest)


def run(runner, program, log):
    (_mock if program.kind == "i915-mock" else _live)(runner, program, log)
