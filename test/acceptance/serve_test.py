"""The daemon: schedules that back up, verify and keep; jobs from the command line; SIGKILL of the
daemon at random moments of scheduled backups, restores, prunes, copies, mirrors and syncs: history and schedules stay
whole, jobs go on, nothing runs twice at once, and what a sync keeps equal is equal.

DAEMON_KILLS=50 for the full number, DAEMON_SEED for another course of it."""

import json
import os
import random
import re
import signal
import subprocess
import time
import unittest
import urllib.request

import grpc
import numpy as np

import bulk
from harness import AERIE, ROOT, AcceptanceTest, wait_until

DIM = 64
ROWS = 40_000
LIVE_ROWS = 20_000  # of the collection that is synced, and written to between the rounds
KINDS = ('minutely', 'restore', 'prune', 'prove', 'copy', 'mirror', 'sync')
KILLS = int(os.environ.get('DAEMON_KILLS', len(KINDS)))
SEED = int(os.environ.get('DAEMON_SEED', time.time_ns() % 10**6))

CONFIG = '''
clusters:
  lab: {{uri: "{uri}"}}
  slow: {{uri: "{uri}", limit_rows: 5000/s, adaptive: false}}
repositories:
  main: {{url: {repo}}}
defaults: {{cluster: lab, repository: main}}
api: {{listen: "127.0.0.1:0"}}
serve: {{data_dir: {data}, places: 2}}
schedules:
  minutely:
    when: every minute
    kind: backup
    job: {{collections: [docs], keep: {{last: 2}}}}
  restore:
    when: monthly
    enabled: false
    kind: restore
    job: {{to: lab, collections: [docs], suffix: _back, on_conflict: replace}}
  prune:
    when: monthly
    enabled: false
    kind: prune
    job: {{keep: {{last: 3}}, margin: 0s}}
  prove:
    when: monthly
    enabled: false
    kind: restore-test
    job: {{collections: [docs]}}
'''


