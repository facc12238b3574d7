"""Bundles from one real Milvus to another through a real sshd: over a line that is cut, with damage,
wrong keys, little space, kills."""

import glob
import hashlib
import json
import os
import random
import shutil
import subprocess
import unittest

import numpy
import pyarrow.parquet

from harness import AcceptanceTest, Lab, T, column, field, rows_of, signal_process, tree
from proxy import CUT, Proxy
from soak import s3_env
from sshd import Line, Sshd, random_cuts
from types_test import FLAT, every_type_columns, every_type_fields, int64_keys

NAME = 'every_type'
PART = 1 << 20
KEYS = {'AERIE_BUNDLE_PASSWORD': 'osprey'}


def made_bundle(folder, parts, rng):
    """A bundle as docs/bundles.md has it, of noise: what is sent needs not be understood."""
    listed = []
    for number in range(parts):
        name = 'config' if number == 0 else f'packs/{number % 256:02x}/{number:032x}'
        body = rng.randbytes(100 if number == 0 else PART)
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as file:
            file.write(body)
        listed.append({'name': name, 'bytes': len(body), 'sha256': hashlib.sha256(body).hexdigest()})
    size = sum(part['bytes'] for part in listed)
    manifest = {'aerie_bundle': 1, 'finished': True, 'bundle': '0' * 32, 'program': 'test',
                'created': '1970-01-01T00:00:00.000Z', 'created_ms': 0, 'encrypted': True,
                'snapshot': '1' * 32, 'rows': 1, 'plain_bytes': size, 'packed_bytes': size,
                'parts': listed, 'sha256': ''}

    def text():
        return json.dumps(manifest, indent=1) + '\n'
    manifest['sha256'] = hashlib.sha256(text().encode()).hexdigest()
    with open(os.path.join(folder, 'bundle.json'), 'w', encoding='ascii') as file:
        file.write(text())
    return size


def flip_byte(path):
    with open(path, 'r+b') as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0x10]))


