"""A little of the soak (soak.py): the program killed at random moments in whatever changes a
repository, and three processes at once, on a folder and in S3."""

import os
import random
import unittest

from harness import AcceptanceTest
from soak import Rows, Soak, Store, three_processes

KILLS = {'folder': 20, 's3': 4}
BACKUPS = 3  # of each of two writers


class SoakTest(AcceptanceTest):
    LAB = ('lite',)

    def setUp(self):
        super().setUp()
        for name in self.client.names():
            self.client.drop(name)

    def store(self, kind):
        store = Store(kind, self.scratch)
        self.addCleanup(store.stop)
        return store

    def kill(self, kind):
        seed = int(os.environ.get('AERIE_SOAK_SEED') or random.SystemRandom().getrandbits(32))
        print(f'{kind}: AERIE_SOAK_SEED={seed} repeats it', flush=True)
        Soak(self.store(kind), Rows(self.lab, seed=seed), self.aerie, seed).kill_times(KILLS[kind])

    def test_killed_on_a_folder(self):
        self.kill('folder')

    def test_killed_in_s3(self):
        self.kill('s3')

    def test_two_writers_and_a_pruner_on_a_folder(self):
        three_processes(self.store('folder'), self.lab, self.aerie, BACKUPS)

    def test_two_writers_and_a_pruner_in_s3(self):
        three_processes(self.store('s3'), self.lab, self.aerie, BACKUPS)


if __name__ == '__main__':
    unittest.main()
