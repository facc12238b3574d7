"""A server is killed in every state of a migration, the source in one and the target in another, while
clients that never stop write: it goes on, or undoes the cutover and is told to try again, and every write
that was acknowledged is there at the end."""

import threading
import time
import unittest

from harness import wait_until
from migrate_test import MigrationTest as Base


class ServersKilledTest(Base):
    def setUp(self):
        super().setUp()
        self.killed, self.blocked, self.all_killed = [], [], threading.Event()

    def kill(self, sides, last):
        """Each at once, and there again after a while that every call notices."""
        for side in sides:
            lab = {'source': self.lab, 'target': self.other}[side]
            lab.ask('kill')
            time.sleep(1)  # an outage of some length is what is tested
            lab.ask('start')
        if last:
            self.all_killed.set()

    def run_through(self, kills, *words):
        """Runs a migration to its end. `kills`: (state, sides that are killed one after the other); after
        each the next of these states must come."""
        left, threads = list(kills), []
        complete = self.when('watching', self.complete_when_all_were_killed)

        def act(call, *arguments):
            threads.append(threading.Thread(target=call, args=arguments))
            threads[-1].start()

        def listen(process, event):
            if event.get('event') == 'phase':
                if left and event['phase'] == left[0][0]:
                    self.killed.append(left.pop(0))
                    act(self.kill, self.killed[-1][1], not left)
                elif event['phase'] == 'ready':
                    act(self.say, 'cutover')
            complete(process, event)

        try:
            for _ in range(len(kills) + 2):
                run = self.migrate(*words, on_event=listen)
                if run.code != 8:
                    break
                self.blocked.append(run.error)  # blocked; it is run again when its cause is gone
                for one in threads:
                    one.join()
        finally:
            for one in threads:
                one.join()
        self.assertEqual(self.killed, list(kills), 'each was killed')
        return run

    def complete_when_all_were_killed(self):
        self.all_killed.wait()
        self.complete_later()

    def killed_servers(self, strategy, kills):
        self.make('busy')
        self.crowd.patient = True
        alerts = self.scratch.new('alerts')
        run = self.run_through(kills, '--strategy', strategy, '--cutover', 'auto', '--alert-command',
                               f'echo $AERIE_ALERT $AERIE_ALERT_STATE >> {alerts}')
        self.assertEqual(run.result['state'], 'done', run)
        wait_until(lambda: self.target.load_state('busy') == 3, 'the collection is loaded again')
        self.finished('busy', 'target')
        with open(alerts, encoding='ascii') as file:
            told = file.read().split()
        self.assertEqual(told.count('raised'), told.count('resolved'), told)
        print(f'{strategy}: killed {len(self.killed)} times, blocked {len(self.blocked)} times, '
              f'{len(self.crowd.pauses)} pauses, {len(self.crowd.unsure)} keys of which nobody knows, '
              f'{told.count("raised")} alerts')

    def test_hot(self):
        self.killed_servers('hot', [('copying', ['target']), ('syncing', ['source']), ('auditing', ['target']),
                                    ('last-sync', ['source']), ('last-sync', ['target']),
                                    ('proving', ['source']), ('watching', ['source', 'target'])])


if __name__ == '__main__':
    unittest.main()
