"""SIGKILL at random moments, and three processes at once: what `make soak` does by the hundred, and
soak_test.py in little.

    soak.py [--store folder|s3|minio ...] [--kills 200] [--seed N] [--only kills|three|network|full ...]

`kills` and `three` are done on each store, `network` (gone for 30 s, by toxiproxy) and `full` (a MinIO
on a full disk) on MinIO alone. A seed repeats what was done and at which part of its usual time it was
killed; the moment itself is the machine's. Rows come from a milvus-lite; which rows a snapshot has is
kept here, and compared cell by cell with what the client of the tests reads of a restored one.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import numpy as np

import bulk
from harness import AERIE, Lab, Program, Scratch, wait_until

DIM, ROWS = 64, 3000
NAME = 'docs'
KEEP = 3
FIRST_GUESS_S = 1.0


class Store:
    """Where repositories are put; `env` is what the program needs to get there."""

    def __init__(self, kind, scratch):
        self.kind, self.scratch, self.count, self.env, self.lab = kind, scratch, 0, {}, None
        if kind == 'folder':
            return
        self.lab = Lab(kind)
        self.env = s3_env(self.lab.ready, self.lab.uri)

    def new(self):
        self.count += 1
        if self.kind == 'folder':
            return self.scratch.new('soak')
        return f's3://{self.lab.ready["bucket"]}/soak-{self.count}'

    def stop(self):
        if self.lab:
            self.lab.stop()


def s3_env(ready, endpoint):
    return {'AWS_ACCESS_KEY_ID': ready['access_key'], 'AWS_SECRET_ACCESS_KEY': ready['secret_key'],
            'AWS_REGION': 'us-east-1', 'AWS_EC2_METADATA_DISABLED': 'true', 'AWS_ENDPOINT_URL': endpoint}


class Rows:
    """One collection of a server, and which version of each key it holds now."""

    def __init__(self, lab, name=NAME, rows=ROWS, seed=0):
        self.lab, self.name, self.uri = lab, name, lab.uri
        self.client = lab.client()
        self.random = np.random.default_rng(seed)
        self.keys = np.arange(rows, dtype=np.int64) * 3
        self.versions = np.zeros(rows, np.int32)
        bulk.make(self.client, name, DIM, shards=1)
        bulk.fill(self.client, name, self.keys, DIM)

    def change(self):
        """A new version of 1 % of the rows."""
        self.renew(np.sort(self.random.choice(len(self.keys), len(self.keys) // 100, replace=False)))

    def change_all(self):
        """Of every row, so that a backup has as much to store as a first one."""
        step = 4000
        for first in range(0, len(self.keys), step):
            self.renew(np.arange(first, min(first + step, len(self.keys))))

    def renew(self, at):
        self.versions[at] += 1
        self.client.upsert(self.name, bulk.columns(self.keys[at], self.versions[at], DIM))

    def expect(self, name, versions):
        """The collection `name` has exactly the rows of these versions, bit for bit."""
        keys, found, vectors = bulk.read(self.client, name, self.keys)
        assert np.array_equal(keys, self.keys), f'{name}: other keys than were backed up'
        assert np.array_equal(found, versions), f'{name}: rows of another time'
        wrong = (vectors != bulk.vectors(keys, found, DIM)).any(axis=1)
        assert not wrong.any(), f'{name}: vectors of {keys[wrong][:5]} are others'


# ------------------------------------------------------------------------------------- operations


class Operation:
    """One thing that is killed. `words` of the soak's state; run again it must come to its end."""

    def __init__(self, name, words, weight=1):
        self.name, self.words, self.weight = name, words, weight

    def prepare(self, soak):
        self.line, self.env = self.words(soak), {}

    def may_remove(self, soak):
        return set()

    def after_kill(self, soak):
        """What a kill left open and the next command must know."""

    def complete(self, soak):
        soak.call(*self.line, env=self.env)

    def done(self, soak):
        """Once it came to its end."""


class Backup(Operation):
    def prepare(self, soak):
        soak.rows.change()
        super().prepare(soak)

    def complete(self, soak):
        made = soak.call(*self.line)
        assert made['rows'] == len(soak.rows.keys), made

    def done(self, soak):
        soak.adopt_new()


