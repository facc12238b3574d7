"""The server or the program killed in the middle of a backup, and of a restore: a clear error,
nothing half-committed, and the same command again goes on where it was."""

import os
import signal
import unittest

import numpy as np

import bulk
from harness import AcceptanceTest, signal_process, tree, wait_until

DIM = 128
ROWS = 150_000
NAME = 'large'
FINAL, STAGING = 'large_back', 'large_back_aerie_restore'


def packs_bytes(repo):
    """What has arrived. A temporary file of a killed program has not, however long it is."""
    return sum(size for path, size in tree(repo).items()
               if path.startswith('packs') and not path.endswith('~tmp'))


class KillTest(AcceptanceTest):
    LAB = ('milvus',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keys = np.arange(ROWS, dtype=np.int64) * 3
        bulk.make(cls.client, NAME, DIM)
        bulk.fill(cls.client, NAME, cls.keys, DIM)
        cls.client.flush(NAME)
        cls.whole = cls.scratch.new()
        made = cls.aerie.json('backup', 'create', '--cluster', cls.lab.uri, '--repo', cls.whole,
                              '-c', NAME)
        assert made.code == 0, made
        cls.whole_bytes = made.result['stored_bytes']

    def at(self, part, act):
        """An event listener that acts once, when that part of the rows is done."""
        acted = []

        def listen(process, event):
            if not acted and event.get('event') == 'progress' and event['rows'] >= ROWS * part:
                acted.append(event['rows'])
                act(process)
        return listen, acted

    def kill_server(self, process):
        self.lab.ask('kill')

    def start_server(self):
        self.lab.ask('start')
        wait_until(lambda: self.client.load_state(NAME) == 3, 'the collection is loaded again')

    def killed_backup(self, repo, act):
        listen, acted = self.at(0.6, act)
        run = self.aerie.json('backup', 'create', '--cluster', self.lab.uri, '--repo', repo,
                              '-c', NAME, on_event=listen)
        self.assertTrue(acted, f'it ended before it could be killed: {run}')
        return run

    def check_second_backup(self, repo):
        """After an interrupted one: no snapshot, and only what had not arrived is stored."""
        listed = self.ok('backup', 'list', '--repo', repo)
        self.assertEqual(listed['snapshots'], [])
        arrived = packs_bytes(repo)
        self.assertGreater(arrived, 0, 'the interrupted run stored something')
        second = self.back_up(repo, '-c', NAME)
        self.assertEqual(second['rows'], ROWS)
        self.assertLess(second['stored_bytes'], self.whole_bytes - arrived + (2 << 20))
        self.assertLess(packs_bytes(repo), self.whole_bytes * 1.05 + (2 << 20))
        self.ok('backup', 'verify', '--read-data', '--repo', repo)
        self.ok('backup', 'verify', '--against', self.lab.uri, '--repo', repo)
        print(f'{self.id().rsplit(".")[-1]}: {arrived} of {self.whole_bytes} bytes had arrived, '
              f'the second run stored {second["stored_bytes"]}')

    def test_server_killed_in_a_backup(self):
        repo = self.scratch.new()
        run = self.killed_backup(repo, self.kill_server)
        self.assertEqual(run.code, 1, run)
        self.assertIn(NAME, run.error)
        self.assertIn(self.lab.ready['address'], run.error)
        self.start_server()
        self.check_second_backup(repo)

    def test_program_killed_in_a_backup(self):
        repo = self.scratch.new()
        run = self.killed_backup(repo, signal_process)
        self.assertEqual(run.code, -signal.SIGKILL)
        self.check_second_backup(repo)

    def test_program_interrupted_in_a_backup(self):
        repo = self.scratch.new()
        run = self.killed_backup(repo, lambda process: signal_process(process, signal.SIGINT))
        self.assertEqual(run.code, 130, run)
        self.assertEqual(run.result['status'], 'cancelled')
        self.check_second_backup(repo)

    def killed_restore(self, act):
        self.addCleanup(self.drop_restored)
        listen, acted = self.at(0.4, act)
        run = self.aerie.json('restore', 'latest', '--to', self.lab.uri, '--repo', self.whole,
                              '--suffix', '_back', on_event=listen)
        self.assertTrue(acted, f'it ended before it could be killed: {run}')
        return run

    def drop_restored(self):
        for name in (FINAL, STAGING):
            self.client.drop(name)

    def check_second_restore(self):
        self.assertEqual(self.client.names(), [NAME, STAGING], 'nothing under the final name')
        again = self.restore(self.whole, '--suffix', '_back')
        outcome = again['collections'][0]
        self.assertTrue(outcome['resumed'])
        self.assertLess(outcome['rows_written'], ROWS)
        self.assertEqual(again['rows'], ROWS)
        self.assertEqual(self.client.names(), [NAME, FINAL])
        ids, versions, vectors = bulk.read(self.client, FINAL, self.keys)
        self.assertTrue(np.array_equal(ids, self.keys))
        self.assertEqual(vectors.tobytes(), bulk.vectors(ids, versions, DIM).tobytes())
        print(f'{self.id().rsplit(".")[-1]}: the second run wrote {outcome["rows_written"]} of '
              f'{ROWS} rows')

    def test_server_killed_in_a_restore(self):
        run = self.killed_restore(self.kill_server)
        self.assertEqual(run.code, 1, run)
        self.assertIn(FINAL, run.error)
        self.assertIn(self.lab.ready['address'], run.error)
        self.start_server()
        self.check_second_restore()

    def test_program_killed_in_a_restore(self):
        run = self.killed_restore(signal_process)
        self.assertEqual(run.code, -signal.SIGKILL)
        self.check_second_restore()

    def test_a_server_that_is_away_at_the_start(self):
        self.lab.ask('kill')
        try:
            run = self.aerie.json('backup', 'create', '--cluster', self.lab.uri, '--repo',
                                  self.scratch.new())
            self.assertEqual(run.code, 1, run)
            self.assertIn(self.lab.ready['address'], run.error)
        finally:
            self.start_server()

    def test_nothing_is_left_in_the_repository_folder(self):
        self.assertFalse([path for path in tree(self.whole) if 'tmp' in os.path.basename(path)])


if __name__ == '__main__':
    unittest.main()
