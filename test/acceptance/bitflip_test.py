"""Damaged files of a small repository, through the program: verify finds each, restore refuses.

test/repository_damage_test.cc tries every byte; here the files are real, and the words are those
that a user reads."""

import os
import random
import shutil
import unittest

from harness import AcceptanceTest, T, column, field, floats, tree

ROWS = 600
FLIPS_PER_KIND = 6


class BitflipTest(AcceptanceTest):
    LAB = ('lite',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = random.Random(11)
        c = cls.client
        c.create('small', [field('id', T.Int64, key=True), field('vector', T.FloatVector, dim=16)])
        c.index('small', 'vector', {'index_type': 'FLAT', 'metric_type': 'L2', 'params': '{}'})
        cls.columns = [column('id', T.Int64, list(range(1000, 1000 + ROWS))),
                       column('vector', T.FloatVector,
                              floats([rng.gauss(0, 1) for _ in range(16 * ROWS)]), dim=16)]
        c.insert('small', cls.columns)
        c.load('small')
        cls.repos = {}
        for name, more in (('encrypted', ()), ('plain', ('--unencrypted',))):
            cls.repos[name] = cls.scratch.new(name)
            made = cls.aerie.json('backup', 'create', '--cluster', cls.lab.uri, '--repo',
                                  cls.repos[name], *more)
            assert made.code == 0, made

    def damaged(self, repo, path, change):
        """A copy of the repository in which `change` was made to the bytes of one file."""
        copy = self.scratch.new()
        shutil.copytree(repo, copy)
        self.addCleanup(shutil.rmtree, copy, ignore_errors=True)
        with open(os.path.join(copy, path), 'rb') as file:
            raw = bytearray(file.read())
        with open(os.path.join(copy, path), 'wb') as file:
            file.write(change(raw))
        return copy

    def verify(self, repo):
        run = self.aerie.json('backup', 'verify', '--all', '--read-data', '--repo', repo)
        self.assertNotEqual(run.code, 0, run)
        self.assertGreater(run.code, 0, f'it ended by a signal: {run}')
        return run

    def restore_is_refused_or_right(self, repo, refused):
        run = self.aerie.json('restore', 'latest', '--to', self.lab.uri, '--repo', repo,
                              '--suffix', '_x')
        if refused or run.code != 0:
            self.assertGreater(run.code, 0, run)
            self.assertNotIn('small_x', self.client.names())
        for name in self.client.names():
            if name == 'small_x':
                self.assert_same_rows(self.client.rows('small'), self.client.rows(name))
            if name != 'small':
                self.client.drop(name)

    def test_flipped_bits(self):
        rng = random.Random(5)
        for kind, repo in self.repos.items():
            for path, size in sorted(tree(repo).items()):
                for number in range(FLIPS_PER_KIND):
                    at, bit = rng.randrange(size), rng.randrange(8)

                    def flip(raw):
                        raw[at] ^= 1 << bit
                        return raw
                    with self.subTest(repo=kind, path=path, at=at, bit=bit):
                        copy = self.damaged(repo, path, flip)
                        run = self.verify(copy)
                        said = run.error + str(run.result.get('findings', ''))
                        if path.startswith(('packs', 'index', 'snapshots')):
                            self.assertIn(path, said)
                        if number == 0:
                            self.restore_is_refused_or_right(copy, refused=False)

    def test_a_bit_in_the_rows_names_snapshot_collection_and_keys(self):
        for kind, repo in self.repos.items():
            path, size = max(tree(repo).items(), key=lambda item: item[1])
            self.assertTrue(path.startswith('packs'), path)

            def flip(raw):
                raw[size // 3] ^= 0x10
                return raw
            copy = self.damaged(repo, path, flip)
            run = self.verify(copy)
            listed = self.ok('backup', 'list', '--repo', repo)
            where = ' '.join(f['where'] for f in run.result['findings'])
            self.assertIn(listed['snapshots'][0]['short_id'], where)
            self.assertIn('default.small', where)
            self.assertRegex(where, r'keys \d+')
            text = self.aerie.run('backup', 'verify', '--read-data', '--repo', copy)
            self.assertEqual(text.code, 1)
            self.assertRegex(text.out, r'damaged: .*default\.small.*keys \d+')
            self.restore_is_refused_or_right(copy, refused=True)

    def test_truncated_files(self):
        for kind, repo in self.repos.items():
            for path, size in sorted(tree(repo).items()):
                for left in (0, 1, size // 2, size - 1):
                    with self.subTest(repo=kind, path=path, left=left):
                        copy = self.damaged(repo, path, lambda raw: raw[:left])
                        self.verify(copy)
                        if left == size // 2:
                            self.restore_is_refused_or_right(copy, refused=False)

    def test_a_missing_pack(self):
        repo = self.repos['encrypted']
        copy = self.scratch.new()
        shutil.copytree(repo, copy)
        path = next(path for path in tree(copy) if path.startswith('packs'))
        os.remove(os.path.join(copy, path))
        for more in ((), ('--read-data',)):
            run = self.aerie.json('backup', 'verify', '--all', '--repo', copy, *more)
            self.assertEqual(run.code, 1, run)
            self.assertIn(path, str(run.result['findings']))
        self.restore_is_refused_or_right(copy, refused=True)


if __name__ == '__main__':
    unittest.main()
