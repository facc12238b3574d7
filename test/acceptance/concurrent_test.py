"""Another client inserts, updates and deletes during a backup. Of every key that was not touched the
snapshot has exactly the row; of a touched one a version that it had; none twice, none lost."""

import threading
import unittest

import numpy as np

import bulk
from harness import INT64_MIN, AcceptanceTest

DIM = 32
ROWS = 120_000
ROUNDS = 3
ABSENT = -1


class Writer(threading.Thread):
    """Touches keys until it is stopped; `history` has, for each touched key, the versions it had
    since the start, the one before included."""

    def __init__(self, client, name, seed, live, rows, dim):
        super().__init__()
        self.client, self.name_, self.live = client, name, live
        self.rows, self.dim = rows, dim
        self.random = np.random.default_rng(seed)
        self.history = {}
        self.stopping = threading.Event()
        self.begun = threading.Event()
        self.calls = 0
        self.error = None

    def note(self, key, version):
        # Before the call: a write may be seen before its answer comes.
        self.history.setdefault(key, [self.live.get(key, ABSENT)]).append(version)
        self.live[key] = version

    def run(self):
        try:
            while not self.stopping.is_set():
                self.step()
                self.calls += 1
                self.begun.set()
        except Exception as error:  # told by the test, which owns the verdict
            self.error = error
            self.begun.set()

    def step(self):
        kind = self.calls % 3
        if kind == 0:  # new keys, between the others
            keys = [int(k) for k in self.random.integers(0, self.rows * 10, 100) * 10 + 5]
            keys = [k for k in dict.fromkeys(keys) if self.live.get(k, ABSENT) == ABSENT]
            versions = [1] * len(keys)
        else:
            keys = [int(k) * 10 for k in np.unique(self.random.integers(0, self.rows // 3, 100)) * 3]
            keys = [k for k in keys if self.live.get(k, ABSENT) != ABSENT]
            versions = [self.live[k] + 1 for k in keys]
        if not keys:
            return
        if kind == 2:
            keys = keys[:20]
            for key in keys:
                self.note(key, ABSENT)
            self.client.delete(self.name_, f'id in {keys}')
            return
        for key, version in zip(keys, versions):
            self.note(key, version)
        write = self.client.upsert if kind else self.client.insert
        write(self.name_, bulk.columns(keys, versions, self.dim))


class ConcurrentTest(AcceptanceTest):
    LAB = ('milvus',)

    def test_writes_during_a_backup(self):
        c = self.client
        name = 'busy'
        base = np.arange(ROWS, dtype=np.int64) * 10
        bulk.make(c, name, DIM)
        bulk.fill(c, name, base, DIM)
        c.count(name)
        live = {int(key): 0 for key in base}
        repo = self.scratch.new()
        other = self.lab.client()
        self.addCleanup(other.close)
        touched = 0
        for number in range(ROUNDS):
            before = dict(live)
            writer = Writer(other, name, number, live, ROWS, DIM)
            writer.start()
            try:
                writer.begun.wait(60)
                run = self.aerie.json('backup', 'create', '--cluster', self.lab.uri, '--repo', repo,
                                      '--collections', name)
            finally:
                writer.stopping.set()
                writer.join()
            self.assertIsNone(writer.error)
            self.assertEqual(run.code, 0, run)
            self.assertGreater(writer.calls, 5, 'the writer came between')
            self.restore(repo, '--suffix', f'_{number}', '-c', name)
            self.check(before, writer.history, f'{name}_{number}')
            touched += len(writer.history)
            c.drop(f'{name}_{number}')
        shown = self.ok('backup', 'show', 'latest', '--repo', repo)
        self.assertFalse(shown['snapshot']['collections'][0]['read']['exact'], 'said to be fuzzy')
        print(f'{touched} keys touched in {ROUNDS} backups')

        # Quiet again: the snapshot is the collection.
        self.back_up(repo, '-c', name)
        self.ok('backup', 'verify', '--against', self.lab.uri, '--repo', repo)
        self.assertEqual(self.rows_of(name), {k: v for k, v in live.items() if v != ABSENT})

    def rows_of(self, name):
        """key -> version; every vector is compared with what that version had."""
        ids, versions, vectors = bulk.read(self.client, name, np.arange(0, ROWS * 10, 10))
        wrong = (vectors != bulk.vectors(ids, versions, DIM)).any(axis=1)
        self.assertFalse(wrong.any(), f'{name}: a vector of another version at {ids[wrong][:5]}')
        self.assertGreater(ids[0], INT64_MIN)
        return dict(zip(ids.tolist(), versions.tolist()))

    def check(self, before, history, name):
        found = self.rows_of(name)
        untouched = {key: version for key, version in before.items()
                     if key not in history and version != ABSENT}
        kept = {key: version for key, version in found.items() if key not in history}
        lost = [key for key in untouched if key not in kept]
        self.assertFalse(lost, f'{len(lost)} untouched keys lost: {lost[:5]}')
        self.assertEqual(kept, untouched)
        for key, versions in history.items():
            self.assertIn(found.get(key, ABSENT), versions, f'key {key} had versions {versions}')


if __name__ == '__main__':
    unittest.main()