class Delete(Operation):
    def prepare(self, soak):
        self.victim = next(iter(soak.snapshots))
        self.line, self.env = ['backup', 'delete', self.victim, '--yes'], {}

    def may_remove(self, soak):
        return {self.victim}

    def complete(self, soak):
        if self.victim in soak.listed():
            soak.call(*self.line)

    def done(self, soak):
        assert self.victim not in soak.listed()
        soak.snapshots.pop(self.victim, None)


class Prune(Operation):
    def may_remove(self, soak):
        return set(list(soak.snapshots)[:-KEEP])

    def done(self, soak):
        soak.forget_removed(self.may_remove(soak))


class ChangePassphrase(Operation):
    def prepare(self, soak):
        super().prepare(soak)
        self.old, self.new = soak.password, f'passphrase {soak.random.getrandbits(64):x}'
        self.env = {'AERIE_NEW_PASSWORD': self.new}

    def after_kill(self, soak):
        if not soak.opens(self.old):
            soak.password = self.new

    def complete(self, soak):
        if soak.password == self.old:
            super().complete(soak)

    def done(self, soak):
        soak.password = self.new
        assert soak.opens(self.new) and not soak.opens(self.old)


class Restore(Operation):
    FINAL = NAME + '_back'

    def prepare(self, soak):
        self.snapshot = soak.random.choice(list(soak.snapshots))
        self.line = ['restore', self.snapshot, '--to', soak.rows.uri, '--suffix', '_back']
        self.env = {}

    def complete(self, soak):
        if self.FINAL in soak.rows.client.names():
            return
        run = soak.run(*self.line)
        # The last call of the killed one, a rename, may have been carried out since.
        assert run.code == 0 or run.code == 8 and self.FINAL in soak.rows.client.names(), run

    def done(self, soak):
        # Killed behind the rename, all that is missing is what docs/restoring.md says: it is to be loaded.
        soak.rows.client.load(self.FINAL)
        soak.rows.expect(self.FINAL, soak.snapshots[self.snapshot])
        names = soak.rows.client.names()
        assert names == [NAME, self.FINAL], f'left behind: {names}'
        soak.rows.client.drop(self.FINAL)


class Pack(Operation):
    """A bundle of a snapshot; packed again it is whole, and its rows are those of the snapshot."""

    FINAL = NAME + '_packed'

    def prepare(self, soak):
        self.snapshot, self.bundle = soak.random.choice(list(soak.snapshots)), soak.store.new()
        self.line = ['bundle', 'pack', self.snapshot, self.bundle]
        self.env = {'AERIE_BUNDLE_PASSWORD': 'bundle'}

    def done(self, soak):
        env = {**soak.store.env, **self.env}
        for words in (('verify', self.bundle),
                      ('unpack', self.bundle, '--to', soak.rows.uri, '--suffix', '_packed')):
            run = soak.program.json('bundle', *words, env=env)
            assert run.code == 0, run
        soak.rows.expect(self.FINAL, soak.snapshots[self.snapshot])
        soak.rows.client.drop(self.FINAL)


# One line for each thing that can be killed: what is missing here, nobody has killed.
OPERATIONS = (
    Backup('backup', lambda soak: ['backup', 'create', '--cluster', soak.rows.uri, '-c', NAME], weight=5),
    Restore('restore', None, weight=2),
    Delete('delete', None),
    Prune('prune', lambda soak: ['repo', 'prune', '--keep-last', str(KEEP), '--margin', '0', '--yes'],
          weight=3),
    Operation('repack', lambda soak: ['repo', 'prune', '--repack-above', '1', '--margin', '0', '--yes'],
              weight=3),
    Operation('verify', lambda soak: ['backup', 'verify', '--all', '--read-data']),
    Pack('pack', None),
    ChangePassphrase('change passphrase', lambda soak: ['repo', 'key', 'passwd']),
)


