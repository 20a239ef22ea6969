# SPDX-License-Identifier: MIT
"""./svm test: runs suites, shows what happens, counts."""
import fnmatch
import os
import re
import select
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from . import build, hostpkgs, i915tests, paths, results, suites, vm
from .procs import Child
from .ui import SvmError, kept, note, say

OUT_LOGS = paths.OUT / "logs"
# Lines of a guest's kernel log that fail whatever ran, beside the program's own verdict.
KERNEL_FAULTS = re.compile(r"\b(WARNING: (?!Kernel compiled)|BUG: |KASAN: |UBSAN: |kernel BUG at|Oops: |"
                           r"possible recursive locking|possible circular locking|"
                           r"suspicious RCU usage|INFO: task .* blocked|kmemleak: unreferenced object)")
# The objects of files that are open when i915 is unbound stay mapped, with SVM or without. SVM's
# own mappings are single ones.
OBJECTS_LEFT = re.compile(r"device driver has pending DMA allocations .*\[mapped as scatter-gather\]")
# On the debug kernel, after the program: an object counts as leaked when it is 5 s old and
# unreferenced in two scans (mm/kmemleak.c). i915's debug options leave 16 dead wakeref trackers
# behind whenever the driver is unbound, with SVM or without. The kernel takes a line per write.
LEAK_SCAN = ("\"$@\"; s=$?; k=/sys/kernel/debug/kmemleak; sleep 6; echo scan > $k; echo scan > $k; "
             "awk '/^unreferenced/ { tell() } { all = all $0 \"\\n\" } END { tell() } function tell() "
             "{ if (all !~ /ref_tracker_alloc/) printf \"%s\", all; all = \"\" }' $k | "
             "while IFS= read -r line; do echo \"kmemleak: $line\"; done > /dev/kmsg; exit $s")
COLOURS = {"passed": "32", "failed": "31", "skipped": "33"}


def faults_in(kernel_log):
    """The lines that tell of a fault of the kernel's."""
    lines = kernel_log.splitlines()
    return [line for before, line in zip(["", *lines], lines)
            if KERNEL_FAULTS.search(line) and not OBJECTS_LEFT.search(before)]


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, word):
        setattr(self, word, getattr(self, word) + 1)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


class Reporter:
    """Prints each result as it comes and keeps the counts."""

    SHOWN_SKIPS = 3  # of each reason in a suite; the rest is counted

    def __init__(self, quiet):
        self.total, self.failures, self.quiet = Count(), [], quiet
        self.start_suite()

    def start_suite(self):
        self.suite, self.skips = Count(), {}

    def end_suite(self):
        for reason, count in self.skips.items():
            if count > self.SHOWN_SKIPS:
                say(f"  {self._mark('skipped')} … {count - self.SHOWN_SKIPS} more - {reason}")

    def merge(self, other):
        for word in COLOURS:
            setattr(self.total, word, getattr(self.total, word) + getattr(other.total, word))
        self.failures += other.failures

    def _is_one_of_many(self, word, detail):
        """A matrix of tests may skip hundreds for one reason."""
        reason = detail.strip().splitlines()[-1] if detail.strip() else ""
        if word == "skipped":
            self.skips[reason] = self.skips.get(reason, 0) + 1
        return word == "skipped" and self.skips[reason] > self.SHOWN_SKIPS

    def _mark(self, word):
        text = {"passed": "ok  ", "failed": "FAIL", "skipped": "skip"}[word]
        return f"\x1b[{COLOURS[word]}m{text}\x1b[0m" if sys.stdout.isatty() else text

    def result(self, program, name, word, detail="", ms=0):
        self.total.add(word)
        self.suite.add(word)
        if (word == "passed" and self.quiet) or self._is_one_of_many(word, detail):
            return
        say(f"  {self._mark(word)} {name}" + (f" ({ms} ms)" if ms else "")
            + (f" - {detail.strip().splitlines()[-1]}" if word == "skipped" and detail.strip() else ""))
        if word == "failed":
            self.failures.append(f"{program.suite.name}: {name}")
            for line in detail.strip().splitlines():
                say(f"       | {line}")


