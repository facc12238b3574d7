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
        self.threads = []

    def act(self, call, *arguments):
        self.threads.append(threading.Thread(target=call, args=arguments))
        self.threads[-1].start()

    def join_threads(self):
        for one in self.threads:
            one.join()
        self.threads.clear()

    def kill(self, sides):
        """Each at once, and there again after a while that every call notices."""
        for side in sides:
            lab = {'source': self.lab, 'target': self.other}[side]
            lab.ask('kill')
            time.sleep(1)  # an outage of some length is what is tested
            lab.ask('start')

    def in_state(self, state, sides, end):
        """On a thread of its own: what happens in a state, and what is said in it."""
        self.kill(sides)
        if state == 'ready':
            self.say('cutover')
        elif state == 'watching' and end == 'rollback':
            self.roll_back()
        elif state == 'watching':
            self.complete_later()

    def run_through(self, left, end, *words):
        """Runs a migration to its end, and takes from `left` the (state, sides that are killed one after the
        other) that came, in this order. How often it was blocked."""
        blocked = 0

        def listen(_, event):
            if event.get('event') == 'phase':
                here = left and event['phase'] == left[0][0]
                self.act(self.in_state, event['phase'], left.pop(0)[1] if here else (), end)

        try:
            for _ in range(len(left) + 2):
                run = self.migrate(*words, on_event=listen)
                if run.code != 8:
                    break
                blocked += 1  # it is run again when its cause is gone
                self.join_threads()
        finally:
            self.join_threads()
        self.assertEqual(run.result['state'], {'complete': 'done', 'rollback': 'rolled-back'}[end], run)
        return blocked

    def migrate_killed(self, name, strategy, left, end):
        """One migration of a collection of its own."""
        before = len(left)
        self.make(name)
        self.crowd.patient = True
        self.catalog, alerts = self.scratch.new('catalog'), self.scratch.new('alerts')
        blocked = self.run_through(left, end, '-c', name, '--strategy', strategy, '--alert-command',
                                   f'echo $AERIE_ALERT $AERIE_ALERT_STATE >> {alerts}')
        side, client = {'complete': ('target', self.target), 'rollback': ('source', self.client)}[end]
        wait_until(lambda: client.load_state(name) == 3, 'the collection is loaded again')
        self.finished(name, side)
        told = []
        if os.path.exists(alerts):
            with open(alerts, encoding='ascii') as file:
                told = file.read().split()
        self.assertEqual(told.count('raised'), told.count('resolved'), told)
        print(f'{strategy}: {before - len(left)} kills, blocked {blocked} times, paused '
              f'{[round(one, 1) for one in self.crowd.pauses]}, {len(self.crowd.unsure)} keys of which nobody '
              f'knows, {told.count("raised")} alerts', flush=True)

    def killed_servers(self, strategy, kills, end='complete'):
        """A server that is back in time leaves the cutover as it was: then a state does not come a second time, and
        what was to be killed in it is killed in the next migration."""
        left, number = list(kills), 0
        while left:
            before = len(left)
            self.migrate_killed(f'busy{number}', strategy, left, end)
            self.assertLess(len(left), before, f'no server was killed: {left}')
            number += 1

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
