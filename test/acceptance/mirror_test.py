"""Mirror from a folder into S3 under another passphrase: the golden repository with patches; the
S3 checks signatures. No Milvus is needed."""

import json
import os
import shutil
import unittest

from harness import ROOT, AcceptanceTest, Lab, tree

GOLDEN = os.path.join(ROOT, 'src', 'repo', 'testdata', 'v1-patches-encrypted')
HERE = {'AERIE_PASSWORD': 'kite'}
THERE = {'AERIE_PASSWORD': 'hawk'}
BOTH = {'AERIE_PASSWORD': 'kite', 'AERIE_TO_PASSWORD': 'hawk'}
NUMBER = 0


class MirrorTest(AcceptanceTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = Lab('s3')
        cls.addClassCleanup(cls.s3.stop)
        ready = cls.s3.ready
        cls.aerie.env.update({'AWS_ACCESS_KEY_ID': ready['access_key'],
                              'AWS_SECRET_ACCESS_KEY': ready['secret_key'],
                              'AWS_EC2_METADATA_DISABLED': 'true', 'AWS_REGION': 'us-east-1',
                              'AWS_ENDPOINT_URL': cls.s3.uri})

    def setUp(self):
        super().setUp()
        global NUMBER
        NUMBER += 1
        self.repo = self.scratch.new()
        shutil.copytree(GOLDEN, self.repo)
        self.mirror = f's3://{self.s3.ready["bucket"]}/mirror-{NUMBER}'

    def call(self, *args, env=BOTH, code=0):
        run = self.aerie.json(*args, env=env)
        self.assertEqual(run.code, code, run)
        return run.result

    def copy(self, *args, code=0, **more):
        return self.call('repo', 'mirror', '--repo', self.repo, '--to', self.mirror, *args, code=code,
                         **more)

    def message(self, *args, **more):
        return self.copy(*args, **more)['errors'][0]['message']

    def listed(self, repo, env):
        return self.call('backup', 'list', '--repo', repo, env=env)['snapshots']

    def test_everything_under_another_key(self):
        originals = self.listed(self.repo, HERE)
        first = self.copy('--init')
        self.assertTrue(first['to']['created'])
        self.assertEqual((first['mirrored'], first['already_there']), (len(originals), 0))
        copies = self.listed(self.mirror, THERE)
        self.assertEqual(len(copies), len(originals))
        for copy, original in zip(copies, originals):
            self.assertEqual(copy['origin']['snapshot'], original['id'])
            for same in ('created', 'finished', 'cluster', 'tags', 'rows', 'bytes', 'host', 'complete'):
                self.assertEqual(copy[same], original[same], same)
            self.assertEqual([c['digest'] for c in copy['collections']],
                             [c['digest'] for c in original['collections']])
        self.call('backup', 'verify', '--all', '--read-data', '--repo', self.mirror, env=THERE)
        self.call('backup', 'list', '--repo', self.mirror, env=HERE, code=6)
        text = self.aerie.run('backup', 'list', '--repo', self.mirror, env=THERE).out
        self.assertIn(f'(copy of {originals[0]["id"][:8]})', text)
        shown = self.aerie.run('backup', 'show', 'latest', '--repo', self.mirror, env=THERE).out
        self.assertIn(originals[0]['id'], shown)

        # What two snapshots differ in is the same here and there.
        def differences(repo, snapshots, env):
            run = self.aerie.json('backup', 'diff', snapshots[1]['id'], snapshots[0]['id'], '--repo',
                                  repo, env=env)
            self.assertIn(run.code, (0, 4), run)
            return [(c['missing'], c['extra'], c['changed']) for c in run.result['collections']]
        here = differences(self.repo, originals, HERE)
        self.assertEqual(differences(self.mirror, copies, THERE), here)
        self.assertNotEqual(here, [(0, 0, 0)])

        again = self.copy()
        self.assertEqual((again['mirrored'], again['already_there'], again['stored_bytes']),
                         (0, len(originals), 0))

    def test_chosen_ones_first_and_the_rest_later(self):
        planned = self.copy('--dry-run', '--last', '1', code=7)
        self.assertIn('--init', planned['errors'][0]['message'])
        newest = self.listed(self.repo, HERE)[0]['id']
        first = self.copy('--last', '1', '--init', '--pins')
        self.assertEqual([one['snapshot'] for one in first['snapshots']], [newest])
        planned = self.copy('--dry-run')
        self.assertEqual(planned['status'], 'planned')
        self.assertEqual([one['was_there'] for one in planned['snapshots']].count(True), 1)
        rest = self.copy(newest[:8])
        self.assertEqual((rest['mirrored'], rest['already_there']), (0, 1))
        self.copy('0123456789abcdef', code=7)
        self.copy('--tag', 'no-such-tag', code=7)
        rest = self.copy()
        self.assertEqual(rest['already_there'], 1)
        self.call('backup', 'verify', '--all', '--read-data', '--repo', self.mirror, env=THERE)

    def test_it_says_what_is_wrong(self):
        self.assertIn('--init', self.message(code=7))
        self.copy('--init')
        self.assertIn('AERIE_TO_PASSWORD', self.message(env={**BOTH, 'AERIE_TO_PASSWORD': 'x'}, code=6))
        run = self.aerie.json('repo', 'mirror', '--repo', self.repo, '--to', self.repo,
                              env={**HERE, 'AERIE_TO_PASSWORD': 'kite'})
        self.assertEqual(run.code, 8, run)
        self.assertIn('the same repository', run.error)
        for flag, words in (('--limit-upload', '20MB/s'), ('--limit-requests', '100/s'),
                            ('--limit-connections', 'from 1')):
            self.assertIn(words, self.message(flag, '20 parsecs', code=2))

    def test_damage_is_named_and_the_others_go_on(self):
        # The pack that only the newest snapshots need.
        packs = sorted((path for path in tree(self.repo) if path.startswith('packs')),
                       key=tree(self.repo).get)
        path = os.path.join(self.repo, packs[0])
        with open(path, 'r+b') as file:
            body = bytearray(file.read())
            body[8:200] = bytes(192)
            file.seek(0)
            file.write(body)
        result = self.copy('--init', code=3)
        self.assertGreater(result['mirrored'], 0)
        self.assertGreater(result['failed'], 0)
        named = [one['error']['message'] for one in result['snapshots'] if 'error' in one]
        self.assertTrue(any(os.path.basename(path)[:8] in message for message in named), named)
        self.call('backup', 'verify', '--all', '--read-data', '--repo', self.mirror, env=THERE)

    def test_by_configuration_within_limits(self):
        path = os.path.join(self.scratch.new('config'), 'aerie.yaml')
        os.makedirs(os.path.dirname(path))
        with open(path, 'w', encoding='ascii') as file:
            json.dump({'repositories': {
                'main': {'url': self.repo, 'password': '${env:MAIN_PASSWORD}'},
                'second': {'url': self.mirror, 'password': '${env:SECOND_PASSWORD}',
                           'limit_requests': '20/s', 'limit_connections': '2'}}}, file)
        made = self.call('--config', path, 'repo', 'mirror', '--repo', 'main', '--to', 'second', '--init',
                         env={'AERIE_PASSWORD': 'not of these', 'MAIN_PASSWORD': 'kite',
                              'SECOND_PASSWORD': 'hawk'})
        self.assertGreater(made['mirrored'], 0)
        self.call('backup', 'verify', '--all', '--read-data', '--repo', self.mirror, env=THERE)


if __name__ == '__main__':
    unittest.main()
