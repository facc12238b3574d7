"""Round trips on a real Milvus 2.3.5: what was inserted is backed up, dropped, restored, and read
back cell by cell. Every type that the server has, every kind of key, all that a collection is."""

import json
import random
import struct
import unittest

from harness import (BOUNDED, INT64_MAX, INT64_MIN, STRONG, AcceptanceTest, T, cells_of, column,
                     doubles, dynamic, field, floats, rows_of, tree)

IVF = {'index_type': 'IVF_FLAT', 'metric_type': 'L2', 'params': '{"nlist": 16}'}
FLAT = {'index_type': 'FLAT', 'metric_type': 'L2', 'params': '{}'}
BIN_FLAT = {'index_type': 'BIN_FLAT', 'metric_type': 'HAMMING', 'params': '{}'}
ELEMENTS = {'bool': T.Bool, 'int8': T.Int8, 'int16': T.Int16, 'int32': T.Int32, 'int64': T.Int64,
            'float': T.Float, 'double': T.Double, 'varchar': T.VarChar}
INTEGER_BITS = {'int8': 8, 'int16': 16, 'int32': 32, 'int64': 64}

# By their bits: quiet and signalling NaN with payloads, infinities, zeros, denormals, extremes.
ODD_FLOATS = [struct.pack('<I', bits) for bits in (
    0x7fc00000, 0xffc00001, 0x7f800001, 0x7fabcdef, 0x7f800000, 0xff800000, 0x00000000, 0x80000000,
    0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x3f800000)]
ODD_DOUBLES = [struct.pack('<Q', bits) for bits in (
    0x7ff8000000000000, 0xfff8000000000001, 0x7ff0000000000001, 0x7ff0000000000000,
    0xfff0000000000000, 0x0000000000000000, 0x8000000000000000, 0x0000000000000001,
    0x8000000000000001, 0x000fffffffffffff, 0x7fefffffffffffff, 0x3ff0000000000000)]
ODD_TEXTS = ['', ' ', '"', "'", '\\', '\\\\', '\\"', '\n', '\r\n', '\t', 'a"b\\c\nd', '%', '%s',
             'NULL', 'true', '日本語', 'é', 'e\u0301', '🦅', '\u2028', '\x01', '\x7f', "'; drop", '${env:HOME}',
             '{"a": 1}', '../x', 'x' * 500]
ODD_JSON = [b'{}', b'[]', b'null', b'0', b'-0.0', b'1.0', b'1', b'"text"', b'true',
            b'{"b": 1, "a": 2}', b'{ "spaces" :  1 }', b'12345678901234567890', b'1e300',
            b'{"deep": {"er": [1, {"est": [null, "\\u00e9"]}]}}', '{"é": "🦅"}'.encode(),
            b'{"dup": 1, "dup": 2}']


def int64_keys(rng, count):
    """Negative, dense, sparse, random, and the ends of the range that the server can answer."""
    keys = [INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, *range(-50, -40), *range(1000, 1100),
            *(7_000_000_000 * i for i in range(1, 50))]
    keys = set(keys)
    while len(keys) < count:
        keys.add(rng.randint(INT64_MIN, INT64_MAX - 1))
    keys = list(keys)
    rng.shuffle(keys)
    return keys