class ServeTest(AcceptanceTest):
    LAB = ('milvus',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keys = np.arange(ROWS, dtype=np.int64) * 3
        bulk.make(cls.client, 'docs', DIM)
        bulk.fill(cls.client, 'docs', cls.keys, DIM)
        cls.client.flush('docs')

    def setUp(self):
        super().setUp()
        self.data, self.repo, self.config = (self.scratch.new(name) for name in ('data', 'repo', 'config'))
        with open(self.config, 'w', encoding='utf-8') as file:
            file.write(CONFIG.format(uri=self.lab.uri, repo=self.repo, data=self.data))
        self.daemon = None
        self.addCleanup(self.stop)

    # ---- the daemon

    def start(self):
        out, err = (open(self.data + end, 'ab') for end in ('.out', '.err'))
        self.daemon = subprocess.Popen(
            [AERIE, '--config', self.config, '-o', 'json', 'serve'], stdin=subprocess.DEVNULL,
            stdout=out, stderr=err, env=self.aerie.env)
        out.close()
        err.close()
        pid = self.daemon.pid

        def serves():
            self.assertIsNone(self.daemon.poll(), self.errors())
            with open(self.data + '.out', encoding='utf-8') as lines:
                # The last one may be written in part.
                said = [json.loads(line) for line in lines if line.endswith('\n')]
            return next((one for one in said if one.get('pid') == pid), None)
        wait_until(serves, 'the daemon serves')
        with urllib.request.urlopen(serves()['url'] + '/readyz', timeout=60) as answer:
            self.assertEqual(answer.status, 200)

    def errors(self):
        with open(self.data + '.err', encoding='utf-8', errors='replace') as file:
            return file.read()[-3000:]

    def stop(self):
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
            self.assertEqual(self.daemon.wait(60), 0, self.errors())

    def kill(self):
        self.daemon.kill()
        self.daemon.wait()

    def call(self, *args, code=0, **options):
        run = self.aerie.json('--config', self.config, *args, **options)
        self.assertEqual(run.code, code, run)
        return run.result

    def jobs(self, *options):
        return self.call('job', 'list', '--limit', '10000', *options)['jobs']

    def job(self, number):
        return self.call('job', 'show', str(number))['job']

    def idle(self):
        return not self.jobs('--open')

    def ended(self, number, state='completed'):
        wait_until(lambda: self.job(number)['ended_at'], f'job {number} ends')
        job = self.job(number)
        self.assertEqual(job['state'], state, f'{json.dumps(job)[:2000]}\n{self.errors()}')
        return job

    def snapshots(self):
        return self.call('backup', 'list', '--repo', 'main')['snapshots']

    def tend_server(self):
        """Starts the server when it has died: 2.3.5 panics now and then when a collection is dropped
        while it is flushed, as killed restores have it. What failed for that goes on."""
        try:
            self.client.names()
            return False
        except grpc.RpcError:
            pass
        self.lab.ask('start')
        for name in ('docs', 'live'):
            wait_until(lambda: self.client.load_state(name) == 3, f'{name} is loaded again')
        for job in self.jobs():
            if job['state'] == 'failed':
                self.assertIn(job['error']['kind'], ('transient', 'unknown_outcome', 'timeout'), job)
                self.call('job', 'resume', str(job['number']))
        return True

    def write_live(self, number):
        """What the next round of the sync has to bring over: rows changed, rows gone, rows that are new."""
        keys = np.arange(LIVE_ROWS, dtype=np.int64) * 3
        changed, gone = keys[number % 11::11], keys[number % 97::97]
        self.client.upsert('live', bulk.columns(changed, np.full(len(changed), number + 1), DIM))
        self.client.delete('live', f'id in {gone.tolist()}')
        self.client.insert('live', bulk.columns(keys[:500] + LIVE_ROWS * 3 * (number + 1), np.zeros(500), DIM))

    def assert_ran_once_at_a_time(self):
        """Every job's log: it ran only when it was not running, and each run has its end."""
        for job in self.jobs():
            log = self.call('job', 'log', str(job['number']))['log']
            running = False
            for entry in log:
                moved = re.match(r'(\w+) -> (\w+)', entry['text'])
                if entry['kind'] != 'event' or not moved:
                    continue
                if moved[2] == 'running':
                    self.assertFalse(running, log)
                    running = True
                elif moved[1] in ('running', 'pausing', 'cancelling') and moved[2] not in ('pausing', 'cancelling'):
                    self.assertTrue(running, log)
                    running = False
            self.assertFalse(running, log)

    # ---- tests

    def test_a_schedule_backs_up_verifies_and_keeps(self):
        self.start()
        minutely = [job for job in self.call('schedule', 'list')['schedules'] if job['id'] == 'minutely']
        self.assertEqual(minutely[0]['origin'], 'configuration')
        numbers = []
        for _ in range(3):
            numbers.append(self.call('schedule', 'run', 'minutely')['number'])
            result = self.ended(numbers[-1])['result']
            self.assertEqual((result['rows'], result['verified'], result['status']), (ROWS, True, 'completed'))
        self.assertEqual(len(self.snapshots()), 2)
        self.assertEqual({tuple(s['tags']) for s in self.snapshots()}, {('schedule:minutely',)})
        # By its own time, too.
        wait_until(lambda: any(job['due_at'] for job in self.jobs('--schedule', 'minutely')), 'a minute begins')
        due = [job for job in self.jobs('--schedule', 'minutely') if job['due_at']][0]
        self.ended(due['number'])
        runs = self.call('schedule', 'show', 'minutely')['runs']
        self.assertEqual((runs[-1]['outcome'], runs[-1]['job']), ('started', due['number']))

        proof = self.ended(self.call('schedule', 'run', 'prove')['number'])['result']
        self.assertEqual((proof['collection'], proof['rows'], proof['compared'], proof['dropped']),
                         ('default.docs', ROWS, True, True))
        self.assertEqual([name for name in self.client.names() if 'aerie_test' in name], [])
        health = self.ended(self.call('job', 'run', 'health-check')['number'])['result']
        self.assertEqual(health['clusters'][0]['status'], 'healthy')
        self.assertEqual(health['repositories'][0]['snapshots'], 2)

        # One folder has one daemon; what is of the configuration is not a command's to change.
        self.assertIn('another aerie serve', self.call('serve', code=5)['errors'][0]['message'])
        refused = self.call('schedule', 'disable', 'minutely', code=8)
        self.assertIn('configuration', refused['errors'][0]['message'])

        # A stop in the middle of a job is no failure of it.
        number = self.call('job', 'run', 'backup', 'verify=false')['number']
        wait_until(lambda: self.job(number)['state'] == 'running', 'the backup runs')
        self.stop()
        self.assertIn(self.job(number)['state'], ('interrupted', 'completed'))
        self.start()
        self.ended(number)

        # The catalog is lost; the schedules are in the configuration, the backups in the repository.
        self.stop()
        for end in ('', '-wal', '-shm'):
            if os.path.exists(self.data + '/catalog.db' + end):
                os.remove(self.data + '/catalog.db' + end)
        stored = {snapshot['id'] for snapshot in self.snapshots()}
        self.start()
        wait_until(lambda: len([job for job in self.jobs() if job['rebuilt']]) == len(stored), 'the history is there')
        rebuilt = [job for job in self.jobs() if job['rebuilt']]
        self.assertEqual({job['result']['snapshot'] for job in rebuilt}, stored)
        self.assertEqual({job['state'] for job in rebuilt}, {'completed'})
        self.stop()

    def test_jobs_without_a_daemon(self):
        plan = self.call('job', 'run', 'backup', 'collections=docs', '--dry-run')
        self.assertIn('back up docs of cluster lab into repository main', plan['plan'])
        wrong = self.call('job', 'run', 'backup', 'colections=docs', code=2)
        self.assertIn("did you mean 'collections'?", wrong['errors'][0]['message'])
        self.assertIn("did you mean 'backup'?", self.call('job', 'run', 'bakcup', code=2)['errors'][0]['message'])
        self.call('job', 'show', '1', code=7)
        self.assertEqual(self.jobs(), [])

        done = self.call('job', 'run', 'backup', 'collections=docs')
        self.assertEqual((done['state'], done['result']['rows'], done['result']['verified']),
                         ('completed', ROWS, True))
        self.call('job', 'run', 'delete', 'snapshots=latest', code=8)
        missing = self.call('job', 'run', 'restore', 'to=lab', 'snapshot=0123456789abcdef', code=7)
        self.assertEqual(missing['state'], 'failed')
        self.call('job', 'cancel', str(missing['number']), code=8)

        # Its own schedule, made and changed while nothing runs.
        made = self.call('schedule', 'create', 'mine', 'daily at 02:00', 'backup', 'keep.daily=7',
                         '--zone', 'Europe/Berlin', '--window', '01:00-04:00')
        self.assertEqual(made['schedule']['job'], {'keep': {'daily': '7'}})
        self.call('schedule', 'create', 'mine', 'daily', 'backup', code=1)
        edited = self.call('schedule', 'edit', 'mine', '--when', 'daily at 03:00', '--window', 'none', 'tags=x')
        self.assertEqual((edited['schedule']['when'], edited['schedule']['window'], edited['schedule']['job']),
                         ('daily at 03:00', '', {'keep': {'daily': '7'}, 'tags': 'x'}))
        self.call('schedule', 'disable', 'mine')
        self.assertEqual(self.call('schedule', 'show', 'mine')['schedule']['next'], [])
        self.call('schedule', 'delete', 'mine', code=8)
        self.call('schedule', 'delete', 'mine', '--yes')
        self.call('schedule', 'show', 'mine', code=7)

    def test_who_waits_for_a_job_is_told_when_nobody_runs_it_any_more(self):
        self.start()
        waiting = self.aerie.start('--config', self.config, '-o', 'json', 'job', 'run', 'backup', 'cluster=slow',
                                   'collections=docs', 'verify=false', '--wait')
        self.addCleanup(waiting.communicate)
        self.addCleanup(waiting.kill)

        def slow():  # not that of a minute which begins
            return next((job for job in self.jobs() if job['spec'].get('cluster') == 'slow'), None)

        def runs():
            job = slow()
            return job and job['state'] == 'running' and job['holder']['pid'] == self.daemon.pid
        # The daemon dies twice. First another one comes in its place, and nothing is said of it.
        wait_until(runs, 'the backup runs')
        number = slow()['number']
        self.kill()
        self.start()
        wait_until(runs, 'the backup goes on')
        self.assertIsNone(waiting.poll())
        self.kill()
        out, err = waiting.communicate(timeout=120)
        *events, result = [json.loads(line) for line in out.splitlines()]
        self.assertEqual((waiting.returncode, err, result['number'], len(result['errors'])), (1, '', number, 1), result)
        self.assertEqual(len([e for e in events if '-> running' in e.get('text', '')]), 2, events)
        error = result['errors'][0]
        self.assertEqual(error['kind'], 'transient')
        self.assertRegex(error['message'], f'^follow job {number}: no aerie serve has the folder .* job is interrupted; '
                                           f'.* aerie job resume {number}$')
        self.assertEqual(self.job(number)['state'], 'interrupted')
        # The remedy is one.
        done = self.call('job', 'resume', str(number))
        self.assertEqual((done['state'], done['result']['rows']), ('completed', ROWS))

    def test_killed_at_any_moment(self):
        rng = random.Random(SEED)
        bulk.make(self.client, 'live', DIM)
        bulk.fill(self.client, 'live', np.arange(LIVE_ROWS, dtype=np.int64) * 3, DIM)
        self.client.flush('live')
        self.start()
        first = self.ended(self.call('schedule', 'run', 'minutely')['number'])
        number, kills, interrupted, restarts = first['number'], 0, 0, 0
        copies = []
        while kills < KILLS:
            what = KINDS[kills % len(KINDS)]
            if what == 'copy':
                copies.append(f'docs_copy{kills}')
                number = self.call('job', 'run', 'copy', 'from=lab', 'to=lab', 'collections=docs',
                                   f'suffix=_copy{kills}')['number']
            elif what == 'mirror':
                number = self.call('job', 'run', 'mirror', f'to={self.repo}-second', 'init=true')['number']
            elif what == 'sync':
                self.write_live(kills)
                number = self.call('job', 'run', 'sync', 'from=lab', 'to=lab', 'collections=live',
                                   'suffix=_standby')['number']
            else:
                number = self.call('schedule', 'run', what)['number']
            delay = rng.uniform(0, 0.4 if what in ('prune', 'mirror') else 2.5)
            time.sleep(delay)  # the moment itself is what is random
            self.kill()
            kills += 1
            interrupted += not self.job(number)['ended_at']
            self.start()
            what = f'all jobs end after kill {kills} of {what} at {delay:.2f} s, seed {SEED}'
            wait_until(self.idle, what)
            while self.tend_server():
                restarts += 1
                wait_until(self.idle, what)
        self.stop()
        jobs = self.jobs()
        print(f'seed {SEED}: {kills} kills, {interrupted} in the middle of a job, {len(jobs)} jobs, '
              f'the server started {restarts} times more', flush=True)
        self.assertEqual(sorted(job['number'] for job in jobs), list(range(1, len(jobs) + 1)))
        bad = [job for job in jobs if job['state'] != 'completed']
        self.assertEqual(bad, [], f'seed {SEED}\n{self.errors()}')
        self.assertEqual(sorted(s['id'] for s in self.call('schedule', 'list')['schedules']),
                         ['minutely', 'prove', 'prune', 'restore'])
        self.assert_ran_once_at_a_time()
        self.call('backup', 'verify', '--repo', 'main', '--all', '--read-data')
        # Made by the daemon with a passphrase of its own: that of the environment is of no use.
        self.call('backup', 'verify', '--repo', self.repo + '-second', '--all', '--read-data',
                  env={'AERIE_PASSWORD': None})
        left = [name for name in self.client.names() if 'aerie' in name]
        self.assertEqual(left, [], [
            f'seed {SEED}', *((name, self.client.describe(name)) for name in (*left, 'docs_back')),
            *((job['number'], job['started_at'], job['ended_at'], self.call('job', 'log', str(job['number']))['log'])
              for job in self.jobs('--kind', 'restore')[:2])])
        rows = self.client.contents('docs')
        for name in ('docs_back', *copies):
            self.assert_contents(name, rows)
            self.client.drop(name)
        self.assert_equal_by_digest()

    def assert_equal_by_digest(self):
        """What the sync keeps equal, as Aerie's digests have it, and as a client reads it."""
        found = self.call('diff', 'lab/default.live', 'lab/default.live_standby')
        self.assertTrue(found['same'] and found['collections'][0]['rows_left'] >= LIVE_ROWS, found)
        self.assert_contents('live_standby', self.client.contents('live'))
        syncs = [job['result']['collections'][0]['how'] for job in self.jobs('--kind', 'sync')]
        self.assertEqual(syncs[-1], 'copied', syncs)
        for name in ('live', 'live_standby'):
            self.client.drop(name)


class InstallationTest(AcceptanceTest):
    """What the Debian package brings besides the program."""

    def config(self, name):
        with open(os.path.join(ROOT, 'deploy', 'debian', 'aerie.yaml'), encoding='utf-8') as file:
            text = file.read()
        path = self.scratch.new(name)
        return text, path

    def check(self, text, path):
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return self.aerie.json('--config', path, 'config', 'check')

    def test_the_configuration_is_right_with_and_without_its_comments(self):
        text, path = self.config('config')
        self.assertEqual(self.check(text, path).code, 0)
        whole = re.sub(r'^( *)#(?=[a-z ])(?! )', r'\1', text, flags=re.M)
        whole = re.sub(r'^#(?=  )', '', whole, flags=re.M)
        run = self.check(whole, path)
        self.assertEqual(run.code, 0, f'{whole}\n{run}')
        shown = self.aerie.json('--config', path, 'config', 'show').result
        self.assertEqual(sorted(shown['schedules']), ['nightly', 'prove', 'prune'])
        self.assertEqual(list(shown['clusters']), ['prod'])
        wrong = self.check(whole.replace('keep: {daily', 'keep: {dayly'), path)
        self.assertEqual(wrong.code, 2)
        self.assertRegex(wrong.error, r':\d+: schedules.nightly: .*did you mean .daily.')

    def test_the_unit_gives_up_what_it_does_not_need(self):
        unit = os.path.join(ROOT, 'deploy', 'systemd', 'aerie.service')
        run = subprocess.run(['systemd-analyze', 'security', '--offline=yes', unit], check=True,
                             capture_output=True, text=True)
        exposure = float(re.search(r'Overall exposure level for .*: ([0-9.]+)', run.stdout)[1])
        self.assertLessEqual(exposure, 2.0)


if __name__ == '__main__':
    unittest.main(verbosity=2)