class Soak:
    """One repository, and what must be in it."""

    def __init__(self, store, rows, program, seed, say=print):
        self.store, self.rows, self.program, self.say = store, rows, program, say
        self.random = random.Random(seed)
        self.repo = store.new()
        self.password = 'first passphrase'
        self.snapshots = {}  # id -> versions, oldest first
        self.usual_s = {}
        self.kills = {}
        self.rounds = 0
        self.call('repo', 'init')
        for _ in range(KEEP):
            self.rows.change()
            self.call(*OPERATIONS[0].words(self))
            self.adopt_new()

    # ---- the program

    def run(self, *words, env=None, password=None):
        env = {**self.store.env, 'AERIE_PASSWORD': password or self.password, **(env or {})}
        return self.program.json(*words, '--repo', self.repo, env=env)

    def call(self, *words, env=None):
        run = self.run(*words, env=env)
        assert run.code == 0, run
        return run.result

    def listed(self):
        return [one['id'] for one in self.call('backup', 'list')['snapshots']][::-1]

    def opens(self, password):
        run = self.run('repo', 'stats', password=password)
        assert run.code in (0, 6), run
        return run.code == 0

    # ---- what must be there

    def adopt_new(self):
        for one in self.listed():
            self.snapshots.setdefault(one, self.rows.versions.copy())

    def forget_removed(self, removable):
        listed = set(self.listed())
        lost = [one for one in self.snapshots if one not in listed and one not in removable]
        assert not lost, f'snapshots are gone that nobody removed: {lost}'
        self.snapshots = {one: rows for one, rows in self.snapshots.items() if one in listed}

    def check_whole(self):
        """In a fresh process, and with no wait for what a dead one held."""
        self.call('backup', 'verify', '--all', '--read-data')

    def check_rows(self):
        """Every snapshot, restored and read by somebody else."""
        for one, versions in self.snapshots.items():
            self.call('restore', one, '--to', self.rows.uri, '--suffix', '_seen')
            self.rows.expect(NAME + '_seen', versions)
            self.rows.client.drop(NAME + '_seen')

    # ---- killing

    def start_and_kill(self, operation, delay_s):
        """Whether it was killed; else it has come to its end."""
        env = {**self.store.env, 'AERIE_PASSWORD': self.password, **operation.env}
        began = time.monotonic()
        process = self.program.start('-o', 'json', *operation.line, '--repo', self.repo, env=env)
        try:
            out, err = process.communicate(timeout=delay_s)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        if process.returncode == -signal.SIGKILL:
            return True
        assert process.returncode == 0, f'{operation.name}: exit code {process.returncode}\n{out}\n{err}'
        self.usual_s[operation.name] = time.monotonic() - began
        return False

    def choose(self):
        ready = [one for one in OPERATIONS
                 if not isinstance(one, Delete) or len(self.snapshots) > KEEP + 1]
        return self.random.choices(ready, [one.weight for one in ready])[0]

    def round(self):
        operation, part = self.choose(), self.random.random()
        delay_s = part * self.usual_s.get(operation.name, FIRST_GUESS_S)
        self.rounds += 1
        operation.prepare(self)
        where = f'round {self.rounds}: {operation.name}, killed after {delay_s:.3f} s'
        try:
            if self.start_and_kill(operation, delay_s):
                self.kills[operation.name] = self.kills.get(operation.name, 0) + 1
                operation.after_kill(self)
                self.settle_snapshots(operation)
                self.check_whole()
                began = time.monotonic()
                operation.complete(self)
                self.usual_s[operation.name] = time.monotonic() - began
            operation.done(self)
        except AssertionError as error:
            raise AssertionError(f'{where}: {error}') from error

    def settle_snapshots(self, operation):
        """What was killed has done its work or not; nothing else has changed."""
        self.forget_removed(operation.may_remove(self))
        if isinstance(operation, Backup):
            self.adopt_new()
        strangers = set(self.listed()) - set(self.snapshots)
        assert not strangers, f'snapshots that nobody made: {strangers}'

    def kill_times(self, kills):
        while sum(self.kills.values()) < kills:
            self.round()
            if self.rounds % 50 == 0:
                self.say(f'{self.store.kind}: {sum(self.kills.values())} kills')
        self.check_whole()
        self.check_rows()
        counts = ', '.join(f'{name} {count}' for name, count in sorted(self.kills.items()))
        self.say(f'{self.store.kind}: {sum(self.kills.values())} kills in {self.rounds} rounds ({counts}); '
                 f'{len(self.snapshots)} snapshots whole')


# ---------------------------------------------------------------------------------- three processes


