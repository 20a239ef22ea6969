# SPDX-License-Identifier: MIT
"""The host's end of the agent port (guest/init/agent.c): one command's input, output and status."""
import errno
import fcntl
import os
import select
import signal
import struct
import sys
import termios
import tty

# Frame types, as in guest/init/init.h.
HELLO, CONFIG, STDIN, STDOUT, STDERR, WINSIZE, EXIT, STATUS = range(1, 9)
CHUNK = 65536
ESCAPE = b"\x1d"  # Ctrl-] ends the guest when its terminal hangs


class GuestGone(Exception):
    """The guest ended without reporting a status."""


class Stopped(Exception):
    """The user typed the escape key."""


class Terminal:
    """The host's terminal in raw mode, put back afterwards."""

    def __init__(self, fd):
        self.fd = fd

    def __enter__(self):
        self.saved = termios.tcgetattr(self.fd)
        tty.setraw(self.fd, termios.TCSADRAIN)  # keeps what was typed ahead
        return self

    def __exit__(self, *_):
        termios.tcsetattr(self.fd, termios.TCSADRAIN, self.saved)


def window_size(fd):
    rows, cols, _, _ = struct.unpack("HHHH", fcntl.ioctl(fd, termios.TIOCGWINSZ, b"\0" * 8))
    return rows, cols


class Session:
    """
    Talks to one guest. `write(type, data)` takes the command's output, `on_status(text)` what went
    wrong in its boot; `stdin` is a file descriptor or None.
    """

    def __init__(self, sock, write, stdin=None, on_status=None):
        self.sock, self.write, self.stdin = sock, write, stdin
        self.on_status = on_status or (lambda text: None)
        self.received = bytearray()
        self.pending = bytearray()
        self.resized = False

    def send(self, kind, data):
        self.pending += struct.pack("<BI", kind, len(data)) + data

    def _frames(self):
        while len(self.received) >= 5:
            kind, size = struct.unpack_from("<BI", self.received)
            if len(self.received) < 5 + size:
                return
            data = bytes(self.received[5:5 + size])
            del self.received[:5 + size]
            yield kind, data

    def _read_input(self, raw):
        try:
            data = os.read(self.stdin, CHUNK)
        except OSError as e:
            if e.errno == errno.EAGAIN:
                return
            if e.errno != errno.EIO:  # a terminal that was hung up
                raise
            data = b""
        if raw and ESCAPE in data:
            raise Stopped
        self.send(STDIN, data)
        if not data:
            self.stdin = None

    def _wait(self, timeout):
        reads = [self.sock]
        # The guest takes input at its own pace: read no more while some is on its way.
        if self.stdin is not None and not self.pending:
            reads.append(self.stdin)
        try:
            return select.select(reads, [self.sock] if self.pending else [], [], timeout)
        except InterruptedError:
            return [], [], []

    def run(self, config, time_left, raw=False):
        """Send the configuration when the guest says hello, relay until it reports the status."""
        stdin, self.stdin = self.stdin, None  # none before the command exists
        self.sock.setblocking(False)
        while True:
            left = time_left()
            if left is not None and left <= 0:
                raise TimeoutError
            readable, writable, _ = self._wait(1.0 if left is None else min(left, 1.0))
            if self.resized and raw and stdin is not None:
                self.resized = False
                self.send(WINSIZE, struct.pack("<HH", *window_size(stdin)))
            if writable:
                del self.pending[:self.sock.send(self.pending[:CHUNK])]
            if self.stdin is not None and self.stdin in readable:
                self._read_input(raw)
            if self.sock in readable:
                self._receive()
            for kind, payload in self._frames():
                if kind == HELLO:
                    self.send(CONFIG, config)
                    self.stdin = stdin
                elif kind in (STDOUT, STDERR):
                    self.write(kind, payload)
                elif kind == STATUS:
                    self.on_status(payload.decode(errors="replace"))
                elif kind == EXIT:
                    return struct.unpack("<I", payload)[0]

    def _receive(self):
        try:
            data = self.sock.recv(CHUNK * 4)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            raise GuestGone
        self.received += data


def to_own_streams(kind, data):
    """Output of the guest's command on ours; a closed pipe ends us as it would end the command."""
    fd = 1 if kind == STDOUT else 2
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


def follow_resizes(session):
    def on_winch(_signum, _frame):
        session.resized = True
    signal.signal(signal.SIGWINCH, on_winch)


def interactive():
    return bool(sys.stdin and sys.stdout and sys.stdin.isatty() and sys.stdout.isatty())
