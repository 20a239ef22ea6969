# SPDX-License-Identifier: MIT
"""One guest: the simulator, QEMU, the command in it, and the end of them all."""
import contextlib
import fcntl
import os
import shutil
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import agent, build, image, initramfs, kernel, paths, qemu
from .procs import Child
from .ui import SvmError, note

# As in guest/init/init.h.
AGENT_PORT, KLOG_PORT, ROOT_SERIAL = "svm.agent", "svm.klog", "svm-root"

# Exit statuses of ./svm itself, beside the command's own; the same as timeout(1) and env(1) use.
STATUS_TIMEOUT, STATUS_GUEST_DIED = 124, 125
BOOT_TIMEOUT_S = 180
KEPT_RUNS = 40

# la57=off: NEO treats CPUs with 57-bit addresses differently. erms, fsrm: TCG advertises fast
# string instructions, but takes them byte by byte; without, software moves eight at a time.
CPU = {"kvm": "max,la57=off", "tcg": "max,la57=off,erms=off,fsrm=off"}

APPEND = [
    "console=ttyS0", "quiet", "loglevel=4",  # warnings and worse; everything goes to kernel.log
    "printk.devkmsg=on",  # without a limit: what kmemleak found is written there
    "panic=-1",  # with -no-reboot: a panic ends QEMU at once
    "mitigations=off",  # one user: nobody to protect, and TCG pays for each
    "random.trust_cpu=on",
    "tsc=reliable",  # no watchdog: vCPU threads are descheduled on a busy host
    "no_timer_check",  # on a busy host ticks come late: "IO-APIC + timer doesn't work", a panic
    "rcupdate.rcu_cpu_stall_timeout=60", "hung_task_panic=0",
]


@dataclass
class Options:
    command: list
    kernel: str = "fast"
    gpu: bool = True       # the machine has one
    load_gpu: bool = True  # i915 is loaded before the command
    lmem: str = "2G"
    lmem_bar: str = ""     # how much of it the CPU reaches; "": all
    mem: str = "4G"
    smp: int = 2
    iommu: bool = False    # devices reach memory through an IOMMU
    trace: str = ""
    append: str = ""
    i915: str = ""
    env: dict = field(default_factory=dict)
    cwd: str = ""
    timeout: float = 0
    build: bool = True
    accel: str = ""
    tty: bool = False


def _bar_params(size):
    """
    i915 would try to enlarge the BAR, which is not resizable; the attempt alone would move the other
    BAR, already in use, as no bridge holds it in a window of its own.
    """
    return size and f"lmem_bar_size={int(size.rstrip('MG')) << (10 if size.endswith('G') else 0)}"


class Artefacts:
    """Everything a guest is made of, prepared once and used by any number of guests."""

    def __init__(self, options):
        self.qemu = qemu.ensure()
        self.image = image.ensure()
        self.kernel = kernel.ensure(options.kernel, options.build)
        self.initramfs = initramfs.ensure(self.kernel)
        self.simulator = build.simulator(options.build) if options.gpu else None


def _take(folder):
    """An open file that says that the folder is in use; None if another has said so, or removed it."""
    try:
        held = open(folder / "in-use", "w", encoding="ascii")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return held
    except BlockingIOError:
        held.close()
        return None


def _last_written(folder):
    """When its guest last said something: one that ran for long is not old when it ends."""
    try:
        return max(p.stat().st_mtime for p in (folder, *folder.iterdir()))
    except FileNotFoundError:  # somebody else is removing it
        return 0


def new_run_folder():
    """A folder for logs and what holds it; old ones go, but for those of guests that still run."""
    runs = paths.make(paths.LOGS / "runs")
    old = sorted(runs.iterdir(), key=_last_written, reverse=True)
    for folder in old[KEPT_RUNS:]:
        held = _take(folder)
        if held:
            shutil.rmtree(folder, ignore_errors=True)
            held.close()
    new = Path(tempfile.mkdtemp(prefix=time.strftime("%m%d-%H%M%S-"), dir=runs))
    return new, _take(new)


def _build_is_in_tree():
    return paths.TREE in paths.BUILD.parents


