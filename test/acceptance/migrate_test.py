"""Clients that never stop writing are moved from one real server to another and back. They record every
write that was acknowledged; at the end the cluster that they use has exactly these rows, each once.
aerie is killed in every state that takes time, and run again."""

import os
import signal
import socketserver
import threading
import time
import unittest

import grpc
import numpy as np

import bulk
from harness import MilvusError, TwoServersTest, T, field, signal_process, wait_until

DIM = 16
ROWS = int(os.environ.get('MIGRATE_ROWS', 8_000))
ROWS_A_CALL = 40
BETWEEN_CALLS_S = 0.03
BEFORE_THE_SWITCH = ['preflight', 'copying', 'syncing', 'auditing', 'fencing', 'last-sync', 'proving']
HOOK = '''exec 3<>/dev/tcp/127.0.0.1/{port}
echo "$AERIE_ACTION $AERIE_CLUSTER" >&3
read -r answer <&3
echo "$AERIE_ACTION $AERIE_CLUSTER: $answer"
[ "$answer" = ok ]
'''


class Crowd(threading.Thread):
    """Clients of one collection: insert, update and delete where they are sent, and never while they
    are kept from it. `live` is what was acknowledged: key -> version. Where a server may be killed
    (`patient`) `unsure` has the keys of writes of which nobody knows: key -> what it may be, None for
    not there; they are not written to again."""

    def __init__(self, clients, name, keys, seed=1):
        super().__init__()
        self.clients, self.name_ = clients, name
        self.live = {int(key): 0 for key in keys}
        self.sorted = [int(key) for key in keys]
        self.random = np.random.default_rng(seed)
        self.lock = threading.Lock()  # held for each call: who has it knows that none is under way
        self.at, self.closed = 'source', set()
        self.written = {'source': 0, 'target': 0}
        self.calls, self.stopped_at, self.pauses, self.error = 0, None, [], None
        self.log = []  # (when it was acknowledged, 'added' 'updated' or 'deleted', rows)
        self.patient, self.unsure = False, {}
        self.stopping = threading.Event()
        self.begun = time.monotonic()

    def run(self):
        try:
            while not self.stopping.is_set():
                with self.lock:
                    open_ = self.at not in self.closed
                    if open_:
                        self.step()
                self.stopping.wait(BETWEEN_CALLS_S if open_ else 0.002)
        except Exception as error:
            self.error = error

    def step(self):
        kind, client = self.calls % 4, self.clients[self.at]
        self.calls += 1
        if kind == 0:
            keys = {int(key) * 10 + 5 for key in self.random.integers(0, ROWS * 10, ROWS_A_CALL)}
            keys = [key for key in keys if key not in self.live and key not in self.unsure]
            self.write({key: 1 for key in keys}, lambda rows: client.insert(self.name_, rows))
            self.sorted += keys
            return
        picked = {self.sorted[i] for i in self.random.integers(0, len(self.sorted), ROWS_A_CALL)}
        keys = [key for key in picked if key in self.live]
        if kind == 3:
            keys = keys[:10]
            self.write(dict.fromkeys(keys), lambda _: client.delete(self.name_, f'id in {keys}'))
        else:
            versions = {key: self.live[key] + 1 for key in keys}
            self.write(versions, lambda rows: client.upsert(self.name_, rows))

    def write(self, versions, call):
        """One call that makes each key have that version; None: that deletes it."""
        kept = {key: version for key, version in versions.items() if version is not None}
        try:
            call(bulk.columns(list(kept), list(kept.values()), DIM) if kept else None)
        except (grpc.RpcError, MilvusError):
            if not self.patient:
                raise
            for key, version in versions.items():
                self.unsure[key] = {version, self.live.pop(key, None)}
            return
        kind = 'deleted' if not kept else 'updated' if set(kept) <= set(self.live) else 'added'
        self.log.append((time.monotonic(), kind, len(versions)))
        for key in versions:
            self.live.pop(key, None)
        self.live.update(kept)
        self.written[self.at] += len(versions)

    def most_and_least(self, kind, seconds, begin, end):
        """Of all times of that many seconds between these two: rows of that kind in the busiest and in
        the idlest one."""
        times = [(at, rows) for at, done, rows in self.log if done == kind]
        starts = {begin, end - seconds}
        for at, _ in times:
            starts |= {at + 1e-9, at - seconds - 1e-9}
        sums = [sum(rows for at, rows in times if start <= at <= start + seconds)
                for start in starts if begin <= start <= end - seconds]
        return max(sums), min(sums)

    def finish(self):
        """Operations a second, while they were let."""
        self.stopping.set()
        self.join()
        return sum(self.written.values()) / (time.monotonic() - self.begun - sum(self.pauses))

    def obey(self, action, cluster):
        with self.lock:
            if action == 'fence':
                self.closed.add(cluster)
                if cluster == self.at:
                    self.stopped_at = time.monotonic()
            elif action == 'unfence':
                self.closed.discard(cluster)
                if cluster == self.at and self.stopped_at is not None:
                    self.pauses.append(time.monotonic() - self.stopped_at)
                    self.stopped_at = None
            else:
                self.at = cluster


