"""The surface: help, JSON contract, dry runs, completion, manual page, configuration."""

import json
import os
import re
import shutil
import subprocess
import unittest

from harness import AcceptanceTest, T, column, field, floats, tree

COMMANDS = ('backup create', 'backup list', 'backup show', 'backup verify', 'backup diff',
            'backup delete', 'backup pin', 'backup unpin', 'restore', 'diff', 'export', 'import', 'cluster check',
            'cluster show', 'repo init', 'repo stats', 'repo prune', 'repo unlock', 'repo check',
            'repo rebuild-index', 'repo repair', 'repo key list', 'repo key add', 'repo key remove',
            'repo key passwd',
            'schedule next', 'alert test', 'alert check', 'alert metrics', 'alert watch', 'alert list',
            'alert show', 'alert ack', 'alert silence', 'alert unsilence', 'config check', 'config schema', 'config show', 'completion', 'man')


class DocumentsTest(AcceptanceTest):
    def test_help(self):
        top = self.aerie.run('--help')
        self.assertEqual(top.code, 0, top)
        self.assertIn('aerie backup create --cluster', top.out)
        for code in ('0 done', '1 failed', '2 usage', '3 done in part', '4 difference', '5 locked',
                     '6 wrong key', '7 not there', '8 refused', '130 interrupted'):
            self.assertIn(code, top.out)
        for command in COMMANDS:
            run = self.aerie.run(*command.split(), '--help')
            self.assertEqual((run.code, run.err), (0, ''), run)
            self.assertIn('Usage:', run.out)
            self.assertGreater(len(run.out.splitlines()), 4)

    def test_version(self):
        run = self.aerie.run('--version')
        self.assertEqual(run.code, 0)
        self.assertRegex(run.out, r'^aerie \d+\.\d+\.\d+\n$')

    def test_wrong_usage(self):
        for args in ((), ('backup',), ('nonsense',), ('backup', 'create', '--nonsense'),
                     ('backup', 'verify', '-o', 'xml'), ('restore',), ('-q', '-v', 'man'),
                     ('backup', 'create', '--streams', '0')):
            run = self.aerie.run(*args)
            self.assertEqual(run.code, 2, run)
            self.assertTrue(run.err.strip(), run)

    def test_schedules_are_tried_out(self):
        result = self.aerie.json('schedule', 'next', 'daily at 02:30', '--zone', 'Europe/Berlin',
                                 '--from', '2026-03-28', '--count', '3').result
        self.assertEqual([each['due_at'] for each in result['next']],
                         ['2026-03-28T01:30:00.000Z', '2026-03-29T01:00:00.000Z',
                          '2026-03-30T00:30:00.000Z'])
        self.assertEqual(result['meaning'], 'every day at 02:30')
        text = self.aerie.run('schedule', 'next', '0 */6 * * *', '--from', '2026-11-28', '--window',
                              '22:00-03:00').out
        self.assertIn('every day at 00:00, 06:00, 12:00 and 18:00 UTC', text)
        self.assertIn('waits until Sat 28 Nov 2026 22:00 +00:00', text)
        for words, told in ((('daily at 25:00',), 'character 10'), (('daily', '--zone', 'Mars'), 'IANA'),
                            (('daily', '--blackout', 'noon'), '--blackout'),
                            (('daily', '--from', 'today'), '--from')):
            run = self.aerie.run('schedule', 'next', *words)
            self.assertEqual(run.code, 2, run)
            self.assertIn(told, run.err)

    def complete(self, *words):
        script = self.aerie.run('completion', 'bash').out
        probe = (f'{script}\nCOMP_WORDS=({" ".join(repr(w) for w in words)})\n'
                 f'COMP_CWORD={len(words) - 1}\n_aerie\nprintf "%s\\n" "${{COMPREPLY[@]}}"\n')
        return subprocess.run(['bash', '-c', probe], capture_output=True, text=True,
                              check=True).stdout.split()

    def test_completion(self):
        for shell in ('bash', 'zsh'):
            run = self.aerie.run('completion', shell)
            self.assertEqual(run.code, 0, run)
            checked = subprocess.run(['bash', '-n'], input=run.out, text=True, capture_output=True)
            self.assertEqual((checked.returncode, checked.stderr), (0, ''))
        fish = self.aerie.run('completion', 'fish').out
        self.assertIn("-l read-data", fish)
        self.assertEqual(self.complete('aerie', 'ba'), ['backup'])
        self.assertEqual(sorted(self.complete('aerie', 'backup', '')[:8]),
                         ['create', 'delete', 'diff', 'list', 'pin', 'show', 'unpin', 'verify'])
        self.assertIn('--read-data', self.complete('aerie', 'backup', 'verify', '--re'))
        self.assertIn('--on-conflict', self.complete('aerie', 'restore', '--on'))
        top = self.complete('aerie', '')
        for command in COMMANDS:
            self.assertIn(command.split()[0], top)

    def test_manual_page(self):
        run = self.aerie.run('man')
        self.assertEqual(run.code, 0, run)
        for command in COMMANDS[:-2]:
            self.assertIn('.SS aerie ' + command.replace('-', r'\-'), run.out)
        for name in ('AERIE_PASSWORD', 'AERIE_REPO', 'AERIE_CONFIG', 'EXIT STATUS'):
            self.assertIn(name, run.out)
        # Where there is a man or groff, it must read the page without a word of complaint.
        path = os.path.join(self.scratch.path, 'aerie.1')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(run.out)
        for reader in (['man', '--warnings', '-l', path], ['groff', '-man', '-ww', '-Tutf8', path]):
            if shutil.which(reader[0]):
                read = subprocess.run(reader, capture_output=True, text=True,
                                      env={**os.environ, 'MANPAGER': 'cat', 'LC_ALL': 'C.UTF-8',
                                           'GROFF_NO_SGR': '1', 'MANWIDTH': '100'})
                self.assertEqual((read.returncode, read.stderr), (0, ''))
                plain = re.sub('.\b', '', read.stdout).replace('\N{HYPHEN}', '-')
                self.assertIn('--read-data', plain.replace('\N{MINUS SIGN}', '-'))

    def config(self, text):
        path = self.scratch.new('config') + '.yaml'
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def test_configuration_is_checked_whole(self):
        for text, line, words in (
                ('clusters:\n  prod:\n    uri: http://h:1\n    pasword: x\n', 4, ('pasword', 'password')),
                ('clusters:\n  a: {uri: "http://h:1"}\nrepositorys: {}\n', 3, ('repositorys', 'repositories')),
                ('clusters:\n  a: {user: root}\n', 2, ('uri',)),
                ('defaults: {cluster: nobody}\n', 1, ('nobody',)),
                ('clusters: [\n', None, ()),
                ('clusters: 7\n', 1, ('clusters',))):
            path = self.config(text)
            run = self.aerie.json('--config', path, 'config', 'check')
            self.assertEqual(run.code, 2, run)
            self.assertIn(path if line is None else f'{path}:{line}', run.error)
            for word in words:
                self.assertIn(word, run.error)
        run = self.aerie.json('--config', '/nowhere/aerie.yaml', 'config', 'check')
        self.assertEqual(run.code, 7, run)
        self.assertIn('/nowhere/aerie.yaml', run.error)

    def test_configuration_shows_no_secret(self):
        path = self.config('clusters:\n  prod: {uri: "http://root:hunter2@127.0.0.1:1", '
                           'token: hunter2}\nrepositories:\n  main: {url: /x, password: hunter2}\n'
                           '  cloud: {url: "s3://bucket/x", secret_key: hunter2, session_token: hunter2}\n')
        for command in ('show', 'check', 'schema'):
            run = self.aerie.json('--config', path, 'config', command)
            self.assertEqual(run.code, 0, run)
            self.assertNotIn('hunter2', run.out + run.err)

    def test_every_documented_key_is_taken(self):
        schema = self.ok('config', 'schema')
        clusters, repositories = {}, {}
        # Values of keys that do not take any text. Some are only for S3, so the repository is there.
        special = {'uri': 'http://h:1', 'adaptive': 'false', 'latency_target': '50ms',
                   'limit_rows': '5000/s', 'url': 's3://bucket/x', 'path_style': 'true',
                   'limit_upload': '20MB/s', 'limit_download': '20MB/s', 'limit_requests': '100/s',
                   'limit_connections': '4', 'immutable_for': '30d', 'retention_mode': 'GOVERNANCE'}
        for key in schema['keys']:
            self.assertTrue(key['about'])
            part, *_, last = key['path'].split('.')
            if part == 'clusters':
                clusters[last] = special.get(last, 'x')
            elif part == 'repositories':
                repositories[last] = special.get(last, 'x')
        path = self.config(json.dumps({'clusters': {'a': clusters}, 'repositories': {'r': repositories},
                                       'defaults': {'cluster': 'a', 'repository': 'r'}}))
        self.ok('--config', path, 'config', 'check')


