# SPDX-License-Identifier: MIT
"""The verbs of ./svm."""
import argparse
import os
import signal
import sys

from . import clean, debs, demo, doctor, kernel, ksource, paths, procs, runner, suites, vm
from .ui import SvmError, note


def _guest_options(parser):
    g = parser.add_argument_group("guest")
    g.add_argument("--kernel", choices=kernel.VARIANTS, default=os.environ.get("SVM_KERNEL", "fast"),
                   help="stock: Debian's binary; stock+svm: the same with our i915; fast: ours (default); "
                        "debug: ours with all checkers")
    g.add_argument("--lmem", default="2G", metavar="SIZE", help="the GPU's local memory, 256M to 16G (default 2G)")
    g.add_argument("--lmem-bar", default="", metavar="SIZE", help="how much of it the CPU reaches (default: all)")
    g.add_argument("--mem", default="4G", metavar="SIZE", help="the guest's memory (default 4G)")
    g.add_argument("--smp", type=int, default=2, metavar="N", help="CPUs (default 2)")
    g.add_argument("--iommu", action="store_true", help="let devices reach memory through an IOMMU")
    g.add_argument("--no-gpu", action="store_true", help="boot without the simulated GPU")
    g.add_argument("--trace", default="", metavar="KINDS",
                   help="simulator's trace, to dg1-sim.log: mmio,cmd,ctx,irq,mem,eu or all")
    g.add_argument("--i915", default="", metavar="PARAMS", help="more parameters of the i915 module")
    g.add_argument("--append", default="", metavar="ARGS", help="more kernel command line")
    g.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="set in the command's environment")
    g.add_argument("--timeout", type=float, default=0, metavar="S", help="end the guest after S seconds (status 124)")
    g.add_argument("--keep-log", action="store_true", help="say at the end where the logs are")
    g.add_argument("--no-build", action="store_true",
                   help="use the kernel and the simulator built last, whatever has changed since")
    g.add_argument("--accel", choices=("kvm", "tcg"), default="", help="default: KVM if a test boot works, else TCG")


def _options(args, command):
    env = dict(e.split("=", 1) if "=" in e else (e, os.environ.get(e, "")) for e in args.env)
    return vm.Options(command=command, kernel=args.kernel, gpu=not args.no_gpu, lmem=args.lmem,
                      lmem_bar=args.lmem_bar, mem=args.mem, smp=args.smp, iommu=args.iommu, trace=args.trace,
                      append=args.append, i915=args.i915, env=env, timeout=args.timeout,
                      build=not args.no_build, accel=args.accel, cwd=_guest_cwd())


def _guest_cwd():
    """The command starts where we are, when that is inside the tree."""
    here = os.getcwd()
    return here if here == str(paths.TREE) or here.startswith(str(paths.TREE) + "/") else str(paths.TREE)


def _run(args, command):
    status, guest = vm.run_here(_options(args, command))
    if args.keep_log:
        note(f"logs: {guest.logs}")
    return status


def cmd_run(args):
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise SvmError("run what? ./svm run -- CMD…")
    return _run(args, command)


def cmd_shell(args):
    return _run(args, ["/bin/bash", "-l"])


def cmd_kernel(args):
    if args.update:
        ksource.update()
    if args.lsmod and not args.deb:
        raise SvmError("--lsmod is for --deb")
    if args.deb:
        for variant in args.variant or ["full"]:
            if variant not in ("full", "stock+svm"):
                raise SvmError("--deb makes packages of: full, stock+svm")
            for deb in debs.kernel_packages(args.lsmod) if variant == "full" else debs.module_package():
                note(f"made {deb}")
        return 0
    for variant in args.variant or ["fast"]:
        if variant == "full":
            raise SvmError("full is for --deb")
        built = kernel.ensure(variant)
        kernel.describe(built)
    return 0


def cmd_test(args):
    chosen = suites.select(args.suite)
    if args.list:
        runner.list_suites(suites.load_all() if not args.suite else chosen)
        return 0
    return runner.Runner(args).run(chosen)