class BundleTest(AcceptanceTest):
    LAB = ('milvus',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.aerie.env.update(KEYS)
        cls.sshd = Sshd(os.path.join(cls.scratch.home, 'sshd'))
        cls.addClassCleanup(cls.sshd.stop)
        cls.rng = random.Random('bundles')
        cls.expected = cls.fill()

    @classmethod
    def fill(cls):
        """partition -> rows of every type; and a collection with more bytes."""
        c = cls.client
        c.create(NAME, every_type_fields(field('id', T.Int64, key=True)), dynamic=True)
        c.index(NAME, 'vector', FLAT)
        c.add_partition(NAME, 'north')
        keys = int64_keys(cls.rng, 600)
        expected = {}
        for i, partition in enumerate(('_default', 'north')):
            part = keys[i::2]
            columns = every_type_columns(cls.rng, column('id', T.Int64, part), len(part))
            c.insert(NAME, columns, partition)
            expected[partition] = rows_of(columns, 'id')
        c.load(NAME)
        c.create('wide', [field('id', T.Int64, key=True), field('vector', T.FloatVector, dim=256)])
        c.index('wide', 'vector', FLAT)
        raw = numpy.random.default_rng(7).standard_normal(8000 * 256, dtype=numpy.float32).tobytes()
        c.insert('wide', [column('id', T.Int64, list(range(8000))),
                          column('vector', T.FloatVector, raw, dim=256)])
        c.load('wide')
        return expected

    def setUp(self):
        self.bundle = self.scratch.new('bundle')
        self.there = self.scratch.new('there')

    def line(self, cuts=()):
        line = Line(self.sshd.port, cuts)
        self.addCleanup(line.stop)
        return line

    def ssh(self, port, key=None, known=None):
        return ('--ssh-key', key or self.sshd.key, '--ssh-known-hosts',
                known or self.sshd.known_hosts(port))

    def pack(self, source=None, *options, **more):
        return self.ok('bundle', 'pack', source or self.lab.uri, self.bundle, '--part-size', '1MiB',
                       *options, **more)

    def send(self, port, *options, **more):
        return self.aerie.json('bundle', 'send', self.bundle, self.sshd.uri(port, self.there),
                               *self.ssh(port), *options, **more)

    def error(self, run, code, *words):
        self.assertEqual(run.code, code, run)
        message = run.result['errors'][0]['message']
        for word in words:
            self.assertIn(word, message)
        self.assertNotIn('\n', message)
        return message

    def assert_same_tree(self):
        for path in tree(self.bundle):
            if path.startswith('locks'):
                continue
            with open(os.path.join(self.bundle, path), 'rb') as a, \
                    open(os.path.join(self.there, path), 'rb') as b:
                self.assertEqual(a.read(), b.read(), path)

    def test_from_one_milvus_to_another(self):
        packed = self.pack()
        self.assertGreater(packed['parts'], 5)
        self.assertEqual(packed['packed_bytes'], sum(
            size for path, size in tree(self.bundle).items() if path != 'bundle.json'))
        self.assertLess(packed['ratio'], 0.99)
        with open(os.path.join(self.bundle, 'bundle.json'), encoding='ascii') as file:
            self.assertNotIn(NAME, file.read())
        line = self.line()
        run = self.send(line.port)
        self.assertEqual((run.code, run.result['parts_sent']), (0, packed['parts']), run)
        self.assertEqual(run.result['bytes_sent'], packed['packed_bytes'])
        self.assert_same_tree()
        checked = self.ok('bundle', 'verify', self.there, env={'AERIE_BUNDLE_PASSWORD': None})
        self.assertEqual(checked['parts'], packed['parts'])
        other = Lab('milvus')
        self.addCleanup(other.stop)
        client = other.client()
        self.addCleanup(client.close)
        # As from a medium that cannot be written.
        subprocess.run(['chmod', '-R', 'a-w', self.there], check=True)
        self.addCleanup(subprocess.run, ['chmod', '-R', 'u+w', self.there])
        brought = self.ok('bundle', 'unpack', self.there, '--to', other.uri)
        self.assertEqual(brought['rows'], packed['rows'])
        here, self.client = self.client, client
        self.addCleanup(setattr, self, 'client', here)
        self.assert_contents(NAME, self.expected)
        self.assertEqual(client.count('wide'), 8000)
        self.ok('diff', self.lab.uri, other.uri)
        # Again: nothing is sent; packed again with more, only that.
        again = self.send(line.port)
        self.assertEqual((again.code, again.result['parts_sent']), (0, 0), again)

    def test_ten_cuts_cost_less_than_five_percent(self):
        size = made_bundle(self.bundle, 100, self.rng)
        line = self.line(random_cuts(10, size, 'cuts'))
        run = self.send(line.port, '--limit-upload', '25MB/s')
        self.assertEqual(run.code, 0, run)
        self.assertEqual(line.cut, 10)
        self.assert_same_tree()
        self.assertEqual([path for path in tree(self.there) if path.endswith('~tmp')], [])
        print(f'bundle: {size} bytes, {line.sent} sent over a line cut 10 times '
              f'({100 * (line.sent - size) / size:.2f} % more, SSH included)')
        self.assertLess(line.sent, size * 1.05)
        # A flipped byte there is found, and only that part sent again.
        victim = glob.glob(os.path.join(self.there, 'packs', '*', '*'))[3]
        flip_byte(victim)
        name = os.path.relpath(victim, self.there)
        run = self.aerie.json('bundle', 'verify', self.there)
        self.error(run, 1, name, '--read-back all')
        self.assertEqual([one['part'] for one in run.result['damaged']], [name])
        before = line.sent
        run = self.send(line.port, '--read-back', 'all')
        self.assertEqual((run.code, run.result['mended'], run.result['parts_sent']), (0, [name], 1), run)
        self.assertLess(line.sent - before, PART * 1.5)
        self.assert_same_tree()
        # A missing one too.
        os.remove(victim)
        self.error(self.aerie.json('bundle', 'verify', self.there), 7, name)
        run = self.send(line.port)
        self.assertEqual((run.code, run.result['parts_sent']), (0, 1), run)

    def test_a_send_that_is_killed_goes_on(self):
        size = made_bundle(self.bundle, 40, self.rng)
        line = self.line()

        def kill(process, event):
            if event.get('bytes', 0) > 8 * PART:  # of what was left to be sent
                signal_process(process)
        for _ in range(3):
            run = self.send(line.port, '--limit-upload', '30MB/s', on_event=kill)
            self.assertLess(run.code, 0, run)
            self.assertFalse(os.path.exists(os.path.join(self.there, 'bundle.json')))
            self.error(self.aerie.json('bundle', 'verify', self.there), 7, 'bundle.json')
        run = self.send(line.port)
        self.assertEqual(run.code, 0, run)
        self.assert_same_tree()
        self.assertLess(line.sent, size * 1.2)  # three kills; what waits in the buffers is lost

    def test_a_pack_that_is_killed_goes_on(self):
        def kill(process, event):
            if event.get('rows', 0) > 2000:
                signal_process(process)
        run = self.aerie.json('bundle', 'pack', self.lab.uri, self.bundle, '--limit-rows', '4000/s',
                              '--part-size', '256KiB', on_event=kill)
        self.assertLess(run.code, 0, run)
        self.error(self.aerie.json('bundle', 'send', self.bundle, self.there), 8, 'not finished')
        self.error(self.aerie.json('bundle', 'unpack', self.bundle, '--to', self.lab.uri), 8)
        packed = self.pack()
        self.assertEqual(packed['rows'], 8600)
        self.ok('bundle', 'send', self.bundle, self.there)
        self.ok('backup', 'verify', 'latest', '--read-data', '--repo', self.there,
                env={'AERIE_PASSWORD': KEYS['AERIE_BUNDLE_PASSWORD']})

    def test_snapshots_exports_and_files(self):
        repo, export = self.scratch.new(), self.scratch.new('export')
        snapshot = self.back_up(repo)['snapshot']
        packed = self.pack('latest', '--repo', repo, '--collections', NAME)
        self.assertEqual([c['name'] for c in packed['collections']], [f'default.{NAME}'])
        listed = self.ok('backup', 'list', '--repo', self.bundle,
                         env={'AERIE_PASSWORD': KEYS['AERIE_BUNDLE_PASSWORD']})['snapshots']
        self.assertEqual(listed[0]['origin']['snapshot'], snapshot)
        # What is packed into it later is all that is sent then.
        first = self.ok('bundle', 'send', self.bundle, self.there)
        self.pack('latest', '--repo', repo)
        later = self.ok('bundle', 'send', self.bundle, self.there)
        self.assertEqual(later['parts_there'], first['parts_sent'])
        # As files, of one collection.
        self.ok('bundle', 'unpack', self.there, export, '--collections', NAME)
        for partition, rows in self.expected.items():
            table = pyarrow.parquet.read_table(
                os.path.join(export, 'default', NAME, f'partition-{partition}'))
            self.assertEqual(sorted(table.column('id').to_pylist()), sorted(rows))
        # And from files.
        self.bundle = self.scratch.new('second')
        self.pack(export)
        self.ok('bundle', 'unpack', self.bundle, '--to', self.lab.uri, '--suffix', '_back')
        self.assert_contents(f'{NAME}_back', self.expected)
        self.client.drop(f'{NAME}_back')
        os.rename(os.path.join(export, 'manifest.json'), os.path.join(export, 'unfinished.json'))
        third = self.scratch.new('third')
        self.error(self.aerie.json('bundle', 'pack', export, third), 8, 'not finished')
        self.assertFalse(os.path.exists(third), 'nothing was made')

    def test_to_a_bucket_and_from_it(self):
        s3 = Lab('s3')
        self.addCleanup(s3.stop)
        proxy = Proxy(s3.uri)
        self.addCleanup(proxy.stop)
        env = s3_env(s3.ready, proxy.uri)
        place = f's3://{s3.ready["bucket"]}/bundle'
        packed = self.pack()
        puts = []

        def judge(method, path):
            if method != 'PUT' or '/packs/' not in path:
                return None
            puts.append(path)
            return CUT if len(puts) % 4 == 1 else None
        proxy.judge = judge
        sent = self.ok('bundle', 'send', self.bundle, place, env=env)
        self.assertEqual(sent['parts_sent'], packed['parts'])
        cut = len(puts) - len(set(puts))
        self.assertGreater(cut, 2)
        print(f'bundle: {cut} of {len(set(puts))} packs put twice, where the line was cut {cut} times')
        self.ok('bundle', 'verify', place, env=env)
        folder = self.scratch.new('files')
        rows = self.ok('bundle', 'unpack', place, folder, '--format', 'jsonl', env=env)['rows']
        self.assertEqual(rows, packed['rows'])
        lines = 0
        for path in glob.glob(os.path.join(folder, '**', '*.jsonl'), recursive=True):
            with open(path, 'rb') as file:
                lines += sum(1 for _ in file)
        self.assertEqual(lines, rows)

    def test_ssh_says_what_is_wrong(self):
        made_bundle(self.bundle, 3, self.rng)
        port = self.sshd.port
        to = self.sshd.uri(port, self.there)

        def send(*options, to=to):
            return self.aerie.json('bundle', 'send', self.bundle, to, *options)
        self.error(send(*self.ssh(port, key=self.sshd.wrong_key)), 1, 'Permission denied', '--ssh-key')
        nobody = os.path.join(self.scratch.home, 'nobody')
        open(nobody, 'w', encoding='ascii').close()
        self.error(send(*self.ssh(port, known=nobody)), 8, self.sshd.fingerprint(), 'ssh-keyscan', nobody)
        changed = self.sshd.known_hosts(port, 'wrong')
        self.error(send(*self.ssh(port, known=changed)), 8, self.sshd.fingerprint(), 'listen in')
        self.assertFalse(os.path.exists(self.there))
        self.error(send(*self.ssh(1), to=self.sshd.uri(1, self.there)), 1, 'refused', 'check the address')
        self.error(send(to='sftp://me:secret@127.0.0.1/x'), 2, '--ssh-key')
        self.error(self.aerie.json('backup', 'list', '--repo', to), 2, 'bundle send and verify')
        planned = send(*self.ssh(port), '--dry-run')
        self.assertEqual((planned.code, planned.result['parts_to_send']), (0, 3), planned)
        self.assertGreater(planned.result['free_bytes'], 0)

    def test_little_space_wrong_passphrase_and_what_is_anothers(self):
        self.pack(None, '--collections', NAME)
        run = self.aerie.json('bundle', 'unpack', self.bundle, '--to', self.lab.uri,
                              env={'AERIE_BUNDLE_PASSWORD': 'buzzard'})
        self.error(run, 6, 'AERIE_BUNDLE_PASSWORD')
        os.makedirs(self.there)
        with open(os.path.join(self.there, 'letter'), 'w', encoding='ascii') as file:
            file.write('dear')
        self.error(self.aerie.json('bundle', 'send', self.bundle, self.there), 8, 'letter')
        self.error(self.aerie.json('bundle', 'pack', self.lab.uri, self.there), 8, 'letter')
        self.assertEqual(tree(self.there), {'letter': 4})
        self.error(self.aerie.json('bundle', 'unpack', self.bundle), 2, '--to')
        self.error(self.aerie.json('bundle', 'verify', self.there), 7, 'no bundle')
        small = self.scratch.new('small')
        os.makedirs(small)
        if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', small],
                          capture_output=True).returncode == 0:
            self.addCleanup(subprocess.run, ['umount', '-l', small])
            self.error(self.aerie.json('bundle', 'send', self.bundle, small), 1, 'free there')
            to = self.sshd.uri(self.sshd.port, small)
            self.error(self.aerie.json('bundle', 'send', self.bundle, to, *self.ssh(self.sshd.port)), 1,
                       'free there')
            self.error(self.aerie.json('bundle', 'unpack', self.bundle, small, '--format', 'jsonl'), 1,
                       'free there')
            self.assertEqual(tree(small), {})
        shutil.rmtree(self.there)


if __name__ == '__main__':
    unittest.main()
