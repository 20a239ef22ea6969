# SPDX-License-Identifier: MIT
"""Both ends of the agent port speak the same numbers; the host's end survives any cut of the stream."""
import os
import re
import socket
import struct
import threading
import unittest

from svmtool import agent, paths


def frame(kind, data=b""):
    return struct.pack("<BI", kind, len(data)) + data


class Agent(unittest.TestCase):
    def test_frame_numbers_equal_the_guests(self):
        text = (paths.TREE / "guest/init/init.h").read_text()
        guest = {name: int(n) for name, n in re.findall(r"FRAME_(\w+) = (\d+)", text)}
        self.assertEqual(guest, {name: getattr(agent, name) for name in guest})
        self.assertEqual(len(guest), 8)

    def session(self, stream, chunk=3):
        """A guest that says hello, takes the configuration, and then says `stream` in small pieces."""
        host, guest = socket.socketpair()
        written, sent = [], []

        def play():
            guest.sendall(frame(agent.HELLO))
            sent.append(guest.recv(4096))
            for at in range(0, len(stream), chunk):
                guest.sendall(stream[at:at + chunk])
            guest.shutdown(socket.SHUT_WR)
        thread = threading.Thread(target=play, daemon=True)
        thread.start()
        try:
            status = agent.Session(host, lambda *a: written.append(a)).run(b"config\0", lambda: 10)
            thread.join(10)
            return status, written, sent[0]
        finally:
            host.close()
            guest.close()

    def test_relays_output_and_status(self):
        stream = (frame(agent.STDOUT, b"out") + frame(agent.STDERR, b"err")
                  + frame(agent.EXIT, struct.pack("<I", 7)))
        status, written, sent = self.session(stream)
        self.assertEqual((status, written), (7, [(agent.STDOUT, b"out"), (agent.STDERR, b"err")]))
        self.assertEqual(sent, frame(agent.CONFIG, b"config\0"))

    def test_guest_that_leaves_is_noticed(self):
        with self.assertRaises(agent.GuestGone):
            self.session(b"\x04\xff")

    def test_time_limit(self):
        host, guest = socket.socketpair()
        with self.assertRaises(TimeoutError):
            agent.Session(host, lambda *a: None).run(b"", lambda: 0)
        host.close()
        guest.close()

    def test_input_ends_with_an_empty_frame(self):
        read_end, write_end = os.pipe()
        os.write(write_end, b"hello")
        os.close(write_end)
        host, guest = socket.socketpair()
        result = []
        thread = threading.Thread(target=lambda: result.append(
            agent.Session(host, lambda *a: None, read_end).run(b"c", lambda: 10)))
        thread.start()
        guest.sendall(frame(agent.HELLO))
        wanted = frame(agent.CONFIG, b"c") + frame(agent.STDIN, b"hello") + frame(agent.STDIN)
        got = b""
        while len(got) < len(wanted):
            got += guest.recv(4096)
        guest.sendall(frame(agent.EXIT, struct.pack("<I", 0)))
        thread.join(10)
        self.assertEqual((got, result), (wanted, [0]))
        os.close(read_end)
        host.close()
        guest.close()
