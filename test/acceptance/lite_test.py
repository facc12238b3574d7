"""milvus-lite 3.2.2: newer wire messages, nullable columns and defaults, as far as it keeps them."""

import random
import unittest

from pymilvus.grpc_gen import schema_pb2

from harness import (STRONG, AcceptanceTest, Lab, T, cells_of, column, dynamic, field, floats,
                     rows_of)


def nullable(name, data_type, cells):
    """Packed as newer servers want it: the values of the valid rows alone."""
    made = column(name, data_type, [cell for cell in cells if cell is not None])
    made.valid_data.extend(cell is not None for cell in cells)
    return made


class LiteTest(AcceptanceTest):
    LAB = ('lite',)

    def make(self, name, count):
        rng = random.Random(name)
        c = self.client
        number = schema_pb2.ValueField(int_data=42)
        text = schema_pb2.ValueField(string_data='none')
        c.create(name, [field('id', T.Int64, key=True),
                        field('maybe', T.Int64, nullable=True),
                        field('words', T.VarChar, nullable=True, max_length=100),
                        field('number', T.Int32, default=number),
                        field('text', T.VarChar, default=text, max_length=100),
                        field('json', T.JSON),
                        field('vector', T.FloatVector, dim=8)], dynamic=True, level=STRONG)
        c.index(name, 'vector', {'index_type': 'FLAT', 'metric_type': 'L2', 'params': '{}'})
        c.load(name)
        keys = rng.sample(range(-1 << 40, 1 << 40), count)
        columns = [
            column('id', T.Int64, keys),
            nullable('maybe', T.Int64, [rng.choice((None, 0, 7)) for _ in keys]),
            nullable('words', T.VarChar, [rng.choice((None, '', 'ü"\\')) for _ in keys]),
            column('number', T.Int32, [rng.choice((42, 0, -1)) for _ in keys]),
            column('text', T.VarChar, [rng.choice(('none', '', 'x')) for _ in keys]),
            column('json', T.JSON, [b'{"a":[1,{"b":null}]}' for _ in keys]),
            column('vector', T.FloatVector, floats([rng.gauss(0, 1) for _ in range(8 * count)]), dim=8),
            dynamic([b'{"extra":%d}' % i for i in range(count)]),
        ]
        c.insert(name, columns)
        return rows_of(columns, 'id')

    def test_nulls_and_defaults(self):
        inserted = self.make('maybes', 2000)
        before = self.client.rows('maybes')
        # What the server says of its own rows, is what must come back; nulls it keeps.
        self.assertEqual(len(before), len(inserted))
        for name in ('maybe', 'words', 'number', 'text', 'vector'):
            self.assertEqual({key: row[name] for key, row in before.items()},
                             {key: row[name] for key, row in inserted.items()}, name)
        spec = self.client.describe('maybes').schema
        repo = self.scratch.new()
        made = self.back_up(repo, '-c', 'maybes')
        self.assertEqual(made['rows'], 2000)
        self.ok('backup', 'verify', '--read-data', '--repo', repo)
        self.ok('backup', 'verify', '--against', self.lab.uri, '--repo', repo)
        self.client.drop('maybes')
        self.restore(repo)
        again = self.client.describe('maybes').schema
        for old, new in zip(spec.fields, again.fields, strict=True):
            self.assertEqual((old.name, old.data_type, old.nullable, old.default_value),
                             (new.name, new.data_type, new.nullable, new.default_value))
        self.assert_same_rows(before, self.client.rows('maybes'), 'maybes')

    def test_from_lite_to_the_real_server_nulls_are_refused_before_anything_starts(self):
        self.make('fragile', 20)
        repo = self.scratch.new()
        self.back_up(repo, '-c', 'fragile')
        real = Lab('milvus')
        self.addCleanup(real.stop)
        planned = self.ok('restore', 'latest', '--dry-run', '--to', real.uri, '--repo', repo)
        self.assertTrue(planned['collections'][0]['cannot_keep'])
        run = self.aerie.json('restore', 'latest', '--to', real.uri, '--repo', repo)
        self.assertEqual(run.code, 8, run)
        self.assertIn('fragile', run.error)
        client = real.client()
        self.addCleanup(client.close)
        self.assertEqual(client.names(), [])

    def test_text_keys(self):
        c = self.client
        c.create('texts', [field('name', T.VarChar, key=True, max_length=1000),
                           field('vector', T.FloatVector, dim=4)])
        c.index('texts', 'vector', {'index_type': 'FLAT', 'metric_type': 'L2', 'params': '{}'})
        c.load('texts')
        keys = ['a', 'é', 'a b', '日本', 'x' * 900, '9', "it's", 'Z']
        columns = [column('name', T.VarChar, keys),
                   column('vector', T.FloatVector, floats([0.5] * 4 * len(keys)), dim=4)]
        c.insert('texts', columns)
        repo = self.scratch.new()
        self.back_up(repo, '-c', 'texts')
        self.restore(repo, '--suffix', '_2', '-c', 'texts')
        rows = c.query('texts_2', 'name >= ""')
        self.assertEqual({row['name']: row for row in cells_of(rows)}, rows_of(columns, 'name'))


if __name__ == '__main__':
    unittest.main()
