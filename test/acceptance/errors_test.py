"""Bad input: one clear line that names the object and the remedy, the documented exit code, and
nothing left behind."""

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import unittest

from harness import AcceptanceTest, Lab, T, column, field, floats, tree


def no_such_port():
    """A port that nobody listens on, and that nobody else takes meanwhile."""
    holder = socket.socket()
    holder.bind(('127.0.0.1', 0))
    return holder, holder.getsockname()[1]


class ErrorsTest(AcceptanceTest):
    LAB = ('milvus',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        c = cls.client
        c.create('things', [field('id', T.Int64, key=True), field('vector', T.FloatVector, dim=64)])
        c.index('things', 'vector', {'index_type': 'FLAT', 'metric_type': 'L2', 'params': '{}'})
        rng = random.Random(3)
        values = [rng.random() for _ in range(20000 * 64)]  # 4 MB that do not compress
        c.insert('things', [column('id', T.Int64, list(range(20000))),
                            column('vector', T.FloatVector, floats(values), dim=64)])
        c.load('things')
        cls.repo = cls.scratch.new()
        made = cls.aerie.json('backup', 'create', '--cluster', cls.lab.uri, '--repo', cls.repo)
        assert made.code == 0, made

    def fails(self, code, words, *args, **options):
        """Both in text, where it is one line on standard error, and in JSON."""
        text = self.aerie.run(*args, **options)
        lines = [line for line in text.err.splitlines() if line]
        self.assertEqual(len(lines), 1, text)
        self.assertTrue(lines[0].startswith('aerie: '), text)
        self.assertLess(len(lines[0]), 600, text)
        run = self.aerie.json(*args, **options)
        self.assertEqual((text.code, run.code), (code, code), run)
        self.assertEqual(run.err, '', run)
        self.assertEqual(run.result['exit_code'], code)
        for word in words:
            self.assertIn(word, lines[0])
            self.assertIn(word, run.error)
        return run

    def backup(self, cluster, repo, *more):
        return ('backup', 'create', '--cluster', cluster, '--repo', repo, *more)

    def restored(self, *more):
        return ('restore', 'latest', '--to', self.lab.uri, '--repo', self.repo, *more)

    # -- the cluster

    def test_unknown_host(self):
        repo = self.scratch.new()
        self.fails(1, ['milvus.invalid:19530'], *self.backup('http://milvus.invalid:19530', repo))
        self.assertFalse(os.path.exists(repo))

    def test_refused_port(self):
        holder, port = no_such_port()
        with holder:
            repo = self.scratch.new()
            self.fails(1, [f'127.0.0.1:{port}'], *self.backup(f'http://127.0.0.1:{port}', repo))
            self.assertFalse(os.path.exists(repo))
            self.fails(1, [f'127.0.0.1:{port}'], 'cluster', 'check', f'127.0.0.1:{port}')
            self.fails(1, [f'127.0.0.1:{port}'], 'restore', 'latest', '--to',
                       f'http://127.0.0.1:{port}', '--repo', self.repo)

    def test_something_else_listens_there(self):
        metrics = self.lab.ready['metrics']
        self.fails(1, [metrics], 'cluster', 'check', f'http://{metrics}')

    def test_no_address_at_all(self):
        for address in ('http://', 'ftp://host:1', 'http://host:notaport', 'http://host:99999', 'h o:1'):
            self.fails(2, [address.split('//')[-1][:4]], 'cluster', 'check', address)
        self.fails(2, ['nowhere', 'http://host:port'], 'cluster', 'check', 'nowhere')
        self.fails(2, ['--repo'], 'backup', 'list')
        self.fails(2, ['http://127.0.0.1:19530'], 'cluster', 'check')

    def test_wrong_password(self):
        lab = Lab('milvus', '--auth')
        self.addCleanup(lab.stop)
        secret = self.scratch.new('secret')
        with open(secret, 'w', encoding='ascii') as file:
            file.write('not-this-one\n')
        repo = self.scratch.new()
        for more in (('--user', 'root', '--cluster-password-file', secret), ()):
            run = self.fails(1, [lab.ready['address'], 'password'], *self.backup(lab.uri, repo, *more))
            self.assertNotIn('not-this-one', run.out + run.err)
        self.assertFalse(os.path.exists(repo))
        with open(secret, 'w', encoding='ascii') as file:
            file.write(lab.ready['password'] + '\n')
        self.ok('cluster', 'check', lab.uri, '--user', 'root', '--cluster-password-file', secret)
        self.ok('cluster', 'check', lab.uri, '--user', 'root', env={'MILVUS_PASSWORD': 'Milvus'})
        in_uri = lab.uri.replace('http://', 'http://root:Milvus@')
        self.ok('cluster', 'check', in_uri)
        self.fails(7, [secret + 'x'], 'cluster', 'check', lab.uri, '--user', 'root',
                   '--cluster-password-file', secret + 'x')

    def test_a_collection_that_is_not_there(self):
        repo = self.scratch.new()
        self.fails(7, ['absent'], *self.backup(self.lab.uri, repo, '-c', 'absent'))
        self.fails(7, ['absent'], *self.backup(self.lab.uri, repo, '-c', 'things', '-c', 'absent'))
        self.assertEqual([path for path in tree(repo) if path.startswith(('packs', 'snapshots'))]
                         if os.path.exists(repo) else [], [])
        self.fails(7, ['absent'], *self.restored('-c', 'absent'))
        self.fails(7, ['absent'], *self.backup(self.lab.uri, repo, '--only-database', 'absent'))
        self.fails(7, ['absent'], 'diff', f'{self.lab.uri}/default.absent',
                   f'{self.lab.uri}/default.things')

    def test_a_wrong_expression(self):
        self.fails(2, ['nonsense'], *self.backup(self.lab.uri, self.scratch.new(), '-c', 'things',
                                                 '--filter', 'nonsense >'))

    def test_odd_names(self):
        odd = ['a"b', "a'b", 'a b', 'a/b', '../x', 'ü', '', '%s%n', 'x' * 300, '-', 'a\\b', 'a\nb', '9a']
        for name in odd:
            run = self.aerie.json('restore', 'latest', '--to', self.lab.uri, '--repo', self.repo,
                                  f'--rename=things={name}')
            self.assertIn(run.code, (1, 2, 8), run)
            self.assertIn(name[:200] if name else 'things', run.error)
            text = self.aerie.run('restore', 'latest', '--to', self.lab.uri, '--repo', self.repo,
                                  f'--rename=things={name}')
            self.assertEqual(len(text.err.strip().splitlines()), 1, text)
            # A pattern that matches nothing is named as it was given.
            if name:
                run = self.aerie.json(*self.backup(self.lab.uri, self.repo), f'--collections={name}')
                self.assertEqual(run.code, 7, run)
                self.assertIn(name[:200], run.error)
        self.assertEqual(self.client.names(), ['things'])
        # Odd, and yet a name.
        self.ok(*self.restored('--rename', 'things=_Odd_9'))
        self.client.drop('_Odd_9')

    # -- the repository

    def test_no_repository(self):
        absent = self.scratch.new()
        for args in (('backup', 'list'), ('backup', 'verify'), ('repo', 'stats'),
                     ('backup', 'show', 'latest')):
            self.fails(7, [absent, 'aerie repo init'], *args, '--repo', absent)
        self.assertFalse(os.path.exists(absent))
        self.fails(2, ['ftp://'], 'backup', 'list', '--repo', 'ftp://x/y')

    def test_two_repositories_in_one_place(self):
        self.fails(1, [self.repo], 'repo', 'init', '--repo', self.repo)

    def test_a_folder_with_something_else(self):
        place = self.scratch.new()
        os.makedirs(place)
        with open(os.path.join(place, 'diary.txt'), 'w', encoding='ascii') as file:
            file.write('mine')
        self.fails(7, [place], 'backup', 'list', '--repo', place)

    def test_wrong_passphrase(self):
        for given in ('wrong', 'correct horse ', 'Correct horse'):
            self.fails(6, [self.repo, 'AERIE_PASSWORD'], 'backup', 'list', '--repo', self.repo,
                       env={'AERIE_PASSWORD': given})
        self.fails(6, [self.repo, 'AERIE_PASSWORD'], 'backup', 'list', '--repo', self.repo,
                   env={'AERIE_PASSWORD': None})
        self.fails(7, ['/nowhere/p'], 'backup', 'list', '--repo', self.repo, '--password-file',
                   '/nowhere/p')
        before = tree(self.repo)
        self.fails(6, [self.repo], *self.backup(self.lab.uri, self.repo),
                   env={'AERIE_PASSWORD': 'wrong'})
        self.assertEqual(tree(self.repo), before)

    def test_a_newer_format(self):
        newer = self.scratch.new()
        shutil.copytree(self.repo, newer)
        path = os.path.join(newer, 'config')
        with open(path, encoding='utf-8') as file:
            text = file.read()
        for change in (('"version":1', '"version":2'), ('"features":[', '"features":["wings",')):
            self.assertIn(change[0], text)
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text.replace(*change))
            run = self.fails(1, [newer, 'newer'], 'backup', 'list', '--repo', newer)
            self.assertEqual(run.result['errors'][0]['kind'], 'unsupported')
            self.fails(1, [newer, 'newer'], *self.backup(self.lab.uri, newer))
        self.assertEqual([p for p in tree(newer) if p not in tree(self.repo)], [])

    # -- the disk

    @contextlib.contextmanager
    def mounted(self, *words):
        """A mount, where this user may; the test fails where not even a namespace of its own helps."""
        place = self.scratch.new('mount')
        os.makedirs(place)
        subprocess.run(['mount', *words, place], check=True)
        try:
            yield place
        finally:
            subprocess.run(['umount', '-l', place], check=True)

    def test_a_full_disk(self):
        if os.geteuid() == 0:
            with self.mounted('-t', 'tmpfs', '-o', 'size=1m', 'tmpfs') as place:
                repo = os.path.join(place, 'repo')
                self.fails(1, [place, 'space'], *self.backup(self.lab.uri, repo))
                self.nothing_committed(repo)
                subprocess.run(['mount', '-o', 'remount,size=64m', place], check=True)
                self.ok(*self.backup(self.lab.uri, repo))
                self.ok('backup', 'verify', '--read-data', '--repo', repo)

    def test_a_file_that_may_not_grow(self):
        repo = self.scratch.new()
        self.fails(1, [repo], *self.backup(self.lab.uri, repo), max_file=1 << 20)
        self.nothing_committed(repo)
        self.ok(*self.backup(self.lab.uri, repo))
        self.ok('backup', 'verify', '--read-data', '--repo', repo)

    def nothing_committed(self, repo):
        listed = self.ok('backup', 'list', '--repo', repo)
        self.assertEqual(listed['snapshots'], [])
        left = [path for path in tree(repo) if not path.startswith(('config', 'keys', 'packs'))]
        self.assertEqual(left, [], 'no index, no snapshot, no temporary file')

    def test_a_place_that_cannot_be_written(self):
        if os.geteuid() == 0:
            with self.mounted('-t', 'tmpfs', '-o', 'size=1m,ro', 'tmpfs') as place:
                repo = os.path.join(place, 'repo')
                self.fails(1, [repo, 'ead-only'], *self.backup(self.lab.uri, repo))
            # A repository that was made before: it can be listed and restored from.
            with self.mounted('-o', 'bind,ro', self.repo) as place:
                self.ok('backup', 'verify', '--read-data', '--repo', place)
                self.fails(1, [place, 'ead-only'], *self.backup(self.lab.uri, place))
                self.ok('restore', 'latest', '--to', self.lab.uri, '--repo', place, '--suffix', '_ro')
                self.client.drop('things_ro')
        file = self.scratch.new()
        with open(file, 'w', encoding='ascii') as out:
            out.write('a file')
        self.fails(2, [file], *self.backup(self.lab.uri, os.path.join(file, 'repo')))
        self.fails(2, [file], 'backup', 'list', '--repo', file)

    def test_no_home_for_a_key(self):
        repo = self.scratch.new()
        env = {'AERIE_PASSWORD': None, 'HOME': None}
        self.fails(2, ['AERIE_PASSWORD'], *self.backup(self.lab.uri, repo), env=env)
        self.assertFalse(os.path.exists(os.path.join(repo, 'config')))

    def test_what_cannot_be_restored_changes_nothing(self):
        self.fails(8, ['default.things', '--suffix'], *self.restored())
        self.fails(2, ['--rename'], *self.restored('--rename', 'things'))
        self.fails(2, ['--rename', '--suffix'], *self.restored('--rename', 'things=b', '--suffix', 'c'))
        # In the way: a staging collection of another schema.
        self.client.create('things_9_aerie_restore', [field('other', T.Int64, key=True),
                                                      field('vector', T.FloatVector, dim=4)])
        try:
            self.fails(8, ['things_9_aerie_restore'], *self.restored('--suffix', '_9'))
        finally:
            self.client.drop('things_9_aerie_restore')
        self.assertEqual(self.client.names(), ['things'])

    def test_json_is_one_object_whatever_fails(self):
        run = self.aerie.run('-o', 'json', 'backup', 'list', '--repo', self.scratch.new())
        self.assertEqual(len(run.out.splitlines()), 1)
        self.assertEqual(json.loads(run.out)['errors'][0]['kind'], 'not_found')


if __name__ == '__main__':
    unittest.main()
