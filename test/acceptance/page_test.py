"""The page in Chromium on the real daemon and a real Milvus: the scenarios of web/test, which run against
a mock as well, and pictures of every page. What they did is then asked of the server and of the command
line.

AERIE_PAGE_SHOTS says where the pictures go [page-shots beside the program]."""

import glob
import json
import os
import signal
import subprocess
import unittest

import numpy as np

import bulk
from harness import AERIE, ROOT, AcceptanceTest, wait_until

BUILD_WEB = os.path.join(ROOT, 'scripts', 'build-web')
SHOTS = os.environ.get('AERIE_PAGE_SHOTS') or os.path.join(os.path.dirname(os.path.abspath(AERIE)), 'page-shots')
DIM = 16
ROWS = {'articles': 4_000, 'pictures': 1_000}
USERS = {role: {'user': name, 'password': f'the {role} is never told'}
         for role, name in (('admin', 'ada'), ('operator', 'olga'), ('viewer', 'vera'))}

# The same server, read slowly: a backup of `slow` lasts long enough to be paused, resumed, cancelled;
# one of `crawling` longer than all pictures take.
CONFIG = '''
clusters:
  lab: {{uri: "{uri}"}}
{slow}
repositories:
  main: {{url: {repo}}}
defaults: {{cluster: lab, repository: main}}
api: {{listen: "127.0.0.1:0"}}
serve: {{data_dir: {data}, places: 3}}
'''
SLOW = '''  slow: {{uri: "{uri}", limit_rows: 200/s, adaptive: false}}
  crawling: {{uri: "{uri}", limit_rows: 5/s, adaptive: false}}'''
SCHEDULES = '''
schedules:
  nightly:
    when: daily at 02:00
    kind: backup
    job: {keep: {daily: 7, weekly: 4}}
'''


class Daemon:
    """An `aerie serve` with a configuration and a folder of its own."""

    def __init__(self, test, name, slow='', more=''):
        self.test = test
        self.data, self.config = test.scratch.new(f'{name}-data'), test.scratch.new(f'{name}-config')
        with open(self.config, 'w', encoding='utf-8') as file:
            file.write(CONFIG.format(uri=test.lab.uri, slow=slow, repo=test.scratch.new(f'{name}-repo'),
                                     data=self.data) + more)
        self.process = None

    def start(self):
        with open(self.data + '.out', 'wb') as out, open(self.data + '.err', 'wb') as err:
            self.process = subprocess.Popen(
                [AERIE, '--config', self.config, '-o', 'json', 'serve'], stdin=subprocess.DEVNULL,
                stdout=out, stderr=err, env=self.test.aerie.env)
        self.test.addClassCleanup(self.stop)
        wait_until(lambda: self.address() is not None, 'the daemon serves')

    def address(self):
        if self.process.poll() is not None:
            raise AssertionError(f'the daemon ended: {self.errors()}')
        with open(self.data + '.out', encoding='utf-8') as lines:
            for line in lines:
                if line.endswith('\n') and '"url"' in line:
                    return json.loads(line)['url']
        return None

    def errors(self):
        with open(self.data + '.err', encoding='utf-8', errors='replace') as file:
            return file.read()[-3000:]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            if self.process.wait(60) != 0:
                raise AssertionError(self.errors())

    def call(self, *args, **options):
        run = self.test.aerie.json('--config', self.config, *args, **options)
        if run.code != 0:
            raise AssertionError(run)
        return run.result

    def run(self, *args):
        return self.call('job', 'run', *args)['number']

    def ended(self, number):
        wait_until(lambda: self.job(number)['ended_at'], f'job {number} ends')
        return self.job(number)

    def job(self, number):
        return self.call('job', 'show', str(number))['job']

    def snapshots(self):
        return self.call('backup', 'list', '--repo', 'main')['snapshots']


