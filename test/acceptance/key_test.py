"""Passphrases of a repository: added, listed, removed, changed. No server is needed."""

import os
import re
import unittest

from harness import AcceptanceTest


class KeyTest(AcceptanceTest):
    def setUp(self):
        super().setUp()
        self.repo = self.scratch.new()

    def call(self, *args, password='first', code=0, **env):
        run = self.aerie.json(*args, '--repo', self.repo, env={'AERIE_PASSWORD': password, **env})
        self.assertEqual(run.code, code, run)
        return run.result

    def message(self, *args, **options):
        return self.call(*args, **options)['errors'][0]['message']

    def test_add_list_remove_change(self):
        self.call('repo', 'init')
        added = self.call('repo', 'key', 'add', AERIE_NEW_PASSWORD='second')['key']
        self.call('repo', 'stats', password='second')
        keys = self.call('repo', 'key', 'list', password='second')['keys']
        self.assertEqual([key['id'] for key in keys if key['in_use']], [added])
        self.assertEqual(len(keys), 2)

        refused = self.message('repo', 'key', 'remove', added[:8], '--yes', password='second', code=8)
        self.assertIn('repo key passwd', refused)
        self.assertIn('--yes', self.message('repo', 'key', 'remove', added[:8], code=8))
        self.call('repo', 'key', 'remove', added[:8], '--yes')
        self.call('repo', 'stats', password='second', code=6)
        self.call('repo', 'key', 'remove', added[:8], '--yes', code=7)

        fresh = os.path.join(self.scratch.new('secrets'), 'passphrase')
        os.makedirs(os.path.dirname(fresh))
        with open(fresh, 'w', encoding='utf-8') as file:
            file.write('third\n')
        self.call('repo', 'key', 'passwd', '--new-password-file', fresh)
        self.call('repo', 'stats', code=6)
        self.call('repo', 'stats', password='third')
        self.assertEqual(len(self.call('repo', 'key', 'list', password='third')['keys']), 1)

    def test_what_opening_costs_is_fitted_asked_for_and_shown(self):
        self.call('repo', 'init')
        key = self.call('repo', 'key', 'list')['keys'][0]
        self.assertGreaterEqual(key['kdf_memory'], 64 << 20)
        self.assertGreaterEqual(key['kdf_passes'], 3)
        self.call('repo', 'key', 'passwd', '--argon2-memory', '19MB', '--argon2-passes', '2',
                  AERIE_NEW_PASSWORD='second')
        key = self.call('repo', 'key', 'list', password='second')['keys'][0]
        self.assertEqual((key['kdf_memory'], key['kdf_passes']), (19 << 20, 2))
        self.assertIn('OWASP', self.message('repo', 'key', 'add', '--argon2-memory', '1MB', code=2,
                                            password='second', AERIE_NEW_PASSWORD='third'))

    def test_the_master_key_is_rotated(self):
        self.call('repo', 'init')
        self.call('repo', 'key', 'add', AERIE_NEW_PASSWORD='second')
        self.assertIn('--yes', self.message('repo', 'key', 'rotate', code=8))
        begun = self.call('repo', 'key', 'rotate', '--yes', AERIE_NEW_PASSWORD='fresh')
        self.assertEqual(len(begun['removed']), 2)
        for old in ('first', 'second'):
            self.call('repo', 'stats', password=old, code=6)
        self.assertIn('--continue', self.message('repo', 'key', 'rotate', '--yes', password='fresh', code=8))
        self.call('repo', 'key', 'add', password='fresh', AERIE_NEW_PASSWORD='second')
        self.call('repo', 'stats', password='second')
        # Nothing is stored yet: there is nothing to wait for.
        done = self.call('repo', 'key', 'rotate', '--continue', '--max-duration', '1h', password='second')
        self.assertTrue(done['rotation']['finished'])
        self.assertTrue(self.call('repo', 'key', 'rotate', '--continue', password='fresh')['rotation']['finished'])

    def test_a_new_passphrase_must_come_from_somewhere(self):
        self.call('repo', 'init')
        for words in (('add',), ('passwd',)):
            self.assertIn('AERIE_NEW_PASSWORD', self.message('repo', 'key', *words, code=2))

    def test_a_generated_passphrase_that_is_changed_steps_aside(self):
        made = self.call('repo', 'init', password=None)
        key_file = made['repository']['key_file']
        self.assertTrue(os.path.exists(key_file))
        changed = self.call('repo', 'key', 'passwd', password=None, AERIE_NEW_PASSWORD='own')
        self.assertFalse(os.path.exists(key_file))
        kept = f'{key_file}.before-{changed["key"][:8]}'
        self.assertTrue(os.path.exists(kept))
        self.assertIn(kept, changed['warnings'][0])
        self.call('repo', 'stats', password='own')

    def test_one_in_the_environment_does_not_hide_the_generated_one(self):
        key_file = self.call('repo', 'init', password=None)['repository']['key_file']
        for words in (('repo', 'stats'), ('repo', 'key', 'list')):
            said = self.message(*words, code=6, password='of another')
            self.assertRegex(said, f'^open repository .*: AERIE_PASSWORD does not fit; .* unset it, or use '
                                   f'--password-file {re.escape(key_file)}$')
            self.call(*words, password=None)
        self.call('repo', 'stats', '--password-file', key_file, password='of another')

    def test_without_encryption_there_are_no_passphrases(self):
        self.call('repo', 'init', '--unencrypted')
        self.assertIn('not encrypted', self.message('repo', 'key', 'add', code=8, AERIE_NEW_PASSWORD='x'))


if __name__ == '__main__':
    unittest.main()
