"""A real server kept equal to another: only differences written, killed in the middle, while the
source is written to, against foreign writes; partitions, aliases, indexes, collections that come and
go. A client of its own says what is there, and the target's own metrics what was written."""

import re
import signal
import unittest
import urllib.request

import numpy as np

import bulk
from concurrent_test import ABSENT, Writer
from harness import TwoServersTest, T, column, field, floats, signal_process

DIM, ROWS = 64, 40_000
BUSY_DIM, BUSY_ROWS = 32, 25_000


class SyncTest(TwoServersTest):
    def tearDown(self):
        for client in (self.client, self.target):
            for name in client.names():
                for alias in client.describe(name).aliases:
                    client.call('DropAlias', alias=alias)
                client.drop(name)

    def sync(self, *words, **options):
        return self.aerie.json('sync', self.lab.uri, self.other.uri, *words, **options)

    def synced(self, *words):
        """Of the only collection."""
        run = self.sync(*words)
        self.assertEqual(run.code, 0, run)
        self.assertEqual(len(run.result['collections']), 1, run)
        return run.result['collections'][0]

    def counts(self, outcome):
        return outcome['inserted'], outcome['updated'], outcome['deleted']

    def upserted(self):
        """Rows that the target was ever asked to upsert, by its own account."""
        with urllib.request.urlopen(f'http://{self.other.ready["metrics"]}/metrics', timeout=10) as answer:
            text = answer.read().decode()
        found = re.findall(r'^milvus_proxy_upsert_vectors_count\{.*\} ([0-9.e+]+)$', text, re.M)
        return sum(int(float(value)) for value in found)

    def assert_equal(self, name, keys):
        ids, versions, vectors = bulk.read(self.client, name, keys)
        there = bulk.read(self.target, name, keys)
        self.assertTrue(np.array_equal(ids, there[0]))
        self.assertTrue(np.array_equal(versions, there[1]))
        self.assertEqual(vectors.tobytes(), there[2].tobytes())

    def write(self, name, keys, version, dim=DIM):
        self.client.upsert(name, bulk.columns(keys, np.full(len(keys), version), dim))

    def test_only_what_differs_is_written(self):
        name = 'docs'
        keys = np.arange(ROWS, dtype=np.int64) * 3
        bulk.make(self.client, name, DIM)
        bulk.fill(self.client, name, keys, DIM)
        first = self.synced()
        self.assertEqual(first['how'], 'copied')
        self.assertEqual(self.counts(first), (ROWS, 0, 0))
        self.assertEqual(self.counts(self.synced()), (0, 0, 0))

        # One percent.
        self.client.insert(name, bulk.columns(keys[:200] * 200 + 1, np.zeros(200), DIM))
        self.write(name, keys[::200], 1)
        self.client.delete(name, f'id in {keys[5:10005:100].tolist()}')
        plan = self.sync('--dry-run').result
        self.assertEqual(plan['status'], 'planned')
        self.assertEqual(self.counts(plan), (200, 200, 100))
        before = self.upserted()
        round_ = self.synced()
        self.assertEqual(round_['how'], 'digests')
        self.assertEqual(self.counts(round_), (200, 200, 100))
        self.assertEqual(self.upserted() - before, 400, 'rows that the target was asked to upsert')
        self.assertLess(round_['lag_seconds'], 60)
        self.assert_equal(name, keys)
        print(f'1 % of {ROWS} rows: {round_["seconds"]:.1f} s, the copy {first["seconds"]:.1f} s')

        # Somebody else writes to the target.
        self.target.insert(name, bulk.columns([2], [7], DIM))
        self.target.upsert(name, bulk.columns(keys[30:40], np.full(10, 9), DIM))
        repaired = self.synced()
        self.assertEqual(repaired['how'], 'audited')
        self.assertEqual(self.counts(repaired), (0, 10, 1))
        self.assertIn('11 rows right', ' '.join(repaired['warnings']))
        self.target.upsert(name, bulk.columns(keys[30:40], np.full(10, 9), DIM))
        self.assertEqual(self.counts(self.synced()), (0, 0, 0), 'as many as before')
        self.assertEqual(self.counts(self.synced('--audit')), (0, 10, 0))
        self.assert_equal(name, keys)

    def test_killed_in_the_middle(self):
        name = 'docs'
        keys = np.arange(ROWS, dtype=np.int64)
        bulk.make(self.client, name, DIM)
        bulk.fill(self.client, name, keys, DIM)
        self.synced()

        def listen(process, event):
            if event.get('event') == 'progress' and event['rows'] > 0.6 * ROWS:
                signal_process(process)

        # They go to version 1, which arrives, and back; some go and come again.
        self.write(name, keys[::2], 1)
        self.client.insert(name, bulk.columns(keys[:500] + ROWS, np.zeros(500), DIM))
        # So many calls make each small.
        killed = self.sync('--limit-rows', '15000/s', '--writers', '16', on_event=listen)
        self.assertEqual(killed.code, -signal.SIGKILL, killed)
        changed = np.count_nonzero(bulk.read(self.target, name, keys)[1])
        self.assertGreater(changed, 1000, 'some had arrived')
        self.write(name, keys[::2], 0)
        self.client.delete(name, f'id in {(keys[:500] + ROWS).tolist()}')
        again = self.synced()
        self.assertEqual(again['how'], 'digests')
        self.assert_equal(name, keys)
        self.assertEqual(np.count_nonzero(bulk.read(self.target, name, keys)[1]), 0)
        print(f'{changed} rows had arrived; the round after it wrote {again["updated"]}')

    def test_while_the_source_is_written_to(self):
        name = 'busy'
        base = np.arange(BUSY_ROWS, dtype=np.int64) * 10
        bulk.make(self.client, name, BUSY_DIM)
        bulk.fill(self.client, name, base, BUSY_DIM)
        self.synced()
        live = {int(key): 0 for key in base}
        before = dict(live)
        other = self.lab.client()
        self.addCleanup(other.close)
        writer = Writer(other, name, 5, live, BUSY_ROWS, BUSY_DIM)
        writer.start()
        try:
            writer.begun.wait(60)
            outcome = self.synced()
        finally:
            writer.stopping.set()
            writer.join()
        self.assertIsNone(writer.error)
        self.assertTrue(outcome['fuzzy'])
        ids, versions, vectors = bulk.read(self.target, name, base)
        self.assertEqual(vectors.tobytes(), bulk.vectors(ids, versions, BUSY_DIM).tobytes())
        found = dict(zip(ids.tolist(), versions.tolist()))
        for key, had in writer.history.items():
            self.assertIn(found.pop(key, ABSENT), had, f'key {key}')
            before.pop(key, None)
        self.assertEqual(found, before)
        self.synced()
        self.assert_equal(name, base)

    def test_schema_collections_and_partitions(self):
        for name in ('parted', 'going', 'plain'):
            self.make(name)
        self.client.call('CreateAlias', collection_name='plain', alias='current')
        self.assertEqual(self.sync().code, 0)
        self.assertEqual(self.target.describe('current').schema.name, 'plain')

        # A row moves, a partition comes, one goes with its rows; collections come and go.
        self.client.call('Delete', collection_name='parted', partition_name='a', expr='key in ["k1"]')
        self.put('parted', 'b', ['k1'])
        self.client.add_partition('parted', 'new')
        self.put('parted', 'new', ['n1', 'n2'])
        self.client.release('parted', ['gone'])
        self.client.call('DropPartition', collection_name='parted', partition_name='gone')
        self.client.drop('going')
        self.make('fresh')
        self.client.call('AlterAlias', collection_name='fresh', alias='current')
        self.client.call('AlterCollection', collection_name='plain',
                         properties=[{'key': 'collection.ttl.seconds', 'value': '86400'}])
        run = self.sync()
        self.assertEqual(run.code, 0, run)
        outcomes = {one['name']: one for one in run.result['collections']}
        self.assertEqual(outcomes['default.going']['how'], 'gone')
        self.assertEqual(outcomes['default.fresh']['how'], 'copied')
        self.assertEqual(self.counts(outcomes['default.parted']), (3, 0, 1))
        self.assertEqual(outcomes['default.parted']['schema'],
                         ['partition new: made', 'partition gone: dropped'])
        self.assertEqual(self.target.describe('current').schema.name, 'fresh')
        self.assertIn('going', self.target.names())
        for name in ('parted', 'plain', 'fresh'):
            self.assertEqual(self.client.spec(name), self.target.spec(name))
            there = self.target.contents(name)
            for partition, rows in self.client.contents(name).items():
                self.assert_same_rows(rows, there[partition], f'{name}/{partition}')
        refused = self.sync('--prune-extra')
        self.assertEqual(refused.code, 8, refused)
        self.assertEqual(self.sync('--prune-extra', '--yes').code, 0)
        self.assertEqual(self.target.names(), self.client.names())

    def test_an_index_that_changed(self):
        self.make('plain')
        self.synced()
        self.client.release('plain')
        self.client.call('DropIndex', collection_name='plain', field_name='vector',
                         index_name='by_vector')
        self.client.index('plain', 'vector', {'index_type': 'IVF_FLAT', 'metric_type': 'L2',
                                              'params': '{"nlist": 16}'}, 'by_vector')
        self.client.load('plain')
        told = self.synced()
        self.assertIn('--rebuild-indexes', ' '.join(told['warnings']))
        changed = self.synced('--rebuild-indexes')
        self.assertEqual(len(changed['schema']), 2, changed)
        self.assertEqual(self.client.spec('plain'), self.target.spec('plain'))

    def test_rounds_until_an_interrupt(self):
        self.make('plain')
        rounds = []

        def listen(process, event):
            if event.get('event') != 'round':
                return
            rounds.append(event)
            if len(rounds) == 1:
                self.client.delete('plain', 'key in ["k1"]')
            if len(rounds) == 2:  # long before the next one is due
                signal_process(process, signal.SIGINT)

        run = self.sync('--every', '10s', on_event=listen)
        self.assertEqual(run.code, 0, run)
        self.assertEqual(rounds[0]['inserted'], 20)
        self.assertEqual(self.counts(rounds[1]), (0, 0, 1))
        self.assertLess(rounds[-1]['lag_seconds'], 30)

        # Another server has the name: nothing of it is touched.
        self.target.drop('plain')
        self.make('plain', self.target, first='x')
        refused = self.sync()
        self.assertEqual(refused.code, 8, refused)
        self.assertIn('20 rows that the source has not', refused.error)
        self.assertEqual(self.sync('--adopt').code, 8, 'not without --yes')
        self.assertEqual(self.target.count('plain'), 20)
        self.assertEqual(self.sync('--adopt', '--yes').code, 0)
        self.assertEqual(self.target.count('plain'), 19)

    def make(self, name, client=None, first='k'):
        """A text as its key; three partitions besides its own when it is `parted`."""
        c = client or self.client
        c.create(name, [field('key', T.VarChar, key=True, max_length=100),
                        field('vector', T.FloatVector, dim=4)], dynamic=False)
        c.index(name, 'vector', {'index_type': 'HNSW', 'metric_type': 'L2',
                                 'params': '{"M": 8, "efConstruction": 32}'}, 'by_vector')
        if name == 'parted':
            for partition in ('a', 'b', 'gone'):
                c.add_partition(name, partition)
        c.load(name)
        self.put(name, 'a' if name == 'parted' else '', [f'{first}{n}' for n in range(20)], c)
        if name == 'parted':
            self.put(name, 'gone', ['g'], c)

    def put(self, name, partition, keys, client=None):
        (client or self.client).insert(
            name, [column('key', T.VarChar, keys),
                   column('vector', T.FloatVector, floats(range(len(keys) * 4)), dim=4)], partition)


if __name__ == '__main__':
    unittest.main()