class MigrationTest(TwoServersTest):
    """Clients, hooks that they obey, and the program."""

    def setUp(self):
        self.refuse = []  # "action cluster" that the hook is to fail, once each
        self.crowd = None
        test = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                words = self.rfile.readline().decode().split()
                refused = ' '.join(words) in test.refuse
                if refused:
                    test.refuse.remove(' '.join(words))
                test.hooked.append(' '.join(words))
                if not refused and test.crowd:
                    test.crowd.obey(*words)
                self.wfile.write(b'no\n' if refused else b'ok\n')

        self.hooked = []
        server = socketserver.ThreadingTCPServer(('127.0.0.1', 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.hook = self.scratch.new('hook.sh')
        with open(self.hook, 'w', encoding='ascii') as script:
            script.write(HOOK.format(port=server.server_address[1]))
        self.catalog = self.scratch.new('catalog')

    def tearDown(self):
        if self.crowd and self.crowd.is_alive():
            self.crowd.finish()
        for client in (self.client, self.target):
            for name in client.names():
                client.drop(name)

    def make(self, name, rows=ROWS, crowd=True):
        keys = np.arange(rows, dtype=np.int64) * 10
        bulk.make(self.client, name, DIM)
        bulk.fill(self.client, name, keys, DIM)
        self.client.count(name)
        if not crowd:
            return
        clients = {'source': self.lab.client(), 'target': self.other.client()}
        for client in clients.values():
            self.addCleanup(client.close)
        self.crowd = Crowd(clients, name, keys)
        self.crowd.start()

    def migrate(self, *words, on_event=None, env=None):
        return self.aerie.json('migrate', 'run', self.lab.uri, self.other.uri, '--catalog', self.catalog,
                               '--fence-command', f'bash {self.hook}', '--switch-command',
                               f'bash {self.hook}', '--interval', '1s', '--retry', '1s', *words,
                               on_event=on_event, env=env)

    def say(self, word):
        return self.aerie.json('migrate', word, '--catalog', self.catalog)

    def killed_in(self, states, *words, on_event=None):
        """Kills it in each of these states, running it again each time; the last run, which ends."""
        for state in states:
            killed = []

            def listen(process, event, state=state, killed=killed):
                if event.get('event') == 'phase' and event['phase'] == state and not killed:
                    killed.append(state)
                    signal_process(process)
                elif on_event and not killed:
                    on_event(process, event)

            run = self.migrate(*words, on_event=listen)
            self.assertEqual(killed, [state], run)
            self.assertEqual(run.code, -signal.SIGKILL)
        return self.migrate(*words, on_event=on_event)

    def when(self, state, act):
        """An event listener that acts once, on a thread of its own, when the state begins."""
        acted = []

        def listen(_, event):
            if event.get('event') == 'phase' and event['phase'] == state and not acted:
                acted.append(threading.Thread(target=act))
                acted[0].start()
        self.addCleanup(lambda: [one.join() for one in acted])
        return listen

    def check_rows(self, client, name, live):
        ids, versions, vectors = bulk.read(client, name, np.array(sorted(live)))
        found = dict(zip(ids.tolist(), versions.tolist()))
        for key, allowed in (self.crowd.unsure if self.crowd else {}).items():
            self.assertIn(found.pop(key, None), allowed, key)
        self.assertEqual(found, live)
        self.assertEqual(vectors.tobytes(), bulk.vectors(ids, versions, DIM).tobytes())

    def finished(self, name, at):
        rate = self.crowd.finish()
        self.assertIsNone(self.crowd.error)
        self.assertEqual(self.crowd.at, at)
        self.check_rows({'source': self.client, 'target': self.target}[at], name, self.crowd.live)
        self.assertGreater(rate, 200, 'operations a second')
        return rate

    def complete_later(self):
        """Lets the clients write at the target first."""
        before = self.crowd.written['target']
        wait_until(lambda: self.crowd.written['target'] > before + 300, 'clients write at the target')
        self.assertEqual(self.say('complete').code, 0)

    def roll_back(self):
        before = self.crowd.written['target']
        wait_until(lambda: self.crowd.written['target'] > before + 300, 'clients write at the target')
        self.assertEqual(self.say('rollback').code, 0)


class MigrateTest(MigrationTest):
    def killed_in_every_state(self, strategy, states):
        self.make('busy')
        run = self.killed_in([*states, 'switching', 'opening', 'watching'], '--strategy', strategy, '--cutover', 'auto',
                             on_event=self.when('watching', self.complete_later))
        self.assertEqual(run.code, 0, run)
        self.assertEqual(run.result['state'], 'done')
        rate = self.finished('busy', 'target')
        print(f'{strategy}: killed {len(states) + 3} times; {rate:.0f} rows a second written; paused {self.crowd.pauses}')
        self.assertEqual(len(self.crowd.pauses), 1)

    def test_hot_killed_in_every_state(self):
        self.killed_in_every_state('hot', BEFORE_THE_SWITCH)

    def test_incremental_killed_in_every_state(self):
        self.killed_in_every_state('incremental', BEFORE_THE_SWITCH)

    def test_cold_killed_in_every_state(self):
        self.killed_in_every_state('cold', ['preflight', 'fencing', 'copying-fenced', 'last-sync', 'proving'])

    def test_hot_and_back(self):
        self.make('busy')
        run = self.migrate('--cutover', 'auto', on_event=self.when('watching', self.roll_back))
        self.assertEqual(run.result['state'], 'rolled-back', run)
        self.assertEqual(run.code, 1)
        self.finished('busy', 'source')
        self.assertGreater(self.crowd.written['target'], 300)
        self.assertLess(self.crowd.pauses[0], 20, 'seconds without writes, on a machine however busy')
        print(f'paused {self.crowd.pauses}')
        self.assertEqual(self.hooked, ['fence source', 'switch-to-target target', 'unfence target',
                                       'fence target', 'switch-to-source source', 'unfence source'])

    def test_the_way_back_killed_in_every_state(self):
        self.make('busy')
        first = self.migrate('--cutover', 'auto', on_event=self.killer('watching', self.roll_back_queued))
        self.assertEqual(first.code, -signal.SIGKILL)
        run = self.killed_in(['fencing-target', 'last-reverse', 'proving-reverse', 'switching-back',
                              'opening-source'], '--cutover', 'auto')
        self.assertEqual(run.result['state'], 'rolled-back', run)
        self.finished('busy', 'source')

    def killer(self, state, after):
        killed = []

        def listen(process, event):
            if event.get('event') == 'phase' and event['phase'] == state and not killed:
                killed.append(state)
                wait_until(lambda: self.crowd.written['target'] > 300, 'clients write at the target')
                signal_process(process)
                process.wait()
                after()
        return listen

    def roll_back_queued(self):
        said = self.say('rollback')
        self.assertEqual(said.code, 0, said)
        self.assertEqual(said.result['status'], 'queued')

    def test_hooks_that_fail(self):
        self.make('busy')
        # The fence fails, then the switch, of which nobody knows what it did; then all is well.
        self.refuse += ['fence source', 'switch-to-target target', 'unfence source']
        cutovers = []

        def listen(_, event):
            if event.get('event') == 'phase' and event['phase'] == 'ready':
                cutovers.append(threading.Thread(target=self.say, args=('cutover',)))
                cutovers[-1].start()
            later(_, event)

        later = self.when('watching', self.complete_later)
        alerts = self.scratch.new('alerts')
        run = self.migrate('--alert-command', f'echo $AERIE_ALERT $AERIE_ALERT_STATE >> {alerts}',
                           on_event=listen)
        for one in cutovers:
            one.join()
        self.assertEqual(run.result['state'], 'done', run)
        self.finished('busy', 'target')
        self.assertEqual(len(cutovers), 3)
        with open(alerts, encoding='ascii') as file:
            told = file.read().split('\n')
        for line in ('cutover raised', 'outage raised', 'outage resolved', 'cutover resolved'):
            self.assertIn(line, told)

    def whole(self, strategy):
        self.make('busy')
        run = self.migrate('--strategy', strategy, '--cutover', 'auto',
                           on_event=self.when('watching', self.complete_later))
        self.assertEqual(run.result['state'], 'done', run)
        self.finished('busy', 'target')
        self.assertIsNotNone(run.result['last_pause_ms'])
        print(f'{strategy}: paused {self.crowd.pauses}')

    def test_cold(self):
        self.whole('cold')

    def test_incremental(self):
        self.whole('incremental')

    def test_after_a_copy_of_what_was_written_to_since(self):
        self.make('busy', 3_000)
        self.assertEqual(self.aerie.json('copy', self.lab.uri, self.other.uri).code, 0)
        before = self.crowd.written['source']
        wait_until(lambda: self.crowd.written['source'] > before + 300, 'the source is written to')
        run = self.migrate('--cutover', 'auto')
        self.assertEqual(run.code, 8, run)
        self.assertEqual(self.say('abort').code, 0)
        run = self.migrate('--cutover', 'auto', '--adopt')
        self.assertEqual(run.code, 8, 'not without --yes')
        run = self.migrate('--cutover', 'auto', '--adopt', '--yes',
                           on_event=self.when('watching', self.complete_later))
        self.assertEqual(run.result['state'], 'done', run)
        self.finished('busy', 'target')

    def test_aborted_when_it_is_ready(self):
        self.make('busy', 3_000)
        run = self.migrate(on_event=self.when('ready', lambda: self.say('abort')))
        self.assertEqual(run.result['state'], 'aborted', run)
        self.finished('busy', 'source')
        self.assertEqual(self.hooked, [], 'nobody was stopped')

    def test_by_hand(self):
        self.make('busy', 3_000)
        done = []

        def listen(_, event):
            if event.get('event') == 'warning' and event['message'].startswith('waits for you'):
                text = event['message']
                if 'stop every client' in text:
                    self.crowd.obey('fence', 'source')
                elif 'send every client' in text:
                    self.crowd.obey('switch', 'target')
                else:
                    self.crowd.obey('unfence', 'target')
                done.append(threading.Thread(target=self.say, args=('approve',)))
                done[-1].start()
            later(_, event)

        later = self.when('watching', self.complete_later)
        run = self.aerie.json('migrate', 'run', self.lab.uri, self.other.uri, '--catalog', self.catalog,
                              '--cutover', 'auto', '--interval', '1s', on_event=listen)
        self.assertEqual(run.result['state'], 'done', run)
        self.finished('busy', 'target')
        self.assertEqual(len(done), 3)

    def test_bad_input(self):
        self.make('good', 1_000, crowd=False)
        self.target.create('good', [field('id', T.Int64, key=True), field('v', T.Int64),
                                    field('vector', T.FloatVector, dim=64)])
        run = self.migrate()
        self.assertEqual(run.code, 8, run)
        for part in ('collections', 'field v', 'field vector', 'dim'):
            self.assertIn(part, run.error)
        self.assertEqual(self.say('abort').code, 0)
        self.assertEqual(self.say('abort').code, 7, 'none is under way')
        self.target.drop('good')

        alias = self.lab.uri.replace('127.0.0.1', 'localhost')
        same = self.aerie.json('migrate', 'run', self.lab.uri, alias, '--catalog', self.catalog)
        self.assertEqual(same.code, 8, same)
        self.assertIn('that collection itself', same.error)
        self.assertEqual(self.say('abort').code, 0)

        self.make('other', 500, crowd=False)
        gone = self.migrate(on_event=self.when('ready', lambda: self.client.drop('good')))
        self.assertEqual(gone.code, 8, gone)
        self.assertIn('default.good', gone.error)
        again = self.migrate('--max-pause', '5s')
        self.assertEqual(again.code, 8, again)
        self.assertIn('max_pause_ms', again.error)
        self.assertEqual(self.say('abort').code, 0)
        wrong = self.migrate('--accept', 'everything')
        self.assertEqual(wrong.code, 2, wrong)

    def test_plan_changes_nothing(self):
        self.make('good', 2_000, crowd=False)
        plan = self.ok('migrate', 'plan', self.lab.uri, self.other.uri, '--measure-for', '0')
        self.assertEqual(plan['recommended'], 'cold')
        self.assertEqual(plan['rows'], 2_000)
        verdicts = {one['check']: one['verdict'] for one in plan['preflight']}
        for check in ('versions', 'rights', 'network', 'rollback-plan'):
            self.assertEqual(verdicts[check], 'pass', plan)
        for check in ('space', 'backup'):
            self.assertEqual(verdicts[check], 'warn', 'nothing was said of it')
        self.assertEqual(self.target.names(), [])
        self.check_rows(self.client, 'good', {key * 10: 0 for key in range(2_000)})

    def test_plan_sees_what_is_written(self):
        self.make('busy', 50_000)
        begin = time.monotonic()
        plan = self.ok('migrate', 'plan', self.lab.uri, self.other.uri, '--measure-for', '8s')
        end = time.monotonic()
        writes, seconds = plan['writes_per_second'], plan['writes_measured_seconds']
        self.assertGreaterEqual(seconds, 8)
        # When it measured is not known here, so that it may be right about any time between. It is
        # an estimate from a thirteenth of the rows; of a row that was written twice it sees one
        # change; and a call at either end may count or not.
        for kind, a_call in (('added', 40), ('updated', 40), ('deleted', 10)):
            most, least = self.crowd.most_and_least(kind, seconds, begin, end)
            rows = writes[kind] * seconds
            self.assertGreater(rows, least / 3 - 2 * a_call, (kind, most, least, plan))
            self.assertLess(rows, most * 2 + 2 * a_call, (kind, most, least, plan))
            self.assertGreater(most, 2 * a_call, 'clients that hardly write prove nothing')
        self.assertAlmostEqual(plan['changed_rows_per_second'], sum(writes.values()), places=3)
        self.finished('busy', 'source')

    def test_a_verified_backup_and_space_are_wanted(self):
        self.make('good', 500, crowd=False)
        repo = self.scratch.new('repo')
        said = ('--repo', repo, '--target-free', '1kB', '--cutover', 'auto')
        self.ok('backup', 'create', '--cluster', self.lab.uri, '--repo', repo)
        run = self.migrate(*said)
        self.assertEqual(run.code, 8, run)
        self.assertIn('which was not verified', run.error)
        self.assertIn('space: ', run.error)
        self.ok('backup', 'verify', 'latest', '--read-data', '--repo', repo)
        again = self.migrate(*said)
        self.assertEqual(again.code, 8, again)
        self.assertNotIn('backup: ', again.error)
        done = self.migrate(*said, '--accept', 'space',
                            on_event=self.when('watching', lambda: self.say('complete')))
        self.assertEqual(done.result['state'], 'done', done)


if __name__ == '__main__':
    unittest.main()