def varchar_keys(rng):
    keys = set(ODD_TEXTS)
    # The whole length that the server knows, and keys that differ only at their very end.
    keys |= {'k' * 65535, 'k' * 65534, 'k' * 65534 + 'l', '日' * (65535 // 3)}
    keys |= {f'{chr(rng.randint(33, 126))}{rng.randint(0, 1 << 60):x}' for _ in range(500)}
    keys |= {rng.choice(ODD_TEXTS[1:-1]) * rng.randint(2, 5) + str(i) for i in range(200)}
    keys = sorted(keys)
    rng.shuffle(keys)
    return keys


def values(rng, kind, count):
    """What `scalars` takes for `count` cells."""
    if kind == 'bool':
        return [rng.random() < 0.5 for _ in range(count)]
    if kind in INTEGER_BITS:
        high = 1 << (INTEGER_BITS[kind] - 1)
        return [rng.choice((-high, high - 1, 0, -1, rng.randint(-high, high - 1)))
                for _ in range(count)]
    if kind == 'float':
        return b''.join(rng.choice(ODD_FLOATS) if rng.random() < 0.5 else floats([rng.gauss(0, 1)])
                        for _ in range(count))
    if kind == 'double':
        return b''.join(rng.choice(ODD_DOUBLES) if rng.random() < 0.5 else doubles([rng.gauss(0, 1)])
                        for _ in range(count))
    return [rng.choice(ODD_TEXTS) for _ in range(count)]


def odd_objects(rng, count):
    """JSON cells; this server takes objects only."""
    return [b'{"v": %s }' % rng.choice(ODD_JSON) for _ in range(count)]


def vectors(rng, count, dim):
    """Finite floats, as the server demands: -0 and denormals among them."""
    finite = [raw for raw in ODD_FLOATS if raw[3] & 127 != 127 or raw[2] < 128]
    return b''.join(rng.choice(finite) if rng.random() < 0.1 else floats([rng.gauss(0, 1)])
                    for _ in range(count * dim))


def every_type_fields(key_field):
    made = [key_field]
    for kind, element in ELEMENTS.items():
        length = {'max_length': 2000} if kind == 'varchar' else {}
        made.append(field(f'f_{kind}', element, description=f'a {kind}', **length))
        made.append(field(f'a_{kind}', T.Array, element=element, max_capacity=20, **length))
    made.append(field('f_json', T.JSON))
    made.append(field('vector', T.FloatVector, dim=8))
    return made


def every_type_columns(rng, key_column, count):
    made = [key_column]
    for kind, element in ELEMENTS.items():
        made.append(column(f'f_{kind}', element, values(rng, kind, count)))
        # Empty arrays too.
        made.append(column(f'a_{kind}', T.Array,
                           [values(rng, kind, rng.choice((0, 1, 3, 20))) for _ in range(count)],
                           element=element))
    made.append(column('f_json', T.JSON, odd_objects(rng, count)))
    made.append(column('vector', T.FloatVector, vectors(rng, count, 8), dim=8))
    nested = [json.dumps({'i': i, 'n': {'list': [1, [2.5, {'x': None}]], 'é': rng.choice(ODD_TEXTS)}}).encode()
              if i % 3 else b'{}' for i in range(count)]
    made.append(dynamic(nested))
    return made


class RoundTripTest(AcceptanceTest):
    LAB = ('milvus',)

    def setUp(self):
        self.rng = random.Random(self.id())
        self.repo = self.scratch.new()
        self.addCleanup(self.drop_everything)

    def drop_everything(self):
        for name in self.client.names():
            for alias in self.client.describe(name).aliases:
                self.client.call('DropAlias', alias=alias)
            self.client.drop(name)

    def make_every_type(self, name='every_type', count=1500):
        """Partitions north (full), south (full, released), empty; returns partition -> rows."""
        c = self.client
        c.create(name, every_type_fields(field('id', T.Int64, key=True)), dynamic=True, shards=2,
                 level=BOUNDED, properties={'collection.ttl.seconds': 864000},
                 description='every type "quoted"')
        for partition in ('north', 'south', 'empty'):
            c.add_partition(name, partition)
        c.index(name, 'vector', {'index_type': 'HNSW', 'metric_type': 'COSINE',
                                 'params': '{"M": 8, "efConstruction": 32}'}, 'vector_hnsw')
        c.index(name, 'f_int32', {'index_type': 'STL_SORT'}, 'by_number')
        c.index(name, 'f_varchar', {'index_type': 'Trie'}, 'by_text')
        keys = int64_keys(self.rng, count)
        expected = {'empty': {}}
        third = count // 3
        for i, partition in enumerate(('_default', 'north', 'south')):
            part = keys[i * third:(i + 1) * third]
            columns = every_type_columns(self.rng, column('id', T.Int64, part), len(part))
            c.insert(name, columns, partition)
            expected[partition] = rows_of(columns, 'id')
        c.call('CreateAlias', collection_name=name, alias=f'{name}_today')
        c.call('CreateAlias', collection_name=name, alias=f'{name}_best')
        c.load(name)
        return expected

    def drop(self, name):
        for alias in self.client.describe(name).aliases:
            self.client.call('DropAlias', alias=alias)
        self.client.drop(name)

    def test_every_type(self):
        expected = self.make_every_type()
        self.assert_contents('every_type', expected)  # the server itself keeps them
        spec = self.client.spec('every_type')
        made = self.back_up(self.repo)
        self.assertEqual(made['rows'], sum(len(rows) for rows in expected.values()))
        self.assertEqual(self.client.spec('every_type'), spec, 'a backup changes nothing')
        self.ok('backup', 'verify', '--read-data', '--repo', self.repo)
        self.ok('backup', 'verify', '--against', self.lab.uri, '--repo', self.repo)

        self.drop('every_type')
        result = self.restore(self.repo)
        self.assertEqual(result['rows'], made['rows'])
        self.assertEqual(result['collections'][0]['digest'], made['collections'][0]['digest'])
        self.assertEqual(self.client.names(), ['every_type'])
        self.assertEqual(self.client.spec('every_type'), spec)
        self.assert_contents('every_type', expected)
        self.ok('diff', 'latest', self.lab.uri, '--repo', self.repo)

    def test_a_released_partition_is_released_again(self):
        expected = self.make_every_type(count=300)
        self.client.release('every_type', ['south'])
        states = self.client.load_states('every_type')
        self.assertNotEqual(states['south'], states['north'])
        made = self.back_up(self.repo)
        self.assertEqual(made['rows'], sum(len(rows) for rows in expected.values()))
        self.assertEqual(self.client.load_states('every_type'), states)

        self.drop('every_type')
        self.restore(self.repo)
        self.assertEqual(self.client.load_states('every_type'), states)
        self.client.load('every_type', ['south'])
        self.assert_contents('every_type', expected)

    def make_varchar_keys(self, name='texts'):
        keys = varchar_keys(self.rng)
        c = self.client
        c.create(name, [field('name', T.VarChar, key=True, max_length=65535),
                        field('n', T.Int64), field('any', T.JSON),
                        field('bits', T.BinaryVector, dim=64)], level=STRONG)
        c.index(name, 'bits', BIN_FLAT)
        columns = [column('name', T.VarChar, keys),
                   column('n', T.Int64, values(self.rng, 'int64', len(keys))),
                   column('any', T.JSON, odd_objects(self.rng, len(keys))),
                   column('bits', T.BinaryVector, self.rng.randbytes(8 * len(keys)), dim=64)]
        c.insert(name, columns)
        return {'_default': rows_of(columns, 'name')}

    def test_text_keys_of_a_collection_that_is_not_loaded(self):
        expected = self.make_varchar_keys()
        spec = self.client.spec('texts')
        self.assertEqual(spec['load'][''], 1)
        refused = self.aerie.json('backup', 'create', '--cluster', self.lab.uri, '--repo', self.repo,
                                  '--no-load')
        self.assertEqual(refused.code, 8, refused)
        self.assertIn('texts', refused.error)
        self.assertEqual(self.back_up(self.repo)['rows'], len(expected['_default']))
        self.assertEqual(self.client.spec('texts'), spec, 'the load state is put back')

        self.drop('texts')
        self.restore(self.repo)
        self.assertEqual(self.client.spec('texts'), spec)
        self.client.load('texts')
        self.assert_contents('texts', expected)

    def test_partition_key(self):
        c = self.client
        c.create('keyed', [field('id', T.Int64, key=True),
                           field('tenant', T.VarChar, partition_key=True, max_length=100),
                           field('vector', T.FloatVector, dim=8)], num_partitions=7, dynamic=True)
        c.index('keyed', 'vector', FLAT)
        keys = int64_keys(self.rng, 800)
        columns = [column('id', T.Int64, keys),
                   column('tenant', T.VarChar, [f'tenant "{self.rng.randint(0, 40)}"' for _ in keys]),
                   column('vector', T.FloatVector, vectors(self.rng, len(keys), 8), dim=8),
                   dynamic([b'{"a":1}'] * len(keys))]
        c.insert('keyed', columns)
        c.load('keyed')
        spec = c.spec('keyed')
        self.assertEqual(spec['num_partitions'], 7)
        self.back_up(self.repo)
        self.drop('keyed')
        self.restore(self.repo)
        self.assertEqual(c.spec('keyed'), spec)
        self.assert_contents('keyed', {'': rows_of(columns, 'id')})

    def test_no_row_and_one_row(self):
        expected = {}
        for name, count in (('none', 0), ('one', 1)):
            self.client.create(name, [field('id', T.Int64, key=True),
                                      field('vector', T.FloatVector, dim=8)])
            self.client.index(name, 'vector', IVF)
            columns = [column('id', T.Int64, [-7] * count),
                       column('vector', T.FloatVector, vectors(self.rng, count, 8), dim=8)]
            if count:
                self.client.insert(name, columns)
            self.client.load(name)
            expected[name] = {'_default': rows_of(columns, 'id') if count else {}}
        specs = {name: self.client.spec(name) for name in expected}
        self.assertEqual(self.back_up(self.repo)['rows'], 1)
        for name in expected:
            self.drop(name)
        self.restore(self.repo)
        for name in expected:
            self.assertEqual(self.client.spec(name), specs[name])
            self.assert_contents(name, expected[name])

    def test_a_collection_without_an_index(self):
        self.client.create('bare', [field('id', T.Int64, key=True),
                                    field('vector', T.FloatVector, dim=8)])
        columns = [column('id', T.Int64, [1, 2]),
                   column('vector', T.FloatVector, vectors(self.rng, 2, 8), dim=8)]
        self.client.insert('bare', columns)
        spec = self.client.spec('bare')
        self.assertEqual(self.back_up(self.repo)['rows'], 2)
        self.assertEqual(self.client.spec('bare'), spec, 'a backup leaves no index behind')
        self.drop('bare')
        self.restore(self.repo)
        self.assertEqual(self.client.spec('bare'), spec)
        self.client.index('bare', 'vector', FLAT)
        self.client.load('bare')
        self.assert_contents('bare', {'_default': rows_of(columns, 'id')})

    def test_a_second_database(self):
        self.client.call('CreateDatabase', db_name='warehouse')
        other = self.lab.client(db='warehouse')
        self.addCleanup(other.close)
        expected = {}
        for client, count in ((self.client, 30), (other, 50)):
            client.create('things', [field('id', T.Int64, key=True),
                                     field('vector', T.FloatVector, dim=8)])
            client.index('things', 'vector', FLAT)
            columns = [column('id', T.Int64, list(range(count))),
                       column('vector', T.FloatVector, vectors(self.rng, count, 8), dim=8)]
            client.insert('things', columns)
            client.call('CreateAlias', collection_name='things', alias='stuff')
            client.load('things')
            expected[client] = {'_default': rows_of(columns, 'id')}
        made = self.back_up(self.repo)
        self.assertEqual(sorted(c['name'] for c in made['collections']),
                         ['default.things', 'warehouse.things'])
        for client in expected:
            client.call('DropAlias', alias='stuff')
            client.drop('things')
        other.call('DropDatabase', db_name='warehouse')
        self.restore(self.repo)
        for client, contents in expected.items():
            self.assertEqual(client.names(), ['things'])
            self.assertEqual(list(client.describe('things').aliases), ['stuff'])
            actual = client.contents('things')
            self.assert_same_rows(contents['_default'], actual['_default'], client.db)
        # Into one database that is neither, by another name.
        self.restore(self.repo, '--only-database', 'warehouse', '--database', 'third',
                     '--rename', 'things=goods')
        third = self.lab.client(db='third')
        self.addCleanup(third.close)
        self.assertEqual(third.names(), ['goods'])
        self.assert_same_rows(expected[other]['_default'], third.contents('goods')['_default'])
        for client, name in ((third, 'goods'), (other, 'things')):
            for alias in client.describe(name).aliases:
                client.call('DropAlias', alias=alias)
            client.drop(name)
            client.call('DropDatabase', db_name=client.db)

    def test_generated_keys(self):
        c = self.client
        c.create('generated', [field('id', T.Int64, key=True, auto_id=True), field('n', T.Int64),
                               field('vector', T.FloatVector, dim=8)], auto_id=True)
        c.index('generated', 'vector', FLAT)
        columns = [column('n', T.Int64, list(range(500))),
                   column('vector', T.FloatVector, vectors(self.rng, 500, 8), dim=8)]
        keys = c.insert('generated', columns).IDs.int_id.data
        c.load('generated')
        expected = dict(zip(keys, cells_of(columns)))
        made = self.back_up(self.repo)
        self.assertEqual(made['rows'], 500)
        self.ok('backup', 'verify', '--against', self.lab.uri, '--repo', self.repo)

        before = c.names()
        refused = self.aerie.json('restore', 'latest', '--to', self.lab.uri, '--repo', self.repo,
                                  '--suffix', '_2')
        self.assertEqual(refused.code, 8, refused)
        self.assertIn('generated_2', refused.error)
        self.assertIn('--new-keys', refused.error)
        self.assertEqual(c.names(), before)

        self.restore(self.repo, '--suffix', '_2', '--new-keys')
        self.assertTrue(c.describe('generated_2').schema.fields[0].autoID)
        actual = c.rows('generated_2')
        self.assertEqual(len(actual), 500)
        self.assert_same_rows({row['n']: row for row in expected.values()},
                              {row['n']: {'n': row['n'], 'vector': row['vector']}
                               for row in actual.values()})

    def test_equal_keys_and_a_key_that_is_never_answered_are_reported(self):
        c = self.client
        c.create('copies', [field('id', T.Int64, key=True), field('n', T.Int64),
                            field('vector', T.FloatVector, dim=8)])
        c.index('copies', 'vector', FLAT)
        for version in range(3):
            columns = [column('id', T.Int64, [5, 6, 7 + version]),
                       column('n', T.Int64, [version] * 3),
                       column('vector', T.FloatVector, vectors(self.rng, 3, 8), dim=8)]
            c.insert('copies', columns)
        c.insert('copies', [column('id', T.Int64, [INT64_MAX]), column('n', T.Int64, [9]),
                            column('vector', T.FloatVector, vectors(self.rng, 1, 8), dim=8)])
        c.load('copies')
        run = self.aerie.json('backup', 'create', '--cluster', self.lab.uri, '--repo', self.repo)
        self.assertIn(run.code, (0, 3), run)
        self.assertEqual(run.result['rows'], 5)
        shown = self.ok('backup', 'show', 'latest', '--repo', self.repo)
        read = shown['snapshot']['collections'][0]['read']
        self.assertEqual((read['duplicate_keys'], read['unreadable_keys']), (4, 1), read)
        warnings = ' '.join(run.result['warnings'])
        self.assertIn('copies', warnings)
        self.assertIn(str(INT64_MAX), warnings)
        self.restore(self.repo, '--suffix', '_once')
        self.assertEqual(sorted(c.rows('copies_once')), [5, 6, 7, 8, 9])

    def test_no_key_is_lost_beside_keys_that_are_stored_several_times(self):
        c = self.client
        c.create('mixed', [field('id', T.Int64, key=True), field('n', T.Int64),
                           field('vector', T.FloatVector, dim=8)], shards=2)
        c.index('mixed', 'vector', FLAT)
        c.load('mixed')
        versions = {}
        for version, count in enumerate((3000, 1500, 10, 1, 400)):
            keys = self.rng.sample(range(4000), count)
            for key in keys:
                versions.setdefault(key, set()).add(version)
            c.insert('mixed', [column('id', T.Int64, keys), column('n', T.Int64, [version] * count),
                               column('vector', T.FloatVector, vectors(self.rng, count, 8), dim=8)])
            if version == 1:
                c.flush('mixed')
        surplus = sum(len(copies) for copies in versions.values()) - len(versions)
        self.assertGreater(surplus, 500)
        self.assertEqual(self.back_up(self.repo)['rows'], len(versions))
        shown = self.ok('backup', 'show', 'latest', '--repo', self.repo)
        read = shown['snapshot']['collections'][0]['read']
        self.assertEqual((read['duplicate_keys'], read['unreadable_keys']), (surplus, 0))
        self.restore(self.repo, '--suffix', '_once')
        restored = c.rows('mixed_once')
        self.assertEqual(sorted(restored), sorted(versions))
        for key, row in restored.items():
            self.assertIn(row['n'], versions[key])

    def test_conflicts(self):
        expected = self.make_every_type(count=300)
        self.back_up(self.repo)
        before = self.client.spec('every_type')
        refused = self.aerie.json('restore', 'latest', '--to', self.lab.uri, '--repo', self.repo)
        self.assertEqual(refused.code, 8, refused)
        self.assertIn('every_type', refused.error)
        # Rows that the snapshot has not: replaced away, but left by a merge.
        extra = every_type_columns(self.rng, column('id', T.Int64, [123456789]), 1)
        self.client.insert('every_type', extra, 'north')
        gone = next(iter(expected['north']))
        self.client.delete('every_type', f'id in [{gone}]' if gone > INT64_MIN else 'id < -9223372036854775807')
        self.restore(self.repo, '--on-conflict', 'merge')
        merged = dict(expected, north={**expected['north'], **rows_of(extra, 'id')})
        self.assert_contents('every_type', merged)
        unsure = self.aerie.json('restore', 'latest', '--to', self.lab.uri, '--repo', self.repo,
                                 '--on-conflict', 'replace')
        self.assertEqual(unsure.code, 8, unsure)
        self.assertIn('--yes', unsure.error)
        self.assert_contents('every_type', merged)
        self.restore(self.repo, '--on-conflict', 'replace', '--yes')
        self.assert_contents('every_type', expected)
        self.assertEqual(self.client.spec('every_type'), before)
        self.assertEqual(self.client.names(), ['every_type'])

    def test_filters(self):
        expected = self.make_every_type(count=600)
        self.make_varchar_keys()
        made = self.back_up(self.repo, '--collections', 'every_*', '--partitions', 'n*')
        self.assertEqual(made['rows'], len(expected['north']))
        made = self.back_up(self.repo, '-c', 'every_type', '--filter', 'id >= 0 and id < 5000')
        inside = [key for rows in expected.values() for key in rows if 0 <= key < 5000]
        self.assertEqual(made['rows'], len(inside))
        # A part of a collection is never taken for the latest backup of it.
        latest = self.aerie.json('backup', 'show', 'latest', '--repo', self.repo)
        self.assertEqual(latest.code, 7, latest)
        self.restore(self.repo, '--suffix', '_few', snapshot=made['snapshot'])
        found = {key for rows in self.client.contents('every_type_few').values() for key in rows}
        self.assertEqual(found, set(inside))
        made = self.back_up(self.repo, '-c', '!texts')
        self.assertEqual([c['name'] for c in made['collections']],
                         ['default.every_type', 'default.every_type_few'])

    def test_an_unchanged_collection_stores_nothing_again(self):
        self.make_every_type(count=900)
        first = self.back_up(self.repo)
        before = tree(self.repo)
        second = self.back_up(self.repo)
        self.assertLess(second['stored_bytes'], first['stored_bytes'] * 0.01)
        new = {path: size for path, size in tree(self.repo).items() if path not in before}
        self.assertTrue(all(not path.startswith('packs') for path in new), new)
        self.ok('backup', 'diff', first['snapshot'], second['snapshot'], '--repo', self.repo)


if __name__ == '__main__':
    unittest.main()