class Loop(threading.Thread):
    """Runs one command again and again; `wait` codes are no failures."""

    def __init__(self, step, until):
        super().__init__()
        self.step, self.until, self.error, self.steps = step, until, None, 0

    def run(self):
        try:
            while not self.until(self):
                self.step()
                self.steps += 1
        except BaseException as error:
            self.error = error


def three_processes(store, lab, program, backups, say=print):
    """Two writers of their own collections and a pruner in one repository, each its own processes at
    the same time, until both writers have made so many backups; then every snapshot is compared."""
    repo = store.new()
    env = {**store.env, 'AERIE_PASSWORD': 'three'}

    def call(*words, codes=(0,)):
        run = program.json(*words, '--repo', repo, env=env)
        assert run.code in codes, run
        return run

    call('repo', 'init')
    sources = [Rows(lab, f'writer_{i}', seed=i) for i in range(2)]
    made = {}  # id -> (source, versions)
    pruned = []

    def write(source):
        source.change()
        run = call('backup', 'create', '--cluster', source.uri, '-c', source.name, codes=(0, 5))
        if run.code == 0:
            made[run.result['snapshot']] = (source, source.versions.copy())
            source.made = getattr(source, 'made', 0) + 1

    def prune():
        run = call('repo', 'prune', '--keep-last', '2', '--margin', '0', '--repack-above', '1', '--yes',
                   codes=(0, 5))
        pruned.append(run.code)

    writers = [Loop(lambda source=source: write(source), lambda _, source=source:
                    getattr(source, 'made', 0) >= backups) for source in sources]
    pruner = Loop(prune, lambda _: not any(writer.is_alive() for writer in writers))
    for loop in (*writers, pruner):
        loop.start()
    for loop in (*writers, pruner):
        loop.join()
    for loop in (*writers, pruner):
        if loop.error:
            raise loop.error
    prune()
    call('backup', 'verify', '--all', '--read-data')
    left = [one['id'] for one in call('backup', 'list').result['snapshots']]
    newest = [[one for one, (source, _) in made.items() if source is mine][-2:] for mine in sources]
    assert set(sum(newest, [])) <= set(left), 'the newest two of each writer are kept'
    for one in left:
        source, versions = made[one]
        call('restore', one, '--to', source.uri, '--suffix', '_three')
        source.expect(source.name + '_three', versions)
        source.client.drop(source.name + '_three')
    for source in sources:
        source.client.drop(source.name)
        source.client.close()
    assert 0 in pruned, 'the pruner never had its turn'
    say(f'{store.kind}: {len(made)} backups of two writers, {pruned.count(0)} prunes between them '
        f'({pruned.count(5)} found it locked), {len(left)} snapshots whole')


# ------------------------------------------------------------------------------ network and disk


CUT_S = 30


