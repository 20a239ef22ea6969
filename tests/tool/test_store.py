# SPDX-License-Identifier: MIT
import multiprocessing
import time
import unittest

from svmtool import paths, store


def _hold(queue):
    with store.lock("held"):
        queue.put("have it")
        time.sleep(0.5)


class Store(unittest.TestCase):
    def setUp(self):
        self.made = 0

    def make(self, folder):
        self.made += 1
        (folder / "data").write_text("content")

    def test_makes_once(self):
        first = store.artefact("once", "k", self.make)
        self.assertEqual(store.artefact("once", "k", self.make), first)
        self.assertEqual(self.made, 1)

    def test_cut_short_file_is_made_again(self):
        folder = store.artefact("cut", "k", self.make)
        (folder / "data").write_text("con")
        self.assertFalse(store.is_whole(folder))
        store.artefact("cut", "k", self.make)
        self.assertEqual((self.made, (folder / "data").read_text()), (2, "content"))

    def test_broken_seal_is_made_again(self):
        folder = store.artefact("seal", "k", self.make)
        (folder / store.SEAL).write_text("{")
        store.artefact("seal", "k", self.make)
        self.assertEqual(self.made, 2)

    def test_failed_build_leaves_nothing(self):
        def fail(folder):
            (folder / "half").write_text("x")
            raise RuntimeError
        with self.assertRaises(RuntimeError):
            store.artefact("failed", "k", fail)
        self.assertEqual(list((paths.CACHE / "failed").iterdir()), [])

    def test_leftover_of_a_killed_build_is_removed(self):
        (paths.CACHE / "left" / "k.new-dead").mkdir(parents=True)
        store.artefact("left", "k", self.make)
        self.assertEqual([p.name for p in (paths.CACHE / "left").iterdir()], ["k"])

    def test_lock_excludes_other_processes(self):
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        other = context.Process(target=_hold, args=(queue,))
        other.start()
        queue.get(timeout=10)
        started = time.monotonic()
        with store.lock("held"):
            self.assertGreater(time.monotonic() - started, 0.2)
        other.join()

    def test_digest_separates_its_parts(self):
        self.assertNotEqual(store.digest("ab", "c"), store.digest("a", "bc"))