class SurfaceTest(AcceptanceTest):
    LAB = ('milvus',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        c = cls.client
        c.create('things', [field('id', T.Int64, key=True), field('vector', T.FloatVector, dim=4)])
        c.index('things', 'vector', {'index_type': 'FLAT', 'metric_type': 'L2', 'params': '{}'})
        c.insert('things', [column('id', T.Int64, list(range(2000))),
                            column('vector', T.FloatVector, floats([0.25] * 8000), dim=4)])
        c.load('things')
        cls.repo = cls.scratch.new()
        run = cls.aerie.json('backup', 'create', '--cluster', cls.lab.uri, '--repo', cls.repo,
                             '--tag', 'first', '--tag', 'kept')
        assert run.code == 0, run
        cls.made = run.result

    def test_the_result_is_the_last_line(self):
        repo = self.scratch.new()
        run = self.aerie.json('backup', 'create', '--cluster', self.lab.uri, '--repo', repo)
        self.assertEqual((run.code, run.err), (0, ''), run)
        self.assertTrue(run.events)
        for event in run.events:
            self.assertIn(event['event'], ('phase', 'progress', 'item', 'warning'))
        self.assertNotIn('event', run.result)
        for key in ('status', 'snapshot', 'rows', 'bytes', 'stored_bytes', 'seconds', 'collections',
                    'warnings', 'errors', 'exit_code'):
            self.assertIn(key, run.result)
        self.assertEqual(run.result['status'], 'completed')
        self.assertEqual(run.result['repository']['created'], True)
        quiet = self.aerie.json('-q', 'backup', 'create', '--cluster', self.lab.uri, '--repo', repo)
        self.assertEqual(quiet.events, [])
        self.assertEqual(quiet.result['exit_code'], 0)

    def test_text(self):
        run = self.aerie.run('backup', 'list', '--repo', self.repo)
        self.assertEqual((run.code, run.err), (0, ''))
        self.assertIn(self.made['snapshot'][:8], run.out)
        self.assertIn('2,000', run.out)
        run = self.aerie.run('backup', 'show', 'latest', '--repo', self.repo)
        self.assertIn('default.things', run.out)
        run = self.aerie.run('-q', 'backup', 'verify', '--repo', self.repo)
        self.assertEqual((run.code, run.out, run.err), (0, '', ''))
        run = self.aerie.run('cluster', 'check', self.lab.uri)
        self.assertEqual(run.code, 0, run)
        self.assertIn('healthy', run.out)
        run = self.aerie.run('cluster', 'show', self.lab.uri)
        self.assertIn('things', run.out)
        self.assertRegex(run.out, r'default\.things +2,000 +~ [\d.]+ kB')
        shown = self.ok('cluster', 'show', self.lab.uri)
        things = next(each for each in shown['collections'] if each['name'] == 'default.things')
        self.assertEqual((things['rows'], things['load_state']), (2000, 'loaded'))
        self.assertIn(things['size_from'], ('schema', 'sample'))
        stored = self.ok('backup', 'show', 'latest', '--repo', self.repo)
        stored = next(each for each in stored['snapshot']['collections'] if each['name'] == 'default.things')
        self.assertAlmostEqual(things['size_bytes'], stored['bytes'], delta=stored['bytes'] // 10)
        run = self.aerie.run('repo', 'stats', '--repo', self.repo)
        self.assertIn('encrypted', run.out)

    def test_snapshots_are_named_by_id_prefix_and_latest(self):
        identity = self.made['snapshot']
        for name in (identity, identity[:8], identity[:4], 'latest'):
            shown = self.ok('backup', 'show', name, '--repo', self.repo)
            self.assertEqual(shown['snapshot']['id'], identity)
        self.assertEqual(shown['snapshot']['tags'], ['first', 'kept'])
        for tag, count in (('kept', 1), ('other', 0)):
            listed = self.ok('backup', 'list', '--tag', tag, '--repo', self.repo)
            self.assertEqual(len(listed['snapshots']), count)
        for name in ('0123456789abcdef', 'yesterday'):
            run = self.aerie.json('backup', 'show', name, '--repo', self.repo)
            self.assertIn(run.code, (2, 7), run)
            self.assertIn(name, run.error)

    def test_dry_runs_change_nothing(self):
        spec, before = self.client.spec('things'), tree(self.repo)
        absent = self.scratch.new()
        planned = self.ok('backup', 'create', '--dry-run', '--cluster', self.lab.uri, '--repo', absent)
        self.assertEqual(planned['status'], 'planned')
        self.assertEqual([c['name'] for c in planned['collections']], ['default.things'])
        self.assertFalse(os.path.exists(absent))
        planned = self.ok('restore', 'latest', '--dry-run', '--to', self.lab.uri, '--repo', self.repo,
                          '--suffix', '_2')
        self.assertEqual(planned['status'], 'planned')
        self.assertEqual(planned['collections'][0]['to'], 'default.things_2')
        self.assertEqual(planned['collections'][0]['rows'], 2000)
        self.ok('restore', 'latest', '--dry-run', '--to', self.lab.uri, '--repo', self.repo)
        self.ok('restore', 'latest', '--dry-run', '--to', self.lab.uri, '--repo', self.repo,
                '--on-conflict', 'replace')
        self.assertEqual(self.client.names(), ['things'])
        self.assertEqual(self.client.spec('things'), spec)
        self.assertEqual(tree(self.repo), before)

    def test_differences_have_their_exit_code(self):
        c = self.client
        self.restore(self.repo, '--suffix', '_other')
        self.addCleanup(c.drop, 'things_other')
        same = self.ok('diff', f'{self.lab.uri}/default.things', f'{self.lab.uri}/default.things_other',
                       '--rows-only')
        self.assertTrue(same['same'])
        c.upsert('things_other', [column('id', T.Int64, [3, 5000]),
                                  column('vector', T.FloatVector, floats([0.5] * 8), dim=4)])
        c.delete('things_other', 'id in [7]')
        run = self.aerie.json('diff', 'latest/default.things', f'{self.lab.uri}/default.things_other',
                              '--repo', self.repo, '--rows-only')
        self.assertEqual(run.code, 4, run)
        self.assertEqual(run.result['status'], 'different')
        found = run.result['collections'][0]
        self.assertEqual((found['missing'], found['extra'], found['changed']), (1, 1, 1))
        examples = {(e['kind'], e['key']) for e in found['examples']}
        self.assertEqual(examples, {('missing', '7'), ('extra', '5000'), ('changed', '3')})
        changed = next(e for e in found['examples'] if e['kind'] == 'changed')
        self.assertEqual(changed['fields'], ['vector'])

    def test_names_of_the_configuration_stand_for_addresses(self):
        path = os.path.join(self.scratch.path, 'named.yaml')
        secret = os.path.join(self.scratch.path, 'pass')
        with open(secret, 'w', encoding='ascii') as file:
            file.write('another one\n')
        with open(path, 'w', encoding='utf-8') as file:
            json.dump({'clusters': {'here': {'uri': self.lab.uri}},
                       'repositories': {'shelf': {'url': os.path.join(self.scratch.path, 'shelf'),
                                                  'password': '${file:%s}' % secret}},
                       'defaults': {'cluster': 'here', 'repository': 'shelf'}}, file)
        quiet = {'AERIE_PASSWORD': None}
        self.ok('--config', path, 'backup', 'create', env=quiet)
        listed = self.ok('backup', 'list', env={**quiet, 'AERIE_CONFIG': path})
        self.assertEqual(listed['snapshots'][0]['cluster'], 'here')
        self.ok('--config', path, 'restore', 'latest', '--to', 'here', '--suffix', '_n', env=quiet)
        self.client.drop('things_n')
        wrong = self.aerie.json('--config', path, 'backup', 'create', '--cluster', 'hree', env=quiet)
        self.assertEqual(wrong.code, 2, wrong)
        self.assertIn("'here'", wrong.error)

    def test_a_passphrase_is_made_and_kept_where_none_is_given(self):
        repo = self.scratch.new()
        quiet = {'AERIE_PASSWORD': None}
        made = self.back_up(repo, env=quiet)
        key = made['repository']['key_file']
        self.assertTrue(key.startswith(self.scratch.home), key)
        self.assertEqual(os.stat(key).st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(os.path.dirname(key)), [os.path.basename(key)])
        self.ok('backup', 'verify', '--read-data', '--repo', repo, env=quiet)
        with open(key, 'rb') as file:
            text = file.read().strip()
        for name in tree(repo):
            with open(os.path.join(repo, name), 'rb') as file:
                self.assertNotIn(text, file.read())

    def test_ways_to_give_a_passphrase(self):
        repo, quiet = self.scratch.new(), {'AERIE_PASSWORD': None}
        path = self.scratch.new('password')
        with open(path, 'w', encoding='utf-8') as file:
            file.write('pässword with spaces\n')
        self.back_up(repo, '--password-file', path, env=quiet)
        self.ok('repo', 'stats', '--repo', repo, '--password-command', f'cat {path}', env=quiet)
        self.ok('repo', 'stats', '--repo', repo, env={'AERIE_PASSWORD': 'pässword with spaces'})
        with open(path, 'rb') as file:
            self.ok('repo', 'stats', '--repo', repo, '--password-fd', str(file.fileno()), env=quiet,
                    pass_fds=[file.fileno()])
        both = self.aerie.json('repo', 'stats', '--repo', repo, '--password-file', path,
                               '--password-command', f'cat {path}', env=quiet)
        self.assertEqual(both.code, 2, both)
        self.assertIn('--password-file and --password-command', both.error)
        failed = self.aerie.json('repo', 'stats', '--repo', repo, '--password-command',
                                 'echo the vault is sealed >&2; exit 3', env=quiet)
        self.assertEqual(failed.code, 1, failed)
        self.assertIn('the vault is sealed', failed.error)

    def test_an_unencrypted_repository(self):
        repo, quiet = self.scratch.new(), {'AERIE_PASSWORD': None}
        made = self.back_up(repo, '--unencrypted', env=quiet)
        self.assertFalse(made['repository']['encrypted'])
        self.ok('backup', 'verify', '--read-data', '--repo', repo, env=quiet)

    def test_an_encrypted_repository_shows_nothing(self):
        for name in tree(self.repo):
            with open(os.path.join(self.repo, name), 'rb') as file:
                raw = file.read()
            for word in (b'things', b'vector', b'kept', self.lab.ready['address'].encode()):
                self.assertNotIn(word, raw, name)


if __name__ == '__main__':
    unittest.main()