def _parser():
    p = argparse.ArgumentParser(prog="./svm", description=__doc__ and "Build, boot and test a simulated DG1.")
    verbs = p.add_subparsers(dest="verb", required=True, metavar="VERB")

    run = verbs.add_parser("run", help="run a command in the guest",
                           description="Run CMD in a fresh guest with a simulated DG1. The project's tree is at "
                                       "the same path, read-only except out/. The exit status is CMD's; 124: "
                                       "time limit; 125: the guest died. Ctrl-] ends an interactive guest.")
    _guest_options(run)
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD…")
    run.set_defaults(func=cmd_run)

    shell = verbs.add_parser("shell", help="an interactive shell in the guest")
    _guest_options(shell)
    shell.set_defaults(func=cmd_shell)

    k = verbs.add_parser("kernel", help="build the guest's kernel",
                         description="Build guest kernels from Debian's source with kernel/ laid over it; only "
                                     "what changed is built again.")
    k.add_argument("variant", nargs="*", choices=[*kernel.VARIANTS, "full", []], metavar="VARIANT",
                   help=f"{', '.join(kernel.VARIANTS)}; default: fast; with --deb: full (Debian's configuration, device memory included; "
                        "default) or stock+svm (i915 alone for Debian's own kernel)")
    k.add_argument("--deb", action="store_true", help="make Debian packages for a real machine, in out/debs")
    k.add_argument("--lsmod", metavar="FILE", help="with --deb: only the modules that FILE, lsmod's output on the "
                                                   "real machine, names (minutes instead of hours)")
    k.add_argument("--update", action="store_true", help="take the newest Debian source of the series")
    k.set_defaults(func=cmd_kernel)

    t = verbs.add_parser("test", help="run test suites",
                         description="Run the suites (all default ones when none is named) and close with "
                                     "'N passed, N failed, N skipped'; the status is 0 when none failed.")
    t.add_argument("suite", nargs="*", help="folders of tests/; see --list")
    t.add_argument("--list", action="store_true", help="show suites and programs instead of running them")
    t.add_argument("--filter", default="", metavar="PATTERN", help="GoogleTest filter, for programs of that kind (--filter=-PATTERN leaves out)")
    t.add_argument("--program", action="append", default=[], metavar="GLOB", help="only these programs or lists")
    t.add_argument("--kernel", choices=kernel.VARIANTS, default=None, help="run guest suites on this kernel")
    t.add_argument("--no-build", action="store_true", help="use what was built last")
    t.add_argument("--quiet", action="store_true", help="show failures and skips only")
    t.set_defaults(func=cmd_test)

    demo.add_parser(verbs, _guest_options, _options)

    b = verbs.add_parser("bench", help="run benchmarks",
                         description="Run the benchmarks of the named groups, or all of them.")
    b.add_argument("group", nargs="*", help="device, eu, svm, runtime, …: the groups that suite.toml files name")
    b.add_argument("--kernel", choices=kernel.VARIANTS, default=None, help="kernel of the guest ones")
    b.add_argument("--no-build", action="store_true", help="use what was built last")
    b.set_defaults(func=runner.run_benches, quiet=False, filter="", program=[])

    d = verbs.add_parser("doctor", help="what is there, what is missing, what would be used and why")
    d.set_defaults(func=lambda args: doctor.run())

    c = verbs.add_parser("clean", help="remove what can be made again",
                         description="Without words: the build folder and the logs.")
    c.add_argument("part", nargs="*", metavar="PART", choices=[*clean.PARTS, "all", []],
                   help=f"{', '.join(clean.PARTS)} or all")
    c.set_defaults(func=lambda args: clean.run(args.part))
    return p


def _terminate(_signum, _frame):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGHUP, _terminate)
    args = _parser().parse_args()
    try:
        return args.func(args)
    except SvmError as e:
        note(str(e))
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    finally:
        procs.end_all()