class PageTest(AcceptanceTest):
    LAB = ('milvus',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name, rows in ROWS.items():
            bulk.make(cls.client, name, DIM)
            bulk.fill(cls.client, name, np.arange(rows, dtype=np.int64), DIM)
            cls.client.flush(name)
        cls.before = {name: cls.client.contents(name) for name in ROWS}
        cls.daemon = Daemon(cls, 'full', SLOW.format(uri=cls.lab.uri), SCHEDULES)
        cls.first = Daemon(cls, 'first')
        # The first user is an admin: the roles in this order.
        for role in ('admin', 'operator', 'viewer'):
            cls.daemon.call('user', 'add', USERS[role]['user'], '--role', role,
                            env={'AERIE_NEW_PASSWORD': USERS[role]['password']})
        cls.daemon.start()
        cls.first.start()
        for _ in range(3):
            job = cls.daemon.ended(cls.daemon.run('backup'))
            if job['state'] != 'completed':
                raise AssertionError(job)

    def browse(self, what, **env):
        done = subprocess.run(
            [BUILD_WEB, what], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=800, check=False,
            env={**os.environ, 'AERIE_URL': self.daemon.address(), 'AERIE_FIRST': self.first.address(),
                 'AERIE_USERS': json.dumps(USERS), 'AERIE_SLOW': 'slow', **env})
        self.assertEqual(done.returncode, 0, done.stdout[-20_000:] + self.daemon.errors())

    def test_1_every_page_has_its_picture(self):
        failed = self.daemon.ended(self.daemon.run('backup', 'collections=nowhere'))
        self.assertEqual(failed['state'], 'failed', failed)
        running = self.daemon.run('backup', 'cluster=crawling')
        self.browse('--shots', SHOTS=SHOTS)
        self.daemon.call('job', 'cancel', str(running))
        self.assertEqual(self.daemon.ended(running)['state'], 'cancelled')
        taken = {kind: {os.path.basename(path) for path in glob.glob(os.path.join(SHOTS, kind, '*.png'))}
                 for kind in ('light', 'dark', 'phone', 'chinese')}
        for kind, names in taken.items():
            self.assertEqual(names, taken['light'], kind)
        self.assertGreaterEqual(taken['light'], {f'{name}.png' for name in (
            'first-visit', 'sign-in', 'overview', 'snapshot', 'restore', 'job-running', 'job-failed', 'alerts')})

    def test_2_what_operators_do(self):
        before = {snapshot['id'] for snapshot in self.daemon.snapshots()}
        self.browse('--browser')
        # Asked of the server itself: what was restored under another name has the rows of the first collection.
        restored = [name for name in self.client.names() if name.startswith('restored_')]
        self.assertEqual(len(restored), 1, self.client.names())
        self.assert_contents(restored[0], self.before['articles'])
        for name, rows in self.before.items():
            self.assert_contents(name, rows)
        after = {snapshot['id']: snapshot for snapshot in self.daemon.snapshots()}
        self.assertEqual(len(before - set(after)), 1, 'one was deleted')
        self.assertIn(['by-the-page'], [snapshot['tags'] for snapshot in after.values()])
        self.assertEqual(len(self.first.snapshots()), 1)
        stopped = [job for job in self.daemon.call('job', 'list', '--limit', '1000')['jobs']
                   if job['spec'].get('cluster') == 'slow' and job['state'] == 'completed']
        self.assertEqual(len(stopped), 1, 'paused, resumed, cancelled, and resumed to its end')
        log = [line['text'] for line in self.daemon.call('job', 'log', str(stopped[0]['number']))['log']]
        for step in ('pausing -> paused', 'paused -> queued', 'cancelling -> cancelled', 'cancelled -> queued'):
            self.assertTrue([line for line in log if line.startswith(step)], log)
        self.assertEqual([one['id'] for one in self.daemon.call('schedule', 'list')['schedules']], ['nightly'])


if __name__ == '__main__':
    unittest.main(verbosity=2)
