"""Alerts, told by real receivers that fail, hang and come back, of a real cluster without a backup:
each arrives once, a dead channel holds up no other, and a kill in the middle loses and repeats
nothing that was taken."""

import hmac
import json
import os
import signal
import time
import unittest

from harness import AcceptanceTest, T, column, field, floats
from receivers import CUT, HANG, LOST, HeldPort, MailServer, WebServer, certificate, wait_for

SECRET = 'signing secret'


class AlertTest(AcceptanceTest):
    LAB = ('milvus',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pem, cls.key = certificate(cls.scratch.path)
        c = cls.client
        c.create('things', [field('id', T.Int64, key=True), field('vector', T.FloatVector, dim=2)])
        c.index('things', 'vector', {'index_type': 'FLAT', 'metric_type': 'L2', 'params': '{}'})
        c.insert('things', [column('id', T.Int64, [1, 2]),
                            column('vector', T.FloatVector, floats([1, 2, 3, 4]), dim=2)])
        c.load('things')

    def setUp(self):
        self.web = WebServer()
        self.addCleanup(self.web.stop)
        self.repo = self.scratch.new()
        self.state = self.scratch.new('state')
        self.told = self.scratch.new('told')
        self.env = {'AERIE_STATE_DIR': self.state, 'MAIL_PASSWORD': MailServer.PASSWORD,
                    'HOOK_SECRET': SECRET}
        self.watchers = []

    def tearDown(self):
        for process in self.watchers:
            if process.poll() is None:
                process.kill()
            process.communicate()

    # ---- the program ----

    def configure(self, channels, **alerts):
        path = self.scratch.new('config') + '.yaml'
        config = {'clusters': {'prod': {'uri': self.lab.uri}},
                  'repositories': {'main': {'url': self.repo}},
                  'defaults': {'cluster': 'prod', 'repository': 'main'},
                  'alerts': {'interval': '1s', 'repositories_every': '1s', 'channels': channels,
                             'link': 'https://aerie.example/', **alerts}}
        with open(path, 'w', encoding='utf-8') as file:
            json.dump(config, file)  # JSON is YAML
        self.config = path

    def alert(self, *words, output='json'):
        return self.aerie.run('--config', self.config, '-o', output, 'alert', *words, env=self.env)

    def watch(self):
        process = self.aerie.start('--config', self.config, 'alert', 'watch', env=self.env)
        self.watchers.append(process)
        self.assertIn('watching', process.stdout.readline())
        return process

    def kill(self, process):
        process.send_signal(signal.SIGKILL)
        process.wait()

    def make_well(self):
        for words in (('backup', 'create'), ('backup', 'verify', '--read-data')):
            run = self.aerie.json('--config', self.config, *words, env=self.env)
            self.assertEqual(run.code, 0, run)

    def channel(self, name):
        of = {one['channel']: one for one in self.alert('list').result['channels']}
        return of.get(name, {'failed': 0, 'delivered': 0})

    def mail(self, port, to=('ops@example.com', 'Ada Ünal <ada@example.com>'), **more):
        return {'type': 'email', 'host': '127.0.0.1', 'port': port, 'user': MailServer.USER,
                'password': '${env:MAIL_PASSWORD}', 'ca': self.pem, 'from': 'Aerie <aerie@example.com>',
                'to': list(to), **more}

    def hook(self, path, **more):
        return {'type': 'webhook', 'url': self.web.uri + path, 'secret': '${env:HOOK_SECRET}',
                'timeout': '5s', **more}

    def told_lines(self):
        with open(self.told, encoding='utf-8') as told:
            return told.readlines()

    def bodies(self, path, verdict=None):
        return [json.loads(body) for _, _, body, _ in self.web.of(path, verdict)]

    def assert_signed(self, request):
        _, headers, body, _ = request
        timestamp = headers['Aerie-Timestamp']
        expected = 'v1=' + hmac.new(SECRET.encode(), timestamp.encode() + b'.' + body,
                                    'sha256').hexdigest()
        self.assertEqual(headers['Aerie-Signature'], expected)
        self.assertLess(abs(time.time() - int(timestamp)), 60)
        self.assertEqual(headers['Idempotency-Key'], json.loads(body)['key'])

    # ---- tests ----

    def test_every_alert_arrives_once_and_a_dead_channel_holds_up_no_other(self):
        server = MailServer(self.pem, self.key)
        self.addCleanup(server.stop)
        self.configure({
            'mail': self.mail(server.port),
            'moody': self.hook('/moody'),
            'cut': self.hook('/cut'),
            'dead': self.hook('/dead'),
            'slack': {'type': 'slack', 'url': self.web.uri + '/slack'},
            'pager': {'type': 'pagerduty', 'url': self.web.uri + '/pager', 'routing_key': 'r',
                      'min_severity': 'critical'},
            'disk': self.hook('/disk', rules=['storage-*']),
            'script': {'type': 'command',
                       'command': f'echo "$AERIE_ALERT $AERIE_ALERT_STATE" >> {self.told}'},
        }, rules={'storage-full': {'enabled': False}})
        self.web.scripts = {'/moody': [500, HANG], '/cut': [CUT], '/slack': [LOST],
                            '/dead': [HANG] * 100}
        first = self.watch()
        wait_for('pager', lambda: self.web.of('/pager', 'ok'))
        wait_for('mail', lambda: server.mails)
        wait_for('script', lambda: os.path.exists(self.told))
        # By now the dead one has not even ended its first attempt twice.
        self.assertLessEqual(len(self.web.of('/dead')), 2)
        wait_for('moody hang', lambda: self.web.of('/moody', HANG))
        self.kill(first)

        # What was taken is not told again; what was not, is.
        second = self.watch()
        wait_for('moody', lambda: self.web.of('/moody', 'ok'))
        wait_for('slack', lambda: self.web.of('/slack', 'ok'))
        wait_for('cut', lambda: self.web.of('/cut', 'ok'))
        listed = self.alert('list').result['incidents']
        self.assertEqual([(i['rule'], i['about'], i['severity']) for i in listed],
                         [('verified-backup-old', 'prod', 'critical')])
        self.assertIn('default.things: no backup at all', listed[0]['details'])
        number = listed[0]['incident']
        self.assertEqual(self.alert('ack', str(number), '--by', 'eva').code, 0)
        wait_for('acknowledged', lambda: len(self.web.of('/pager')) == 2)

        self.make_well()
        wait_for('resolved by mail', lambda: len(server.mails) == 2)
        wait_for('resolved by pager', lambda: len(self.web.of('/pager')) == 3)
        wait_for('resolved by moody', lambda: len(self.web.of('/moody', 'ok')) == 2)
        wait_for('resolved by script', lambda: len(self.told_lines()) == 2)
        # The kill may have come between its answer and the note of it: then it came twice, as one key.
        wait_for('resolved by cut', lambda: 'resolved' in [b['event'] for b in self.bodies('/cut', 'ok')])
        second.send_signal(signal.SIGTERM)
        second.wait(20)

        # One message three times or so, under one key, and taken once; then the next one.
        for path in ('/moody', '/cut'):
            keys = [body['key'] for body in self.bodies(path)]
            self.assertEqual(len(set(keys)), 2, keys)
        self.assertEqual([body['event'] for body in self.bodies('/moody', 'ok')],
                         ['opened', 'resolved'])
        for request in self.web.of('/moody'):
            self.assert_signed(request)
        self.assertEqual([json.loads(b)['event_action'] for _, _, b, _ in self.web.of('/pager')],
                         ['trigger', 'acknowledge', 'resolve'])
        self.assertEqual(len({json.loads(b)['dedup_key'] for _, _, b, _ in self.web.of('/pager')}), 1)
        texts = [json.loads(b)['text'] for _, _, b, _ in self.web.of('/slack', 'ok')]
        self.assertIn('(sent again)', texts[0])
        self.assertEqual(self.web.of('/disk'), [])
        self.assertEqual(self.told_lines(),
                         ['verified-backup-old raised\n', 'verified-backup-old resolved\n'])

        (to, opened), (_, resolved) = server.mails
        self.assertEqual(to, ['ops@example.com', 'ada@example.com'])
        self.assertIn(((MailServer.USER, MailServer.PASSWORD), True), server.logins)
        self.assertIn('[critical] prod: 1 of 1 collections have no verified backup', opened['Subject'])
        self.assertIn('Ada Ünal', opened['To'])
        text = opened.get_content()
        for part in ('default.things: no backup at all', 'To do: ', 'aerie backup create',
                     f'https://aerie.example/alerts/{number}'):
            self.assertIn(part, text)
        self.assertIn('[resolved]', resolved['Subject'])
        self.assertEqual(opened['References'], resolved['References'])
        self.assertNotEqual(opened['Message-ID'], resolved['Message-ID'])

        show = self.alert('show', str(number)).result
        states = {(d['channel'], d['event']): d['state'] for d in show['deliveries']}
        self.assertEqual(states['mail', 'opened'], 'delivered')
        self.assertEqual(states['dead', 'opened'], 'waiting')
        self.assertEqual(self.alert('list').result['incidents'], [])
        self.assertEqual(len(self.alert('list', '--all').result['incidents']), 1)
        self.assertEqual(self.alert('ack', str(number)).code, 8)

    def test_a_mail_server_that_comes_back(self):
        port = HeldPort()
        self.addCleanup(port.release)
        self.configure({'mail': self.mail(port.number), 'hook': self.hook('/hook')},
                       rules={'storage-full': {'enabled': False}})
        watcher = self.watch()
        # Not before the hook's answer is on record: a kill in between has it told twice, under one key.
        wait_for('mail to fail and the hook to be told', lambda: self.channel('mail')['failed'] and
                 self.channel('hook')['delivered'])
        self.kill(watcher)
        server = MailServer(self.pem, self.key, port.number)
        self.addCleanup(server.stop)
        watcher = self.watch()
        wait_for('mail', lambda: server.mails)
        watcher.send_signal(signal.SIGTERM)
        watcher.wait(20)
        self.assertEqual(len(server.mails), 1)
        self.assertEqual(len(self.web.of('/hook')), 1)

    def test_channels_are_tried(self):
        server = MailServer(self.pem, self.key, smtps=True)
        self.addCleanup(server.stop)
        self.configure({'mail': self.mail(server.port, ('ops@example.com', 'nobody@example.com'),
                                          security='tls'),
                        'hook': self.hook('/hook'), 'sick': self.hook('/sick')})
        self.web.scripts = {'/sick': [500] * 9}
        run = self.alert('test', 'mail', 'hook')
        self.assertEqual(run.code, 0, run)
        self.assertEqual([c['delivered'] for c in run.result['channels']], [True, True])
        self.assertIn('not taken for nobody@example.com', run.result['channels'][0]['note'])
        self.assertIn('[test]', server.mails[0][1]['Subject'])
        self.assert_signed(self.web.of('/hook')[0])
        run = self.alert('test')
        self.assertEqual(run.code, 3, run)
        self.assertIn('answered 500', run.error)
        self.assertEqual(self.alert('test', 'sick').code, 1)
        run = self.alert('test', 'hok', output='text')
        self.assertEqual(run.code, 2)
        self.assertIn("did you mean 'hook'", run.err)
        self.env['MAIL_PASSWORD'] = 'wrong'
        run = self.alert('test', 'mail')
        self.assertEqual(run.code, 1)
        self.assertIn('535', run.error)
        self.assertNotIn('wrong', run.out)

    def test_silence_check_and_metrics(self):
        self.configure({'hook': self.hook('/hook')}, capacity={'main': '1KB'},
                       heartbeat={'url': self.web.uri + '/beat', 'interval': '1s'})
        run = self.alert('check')
        self.assertEqual(run.code, 1, run)
        wrong = {(c['rule'], c['about']) for c in run.result['conditions']}
        self.assertIn(('verified-backup-old', 'prod'), wrong)
        run = self.alert('silence', 'verified-backup-old:prod', '--for', '1h', '--reason', 'known')
        self.assertEqual(run.code, 0, run)
        self.watch()
        wait_for('heartbeat', lambda: self.web.of('/beat'))
        wait_for('the incident', lambda: self.alert('list').result['incidents'])
        self.assertEqual([b for b in self.bodies('/hook') if b['rule'] == 'verified-backup-old'], [])
        self.assertEqual(self.alert('unsilence', str(run.result['silence'])).code, 0)
        wait_for('hook', lambda: [b for b in self.bodies('/hook')
                                  if b['rule'] == 'verified-backup-old'])
        self.make_well()
        wait_for('the repository to be too full', lambda: [
            b for b in self.bodies('/hook') if b['rule'] == 'storage-full' and b['event'] == 'opened'])
        wait_for('the cluster to be well', lambda: not any(
            i['rule'] == 'verified-backup-old' for i in self.alert('list').result['incidents']))
        critical = [i for i in self.alert('list').result['incidents'] if i['severity'] == 'critical']
        self.assertIn(('storage-full', 'main'), [(i['rule'], i['about']) for i in critical])
        text = self.alert('metrics', output='text').out
        for line in ('aerie_cluster_up{cluster="prod"} 1', 'aerie_repository_snapshots{repository="main"} 1',
                     f'aerie_alerts_open{{severity="critical"}} {len(critical)}', 'process_start_time_seconds '):
            self.assertIn(line, text)
        verified = [line for line in text.splitlines()
                    if line.startswith('aerie_newest_verified_backup_timestamp_seconds{cluster="prod"')]
        self.assertEqual(len(verified), 1)
        self.assertLess(abs(time.time() - float(verified[0].split()[-1])), 600)
        for words, code in ((('silence', 'nonsense', '--for', '1h'), 2), (('silence', '*', '--for', 'x'), 2),
                            (('show', '999'), 7), (('unsilence', '999'), 7)):
            self.assertEqual(self.alert(*words).code, code, words)


if __name__ == '__main__':
    unittest.main()
