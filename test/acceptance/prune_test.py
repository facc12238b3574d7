"""Delete, pin, retention, prune and unlock, on the golden repository: no server is needed."""

import os
import shutil
import time
import unittest

from harness import ROOT, AcceptanceTest, tree

GOLDEN = os.path.join(ROOT, 'src', 'repo', 'testdata', 'v1-encrypted')
ENV = {'AERIE_PASSWORD': 'kite'}


class PruneTest(AcceptanceTest):
    def setUp(self):
        super().setUp()
        self.repo = self.scratch.new()
        shutil.copytree(GOLDEN, self.repo)
        listed = self.call('backup', 'list')['snapshots']
        self.new, self.old = (snapshot['id'] for snapshot in listed)

    def call(self, *args, code=0):
        run = self.aerie.json(*args, '--repo', self.repo, env=ENV)
        self.assertEqual(run.code, code, run)
        return run.result

    def refused(self, code, words, *args):
        result = self.call(*args, code=code)
        for word in words:
            self.assertIn(word, result['errors'][0]['message'])

    def packs(self):
        return [path for path in tree(self.repo) if path.startswith('packs')]

    def ids(self):
        return [snapshot['id'] for snapshot in self.call('backup', 'list')['snapshots']]

    def test_delete_needs_a_yes(self):
        before = tree(self.repo)
        self.refused(8, ['--yes', self.old[:8]], 'backup', 'delete', self.old[:8])
        planned = self.call('backup', 'delete', '--dry-run', 'latest', self.old)
        self.assertEqual(planned['status'], 'planned')
        self.assertEqual(planned['would_delete'], [self.new, self.old])
        self.assertIn('no complete snapshot', planned['warnings'][0])
        self.refused(7, ['0123456789abcdef'], 'backup', 'delete', '0123456789abcdef', '--yes')
        self.assertEqual(tree(self.repo), before)
        self.assertEqual(self.call('backup', 'delete', self.old, '--yes')['deleted'], [self.old])
        self.assertEqual(self.ids(), [self.new])
        self.call('backup', 'verify', '--all', '--read-data')

    def test_half_written_files_of_killed_runs_go(self):
        folder = os.path.join(self.repo, os.path.dirname(self.packs()[0]))
        young, old = (os.path.join(folder, name) for name in ('1-a~tmp', '2-b~tmp'))
        for path in (young, old):
            with open(path, 'wb') as file:
                file.write(b'half a pack')
        long_ago = time.time() - 2 * 24 * 3600
        os.utime(old, (long_ago, long_ago))
        self.assertEqual(self.call('repo', 'prune')['leftovers'], {'files': 0, 'bytes': 0})
        self.assertTrue(os.path.exists(old))
        self.assertEqual(self.call('repo', 'prune', '--yes')['leftovers'], {'files': 1, 'bytes': 11})
        self.assertEqual([os.path.exists(young), os.path.exists(old)], [True, False])

    def test_pins(self):
        self.assertEqual(self.call('backup', 'pin', self.old[:8])['pinned'], [self.old])
        listed = self.call('backup', 'list')['snapshots']
        self.assertEqual([snapshot['pinned'] for snapshot in listed], [False, True])
        self.assertTrue(self.call('backup', 'show', self.old)['snapshot']['pinned'])
        text = self.aerie.run('backup', 'list', '--repo', self.repo, env=ENV)
        self.assertEqual(text.out.count('(pinned)'), 1)
        self.refused(8, ['pinned', 'unpin'], 'backup', 'delete', self.old, '--yes')
        pruned = self.call('repo', 'prune', '--keep-last', '1', '--yes')
        self.assertEqual(pruned['snapshots_removed'], 0)
        self.assertIn('pinned', pruned['snapshots'][1]['reasons'])
        self.call('backup', 'unpin', self.old)
        self.assertEqual(self.call('repo', 'prune', '--keep-last', '1', '--yes')['snapshots_removed'], 1)
        self.assertEqual(self.ids(), [self.new])

    def test_the_last_verified_one_stays(self):
        self.call('backup', 'verify', self.old)
        planned = self.call('repo', 'prune', '--keep-last', '1')
        self.assertEqual(planned['snapshots_removed'], 1)
        self.call('backup', 'verify', self.old, '--read-data')
        planned = self.call('repo', 'prune', '--keep-last', '1')
        self.assertEqual(planned['snapshots_removed'], 0)
        self.assertIn('newest verified', planned['snapshots'][1]['reasons'][0])

    def test_prune_shows_first_and_removes_in_two_runs(self):
        before = tree(self.repo)
        planned = self.call('repo', 'prune', '--keep-last', '1', '--margin', '0')
        self.assertEqual((planned['status'], planned['applied']), ('planned', False))
        self.assertEqual([s['keep'] for s in planned['snapshots']], [True, False])
        for snapshot in planned['snapshots']:
            self.assertTrue(snapshot['reasons'])
        self.call('repo', 'prune', '--keep-last', '1', '--dry-run', '--yes')
        self.assertEqual(tree(self.repo), before)
        text = self.aerie.run('repo', 'prune', '--keep-last', '1', '--repo', self.repo, env=ENV)
        self.assertIn('add --yes', text.out)

        apply = ('repo', 'prune', '--keep-last', '1', '--margin', '0', '--repack-above', '0', '--yes')
        first = self.call(*apply)
        self.assertEqual(first['packs']['doomed']['packs'], planned['packs']['doomed']['packs'])
        self.assertGreater(first['packs']['doomed']['packs'], 0)
        self.assertEqual(first['packs']['removed']['packs'], 0)
        count = len(self.packs())
        second = self.call(*apply)
        self.assertEqual(second['packs']['removed'], first['packs']['doomed'])
        self.assertEqual(len(self.packs()), count - second['packs']['removed']['packs'])
        self.assertEqual(self.ids(), [self.new])
        self.call('backup', 'verify', '--all', '--read-data')
        third = self.call(*apply)
        self.assertEqual((third['packs']['doomed']['packs'], third['packs']['removed']['packs']), (0, 0))

    def test_the_margin_is_kept(self):
        self.call('backup', 'delete', self.old, '--yes')
        first = self.call('repo', 'prune', '--yes', '--repack-above', '0')
        self.assertGreater(first['packs']['doomed']['packs'], 0)
        again = self.call('repo', 'prune', '--yes', '--repack-above', '0')
        self.assertEqual(again['packs']['removed']['packs'], 0)
        self.assertEqual(again['packs']['waiting'], first['packs']['doomed'])

    def test_wrong_words(self):
        for args in (('--keep-within', 'soon'), ('--margin', '5 parsecs'), ('--keep-last', '-1'),
                     ('--repack-above', '101')):
            run = self.aerie.run('repo', 'prune', *args, '--repo', self.repo, env=ENV)
            self.assertEqual(run.code, 2, run)

    def lock(self):
        """A lock that nobody can read: it counts as exclusive, for an hour."""
        path = os.path.join(self.repo, 'locks', '0123456789abcdef' * 2)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as file:
            file.write(b'x' * 100)
        return path

    def test_locked(self):
        path = self.lock()
        for args in (('repo', 'prune', '--yes'), ('backup', 'verify'),
                     ('backup', 'delete', self.old, '--yes')):
            self.refused(5, ['locked by', 'repo unlock'], *args)
        self.assertEqual(len(self.ids()), 2)
        self.refused(8, ['--yes'], 'repo', 'unlock')
        self.assertTrue(os.path.exists(path))
        unlocked = self.call('repo', 'unlock', '--yes')
        self.assertEqual((unlocked['removed'], unlocked['locks'][0]['mode']), (1, 'exclusive'))
        self.assertFalse(os.path.exists(path))
        self.call('backup', 'verify')
        self.assertEqual(self.call('repo', 'unlock')['locks'], [])

    def test_a_lock_that_ran_out_is_in_nobodys_way(self):
        for use in (('repo', 'unlock'), ('repo', 'prune', '--yes')):
            path = self.lock()
            os.utime(path, (time.time() - 7200,) * 2)
            self.call(*use)
            self.assertFalse(os.path.exists(path))


if __name__ == '__main__':
    unittest.main()