class Toxiproxy:
    """A proxy in front of a server, which can be switched off."""

    def __init__(self, server):
        program = os.path.join(os.environ.get('AERIE_CACHE') or os.path.expanduser('~/.cache/aerie-dev'),
                               'extras', 'bin', 'toxiproxy-server')
        api, listen = free_port(), free_port()
        self.api, self.uri = f'http://127.0.0.1:{api}', f'http://127.0.0.1:{listen}'
        self.process = subprocess.Popen([program, '-port', str(api)], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_until(self.answers, 'toxiproxy serves')
        self.ask('/proxies', name='s3', listen=f'127.0.0.1:{listen}', upstream=server.removeprefix('http://'),
                 enabled=True)

    def answers(self):
        try:
            urllib.request.urlopen(f'{self.api}/version', timeout=5).close()
        except OSError:
            return False
        return True

    def ask(self, path, **body):
        urllib.request.urlopen(urllib.request.Request(self.api + path, json.dumps(body).encode()),
                               timeout=5).close()

    def switch(self, on):
        self.ask('/proxies/s3', enabled=on)

    def stop(self):
        self.process.kill()
        self.process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def network_gone(store, lab, program, say=print):
    """For 30 s in the middle of a backup, which goes on and completes."""
    rows, proxy = Rows(lab, 'network'), Toxiproxy(store.lab.uri)
    env = {**s3_env(store.lab.ready, proxy.uri), 'AERIE_PASSWORD': 'network'}
    words = ['backup', 'create', '--cluster', rows.uri, '-c', rows.name, '--repo', store.new()]
    assert program.json(*words, env=env).code == 0
    rows.change_all()
    told, timers = [], []

    def listen(process, event):
        if event.get('event') == 'retrying':
            told.append(event['message'])
        if event.get('event') == 'progress' and not timers:
            proxy.switch(False)
            timers.append(threading.Timer(CUT_S, proxy.switch, [True]))
            timers[0].start()

    began = time.monotonic()
    run = program.json(*words, env=env, on_event=listen)
    seconds = time.monotonic() - began
    assert run.code == 0, run
    assert seconds > CUT_S and told, f'the cut was not in its way: {seconds} s, {told}'
    expect_restored(program, env, words[-1], run.result['snapshot'], rows)
    proxy.stop()
    rows.client.drop(rows.name)
    say(f'{store.kind}: the network gone for {CUT_S} s: the backup took {seconds:.0f} s and said {told[0]!r}')


def expect_restored(program, env, repo, snapshot, rows):
    run = program.json('restore', snapshot, '--to', rows.uri, '--suffix', '_seen', '--repo', repo, env=env)
    assert run.code == 0, run
    rows.expect(rows.name + '_seen', rows.versions)
    rows.client.drop(rows.name + '_seen')


def server_full(scratch, lab, program, say=print):
    """A MinIO whose disk is full in the middle of a backup; with space again it completes."""
    folder = scratch.new('disk')
    os.makedirs(folder)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64m', 'none', folder], check=True)
    minio, filler = Lab('minio', '--dir', folder), os.path.join(folder, 'filler')
    try:
        rows = Rows(lab, 'full', rows=12000)
        env = {**s3_env(minio.ready, minio.uri), 'AERIE_PASSWORD': 'full'}
        repo = f's3://{minio.ready["bucket"]}/full'
        words = ['backup', 'create', '--cluster', rows.uri, '-c', rows.name, '--repo', repo]
        first = program.json(*words, env=env)
        assert first.code == 0, first
        earlier = rows.versions.copy()
        rows.change_all()
        with open(filler, 'wb') as file:
            space = os.statvfs(folder)
            os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize - (1 << 20))
        failed = program.json(*words, env=env)
        assert failed.code == 1 and len(failed.error.splitlines()) == 1, failed
        os.remove(filler)
        rows.versions, later = earlier, rows.versions
        expect_restored(program, env, repo, first.result['snapshot'], rows)
        rows.versions = later
        again = program.json(*words, env=env)
        assert again.code == 0, again
        expect_restored(program, env, repo, again.result['snapshot'], rows)
        rows.client.drop(rows.name)
        say(f'minio on a full disk: {failed.error!r}; with space again it completed')
    finally:
        minio.stop()
        subprocess.run(['umount', '-l', folder], check=True)


PARTS = 'kills', 'three', 'network', 'full'


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--store', nargs='+', choices=('folder', 's3', 'minio'), default=['folder', 'minio'])
    parser.add_argument('--kills', type=int, default=200)
    parser.add_argument('--backups', type=int, default=20, help='of each of two writers')
    parser.add_argument('--seed', type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument('--only', nargs='+', choices=PARTS, default=PARTS)
    options = parser.parse_args()
    print(f'soak: {AERIE}, seed {options.seed}', flush=True)
    scratch = Scratch()
    program = Program(scratch)
    say = lambda text: print(f'soak: {text}', flush=True)
    try:
        for kind in options.store:
            store, lab = Store(kind, scratch), Lab('lite')
            if 'kills' in options.only:
                Soak(store, Rows(lab, seed=options.seed), program, options.seed, say).kill_times(options.kills)
            if 'three' in options.only:
                three_processes(store, lab, program, options.backups, say)
            if 'network' in options.only and kind == 'minio':
                network_gone(store, lab, program, say)
            if 'full' in options.only and kind == 'minio':
                server_full(scratch, lab, program, say)
            store.stop()
            lab.stop()
    except AssertionError as error:
        print(f'soak: FAILED, seed {options.seed}: {error}', file=sys.stderr)
        return 1
    finally:
        scratch.remove()
    return 0


if __name__ == '__main__':
    sys.exit(main())
