"""A server is killed in a state of a migration, the source or the target, while clients that never stop
write: it goes on, or undoes the cutover and is told to try again, and every write that was acknowledged is
there at the end. MIGRATE_KILLS=all: either server in every state of every strategy, a migration for each."""

import os
import threading
import time
import unittest

from harness import wait_until
from migrate_test import MigrationTest as Base

SIDES = ('source', 'target')
BEFORE = {'hot': ('preflight', 'copying', 'syncing', 'auditing', 'ready', 'fencing', 'last-sync', 'proving'),
          'cold': ('preflight', 'ready', 'fencing', 'copying-fenced', 'last-sync', 'proving'),
          'incremental': ('syncing', 'ready', 'last-sync', 'proving')}
AFTER = ('switching', 'opening', 'watching')
BACK = ('fencing-target', 'last-reverse', 'proving-reverse', 'switching-back', 'opening-source')


class ServersKilledTest(Base):
    def setUp(self):
        super().setUp()
        self.killed, self.blocked, self.all_killed = [], [], threading.Event()
        self.threads = []

    def act(self, call, *arguments):
        self.threads.append(threading.Thread(target=call, args=arguments))
        self.threads[-1].start()

    def join_threads(self):
        for one in self.threads:
            one.join()
        self.threads.clear()

    def kill(self, sides, last):
        """Each at once, and there again after a while that every call notices."""
        for side in sides:
            lab = {'source': self.lab, 'target': self.other}[side]
            lab.ask('kill')
            time.sleep(1)  # an outage of some length is what is tested
            lab.ask('start')
        if last:
            self.all_killed.set()

    def in_state(self, state, kills, end):
        """On a thread of its own: what happens in a state, and what is said in it."""
        if kills:
            self.kill(*kills)
        if state == 'ready':
            self.say('cutover')
        elif state == 'watching' and end == 'rollback':
            self.roll_back()
        elif state == 'watching':
            self.all_killed.wait()
            self.complete_later()

    def run_through(self, kills, end, *words):
        """Runs a migration to its end. `kills`: (state, sides that are killed one after the other); after
        each the next of these states must come."""
        left = list(kills)

        def listen(_, event):
            if event.get('event') != 'phase':
                return
            killed = None
            if left and event['phase'] == left[0][0]:
                self.killed.append(left.pop(0))
                killed = self.killed[-1][1], not left
            self.act(self.in_state, event['phase'], killed, end)

        try:
            for _ in range(len(kills) + 2):
                run = self.migrate(*words, on_event=listen)
                if run.code != 8:
                    break
                self.blocked.append(run.error)  # it is run again when its cause is gone
                self.join_threads()
        finally:
            self.all_killed.set()
            self.join_threads()
        self.assertEqual(self.killed, list(kills), f'each was killed: {run}')
        return run

    def killed_servers(self, strategy, kills, end='complete'):
        self.make('busy')
        self.crowd.patient = True
        alerts = self.scratch.new('alerts')
        run = self.run_through(kills, end, '--strategy', strategy, '--alert-command',
                               f'echo $AERIE_ALERT $AERIE_ALERT_STATE >> {alerts}')
        self.assertEqual(run.result['state'], {'complete': 'done', 'rollback': 'rolled-back'}[end], run)
        side, client = {'complete': ('target', self.target), 'rollback': ('source', self.client)}[end]
        wait_until(lambda: client.load_state('busy') == 3, 'the collection is loaded again')
        self.finished('busy', side)
        told = []
        if os.path.exists(alerts):
            with open(alerts, encoding='ascii') as file:
                told = file.read().split()
        self.assertEqual(told.count('raised'), told.count('resolved'), told)
        print(f'{strategy}, {kills}: blocked {len(self.blocked)} times, paused '
              f'{[round(one, 1) for one in self.crowd.pauses]}, {len(self.crowd.unsure)} keys of which nobody '
              f'knows, {told.count("raised")} alerts', flush=True)

    def test_hot_one_after_the_other(self):
        self.killed_servers('hot', [('copying', ['target']), ('syncing', ['source']), ('auditing', ['target']),
                                    ('last-sync', ['source']), ('last-sync', ['target']),
                                    ('proving', ['source']), ('watching', SIDES)])

    def test_the_way_back(self):
        self.killed_servers('hot', [('last-reverse', ['target']), ('proving-reverse', ['source'])], 'rollback')


def every_state():
    for strategy, states in BEFORE.items():
        for state in states + (AFTER if strategy == 'hot' else ()):
            yield strategy, state, 'complete'
    for state in BACK:
        yield 'hot', state, 'rollback'


if os.environ.get('MIGRATE_KILLS') == 'all':
    for strategy, state, end in every_state():
        for side in SIDES:
            def test(self, strategy=strategy, state=state, side=side, end=end):
                self.killed_servers(strategy, [(state, [side])], end)
            setattr(ServersKilledTest, f'test_{strategy}_{state}_{side}', test)


if __name__ == '__main__':
    unittest.main()
