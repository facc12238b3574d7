"""Exports of a real Milvus 2.3.5: files that pyarrow, DuckDB and pandas read as the server's own rows,
and that come back into a cluster the same, cell by cell."""

import glob
import hashlib
import json
import os
import random
import unittest

import duckdb
import numpy
import pandas
import pyarrow
import pyarrow.parquet

from harness import AcceptanceTest, T, column, dynamic, field, floats, rows_of, signal_process, tree
from types_test import FLAT, every_type_columns, every_type_fields, int64_keys, values, vectors

NAME = 'every_type'


def bits(array, width):
    """The elements of an Arrow array of numbers, as bytes."""
    raw = array.to_numpy(zero_copy_only=False).tobytes()
    return [raw[i:i + width] for i in range(0, len(raw), width)]


def plain_cells(array):
    """Cells of an Arrow array as the harness has them: floats by their bits."""
    if pyarrow.types.is_float32(array.type):
        return bits(array, 4)
    if pyarrow.types.is_float64(array.type):
        return bits(array, 8)
    return array.to_pylist()


def cells(name, array):
    if pyarrow.types.is_list(array.type) or pyarrow.types.is_large_list(array.type) or \
            pyarrow.types.is_fixed_size_list(array.type):
        elements = iter(plain_cells(array.flatten()))
        made = [tuple(next(elements) for _ in cell) for cell in array.to_pylist()]
        return [b''.join(cell) for cell in made] if name == 'vector' else made
    made = plain_cells(array)
    return [cell.encode() for cell in made] if name in ('f_json', '$meta') else made


def rows_of_table(table):
    named = {name: cells(name, table.column(name).combine_chunks()) for name in table.column_names}
    return {row['id']: row for row in (dict(zip(named, row)) for row in zip(*named.values()))}


