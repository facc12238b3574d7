"""Check, rebuild-index and repair on the golden repository, damaged by hand: no server is needed."""

import os
import shutil
import unittest

from harness import ROOT, AcceptanceTest, tree

GOLDEN = os.path.join(ROOT, 'src', 'repo', 'testdata', 'v1-encrypted')
ENV = {'AERIE_PASSWORD': 'kite'}


class CheckTest(AcceptanceTest):
    def setUp(self):
        super().setUp()
        self.repo = self.scratch.new()
        shutil.copytree(GOLDEN, self.repo)
        listed = self.call('backup', 'list')['snapshots']
        self.rows = {snapshot['id']: snapshot['rows'] for snapshot in listed}
        self.new, self.old = self.rows

    def call(self, *args, code=0):
        run = self.aerie.json(*args, '--repo', self.repo, env=ENV)
        self.assertEqual(run.code, code, run)
        return run.result

    def files(self, folder):
        return sorted(path for path in tree(self.repo) if path.startswith(folder))

    def change(self, path, change):
        path = os.path.join(self.repo, path)
        with open(path, 'rb') as file:
            raw = bytearray(file.read())
        with open(path, 'wb') as file:
            file.write(change(raw))

    def flip(self, path, at):
        def flipped(raw):
            raw[at] ^= 0x10
            return raw
        self.change(path, flipped)

    def remove(self, path):
        os.remove(os.path.join(self.repo, path))

    def named(self, result, text):
        self.assertTrue(any(text in str(finding) for finding in result['findings']), result)
        for finding in result['findings']:
            self.assertTrue(finding['remedy'], finding)

    def biggest_pack(self):
        return max(self.files('packs'), key=lambda path: tree(self.repo)[path])

    # ---- check ----

    def test_a_sound_one(self):
        result = self.call('repo', 'check')
        self.assertEqual((result['findings'], result['notes'], result['data']), ([], [], None))
        self.assertEqual(self.files('checked'), [])
        result = self.call('repo', 'check', '--read-data')
        self.assertEqual(result['data']['read_packs'], result['packs'])
        self.assertEqual(result['data']['never_read_packs'], 0)
        self.assertTrue(result['data']['remembered'])
        self.assertEqual(len(self.files('checked')), 1)
        text = self.aerie.run('repo', 'check', '--repo', self.repo, env=ENV)
        self.assertIn('no damage', text.out)

    def test_part_by_part(self):
        packs = len(self.files('packs'))
        for run in range(1, packs + 1):
            data = self.call('repo', 'check', '--read-data-subset', '1B')['data']
            self.assertEqual((data['read_packs'], data['never_read_packs']), (1, packs - run))
        read = sum(self.call('repo', 'check', '--read-data-subset', f'{n}/3')['data']['selected_packs']
                   for n in (1, 2, 3))
        self.assertEqual(read, packs)
        data = self.call('repo', 'check', '--read-data', '--max-duration', '0')['data']
        self.assertEqual((data['read_packs'], data['stopped']), (1, True))

    def test_damage_is_remembered_until_it_is_gone(self):
        pack = self.biggest_pack()
        self.flip(pack, 40)
        self.named(self.call('repo', 'check', '--read-data', code=1), pack)
        notes = self.files('damaged')
        self.assertEqual(len(notes), 1)
        self.assertNotIn(notes[0], str(self.call('repo', 'check')))
        self.call('repo', 'prune', '--yes')
        self.assertEqual(self.files('damaged'), notes)  # the pack is still there
        self.flip(pack, 40)
        self.assertEqual(self.call('repo', 'check', '--read-data')['findings'], [])
        self.assertEqual(self.files('damaged'), [])
        self.call('backup', 'verify', '--all', '--read-data')

    def test_wrong_words(self):
        for args in (('--read-data-subset', '0%'), ('--read-data-subset', '4/3'),
                     ('--read-data-subset', 'half'), ('--max-duration', 'soon')):
            run = self.aerie.run('repo', 'check', *args, '--repo', self.repo, env=ENV)
            self.assertEqual(run.code, 2, run)

    def test_where_nothing_can_be_written(self):
        if os.geteuid() == 0:
            shutil.rmtree(os.path.join(self.repo, 'checked'), ignore_errors=True)
            with open(os.path.join(self.repo, 'checked'), 'wb'):
                pass  # a file in the folder's place: this root can write anywhere else
            result = self.call('repo', 'check', '--read-data')
        else:
            for folder, _, _ in os.walk(self.repo):
                os.chmod(folder, 0o500)
            result = self.call('repo', 'check', '--read-data')
            for folder, _, _ in os.walk(self.repo):
                os.chmod(folder, 0o700)
        self.assertEqual(result['findings'], [])
        self.assertFalse(result['data']['remembered'])

    def test_damage_is_named(self):
        for path in self.files(''):
            if path in ('config',) or path.startswith('keys'):
                continue
            size = tree(self.repo)[path]
            self.flip(path, size - 20)
            self.named(self.call('repo', 'check', code=1), path)
            self.flip(path, size - 20)
        self.assertEqual(self.call('repo', 'check')['findings'], [])

    # ---- rebuild-index ----

    def test_lost_indexes(self):
        for path in self.files('index'):
            self.remove(path)
        result = self.call('repo', 'check', code=1)
        self.named(result, 'rebuild-index')
        planned = self.call('repo', 'rebuild-index', '--dry-run')
        self.assertEqual((planned['status'], planned['indexes']['written']), ('planned', 1))
        self.assertEqual(self.files('index'), [])
        rebuilt = self.call('repo', 'rebuild-index')
        self.assertEqual(rebuilt['packs'], len(self.files('packs')))
        self.assertLess(rebuilt['directory_bytes'], rebuilt['pack_bytes'])
        self.assertEqual(self.call('repo', 'check', '--read-data')['findings'], [])
        self.call('backup', 'verify', '--all', '--read-data')
        self.assertFalse(self.call('repo', 'rebuild-index')['changed'])

    def test_small_indexes_are_merged(self):
        self.assertGreater(len(self.files('index')), 1)
        self.call('repo', 'rebuild-index')
        self.assertEqual(len(self.files('index')), 1)
        self.call('backup', 'verify', '--all', '--read-data')

    def test_a_damaged_pack_is_left_out(self):
        pack = self.biggest_pack()
        self.flip(pack, tree(self.repo)[pack] - 20)
        rebuilt = self.call('repo', 'rebuild-index', code=3)
        self.assertEqual([finding['object'] for finding in rebuilt['damaged']], [pack])
        self.assertEqual(rebuilt['indexes']['kept'], 1)
        self.call('backup', 'verify', '--all', '--read-data', code=1)  # the pack is named
        self.assertEqual(self.call('repo', 'repair', '--yes')['snapshots'], [])  # no row is gone

    # ---- repair ----

    def use(self, golden):
        self.repo = self.scratch.new()
        shutil.copytree(os.path.join(os.path.dirname(GOLDEN), golden), self.repo)
        listed = self.call('backup', 'list')['snapshots']
        self.rows = {snapshot['id']: snapshot['rows'] for snapshot in listed}

    def damage_in_part(self):
        """Flips a bit that costs a snapshot some of its rows and not all; says which pack and what is planned."""
        for pack in self.files('packs'):
            size = tree(self.repo)[pack]
            for at in range(size // 10, size, size // 10):
                self.flip(pack, at)
                planned = self.call('repo', 'repair')
                if any(r['rows_kept'] and r['rows_lost'] for r in planned['snapshots']):
                    return pack, planned
                self.flip(pack, at)
        raise AssertionError('no bit costs some rows')

    def test_damaged_rows(self):
        self.use('v1-patches-encrypted')
        pack, planned = self.damage_in_part()
        before = tree(self.repo)
        self.assertEqual((planned['status'], planned['applied']), ('planned', False))
        found = self.call('repo', 'check', '--read-data', code=1)
        self.named(found, pack)
        damaged = {finding['snapshot'] for finding in found['findings'] if 'snapshot' in finding}
        self.assertEqual({repair['snapshot'] for repair in planned['snapshots']}, damaged)

        repaired = self.call('repo', 'repair', '--yes', code=3)
        self.assertEqual(repaired['rows_lost'], planned['rows_lost'])
        for path, size in before.items():
            self.assertEqual(tree(self.repo)[path], size)
        listed = {s['id']: s for s in self.call('backup', 'list')['snapshots']}
        for repair in repaired['snapshots']:
            self.assertIn(repair['snapshot'], listed)
            self.assertEqual(repair['rows_kept'] + repair['rows_lost'], self.rows[repair['snapshot']])
            self.assertEqual(sum(lost['rows'] for lost in repair['lost']), repair['rows_lost'])
            self.assertEqual(repair['repaired_to'] is None, repair['rows_kept'] == 0)
            if repair['repaired_to'] is None:
                continue
            new = listed[repair['repaired_to']]
            self.assertEqual(new['repaired_from'], repair['snapshot'])
            self.assertEqual(new['rows'], repair['rows_kept'])
            self.assertEqual(new['complete'], repair['rows_lost'] == 0)
            self.call('backup', 'verify', new['id'], '--read-data')
        hopeless = any(repair['rows_kept'] == 0 for repair in repaired['snapshots'])
        again = self.call('repo', 'repair', '--yes', code=3 if hopeless else 0)
        for repair in again['snapshots']:
            self.assertEqual(repair['repaired_earlier'], self.rows_kept(repaired, repair['snapshot']) > 0)

    def rows_kept(self, report, snapshot):
        return next(r['rows_kept'] for r in report['snapshots'] if r['snapshot'] == snapshot)

    def test_a_lost_pack_and_replace(self):
        pack = self.biggest_pack()
        self.remove(pack)
        planned = self.call('repo', 'repair', '--no-read-data')
        self.assertGreater(planned['rows_lost'], 0)
        text = self.aerie.run('repo', 'repair', '--repo', self.repo, env=ENV)
        self.assertRegex(text.out, r'gone')
        repaired = self.call('repo', 'repair', '--yes', '--replace', code=3)
        ids = [snapshot['id'] for snapshot in self.call('backup', 'list')['snapshots']]
        for repair in repaired['snapshots']:
            self.assertEqual(repair['deleted'], repair['repaired_to'] is not None)
            self.assertEqual(repair['snapshot'] in ids, not repair['deleted'])
        for repair in repaired['snapshots']:
            if not repair['deleted']:
                self.call('backup', 'delete', repair['snapshot'], '--yes')
        self.call('repo', 'rebuild-index')
        self.assertEqual(self.call('repo', 'check', '--read-data')['findings'], [])
        self.call('backup', 'verify', '--all', '--read-data')

    def test_an_unreadable_snapshot(self):
        path = os.path.join('snapshots', self.old)
        self.flip(path, 50)
        self.named(self.call('repo', 'check', code=1), path)
        self.assertEqual(len(self.call('repo', 'repair', '--yes', code=3)['unreadable']), 1)
        self.call('backup', 'delete', self.old, '--yes')
        self.assertEqual(self.call('repo', 'check', '--read-data')['findings'], [])


if __name__ == '__main__':
    unittest.main()
