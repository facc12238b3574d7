"""The storage of a repository, filled by real backups under the daemon: what it says of used and free
is what the file system says, the forecast is the pace of the last days, and the alert comes, becomes
critical and goes as it should. The days before are put into the catalog; the clock is real."""

import itertools
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import time
import unittest
import urllib.request

import numpy as np

import bulk
from harness import AERIE, AcceptanceTest, wait_until

DIM = 256
ROWS = 4000
SIZE = 64 << 20
PER_HOUR = 100_000  # bytes that it grew by before
HOUR_MS = 3_600_000

CONFIG = '''
clusters:
  lab: {{uri: "{uri}"}}
repositories:
  main: {{url: {repo}}}
defaults: {{cluster: lab, repository: main}}
api: {{listen: "127.0.0.1:0"}}
serve: {{data_dir: {data}}}
alerts: {{interval: 1s, repositories_every: 1s{more}}}
'''


class StorageTest(AcceptanceTest):
    LAB = ('milvus',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        bulk.make(cls.client, 'docs', DIM)
        cls.filled = 0

    def setUp(self):
        self.daemon = None
        self.addCleanup(self.stop)

    # ---- the daemon

    def configure(self, repo, more=''):
        self.repo, self.data, self.config = repo, self.scratch.new('data'), self.scratch.new('config')
        with open(self.config, 'w', encoding='utf-8') as file:
            file.write(CONFIG.format(uri=self.lab.uri, repo=repo, data=self.data, more=more))

    def start(self):
        self.errors = open(self.data + '.err', 'w+', encoding='utf-8')
        self.daemon = subprocess.Popen(
            [AERIE, '--config', self.config, '-o', 'json', 'serve'], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.errors, env=self.aerie.env, text=True)
        line = self.daemon.stdout.readline()
        self.assertTrue(line, 'the daemon serves')
        self.url = json.loads(line)['url']

    def stop(self):
        if self.daemon is None:
            return
        self.daemon.send_signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(60), 0)
        self.daemon.stdout.close()
        self.errors.close()
        self.daemon = None

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read().decode()

    def call(self, *words):
        run = self.aerie.json('--config', self.config, *words)
        self.assertEqual(run.code, 0, run)
        return run.result

    # ---- the storage

    def grow(self, rows=ROWS):
        """Backs up as many new rows; about three megabytes."""
        type(self).filled += rows
        bulk.fill(self.client, 'docs', np.arange(self.filled - rows, self.filled, dtype=np.int64), DIM)
        self.call('backup', 'create')

    def remember(self, used, limit, hours=30):
        """Grown by PER_HOUR before, as the daemon itself would have kept it."""
        now_ms = int(time.time() * 1000)
        with sqlite3.connect(os.path.join(self.data, 'catalog.db'), timeout=30) as catalog:
            catalog.executemany('INSERT OR REPLACE INTO alert_samples VALUES (?, ?, ?, ?)', [
                ('main', now_ms - h * HOUR_MS, used - h * PER_HOUR, limit) for h in range(1, hours + 1)])
        catalog.close()

    def forecast(self, used, limit):
        """Seconds until it is full, by what the catalog keeps; reckoned here, from the manual's words."""
        with sqlite3.connect(os.path.join(self.data, 'catalog.db'), timeout=30) as catalog:
            samples = catalog.execute("SELECT at_ms, used_bytes FROM alert_samples WHERE storage = 'main' "
                                      'ORDER BY at_ms').fetchall()
        catalog.close()
        samples.append((int(time.time() * 1000), used))
        pace = statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.combinations(samples, 2)
                                 if b[0] > a[0])
        return (limit - used) / pace / 1000

    def metric(self, name):
        for line in self.get('/metrics').splitlines():
            if line.startswith(f'aerie_storage_{name}{{storage="main"}}'):
                return float(line.split()[-1])
        return None

    def incident(self):
        """(severity, summary) of what is open about this storage."""
        found = [each for each in json.loads(self.get('/api/v1/alerts?open=true'))['items']
                 if (each['rule'], each['about']) == ('storage-full', 'main')]
        self.assertLessEqual(len(found), 1, found)
        return (found[0]['severity'], found[0]['summary']) if found else None

    def fill_up(self, measured, limit):
        """From a tenth to over nine tenths, and back. `measured`: bytes used, as they are."""
        self.grow()
        self.start()
        self.remember(measured(), limit)
        seen = []
        while measured() <= 0.9 * limit:
            used = measured()
            wait_until(lambda: self.metric('used_bytes') == measured(), f'{used} bytes are seen')
            self.assertEqual(self.metric('limit_bytes'), limit)
            self.assertEqual(self.metric('free_bytes'), limit - used)
            left = self.metric('full_timestamp_seconds') - time.time()
            expected = self.forecast(used, limit)
            self.assertAlmostEqual(left, expected, delta=expected / 20)
            soon = expected <= 7 * 86400
            severity = ('critical' if used > 0.9 * limit else
                        'warning' if used > 0.8 * limit or soon else None)
            seen.append((used > 0.8 * limit, severity))

            def told():
                now = self.incident()
                return now is None if severity is None else now is not None and now[0] == severity
            wait_until(told, f'{used} of {limit} is {severity}, not {self.incident()}')
            if severity:
                self.assertIn('it is full on 20', self.incident()[1])
            self.grow()
        wait_until(lambda: (self.incident() or ('',))[0] == 'critical', 'it is critical')
        self.assertIn('main is 9', self.incident()[1])
        # On the way: nothing, then because it would be full within days, then because it nearly is.
        for each in ((False, None), (False, 'warning'), (True, 'warning')):
            self.assertIn(each, seen)
        newest = self.call('backup', 'list')['snapshots'][0]['id']
        self.call('backup', 'delete', *[each['id'] for each in self.call('backup', 'list')['snapshots']
                                        if each['id'] != newest], '--yes')
        self.client.drop('docs')
        bulk.make(self.client, 'docs', DIM)
        self.grow(ROWS // 10)
        self.call('backup', 'delete', newest, '--yes')
        # What the first marks, the second takes away.
        for _ in range(2):
            self.call('repo', 'prune', '--margin', '0s', '--yes')
        self.assertLess(measured(), 0.3 * limit)
        wait_until(lambda: self.incident() is None, f'there is room again: {self.incident()}')

    def test_a_file_system(self):
        place = self.scratch.new('disk')
        os.makedirs(place)
        if os.geteuid() != 0:
            self.fail('this test mounts a small file system, and needs root for it')
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={SIZE}', 'none', place], check=True)
        self.addCleanup(subprocess.run, ['umount', '-l', place])
        self.configure(os.path.join(place, 'repo'))

        def measured():
            disk = os.statvfs(place)
            return (disk.f_blocks - disk.f_bfree) * disk.f_frsize
        self.fill_up(measured, SIZE)
        repository = json.loads(self.get('/api/v1/repositories/main'))
        self.assertEqual(repository['total_bytes'], SIZE)
        self.assertEqual(repository['used_bytes'] + repository['free_bytes'], SIZE)

    def test_a_capacity(self):
        """A store without an end of its own, S3 say, has the end that the configuration gives it."""
        self.configure(self.scratch.new(), more=f', capacity: {{main: {SIZE}B}}')

        def measured():
            return sum(os.path.getsize(os.path.join(path, name))
                       for path, _, names in os.walk(os.path.join(self.repo, 'packs')) for name in names)
        self.fill_up(measured, SIZE)


if __name__ == '__main__':
    unittest.main()