class Lines:
    """Cuts a byte stream into lines for a reader, and keeps it in a file."""

    def __init__(self, log, on_line):
        self.log, self.on_line, self.rest = log, on_line, b""

    def feed(self, data):
        self.log.write(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.on_line(line.decode(errors="replace").rstrip("\r"))

    def end(self):
        if self.rest:
            self.on_line(self.rest.decode(errors="replace"))
        self.log.flush()


class Beside(threading.Thread):
    """
    Host suites that run while others wait for what is emulated. They say what they have to say
    when they are asked to finish.
    """

    def __init__(self, runner, chosen):
        super().__init__(daemon=True)
        self.runner, self.chosen, self.lines, self.error = runner, chosen, [], None

    def run(self):
        try:
            with kept() as self.lines:
                for suite in self.chosen:
                    self.runner.run_suite(suite)
        except BaseException as e:
            self.error = e

    def finish(self):
        self.join()
        for line in self.lines:
            say(line)
        if self.error:
            raise self.error
        return self.runner.report


class Runner:
    NICE_BESIDE = 10

    def __init__(self, args, nice=0, built=()):
        self.args, self.nice = args, nice
        self.report = Reporter(args.quiet)
        self.artefacts = {}
        self.built = set(built)  # targets

    # --- one program ---------------------------------------------------------------------------

    def _argv(self, program):
        argv = [str(program.path), *program.args]
        if program.kind == "gtest" and self.args.filter:
            argv.append(f"--gtest_filter={self.args.filter}")
        return argv

    def _on_host(self, program, lines):
        env = dict(os.environ, **program.env)
        # What cmake built goes with the compiler's Debian; scripts of the tree are for any host.
        inside = build.inside() if program.target else []
        nice = ["nice", "-n", str(self.nice)] if self.nice else []
        child = Child([*inside, *nice, *self._argv(program)], subprocess.PIPE, env=env, cwd=paths.TREE,
                      stderr_to_stdout=True)
        pipe = child.popen.stdout
        deadline = time.monotonic() + program.timeout
        try:
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    return f"stopped after {program.timeout:g} s"
                if pipe not in select.select([pipe], [], [], left)[0]:
                    continue
                data = pipe.read1(65536)
                if not data:
                    return child.popen.wait()
                lines.feed(data)
        finally:
            child.end()

    def guest_options(self, program, command):
        o = program.options
        return vm.Options(command=command, kernel=self.args.kernel or o.get("kernel") or program.suite.kernel,
                          gpu=o.get("gpu", True), lmem=o.get("lmem", "2G"), lmem_bar=o.get("lmem-bar", ""),
                          mem=o.get("mem", "4G"), smp=o.get("smp", 2), iommu=o.get("iommu", False),
                          i915=o.get("i915", ""), append=o.get("append", ""), env=program.env,
                          timeout=program.timeout * self._patience(program), build=not self.args.no_build)

    def _patience(self, program):
        """The debug kernel is several times slower."""
        return 6 if (self.args.kernel or program.suite.kernel) == "debug" else 1

    def guest(self, options):
        key = (options.kernel, options.gpu)
        if key not in self.artefacts:
            parts = vm.Artefacts(options)
            self.artefacts[key] = parts, vm.choose_accel(parts, options)
        return vm.Guest(*self.artefacts[key][:1], options, self.artefacts[key][1])

    def _in_guest(self, program, lines):
        options = self.guest_options(program, self._argv(program))
        if options.kernel == "debug":
            options.command = ["/bin/sh", "-c", LEAK_SCAN, "svm", *options.command]
        guest = self.guest(options)
        status = guest.run(write=lambda kind, data: lines.feed(data))
        if guest.problems:
            note(f"{'; '.join(guest.problems)}\n{guest.last_words()}")
            note(f"logs: {guest.logs}")
        return "; ".join(guest.problems) or status, guest

    def kernel_faults(self, program, guest):
        for name in ("kernel.log", "console.log"):
            text = (guest.logs / name).read_text(errors="replace")
            found = faults_in(text)
            if found:
                self.report.result(program, f"{program.name}: kernel log", "failed",
                                   "\n".join([*found[:10], f"see {guest.logs / name}"]))
                return

    def _run_program(self, program):
        log_path = paths.make(OUT_LOGS / program.suite.name) / f"{program.name}.log"
        failed_before = self.report.suite.failed
        with open(log_path, "wb") as log:
            if program.kind.startswith("i915-"):
                i915tests.run(self, program, log)
            else:
                self._read_program(program, log)
        if self.report.suite.failed > failed_before:
            say(f"       log: {log_path}")

    def _judge_skip(self, program, name, word, detail, ms):
        """
        A test that finds nothing to test has found a fault, unless the suite foresees it: else a
        kernel without SVM would pass every test of it. Under --kernel anything may be missing.
        """
        if word == "skipped" and not self.args.kernel \
                and not any(re.search(reason, detail) for reason in program.suite.skips):
            word, detail = "failed", f"skipped, which {program.suite.name} does not foresee: {detail}"
        return name, word, detail, ms

    def _read_program(self, program, log):
        reader = results.READERS[program.kind]()

        def on_line(text):
            found = reader.line(text)
            if found:
                self.report.result(program, *self._judge_skip(program, *found))

        lines = Lines(log, on_line)
        guest = None
        if program.where == "guest":
            status, guest = self._in_guest(program, lines)
        else:
            status = self._on_host(program, lines)
        lines.end()
        if not (self.args.filter and reader.count == 0 and status == 0):
            for found in reader.close(status):
                self.report.result(program, *found)
        if guest:
            self.kernel_faults(program, guest)

    # --- suites --------------------------------------------------------------------------------

    @staticmethod
    def _targets(programs):
        return list(dict.fromkeys(t for p in programs for t in [p.target, *p.needs] if t))

    def _build_targets(self, targets, title=""):
        wanted = [t for t in targets if t not in self.built]
        if wanted and not self.args.no_build:
            build.targets(*wanted, title=title or f"Building {' '.join(wanted)}")
            self.built.update(wanted)

    def _build(self, programs):
        try:
            hostpkgs.ensure_named(programs[0].suite.packages)
        except SvmError as e:
            self.report.result(programs[0], "packages", "failed", str(e))
            return False
        try:
            self._build_targets(self._targets(programs))
            return True
        except SvmError as e:
            for p in programs:
                self.report.result(p, f"{p.name}: build", "failed", str(e)[-4000:])
            return False

    def _build_ahead(self, chosen):
        """
        What all the suites need in one go, as make can then use every CPU to the end. Whatever
        does not work here is found again, and reported, by the suite that it concerns.
        """
        if self.args.no_build or len(chosen) < 2:
            return
        try:
            for suite in chosen:
                hostpkgs.ensure_named(suite.packages)
            self._build_targets(self._targets([p for s in chosen for p in self._programs(s)]),
                                f"Building what {len(chosen)} suites need")
        except SvmError as e:
            note(f"{str(e).splitlines()[0]} (the suites go on one by one)")

    def _programs(self, suite):
        wanted = self.args.program
        return [p for p in suite.programs if not wanted or any(fnmatch.fnmatch(p.name, g) for g in wanted)]

    def run_suite(self, suite):
        programs = self._programs(suite)
        if not programs:
            return
        self.report.start_suite()
        started = time.monotonic()
        say(f"== {suite.name}: {suite.description}" if suite.description else f"== {suite.name}")
        # Host programs are built together, as make can then use every CPU.
        if self._build(programs):
            for program in programs:
                if len(programs) > 1:
                    say(f" - {program.name}")
                try:
                    self._run_program(program)
                except SvmError as e:
                    self.report.result(program, program.name, "failed", str(e))
        self.report.end_suite()
        say(f"== {suite.name}: {self.report.suite} in {time.monotonic() - started:.0f} s")

    def run(self, chosen):
        self._build_ahead(chosen)
        beside = [s for s in chosen if s.beside] if any(s.where == "guest" for s in chosen) else []
        others = Beside(Runner(self.args, self.NICE_BESIDE, self.built), beside)
        others.start()
        for suite in chosen:
            if suite not in beside:
                self.run_suite(suite)
        self.report.merge(others.finish())
        if self.report.failures:
            say("\nFailed:")
            for name in self.report.failures:
                say(f"  {name}")
        say()
        say(str(self.report.total))
        return 1 if self.report.total.failed or not self.report.total.passed else 0


def run_benches(args):
    """Their own tables, live; the status tells whether each met what it promises."""
    runner, worst = Runner(args), 0
    for bench in suites.benches(args.group):
        hostpkgs.ensure_named(bench.suite.packages)
        if not args.no_build:
            build.targets(*[t for t in [bench.target, *bench.needs] if t])
        say(f"== {bench.group}: {bench.name}")
        if bench.where == "guest":
            guest = runner.guest(runner.guest_options(bench, [str(bench.path), *bench.args]))
            status = guest.run()
            for problem in guest.problems:
                note(problem)
        else:
            status = subprocess.run([bench.path, *bench.args], env=dict(os.environ, **bench.env),
                                    cwd=paths.TREE, timeout=bench.timeout, check=False).returncode
        if status:
            say(f"== {bench.name}: status {status}")
        worst = max(worst, status)
    return 1 if worst else 0


def list_suites(chosen):
    for s in chosen:
        where = "host" if s.where == "host" else f"guest, {s.kernel} kernel"
        say(f"{s.name} ({where}){'' if s.default else ' [only when named]'}: {s.description}")
        for p in s.programs:
            say(f"    {p.name} [{p.kind}]")
        for test, why in s.exceptions.items():
            say(f"    left out: {test}: {why}")