class Guest:
    def __init__(self, artefacts, options, accel):
        self.a, self.o, self.accel = artefacts, options, accel
        self.logs, self.held = new_run_folder()
        self.children = []
        # Short: a socket's path has at most 107 characters.
        self.sockets = Path(tempfile.mkdtemp(prefix="svm-", dir=os.environ.get("XDG_RUNTIME_DIR") or "/tmp"))
        self.problems = []

    # --- parts -----------------------------------------------------------------------------

    def _start(self, name, argv):
        with open(self.logs / f"{name}.log", "ab") as log:
            child = Child(argv, log)
        self.children.append(child)
        return child

    def _start_simulator(self):
        path = self.sockets / "gpu"
        argv = [self.a.simulator, "--socket", path, "--lmem", self.o.lmem, "--once",
                "--log", self.logs / "dg1-sim.log"]
        if self.o.lmem_bar:
            argv += ["--lmem-bar", self.o.lmem_bar]
        if self.o.trace:
            argv += ["--trace", self.o.trace]
        sim = self._start("dg1-sim-err", argv)
        give_up = time.monotonic() + 20
        while not path.exists():
            if sim.ended() or time.monotonic() > give_up:
                raise SvmError("the simulator did not start: "
                               + (self.logs / "dg1-sim-err.log").read_text(errors="replace"))
            time.sleep(0.005)
        return path

    def _qemu_argv(self, gpu_socket):
        o = self.o
        log = self.logs
        argv = [*self.a.qemu.argv,
                "-M", "q35,memory-backend=mem,vmport=off,hpet=on", "-m", o.mem,
                "-object", f"memory-backend-memfd,id=mem,size={o.mem},share=on",
                "-cpu", CPU[self.accel], "-smp", str(o.smp),
                "-nographic", "-no-reboot", "-nodefaults", "-no-user-config", "-monitor", "none",
                "-serial", f"file:{log}/console.log",
                "-kernel", self.a.kernel.image, "-initrd", self.a.initramfs,
                "-append", " ".join(APPEND + [o.append]).strip()]
        if o.iommu:  # without caching-mode it would not tell the GPU what is mapped
            argv += ["-device", "intel-iommu,caching-mode=on"]
        if gpu_socket:  # QEMU makes JSON devices last: a slot that no other takes
            argv += ["-device", '{"driver":"vfio-user-pci","socket":{"path":"%s","type":"unix"},'
                                '"bus":"pcie.0","addr":"10.0"}' % gpu_socket]
        argv += ["-drive", f"file={self.a.image},if=none,id=root,format=raw,readonly=on,cache=unsafe",
                "-device", f"virtio-blk-pci,drive=root,serial={ROOT_SERIAL},packed=on",
                "-device", "virtio-serial-pci",
                "-chardev", f"socket,id=agent,path={self.sockets}/agent",
                "-device", f"virtserialport,chardev=agent,name={AGENT_PORT}",
                "-chardev", f"file,id=klog,path={log}/kernel.log",
                "-device", f"virtserialport,chardev=klog,name={KLOG_PORT}",
                "-device", "virtio-rng-pci",
                "-fsdev", f"local,id=tree,path={paths.TREE},security_model=none,readonly=on,multidevs=remap",
                "-device", "virtio-9p-pci,fsdev=tree,mount_tag=tree",
                "-fsdev", f"local,id=out,path={paths.make(paths.OUT)},security_model=none,multidevs=remap",
                "-device", "virtio-9p-pci,fsdev=out,mount_tag=out"]
        if not _build_is_in_tree():
            argv += ["-fsdev", f"local,id=build,path={paths.make(paths.BUILD)},security_model=none,readonly=on",
                     "-device", "virtio-9p-pci,fsdev=build,mount_tag=build"]
        if self.accel == "kvm":
            argv += ["-accel", "kvm"]
        else:
            argv += ["-accel", "tcg,thread=multi,tb-size=256"]
        return argv

    def _config(self):
        o = self.o
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "HOME": "/root", "USER": "root", "LANG": "C.UTF-8", "SVM_GUEST": "1",
               "TERM": os.environ.get("TERM", "linux"), **o.env}
        items = [f"mount=tree:ro:{paths.TREE}", f"mount=out:rw:{paths.OUT}",
                 f"cwd={o.cwd or paths.TREE}", f"gpu={int(o.gpu and o.load_gpu)}", f"tty={int(o.tty)}"]
        if not _build_is_in_tree():
            items.append(f"mount=build:ro:{paths.BUILD}")
        i915 = " ".join(filter(None, [_bar_params(o.lmem_bar), o.i915]))
        if i915:
            items.append(f"i915={i915}")
        if o.tty:
            rows, cols = agent.window_size(0)
            items += [f"rows={rows}", f"cols={cols}"]
        items += [f"env={k}={v}" for k, v in env.items()] + [f"arg={a}" for a in o.command]
        return b"".join(i.encode() + b"\0" for i in items)

    # --- life ------------------------------------------------------------------------------

    def run(self, write=agent.to_own_streams, stdin=None):
        """Boot, run the command, return its status. The logs stay in self.logs."""
        started = time.monotonic()
        limit = self.o.timeout or None
        with contextlib.ExitStack() as stack:
            stack.callback(self._end)
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(self.sockets / "agent"))
            listener.listen(1)
            gpu_socket = self._start_simulator() if self.o.gpu else None
            vm = self._start("qemu", self._qemu_argv(gpu_socket))
            sock = stack.enter_context(self._accept(listener, vm))
            session = agent.Session(sock, write, stdin, self._on_status)
            if self.o.tty:
                agent.follow_resizes(session)
                stack.enter_context(agent.Terminal(0))
            try:
                return session.run(self._config(),
                                   lambda: None if limit is None else started + limit - time.monotonic(),
                                   raw=self.o.tty)
            except agent.GuestGone:
                self.problems.append("the guest ended without a status (a crash?)")
                return STATUS_GUEST_DIED
            except TimeoutError:
                self.problems.append(f"stopped after {limit:g} s")
                return STATUS_TIMEOUT
            except agent.Stopped:
                self.problems.append("stopped from the keyboard")
                return 130

    def _accept(self, listener, vm):
        listener.settimeout(0.2)
        give_up = time.monotonic() + 60
        while True:
            try:
                return listener.accept()[0]
            except TimeoutError:
                if vm.ended() or time.monotonic() > give_up:
                    raise SvmError("QEMU did not start: "
                                   + (self.logs / "qemu.log").read_text(errors="replace")) from None

    def _on_status(self, text):
        self.problems.append(text)

    def _end(self):
        # QEMU first: the simulator then sees its client leave, writes its counters and ends.
        for child in reversed(self.children):
            child.end()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def last_words(self, lines=25):
        """The ends of the logs that tell why a guest died."""
        said = []
        for name in ("console", "qemu", "dg1-sim-err"):
            path = self.logs / f"{name}.log"
            text = path.read_text(errors="replace") if path.exists() else ""
            if text.strip():
                said.append(f"--- {name}.log\n" + "\n".join(text.splitlines()[-lines:]))
        return "\n".join(said)


def choose_accel(artefacts, options):
    """KVM when a test boot of this kernel under it succeeded, else TCG."""
    if options.accel:
        return options.accel

    def test_boot():
        trial = Options(command=["/bin/true"], gpu=False, timeout=30, smp=options.smp)
        guest = Guest(artefacts, trial, "kvm")
        try:
            status = guest.run(write=lambda kind, data: None)
        except SvmError as e:
            return str(e)
        return None if status == 0 else f"a test boot failed ({'; '.join(guest.problems)})"

    return qemu.acceleration(artefacts.qemu, test_boot)[0]


def run_here(options):
    """`./svm run`: the command's input and output are ours."""
    artefacts = Artefacts(options)
    accel = choose_accel(artefacts, options)
    options.tty = agent.interactive()
    guest = Guest(artefacts, options, accel)
    status = guest.run(stdin=0 if sys.stdin else None)
    for problem in guest.problems:
        note(problem)
    if status in (STATUS_TIMEOUT, STATUS_GUEST_DIED) and guest.problems:
        note(f"logs: {guest.logs}\n{guest.last_words()}")
    return status, guest
