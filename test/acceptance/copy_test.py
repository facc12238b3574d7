"""Collections copied from one real server to another: killed in the middle and run again, while the
source is written to, onto itself, and from many at once. A client of its own says what is there."""

import signal
import unittest

import numpy as np

import bulk
from concurrent_test import ABSENT, Writer
from harness import TwoServersTest, T, column, field, floats, signal_process

DIM = 128
ROWS = {'large': 60_000, 'middle': 40_000, 'small': 8_000}
BUSY_DIM, BUSY_ROWS = 32, 120_000


class CopyTest(TwoServersTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keys = {name: np.arange(rows, dtype=np.int64) * 3 for name, rows in ROWS.items()}
        for name, keys in cls.keys.items():
            bulk.make(cls.client, name, DIM)
            bulk.fill(cls.client, name, keys, DIM)
        cls.make_parted(cls.client, 'parted')
        for name in ROWS:
            cls.client.count(name)

    @staticmethod
    def make_parted(c, name):
        """Partitions, an alias, a time to live, an empty partition, and a text as its key."""
        c.create(name, [field('key', T.VarChar, key=True, max_length=100),
                        field('vector', T.FloatVector, dim=4)],
                 dynamic=False, properties={'collection.ttl.seconds': 864000})
        c.call('CreateAlias', collection_name=name, alias='parted_alias')
        c.index(name, 'vector', {'index_type': 'HNSW', 'metric_type': 'L2',
                                 'params': '{"M": 8, "efConstruction": 32}'}, 'by_hnsw')
        for partition in ('even', 'odd', 'none'):
            c.add_partition(name, partition)
        c.load(name)
        for partition, first in (('even', 0), ('odd', 1)):
            keys = [f'k"{n}\\' for n in range(first, 2000, 2)]
            c.insert(name, [column('key', T.VarChar, keys),
                            column('vector', T.FloatVector, floats(range(len(keys) * 4)), dim=4)],
                     partition)

    def tearDown(self):
        for name in self.target.names():
            for alias in self.target.describe(name).aliases:
                self.target.call('DropAlias', alias=alias)
            self.target.drop(name)

    def copy(self, *words, **options):
        return self.aerie.json('copy', self.lab.uri, self.other.uri, *words, **options)

    def assert_copied(self, name):
        """Every row and the whole spec, as another client sees them."""
        expected, actual = self.client.spec(name), self.target.spec(name)
        self.assertEqual(expected, actual)
        if name not in self.keys:
            there = self.target.contents(name)
            for partition, rows in self.client.contents(name).items():
                self.assert_same_rows(rows, there[partition], f'{name}/{partition}')
            return
        ids, versions, vectors = bulk.read(self.target, name, self.keys[name])
        self.assertTrue(np.array_equal(ids, self.keys[name]))
        self.assertEqual(vectors.tobytes(), bulk.vectors(ids, versions, DIM).tobytes())

    def kill_copying(self, name, share):
        """Copies it alone, slowly enough that it is killed where it should be."""
        acted = []

        def listen(process, event):
            if (not acted and event.get('event') == 'progress' and
                    event.get('collection') == f'default.{name}' and event['rows'] > share * ROWS[name]):
                acted.append(event['rows'])
                signal_process(process)

        killed = self.copy('-c', name, '--limit-rows', '15000/s', on_event=listen)
        self.assertTrue(acted, f'it ended before it could be killed: {killed}')
        self.assertLess(acted[0], ROWS[name])
        self.assertEqual(killed.code, -signal.SIGKILL)

    def test_killed_and_run_again(self):
        self.kill_copying('large', 0.4)
        self.kill_copying('middle', 0)
        self.assertEqual([name for name in ROWS if name in self.target.names()], [], 'nothing has its name')

        last = self.copy()
        self.assertEqual(last.code, 0, last)
        outcomes = {one['name']: one for one in last.result['collections']}
        for name in ('large', 'middle'):
            self.assertTrue(outcomes[f'default.{name}']['resumed'], name)
        self.assertLess(outcomes['default.large']['rows_written'], 0.7 * ROWS['large'])
        self.assertTrue(outcomes['default.small']['fuzzy'])
        self.assertEqual(last.result['rows'], sum(ROWS.values()) + 2000)
        for name in self.client.names():
            self.assert_copied(name)
        self.assertEqual(self.target.names(), self.client.names())
        over = self.copy('-c', 'large', '-c', 'middle')
        self.assertEqual([(one['was_there'], one['rows_written']) for one in over.result['collections']],
                         [(True, 0)] * 2)
        print(f'peak {last.peak_kib >> 10} MiB')

    def test_other_shards_and_fewer_replicas_than_asked_for(self):
        run = self.copy('-c', 'small', '--shards', '3', '--replicas', '2')
        self.assertEqual(run.code, 0, run)
        self.assertEqual(self.target.describe('small').shards_num, 3)
        self.assertIn('2 replicas; loaded with one', '\n'.join(run.result['warnings']), 'it has one query node')
        self.assertEqual(self.client.describe('small').shards_num, 2)

    def test_one_that_cannot_be_copied_leaves_the_others_alone(self):
        self.target.create('middle', [field('id', T.Int64, key=True), field('v', T.Int64),
                                      field('vector', T.FloatVector, dim=64)])
        run = self.copy('-c', 'middle', '-c', 'small', '-c', 'parted', '--on-conflict', 'merge')
        self.assertEqual(run.code, 3, run)
        self.assertEqual(run.result['failed'], 1)
        outcomes = {one['name']: one for one in run.result['collections']}
        message = outcomes['default.middle']['error']['message']
        for part in ('field v', 'field vector', 'dim'):
            self.assertIn(part, message)
        self.assert_copied('small')
        self.assert_copied('parted')

    def test_the_same_cluster_under_another_name(self):
        alias = self.lab.uri.replace('127.0.0.1', 'localhost')
        for conflict in ('fail', 'replace', 'merge'):
            run = self.aerie.json('copy', self.lab.uri, alias, '--yes', '-c', 'small', '--on-conflict',
                                  conflict)
            self.assertEqual(run.code, 8, run)
            self.assertIn('is that collection itself', run.error)
        self.addCleanup(self.client.drop, 'small_2')
        run = self.aerie.json('copy', self.lab.uri, alias, '-c', 'small', '--suffix', '_2')
        self.assertEqual(run.code, 0, run)
        self.assertEqual(self.client.count('small_2'), ROWS['small'])

    def test_what_a_dry_run_says(self):
        before = self.target.names()
        plan = self.copy('--dry-run').result
        self.assertEqual(plan['status'], 'planned')
        self.assertEqual([one['from'] for one in plan['collections'][:3]],
                         ['default.large', 'default.middle', 'default.small'])
        self.assertEqual(plan['collections'][0]['rows'], ROWS['large'])
        per_row = 8 + 4 + DIM * 4
        self.assertAlmostEqual(plan['collections'][0]['bytes'] / (ROWS['large'] * per_row), 1, 1)
        self.assertGreater(plan['estimate']['sampled_rows'], 1000)
        self.assertGreater(plan['estimate']['seconds'], 0)
        self.assertEqual(self.target.names(), before)

    def test_while_the_source_is_written_to(self):
        name = 'busy'
        c = self.client
        base = np.arange(BUSY_ROWS, dtype=np.int64) * 10
        bulk.make(c, name, BUSY_DIM)
        self.addCleanup(c.drop, name)
        bulk.fill(c, name, base, BUSY_DIM)
        c.count(name)
        live = {int(key): 0 for key in base}
        other = self.lab.client()
        self.addCleanup(other.close)

        def listen(process, event):
            if event.get('event') == 'progress' and event['rows'] > 0.4 * BUSY_ROWS:
                signal_process(process)

        for number, kill in enumerate((True, False)):
            before = dict(live)
            writer = Writer(other, name, number, live, BUSY_ROWS, BUSY_DIM)
            writer.start()
            try:
                writer.begun.wait(60)
                run = self.copy('-c', name, on_event=listen if kill else None)
            finally:
                writer.stopping.set()
                writer.join()
            self.assertIsNone(writer.error)
            self.assertGreater(writer.calls, 5, 'the writer came between')
            self.assertEqual(run.code, -signal.SIGKILL if kill else 0, run)
        outcome = run.result['collections'][0]
        self.assertTrue(outcome['resumed'])
        self.assertTrue(outcome['fuzzy'])
        ids, versions, vectors = bulk.read(self.target, name, base)
        self.assertEqual(vectors.tobytes(), bulk.vectors(ids, versions, BUSY_DIM).tobytes())
        self.check(before, writer.history, dict(zip(ids.tolist(), versions.tolist())))
        print(f'{len(writer.history)} keys touched; the second run wrote {outcome["rows_written"]} rows')

    def check(self, before, history, found):
        untouched = {key: version for key, version in before.items()
                     if key not in history and version != ABSENT}
        self.assertEqual({key: version for key, version in found.items() if key not in history},
                         untouched)
        for key, versions in history.items():
            self.assertIn(found.get(key, ABSENT), versions, f'key {key} had versions {versions}')


if __name__ == '__main__':
    unittest.main()
