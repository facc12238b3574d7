"""A migration between two real servers, run by `aerie migrate run`, watched and steered on the page of a
real daemon in Chromium: paused, resumed, cut over, approved step by step, completed. Then the servers
and the command line are asked whether it is so.

AERIE_PAGE_SHOTS says where the pictures go [page-shots beside the program]."""

import json
import os
import subprocess
import threading
import unittest

import numpy as np

import bulk
from harness import TwoServersTest, wait_until
from page_test import BUILD_WEB, DIM, SHOTS, USERS, Daemon

ROWS = 3_000


class MigratePageTest(TwoServersTest):
    def test_clients_are_moved_on_the_page(self):
        keys = np.arange(ROWS, dtype=np.int64)
        bulk.make(self.client, 'moved', DIM)
        bulk.fill(self.client, 'moved', keys, DIM)
        self.client.flush('moved')
        before = self.client.contents('moved')
        daemon = Daemon(type(self), 'migrations')
        for role in ('admin', 'operator', 'viewer'):
            daemon.call('user', 'add', USERS[role]['user'], '--role', role,
                        env={'AERIE_NEW_PASSWORD': USERS[role]['password']})
        daemon.start()

        # By hand: the fence and the switch are approved on the page.
        ended = []
        run = threading.Thread(target=lambda: ended.append(self.aerie.json(
            '--config', daemon.config, 'migrate', 'run', self.lab.uri, self.other.uri, '-c', 'moved',
            '--interval', '1s', '--retry', '1s', '--max-pause', '10m', '--monitor-interval', '1s')))
        run.start()
        self.addCleanup(run.join)

        def migrations():
            self.assertEqual(ended, [])
            return daemon.call('migrate', 'status')['migrations']

        self.addCleanup(lambda: ended or daemon.call('migrate', 'abort'))
        wait_until(migrations, 'the migration is in the catalog')
        migration = migrations()[0]['migration']
        done = subprocess.run(
            [BUILD_WEB, '--browser', 'migration.test.mjs'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=500, check=False,
            env={**os.environ, 'AERIE_URL': daemon.address(), 'AERIE_USERS': json.dumps(USERS),
                 'AERIE_MIGRATION': migration, 'SHOTS': os.path.join(SHOTS, 'migration')})
        self.assertEqual(done.returncode, 0, done.stdout[-20_000:] + daemon.errors())

        run.join()
        self.assertEqual(ended[0].code, 0, ended[0])
        self.assertEqual(ended[0].result['state'], 'done')
        self.assertEqual(self.target.contents('moved'), before)
        self.assert_contents('moved', before)
        log = [line['text'] for line in daemon.call('migrate', 'status', migration, '--log')['log']]
        for step in ('ready: pause', 'ready: resume', 'fencing: succeeded -> last-sync',
                     'switching: succeeded -> opening', 'watching: complete -> done'):
            self.assertTrue([line for line in log if line.startswith(step)], log)


if __name__ == '__main__':
    unittest.main(verbosity=2)