class ExportTest(AcceptanceTest):
    LAB = ('milvus',)

    def setUp(self):
        self.rng = random.Random(self.id())
        self.repo = self.scratch.new()
        self.folder = self.scratch.new('export')
        self.addCleanup(self.drop_everything)

    def drop_everything(self):
        for name in self.client.names():
            for alias in self.client.describe(name).aliases:
                self.client.call('DropAlias', alias=alias)
            self.client.drop(name)

    def make_every_type(self, count=900):
        """partition -> rows, one of the partitions empty."""
        c = self.client
        c.create(NAME, every_type_fields(field('id', T.Int64, key=True)), dynamic=True)
        c.index(NAME, 'vector', FLAT)
        expected = {'empty': {}}
        keys = int64_keys(self.rng, count)
        for i, partition in enumerate(('_default', 'north')):
            if partition != '_default':
                c.add_partition(NAME, partition)
            part = keys[i::2]
            columns = every_type_columns(self.rng, column('id', T.Int64, part), len(part))
            c.insert(NAME, columns, partition)
            expected[partition] = rows_of(columns, 'id')
        c.add_partition(NAME, 'empty')
        c.load(NAME)
        return expected

    def make_wide(self, count, name='wide', dim=256):
        c = self.client
        c.create(name, [field('id', T.Int64, key=True), field('vector', T.FloatVector, dim=dim)])
        c.index(name, 'vector', FLAT)
        raw = numpy.random.default_rng(7).standard_normal(count * dim, dtype=numpy.float32).tobytes()
        step = 10_000
        for at in range(0, count, step):
            ids = list(range(at, min(at + step, count)))
            part = raw[4 * dim * ids[0]:4 * dim * (ids[-1] + 1)]
            c.insert(name, [column('id', T.Int64, ids), column('vector', T.FloatVector, part, dim=dim)])
        c.flush(name)
        c.load(name)

    def export(self, source, *options, **more):
        return self.ok('export', source, self.folder, *options, **more)

    def bring_in(self, *options, **more):
        return self.ok('import', self.folder, '--to', self.lab.uri, *options, **more)

    def manifest(self):
        with open(os.path.join(self.folder, 'manifest.json'), encoding='utf-8') as file:
            return json.load(file)

    def files(self):
        return [file for collection in self.manifest()['collections']
                for partition in collection['partitions'] for file in partition['files']]

    def path(self, partition, end='*.parquet'):
        return os.path.join(self.folder, 'default', NAME, f'partition-{partition}', end)

    def test_parquet_is_read_by_others_and_comes_back(self):
        expected = self.make_every_type()
        made = self.export(self.lab.uri)
        self.assertEqual(made['rows'], sum(len(rows) for rows in expected.values()))
        self.assertEqual(made['format'], 'parquet')
        for file in self.files():
            with open(os.path.join(self.folder, file['path']), 'rb') as stream:
                self.assertEqual(hashlib.sha256(stream.read()).hexdigest(), file['sha256'])
        for partition, rows in expected.items():
            found = glob.glob(self.path(partition))
            if not rows:
                self.assertEqual(found, [])
                continue
            table = pyarrow.parquet.read_table(os.path.dirname(found[0]))
            self.assertEqual(table.schema.field('vector').type, pyarrow.list_(
                pyarrow.field('element', pyarrow.float32(), False), 8))
            self.assert_same_rows(rows, rows_of_table(table), f'pyarrow, {partition}')
            duck = duckdb.sql(f"SELECT * FROM read_parquet('{self.path(partition)}')")
            self.assert_same_rows(rows, rows_of_table(duck.to_arrow_table()), f'DuckDB, {partition}')
            self.assertEqual(len(pandas.read_parquet(found[0])), len(rows))
        # Into a second collection, compared by the program and by the client.
        result = self.bring_in('--rename', f'{NAME}=second')
        self.assertEqual(result['rows'], made['rows'])
        self.assertEqual(result['collections'][0]['digest'], made['collections'][0]['digest'])
        self.ok('diff', f'{self.lab.uri}/default.{NAME}', f'{self.lab.uri}/default.second', '--rows-only')
        self.assert_contents('second', expected)

    def test_jsonl_of_a_snapshot_comes_back(self):
        expected = self.make_every_type()
        spec = self.client.spec(NAME)
        self.back_up(self.repo)
        made = self.export(f'latest/default.{NAME}', '--repo', self.repo, '--format', 'jsonl')
        self.assertEqual(made['rows'], sum(len(rows) for rows in expected.values()))
        with open(self.path('north', 'part-00000.jsonl'), encoding='utf-8') as lines:
            ids = [json.loads(line)['id'] for line in lines]
        self.assertEqual(ids, sorted(expected['north']))
        self.client.drop(NAME)
        self.bring_in()
        self.assertEqual(self.client.spec(NAME), spec)
        self.assert_contents(NAME, expected)
        self.ok('diff', 'latest', self.lab.uri, '--repo', self.repo)

    def test_a_part_of_the_rows(self):
        expected = self.make_every_type(300)
        made = self.export(self.lab.uri, '--partitions', 'nor*', '--filter', 'id >= 0')
        wanted = {key: row for key, row in expected['north'].items() if key >= 0}
        self.assertEqual(made['rows'], len(wanted))
        table = pyarrow.parquet.read_table(os.path.dirname(self.path('north')))
        self.assert_same_rows(wanted, rows_of_table(table))

    def test_text_keys_and_partition_keys(self):
        c = self.client
        c.create('keyed', [field('id', T.VarChar, key=True, max_length=100),
                           field('tenant', T.Int64, partition_key=True),
                           field('vector', T.FloatVector, dim=8)], num_partitions=3)
        c.index('keyed', 'vector', FLAT)
        columns = [column('id', T.VarChar, [f'é "{i}"' for i in range(200)]),
                   column('tenant', T.Int64, values(self.rng, 'int64', 200)),
                   column('vector', T.FloatVector, vectors(self.rng, 200, 8), dim=8)]
        c.insert('keyed', columns)
        c.load('keyed')
        self.export(self.lab.uri)
        path = os.path.join(self.folder, 'default', 'keyed')
        self.assert_same_rows(rows_of(columns, 'id'),
                              rows_of_table(pyarrow.parquet.read_table(path)))
        spec = c.spec('keyed')
        c.drop('keyed')
        self.bring_in()
        self.assertEqual(c.spec('keyed'), spec)
        self.assert_contents('keyed', {'': rows_of(columns, 'id')})

    def test_killed_and_run_again(self):
        self.make_wide(30_000)
        self.back_up(self.repo)
        words = ('export', 'latest', self.folder, '--repo', self.repo, '--file-size', '1MB')

        def kill_later(process, event):
            if event.get('rows', 0) > 8000:
                signal_process(process)

        # Slowly enough that it cannot end before it is killed.
        killed = self.aerie.json(*words, '--limit-download', '4MB/s', on_event=kill_later)
        self.assertEqual(killed.code, -9, killed)
        refused = self.aerie.json('import', self.folder, '--to', self.lab.uri)
        self.assertEqual(refused.code, 8, refused)
        self.assertIn('not finished', refused.error)
        planned = self.ok(*words, '--dry-run')
        self.assertGreater(planned['rows_kept'], 0)
        again = self.ok(*words)
        self.assertEqual(again['rows'], 30_000)
        self.assertEqual(again['collections'][0]['rows_kept'], planned['rows_kept'])
        self.assertEqual(set(tree(self.folder)), {'manifest.json', *(f['path'] for f in self.files())})
        self.bring_in('--rename', 'wide=second')
        self.ok('diff', f'{self.lab.uri}/default.wide', f'{self.lab.uri}/default.second', '--rows-only')

    def test_memory_does_not_grow_with_the_rows(self):
        peaks = []
        for count in (15_000, 90_000):
            self.make_wide(count, name=f'wide{count}')
            run = self.aerie.json('export', f'{self.lab.uri}/default.wide{count}',
                                  self.scratch.new('export'), '--file-size', '4MB')
            self.assertEqual(run.code, 0, run)
            self.assertEqual(run.result['rows'], count)
            peaks.append(run.peak_kib / 1024)
        # 77 MB more of vectors.
        self.assertLess(peaks[1], peaks[0] + 50, peaks)

    def refused(self, code, words, *args, **options):
        run = self.aerie.json(*args, **options)
        self.assertEqual(run.code, code, run)
        self.assertIn(words, run.error)

    def test_it_says_what_is_wrong(self):
        self.make_every_type(60)
        to = ('--to', self.lab.uri)
        planned = self.ok('export', self.lab.uri, self.folder, '--dry-run')
        self.assertEqual(planned['status'], 'planned')
        self.assertFalse(os.path.exists(self.folder), 'a dry run writes nothing')
        self.refused(1, 'scripts/setup', 'export', self.lab.uri, self.folder,
                     env={'AERIE_MODULE_DIR': '/nowhere'})
        self.refused(7, 'no-such', 'export', self.lab.uri, self.folder, '-c', 'no-such')
        self.refused(7, 'manifest.json', 'import', self.folder, *to)
        note = self.scratch.new('note')
        os.makedirs(note)
        with open(os.path.join(note, 'note.txt'), 'w', encoding='ascii') as file:
            file.write('mine')
        self.refused(8, 'note.txt', 'export', self.lab.uri, note)
        self.refused(2, 'not a folder', 'export', self.lab.uri, os.path.join(note, 'note.txt'))

        self.export(self.lab.uri)
        self.refused(8, 'finished export', 'export', self.lab.uri, self.folder)
        planned = self.ok('import', self.folder, *to, '--dry-run', '--suffix', '_2')
        self.assertEqual(planned['collections'][0]['to'], f'default.{NAME}_2')
        self.assertEqual(self.client.names(), [NAME])
        victim = self.files()[0]['path']
        path = os.path.join(self.folder, victim)
        with open(path, 'r+b') as file:
            whole = file.read()
            file.seek(len(whole) // 2)
            file.write(bytes([whole[len(whole) // 2] ^ 1]))
        self.refused(1, victim, 'import', self.folder, *to, '--suffix', '_2')
        os.remove(path)
        self.refused(7, victim, 'import', self.folder, *to, '--suffix', '_2')
        with open(path, 'wb') as file:
            file.write(whole)
        self.bring_in('--suffix', '_2')

        manifest = self.manifest()
        manifest['aerie_export'] = 99
        with open(os.path.join(self.folder, 'manifest.json'), 'w', encoding='utf-8') as file:
            json.dump(manifest, file)
        self.refused(1, 'version 99', 'import', self.folder, *to)

    # ---- files of other programs ----

    def write(self, name, text):
        path = os.path.join(self.scratch.new('others'), name)
        os.makedirs(os.path.dirname(path))
        with open(path, 'w', encoding='utf-8', newline='') as file:
            file.write(text)
        return path

    def mapping(self, text):
        return '--mapping', self.write('mapping.yaml', text)

    def rows_there(self, name):
        return {key: row for rows in self.client.contents(name).values() for key, row in rows.items()}

    def test_files_of_others_become_a_collection(self):
        """The same rows from pandas (Parquet, CSV), pyarrow and NumPy, shuffled, into a new collection each."""
        count, dim = 3000, 8
        rng = numpy.random.default_rng(3)
        ids = rng.permutation(count) - 100
        vector = rng.standard_normal((count, dim)).astype(numpy.float32)
        titles = [f'title {i}, "é"\nline' for i in ids]
        year = (ids % 300 - 20).astype(numpy.int16)
        columns = [column('id', T.Int64, ids.tolist()), column('title', T.VarChar, titles),
                   column('year', T.Int16, year.tolist()), column('vector', T.FloatVector, vector.tobytes(), dim=dim)]
        expected = rows_of(columns, 'id')
        folder = self.scratch.new('others')
        os.makedirs(folder)
        frame = pandas.DataFrame({'id': ids, 'title': titles, 'year': year,
                                  'vector': [v.astype(float).tolist() for v in vector]})
        frame.to_parquet(f'{folder}/pandas.parquet')  # vectors are lists of doubles
        frame['vector'] = [json.dumps(v) for v in frame['vector']]
        frame.to_csv(f'{folder}/pandas.csv', index=False)
        os.makedirs(f'{folder}/arrays')
        for name, array in (('id', ids), ('title', numpy.array(titles)), ('year', year.astype('>i2')),
                            ('vector', vector)):
            numpy.save(f'{folder}/arrays/{name}.npy', array)
        said = self.mapping("""
fields:
  id: {type: Int64}
  title: {type: VarChar, max_length: 100}
  year: {type: Int16}
  vector: {type: FloatVector, dim: 8, index: {type: FLAT, metric: L2}}
""")
        for number, name in enumerate(('pandas.parquet', 'pandas.csv', 'arrays')):
            with self.subTest(name):
                to = f'made{number}'
                words = (f'{folder}/{name}', '--to', self.lab.uri, '--collection', to, *said)
                planned = self.ok('import', *words, '--dry-run')
                self.assertEqual((planned['status'], planned['rows']), ('planned', count))
                self.assertEqual(json.loads(planned['first_rows'][0])['id'], ids[0])
                self.assertNotIn(to, self.client.names(), 'a dry run makes nothing')
                made = self.ok('import', *words)
                self.assertEqual(made['rows'], count)
                self.assert_same_rows(expected, self.rows_there(to), name)
        # What the file itself says is enough.
        made = self.ok('import', f'{folder}/arrays', '--to', self.lab.uri, '--collection', 'default.plain')
        self.assertEqual(made['rows'], count)
        self.ok('diff', f'{self.lab.uri}/default.made0', f'{self.lab.uri}/default.plain', '--rows-only')

    def test_files_of_others_go_into_what_is_there(self):
        c = self.client
        c.create('there', [field('id', T.Int64, key=True), field('small', T.Int8),
                           field('vector', T.FloatVector, dim=2)], dynamic=True)
        c.index('there', 'vector', FLAT)
        c.insert('there', [column('id', T.Int64, [1, 2]), column('small', T.Int8, [1, 2]),
                           column('vector', T.FloatVector, floats([1, 2, 3, 4]), dim=2), dynamic([b'{}', b'{}'])])
        c.load('there')
        path = self.write('more.csv', 'note,small,id,vector\r\nhello,5,7,"[1,2]"\r\n,-1,2,"[0.5,0.25]"\r\n')
        to = ('--to', self.lab.uri, '--collection', 'there')
        self.refused(8, '--on-conflict merge', 'import', path, *to)
        for _ in range(2):
            merged = self.ok('import', path, *to, '--on-conflict', 'merge')
            self.assertEqual(merged['rows'], 2)
            rows = self.rows_there('there')
            self.assertEqual(sorted(rows), [1, 2, 7])
            self.assertEqual((rows[2]['small'], rows[7]['small'], rows[1]['small']), (-1, 5, 1))
            self.assertEqual(json.loads(rows[7]['$meta']), {'note': 'hello'})
        before = self.rows_there('there')
        for text, words in (('id,small,vector\n9,300,"[1,2]"\n', 'row 1 (line 2): column small: 300 is no Int8'),
                            ('id,small,vector\n9,3,"[1,2]"\n9,4,"[1,2]"\n', 'the key 9 comes twice'),
                            ('id,small,vector\n9,3\n', 'row 1 (line 2): it has 2 cells instead of 3'),
                            ('id,vector\n9,"[1,2]"\n', 'field small comes from no column')):
            self.refused(8, words, 'import', self.write('bad.csv', text), *to, '--on-conflict', 'merge')
        self.assertEqual(self.rows_there('there'), before)
        self.refused(2, "did you mean 'column'?", 'import', path, *to, *self.mapping('fields:\n  id: {colum: a}\n'))
        self.ok('import', path, *to, '--on-conflict', 'replace', '--yes')
        self.assertEqual(sorted(self.rows_there('there')), [2, 7])

    def test_files_larger_than_memory_are_imported_in_it(self):
        """Shuffled, so that runs are merged; what is held does not grow with the file."""
        peaks = []
        for count in (80_000, 200_000):
            ids = numpy.random.default_rng(1).permutation(count)
            vector = numpy.random.default_rng(2).standard_normal((count, 256), dtype=numpy.float32)
            folder = self.scratch.new('others')
            os.makedirs(folder)
            pyarrow.parquet.write_table(pyarrow.table({
                'id': ids, 'vector': pyarrow.FixedSizeListArray.from_arrays(vector.ravel(), 256)}),
                f'{folder}/wide.parquet')
            run = self.aerie.json('import', folder, '--to', self.lab.uri, '--collection', 'wide', '--dry-run')
            self.assertEqual(run.code, 0, run)
            self.assertEqual(run.result['rows'], count)
            peaks.append(run.peak_kib / 1024)
        # 123 MB more of vectors.
        self.assertLess(peaks[1], peaks[0] + 50, peaks)


if __name__ == '__main__':
    unittest.main()
