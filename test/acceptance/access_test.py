"""Who may do what with the daemon, as the operator of a machine arranges it and as others on the
network find it: users, roles, tokens, TLS, sessions, browsers' guards, the limit on logins. What is
secret is then looked for in all that was printed, logged and stored."""

import datetime
import http.client
import json
import os
import re
import secrets
import signal
import socket
import ssl
import struct
import subprocess
import time
import unittest

from harness import AERIE, AcceptanceTest, wait_until
from receivers import certificate

CONFIG = '''
api: {{listen: "{listen}"{api}}}
serve: {{data_dir: {data}}}
'''
ROLES = ('viewer', 'operator', 'admin')
JSON = {'Content-Type': 'application/json'}
HEALTH = {'kind': 'health-check', 'spec': {}}
# What changes nothing, or nothing that another row sees: (least role, method, path, body, status).
ROUTES = (
    ('nobody', 'GET', '/healthz', None, 200),
    ('nobody', 'GET', '/readyz', None, 200),
    ('nobody', 'GET', '/api/v1/session', None, 200),
    ('nobody', 'GET', '/api/v1/openapi.json', None, 200),
    ('viewer', 'GET', '/api/v1/jobs', None, 200),
    ('viewer', 'GET', '/api/v1/snapshots', None, 200),
    ('viewer', 'GET', '/api/v1/settings', None, 200),
    ('viewer', 'GET', '/api/stats', None, 200),
    ('viewer', 'GET', '/metrics', None, 200),
    ('operator', 'POST', '/api/v1/jobs:plan', HEALTH, 200),
    ('operator', 'POST', '/api/v1/jobs', HEALTH, 202),
    ('admin', 'POST', '/api/v1/jobs', {'kind': 'prune', 'spec': {'repository': 'local'}, 'confirm': 'local'}, 202),
    ('admin', 'GET', '/api/v1/users', None, 200),
    ('admin', 'GET', '/api/v1/tokens', None, 200),
    ('admin', 'GET', '/api/v1/audit', None, 200),
    ('admin', 'DELETE', '/api/v1/schedules/none?confirm=none', None, 404),
    ('admin', 'DELETE', '/api/v1/users/none?confirm=none', None, 404),
)


def password(of):
    return f'the secret of {of}: {secrets.token_hex(8)}'


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f'{self.status} {self.body[:500]}'


class Peer:
    """A program that talks HTTP to the daemon, from an address of its own. `context`: for TLS."""

    def __init__(self, port, context=None, token=None, source='127.0.0.1'):
        self.port, self.context, self.source = port, context, source
        self.headers = {'Authorization': f'Bearer {token}'} if token else {}

    def ask(self, method, path, body=None, **headers):
        sent = {**self.headers, **(JSON if body is not None else {}),
                **{name.replace('_', '-'): value for name, value in headers.items()}}
        if self.context is None:
            connection = http.client.HTTPConnection('127.0.0.1', self.port, 60, (self.source, 0))
        else:
            connection = http.client.HTTPSConnection('127.0.0.1', self.port, timeout=60, context=self.context,
                                                     source_address=(self.source, 0))
        try:
            connection.request(method, path, json.dumps(body) if isinstance(body, dict) else body, sent)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.ask('GET', path, **headers)

    def post(self, path, body=None, **headers):
        return self.ask('POST', path, body, **headers)

    def log_in(self, user, secret):
        return self.post('/api/v1/session', {'user': user, 'password': secret})

    def session(self, user, secret):
        """The same peer, logged in: with the cookie, and `csrf` for its changes."""
        answer = self.log_in(user, secret)
        assert answer.status == 200, answer
        peer = Peer(self.port, self.context, source=self.source)
        peer.cookie = re.match(r'aerie_session=([^;]+)', answer.headers['Set-Cookie'])[1]
        peer.headers = {'Cookie': f'aerie_session={peer.cookie}'}
        peer.csrf = answer.json['csrf_token']
        return peer


class AccessTest(AcceptanceTest):
    """A folder of the daemon for each test; all that the program prints is kept in `said`."""

    def setUp(self):
        super().setUp()
        self.daemon = None
        self.data, self.config = self.scratch.new('data'), self.scratch.new('config')
        self.said, self.secrets = [], []
        self.configure()
        self.addCleanup(self.stop)

    def configure(self, listen='127.0.0.1:0', **api):
        text = ''.join(f', {key}: "{value}"' for key, value in api.items())
        with open(self.config, 'w', encoding='utf-8') as file:
            file.write(CONFIG.format(listen=listen, api=text, data=self.data))

    # ---- the program

    def run_it(self, *args, code=0, text=False, **options):
        run = (self.aerie.run if text else self.aerie.json)('--config', self.config, *args, **options)
        self.assertEqual(run.code, code, run)
        if args[:2] != ('token', 'create'):
            self.said.append(run.out + run.err)
        return run

    def call(self, *args, **options):
        return self.run_it(*args, **options).result

    def refused(self, *args, code, **options):
        """Its message, which is one line."""
        run = self.run_it(*args, code=code, text=True, **options)
        self.assertEqual((run.out, len(run.err.splitlines())), ('', 1), run)
        return run.err

    def secret(self, of):
        self.secrets.append(password(of))
        return self.secrets[-1]

    def add_user(self, name, role):
        """Its password."""
        secret = self.secret(name)
        self.call('user', 'add', name, '--role', role, env={'AERIE_NEW_PASSWORD': secret})
        return secret

    def add_users(self):
        return {name: self.add_user(name, role)
                for name, role in (('ada', 'admin'), ('olga', 'operator'), ('vera', 'viewer'))}

    def token(self, name, *options):
        made = self.call('token', 'create', name, *options)
        self.secrets.append(made['token'])
        return made

    def users(self):
        return {user['user']: user['role'] for user in self.call('user', 'list')['users']}

    def start(self, context=None):
        """Starts the daemon; a peer of it that nobody knows."""
        with open(self.data + '.out', 'wb') as out, open(self.data + '.err', 'ab') as err:
            self.daemon = subprocess.Popen(
                [AERIE, '--config', self.config, '-o', 'json', '-v', 'serve'], stdin=subprocess.DEVNULL,
                stdout=out, stderr=err, env=self.aerie.env)
        lines = []

        def serves():
            self.assertIsNone(self.daemon.poll(), self.log())
            with open(self.data + '.out', encoding='utf-8') as file:
                lines[:] = [json.loads(line) for line in file if line.endswith('\n') and '"url"' in line]
            return lines
        wait_until(serves, 'the daemon serves')
        self.url = lines[0]['url']
        return Peer(int(self.url.rsplit(':', 1)[1]), context)

    def log(self):
        with open(self.data + '.err', encoding='utf-8', errors='replace') as file:
            return file.read()

    def stop(self):
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
            self.assertEqual(self.daemon.wait(60), 0, self.log())

    def like(self, peer, token):
        return Peer(peer.port, peer.context, token)

    def assert_nothing_secret(self, *answers):
        """In what was printed, logged, stored and answered; what is not secret is found there."""
        places = {'what was printed': ''.join(self.said).encode(), 'what was answered': b''.join(answers)}

        def look(when):
            for folder, _, names in os.walk(self.data):
                for name in names:
                    with open(os.path.join(folder, name), 'rb') as file:
                        places[f'{name}, {when}'] = file.read()
        look('in use')
        self.stop()
        look('left behind')
        with open(self.data + '.out', encoding='utf-8') as file:
            places['standard output'] = file.read().encode()
        places['the log'] = self.log().encode()
        for what, place in (('ada', 'catalog.db, left behind'), ('ada', 'catalog.db-wal, in use'),
                            ('ada', 'what was printed'), ('user:ada', 'the log'), ('user:ada', 'what was answered')):
            self.assertIn(what.encode(), places[place], place)
        self.assertGreater(len(self.secrets), 5)
        for secret in self.secrets:
            for place, held in places.items():
                self.assertNotIn(secret.encode(), held, place)

    # ---- users, roles and tokens

    def test_roles_as_the_operator_of_the_machine_gives_them(self):
        self.assertIn('whoever is on this machine is admin', self.run_it('user', 'list', text=True).out)
        first = self.refused('user', 'add', 'vera', code=8, env={'AERIE_NEW_PASSWORD': self.secret('vera')})
        self.assertIn('the first user must be an admin', first)
        self.assertEqual(self.users(), {})
        file = self.scratch.new('password')
        with open(file, 'w', encoding='utf-8') as out:
            out.write(self.secret('ada') + '\n')
        made = self.run_it('user', 'add', 'ada', '--role', 'admin', '--new-password-file', file, text=True)
        self.assertRegex(made.out, r'^user ada may log in as admin\n.*ask who it is\n$')
        self.call('user', 'add', 'vera', '--new-password-command', f'echo "{self.secret("vera")}"')
        self.add_user('olga', 'operator')
        self.assertEqual(self.users(), {'ada': 'admin', 'olga': 'operator', 'vera': 'viewer'})

        for message, code, args in (
                ('12 characters', 2, ('user', 'add', 'eve')), ('already', 1, ('user', 'add', 'ada')),
                ('letters', 2, ('user', 'add', 'e ve')), ('not there', 7, ('user', 'password', 'eve')),
                ('not there', 7, ('user', 'role', 'eve', 'admin')), ('no admin', 8, ('user', 'role', 'ada', 'viewer')),
                ('not there', 7, ('user', 'remove', 'eve', '--yes')), ('--yes', 8, ('user', 'remove', 'vera')),
                ('no admin', 8, ('user', 'remove', 'ada', '--yes')),
                ('expired', 2, ('token', 'create', 't', '--expires', '0s')),
                ('shown only once', 2, ('-q', 'token', 'create', 't')),
                ('number and a unit', 2, ('token', 'create', 't', '--expires', 'soon')),
                ('not there', 7, ('token', 'revoke', 't'))):
            short = 'short' if args[1:] == ('add', 'eve') else 'long enough for it'
            self.assertIn(message, self.refused(*args, code=code, env={'AERIE_NEW_PASSWORD': short}), args)
        self.assertIn('no new password was given', self.refused('user', 'add', 'eve', code=2))
        self.assertEqual((len(self.users()), self.call('token', 'list')['tokens']), (3, []))

        # Made before there is a daemon, and while it runs: the same.
        tokens = {role: self.token(role, '--role', role)['token'] for role in ('viewer', 'operator')}
        nobody = self.start()
        tokens['admin'] = self.token('admin', '--role', 'admin', '--expires', '1h')['token']
        self.assertIn('already', self.refused('token', 'create', 'admin', code=1))
        for least, method, path, body, status in ROUTES:
            for role in ('nobody', *ROLES):
                peer = self.like(nobody, tokens.get(role))
                answer = peer.ask(method, path, body)
                may = least == 'nobody' or (role in ROLES and ROLES.index(role) >= ROLES.index(least))
                expected = status if may else 401 if role == 'nobody' else 403
                self.assertEqual(answer.status, expected, f'{role}: {method} {path}: {answer}')
                if expected == 401:
                    self.assertEqual(answer.headers['WWW-Authenticate'], 'Bearer')
        good = tokens['admin']
        for header in (f'Bearer aerie_{"x" * 43}', f'Bearer {good}x', f'Basic {good}', good, f'bearer{good}'):
            self.assertEqual(nobody.get('/api/v1/jobs', Authorization=header).status, 401, header)
        # Never in an address, which ends in logs and histories.
        self.assertEqual(nobody.get(f'/api/v1/jobs?token={tokens["admin"]}').status, 401)
        listed = {token['name']: token for token in self.call('token', 'list')['tokens']}
        self.assertEqual(sorted(listed), sorted(ROLES))
        self.assertIsNotNone(listed['viewer']['last_used'])
        # A password in the field of the name.
        self.assertEqual(nobody.log_in(self.secrets[0], 'x').status, 401)
        ada = nobody.session('ada', self.secrets[1])
        self.secrets.append(ada.cookie)
        self.assertEqual(ada.post('/api/v1/jobs', HEALTH, X_CSRF_Token=ada.csrf).status, 202)
        audit = ada.get('/api/v1/audit?limit=500')
        noted = {(entry['actor'], entry['action'], entry['object'], entry['outcome']) for entry in audit.json['items']}
        me = f'cli:{os.getuid()}'
        self.assertLessEqual({(me, 'user add', 'vera', 'refused'), (me, 'user add', 'vera', 'done'),
                              (me, 'user remove', 'ada', 'refused'), (me, 'token create', 'admin', 'done'),
                              ('token:viewer', 'createJob', '', 'refused'),
                              ('nobody', 'login', '(unknown user)', 'refused'),
                              ('nobody', 'login', 'ada', 'done')}, noted)
        self.assertTrue(any(entry[:2] == ('user:ada', 'createJob') and entry[3] == 'done' for entry in noted), noted)
        lists = [ada.get(f'/api/v1/{what}').body for what in ('users', 'tokens', 'settings')]
        self.assert_nothing_secret(audit.body, *lists)

    def test_what_is_taken_away_is_gone_at_once(self):
        known = self.add_users()
        nobody = self.start()
        token = self.token('ops', '--role', 'operator')
        ops = self.like(nobody, token['token'])
        self.assertEqual(ops.get('/api/v1/jobs').status, 200)
        self.call('token', 'revoke', token['id'])
        gone = ops.get('/api/v1/jobs')
        self.assertEqual(gone.status, 401)
        self.assertIn('revoked', gone.json['detail'])

        # A token with an end: good before it, never after it.
        brief = self.token('brief', '--expires', '3s')
        ends = datetime.datetime.fromisoformat(brief['expires']).timestamp()
        peer = self.like(nobody, brief['token'])

        def expired():
            before, answer, after = time.time(), peer.get('/api/v1/jobs'), time.time()
            if after < ends:
                self.assertEqual(answer.status, 200, answer)
            if before >= ends:
                self.assertEqual(answer.status, 401, answer)
                self.assertIn('expired', answer.json['detail'])
            return before >= ends
        wait_until(expired, 'the token expires')

        # A role: of sessions that are open.
        olga, vera = (nobody.session(name, known[name]) for name in ('olga', 'vera'))
        plan = lambda peer: peer.post('/api/v1/jobs:plan', HEALTH, X_CSRF_Token=peer.csrf).status
        self.assertEqual((plan(olga), plan(vera)), (200, 403))
        self.call('user', 'role', 'olga', 'viewer')
        self.call('user', 'role', 'vera', 'operator')
        self.assertEqual((plan(olga), plan(vera)), (403, 200))

        # A password: all sessions end; by the user's own hand all but his.
        renewed = self.secret('vera')
        self.call('user', 'password', 'vera', env={'AERIE_NEW_PASSWORD': renewed})
        self.assertEqual(vera.get('/api/v1/jobs').status, 401)
        self.assertEqual([nobody.log_in('vera', one).status for one in (known['vera'], renewed)], [401, 200])
        here, there, newest = nobody.session('olga', known['olga']), olga, self.secret('olga')
        body = {'old_password': known['olga'], 'new_password': newest}
        self.assertEqual(here.post('/api/v1/session/password', {**body, 'old_password': renewed},
                                   X_CSRF_Token=here.csrf).status, 403)
        self.assertEqual(here.post('/api/v1/session/password', body, X_CSRF_Token=here.csrf).status, 200)
        self.assertEqual((here.get('/api/v1/jobs').status, there.get('/api/v1/jobs').status), (200, 401))

        # A user: with sessions, and with the tokens that were made by it.
        adam_secret = self.add_user('adam', 'admin')
        adam = nobody.session('adam', adam_secret)
        made = adam.post('/api/v1/tokens', {'name': 'adams', 'role': 'admin'}, X_CSRF_Token=adam.csrf)
        self.assertEqual(made.status, 201, made)
        adams = self.like(nobody, made.json['token'])
        self.secrets += [made.json['token'], adam.cookie, here.cookie, there.cookie, vera.cookie]
        self.assertEqual((adams.get('/api/v1/users').status, adam.get('/api/v1/users').status), (200, 200))
        self.call('user', 'remove', 'adam', '--yes')
        self.assertEqual((adams.get('/api/v1/jobs').status, adam.get('/api/v1/jobs').status), (401, 401))
        self.assertEqual(nobody.log_in('adam', adam_secret).status, 401)

        # The last admin stays as long as there is anybody else, by whatever way.
        ada = nobody.session('ada', known['ada'])
        self.secrets.append(ada.cookie)
        self.assertIn('no admin would be left', self.refused('user', 'remove', 'ada', '--yes', code=8))
        self.assertEqual(ada.ask('DELETE', '/api/v1/users/ada?confirm=ada', X_CSRF_Token=ada.csrf).status, 409)
        self.assertEqual(ada.ask('PATCH', '/api/v1/users/ada', {'role': 'viewer'}, X_CSRF_Token=ada.csrf).status, 409)
        self.assertEqual(ada.ask('DELETE', '/api/v1/users/olga', X_CSRF_Token=ada.csrf).status, 422)
        self.assertEqual(self.users(), {'ada': 'admin', 'olga': 'viewer', 'vera': 'operator'})
        answered = [ada.get(f'/api/v1/{what}').body for what in ('audit?limit=500', 'users', 'tokens')]
        for name in ('olga', 'vera'):
            removed = ada.ask('DELETE', f'/api/v1/users/{name}?confirm={name}', X_CSRF_Token=ada.csrf)
            self.assertEqual(removed.status, 204, removed)
        # The last of all opens the machine, and that is said.
        self.assertEqual(nobody.get('/api/v1/jobs').status, 401)
        warnings = self.call('user', 'remove', 'ada', '--yes')['warnings']
        self.assertIn('whoever is on this machine is admin', ' '.join(warnings))
        self.assertEqual(nobody.get('/api/v1/users').status, 200)
        self.assert_nothing_secret(*answered)

    # ---- beyond this machine

    def certify(self, name='tls'):
        folder = self.scratch.new(name)
        os.makedirs(folder)
        return certificate(folder)

    def test_beyond_this_machine_only_with_tls_and_users(self):
        pem, key = self.certify()
        _, other = self.certify('other')
        everywhere = '0.0.0.0:0'
        self.configure(everywhere)
        self.assertIn('api.tls_cert and api.tls_key', self.refused('serve', code=8))
        self.configure()
        self.assertIn('api.tls_cert and api.tls_key', self.refused('serve', '--listen', '[::]:0', code=8))
        self.configure(everywhere, tls_cert=pem, tls_key=key)
        self.assertIn('aerie user add', self.refused('serve', code=8))
        # Behind a proxy others come from this machine as well.
        self.configure(public_url='https://aerie.example')
        self.assertIn('aerie user add', self.refused('serve', code=8))
        secret = self.add_user('ada', 'admin')
        for code, message, api in ((8, 'api.tls_cert', {}), (2, 'go together', {'tls_cert': pem}),
                                   (7, 'api.tls_key', {'tls_cert': pem, 'tls_key': key + '.none'}),
                                   (2, 'belong together', {'tls_cert': pem, 'tls_key': other})):
            self.configure(everywhere, **api)
            self.assertIn(message, self.refused('serve', code=code), api)

        self.configure(everywhere, tls_cert=pem, tls_key=key)
        peer = self.start(ssl.create_default_context(cafile=pem))
        self.assertTrue(self.url.startswith('https://'), self.url)
        for source in ('127.0.0.1', '127.0.0.2'):
            peer.source = source
            self.assertEqual(peer.get('/api/v1/jobs').status, 401)
        self.assertEqual(peer.session('ada', secret).get('/api/v1/users').status, 200)
        # Neither a certificate of another, nor under another name.
        wrong, _ = self.certify('wrong')
        with self.assertRaises(ssl.SSLCertVerificationError):
            Peer(peer.port, ssl.create_default_context(cafile=wrong)).get('/healthz')
        with socket.create_connection(('127.0.0.1', peer.port), 60) as raw:
            with self.assertRaises(ssl.SSLCertVerificationError):
                peer.context.wrap_socket(raw, server_hostname='aerie.example')
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=pem)
            context.minimum_version = context.maximum_version = version
            self.assertEqual(Peer(peer.port, context).get('/healthz').status, 200, version)
        # The same words in an older version are answered with no handshake: an alert, or nothing.
        for version in (0x0300, 0x0301, 0x0302):
            self.assertNotIn(b'\x16', said_to(peer.port, client_hello(version))[:1], hex(version))
        hello = said_to(peer.port, client_hello(0x0303))
        self.assertEqual((hello[0], hello[5], hello[9:11]), (0x16, 2, b'\x03\x03'), hello[:16])
        # Without TLS there is no answer at all: no page, no login that others could read.
        self.assertNotIn(b'HTTP', said_to(peer.port, b'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'))
        self.assertEqual(peer.get('/healthz').status, 200)

        # The last user taken away opens nothing there, and there is no start without one.
        self.call('user', 'remove', 'ada', '--yes')
        self.assertEqual(peer.get('/api/v1/jobs').status, 401)
        self.stop()
        self.assertIn('aerie user add', self.refused('serve', code=8))

    # ---- sessions in browsers

    def test_sessions_and_what_other_pages_may_not(self):
        pem, key = self.certify()
        self.configure('0.0.0.0:0', tls_cert=pem, tls_key=key, public_url='https://aerie.example')
        known = self.add_users()
        peer = self.start(ssl.create_default_context(cafile=pem))
        here = f'https://127.0.0.1:{peer.port}'

        answer = peer.log_in('olga', known['olga'])
        value, *attributes = answer.headers['Set-Cookie'].split('; ')
        self.assertRegex(value, r'^aerie_session=[A-Za-z0-9_-]{43}$')
        self.assertEqual(sorted(attributes), ['HttpOnly', 'Path=/', 'SameSite=Strict', 'Secure'])
        self.assertNotIn(value.split('=')[1], answer.body.decode())
        olga, again = (peer.session('olga', known['olga']) for _ in range(2))
        self.assertEqual(olga.get('/api/v1/session').json['csrf_token'], olga.csrf)
        self.assertNotIn(olga.csrf, (again.csrf, olga.cookie))

        # A change needs the token of this session, from a page of this server, as JSON.
        plan = lambda **headers: olga.post('/api/v1/jobs:plan', HEALTH, **headers).status
        mine = {'X_CSRF_Token': olga.csrf}
        self.assertEqual((plan(), plan(X_CSRF_Token=''), plan(X_CSRF_Token=again.csrf)), (403, 403, 403))
        self.assertEqual(plan(**mine), 200)
        for expected, headers in (
                (200, {'Origin': here, 'Sec_Fetch_Site': 'same-origin'}), (200, {'Origin': 'https://aerie.example'}),
                (200, {'Origin': 'https://aerie.example', 'Host': 'aerie.example'}),
                (403, {'Origin': 'https://evil.example'}), (403, {'Origin': 'null'}),
                (403, {'Origin': here.replace('https', 'http')}), (403, {'Origin': 'https://127.0.0.1:1'}),
                (403, {'Origin': 'https://aerie.example.evil.example'}),
                (403, {'Sec_Fetch_Site': 'cross-site'}), (403, {'Sec_Fetch_Site': 'same-site'}),
                (415, {'Content_Type': 'application/x-www-form-urlencoded'}), (415, {'Content_Type': 'text/plain'})):
            self.assertEqual(plan(**mine, **headers), expected, headers)
        self.assertEqual(olga.post('/api/v1/session', {'user': 'olga', 'password': known['olga']},
                                   Origin='https://evil.example').status, 403)
        # A name that somebody else made to point here.
        for path in ('/', '/api/v1/session', '/healthz'):
            for host in ('evil.example', f'evil.example:{peer.port}', 'aerie.example.evil.example'):
                self.assertEqual(olga.get(path, Host=host).status, 421, host)
            for host in ('localhost', f'127.0.0.1:{peer.port}', 'aerie.example', 'AERIE.example:443'):
                self.assertNotEqual(olga.get(path, Host=host).status, 421, host)

        # What every answer says to browsers, and what none says.
        evil = {'Origin': 'https://evil.example'}
        for answer in (olga.get('/', **evil), olga.get('/api/v1/jobs', **evil), olga.get('/api/none'),
                       peer.get('/api/v1/users'), olga.post('/api/v1/jobs', HEALTH),
                       olga.ask('OPTIONS', '/api/v1/jobs', Access_Control_Request_Method='POST', **evil),
                       olga.get('/healthz', Host='evil.example')):
            policy = dict(part.strip().split(' ', 1) for part in answer.headers['Content-Security-Policy'].split(';'))
            self.assertEqual([policy[name] for name in ('default-src', 'script-src', 'frame-ancestors', 'base-uri')],
                             ["'none'", "'self'", "'none'", "'none'"])
            self.assertNotRegex(answer.headers['Content-Security-Policy'], r'unsafe|\*|data:|http')
            for name, expected in (('X-Content-Type-Options', 'nosniff'), ('X-Frame-Options', 'DENY'),
                                   ('Referrer-Policy', 'no-referrer'), ('Cross-Origin-Opener-Policy', 'same-origin'),
                                   ('Cross-Origin-Resource-Policy', 'same-origin')):
                self.assertEqual(answer.headers[name], expected, answer)
            self.assertIn('camera=()', answer.headers['Permissions-Policy'])
            self.assertEqual([name for name in answer.headers if name.lower().startswith('access-control')], [])
        self.assertEqual(olga.get('/api/v1/jobs').headers['Cache-Control'], 'no-store')
        self.assertIn('max-age=', olga.get('/', Host='aerie.example').headers['Strict-Transport-Security'])

        # A logout ends this session, not the other.
        self.assertEqual(olga.ask('DELETE', '/api/v1/session').status, 200)
        self.assertEqual((olga.get('/api/v1/jobs').status, again.get('/api/v1/jobs').status), (401, 200))
        self.secrets += [olga.cookie, again.cookie]
        # Through the proxy of public_url: who came to it, not what that one says of itself.
        peer.headers = {'X-Forwarded-For': '10.9.9.9, 10.0.0.7'}
        ada = peer.session('ada', known['ada'])
        self.secrets.append(ada.cookie)
        self.assertEqual(ada.post('/api/v1/jobs', HEALTH, X_CSRF_Token=ada.csrf).status, 202)
        audit = ada.get('/api/v1/audit?limit=500')
        logins = [entry for entry in audit.json['items'] if entry['action'] == 'login']
        self.assertEqual({(entry['object'], entry['address']) for entry in logins},
                         {('olga', '127.0.0.1'), ('ada', '10.0.0.7')})
        self.assert_nothing_secret(audit.body)

    def guess(self, guess, others):
        """Guesses until it is slowed down, ten times at the least; what `others` answer then is 429, unless
        they came so late that it is one's turn again. The words of the refusals."""
        words, first = set(), None
        for _ in range(10):
            for tries in range(100):
                began = time.monotonic()
                answer = guess(tries)
                if answer.status != 401:
                    break
                words.add(answer.json['detail'])
            self.assertEqual(answer.status, 429, answer)
            first = tries if first is None else first
            self.assertGreaterEqual(first, 10)
            wait = int(answer.headers['Retry-After'])
            self.assertIn(wait, range(1, 7))
            statuses = others()
            if time.monotonic() - began < wait - 1:
                self.assertEqual(set(statuses), {429})
                return words
        raise AssertionError('this machine is too slow to guess')

    def test_who_guesses_is_slowed_down_and_nobody_else(self):
        pem, key = self.certify()
        self.configure('0.0.0.0:0', tls_cert=pem, tls_key=key)
        known = self.add_users()
        token = self.token('ops')['token']
        context = ssl.create_default_context(cafile=pem)
        peer = self.start(context)
        guesser, other = (Peer(peer.port, context, source=source) for source in ('127.0.0.9', '127.0.0.10'))
        vera = guesser.session('vera', known['vera'])
        # The right password is not even looked at from there; whoever is in stays in, and others come in.
        words = self.guess(lambda n: guesser.log_in('vera' if n % 2 else f'nobody{n}', 'guessed, and wrong'),
                           lambda: [guesser.log_in(name, known[name]).status for name in ('vera', 'ada')])
        self.assertEqual(len(words), 1, words)  # the same for users that are there and those that are not
        self.assertEqual(vera.get('/api/v1/jobs').status, 200)
        self.assertEqual(Peer(peer.port, context, token, guesser.source).get('/api/v1/jobs').status, 200)
        self.assertEqual([other.log_in(name, known[name]).status for name in ('ada', 'olga', 'vera')], [200] * 3)
        # One user, guessed from many places.
        self.guess(lambda n: Peer(peer.port, context, source=f'127.0.1.{1 + n}').log_in('olga', 'wrong'),
                   lambda: [other.log_in('olga', known['olga']).status])
        self.assertEqual(other.log_in('ada', known['ada']).status, 200)
        # Who waits as long as it says comes in.
        answer = other.log_in('olga', known['olga'])
        if answer.status == 429:
            time.sleep(int(answer.headers['Retry-After']))
            answer = other.log_in('olga', known['olga'])
        self.assertEqual(answer.status, 200, answer)
        ada = other.session('ada', known['ada'])
        audit = ada.get('/api/v1/audit?limit=500&action=login').json['items']
        refused = {(entry['address'], entry['object']) for entry in audit if entry['outcome'] == 'refused'}
        self.assertLessEqual({('127.0.0.9', 'vera'), ('127.0.0.9', '(unknown user)'), ('127.0.1.1', 'olga')}, refused)

    # ---- the command line and the daemon

    def test_the_command_line_talks_to_the_daemon(self):
        self.call('repo', 'init', '--repo', os.path.join(self.data, 'repository'))
        alone = self.call('job', 'run', 'health-check')
        self.assertTrue(alone['ended_at'], alone)
        peer = self.start()
        self.assertEqual(self.call('serve', code=5)['errors'][0]['kind'], 'locked')
        handed = self.run_it('job', 'run', 'health-check', text=True)
        self.assertIn(f'is with the daemon (process {self.daemon.pid})', handed.out)
        waited = self.call('job', 'run', 'health-check', '--wait')
        self.assertEqual((waited['number'], bool(waited['ended_at'])), (3, True))
        log = self.call('job', 'log', '3')['log']
        self.assertIn(f'process {self.daemon.pid} on', ' '.join(entry['text'] for entry in log))
        made = peer.post('/api/v1/jobs', HEALTH)
        self.assertEqual(made.json['number'], 4, made)
        wait_until(lambda: not self.call('job', 'list', '--open')['jobs'], 'all jobs end')
        listed = self.call('job', 'list')['jobs']
        self.assertEqual([job['number'] for job in listed], [4, 3, 2, 1])
        answered = peer.get('/api/v1/jobs').json['items']
        # Under the same names in both; what one of them alone has: docs/jobs.md.
        alone = {'checkpoint', 'rebuilt', 'result', 'actions'}
        shared = lambda job: {name: value for name, value in job.items() if name not in alone}
        self.assertEqual([shared(job) for job in answered], [shared(job) for job in listed])
        self.call('schedule', 'create', 'nightly', 'daily at 02:00', 'health-check')
        self.assertEqual(peer.get('/api/v1/schedules/nightly').json['rules']['kind'], 'health-check')
        # Users concern who comes by HTTP; whoever may read the folder is asked nothing.
        self.add_users()
        self.assertEqual(peer.get('/api/v1/jobs').status, 401)
        self.assertEqual(len(self.call('job', 'list')['jobs']), 4)
        self.assertEqual(os.stat(self.data).st_mode & 0o077, 0)
        self.stop()
        self.assertEqual(len(self.call('job', 'list', '--limit', '2')['jobs']), 2)


def client_hello(version):
    """A ClientHello that offers nothing newer than `version`, and ciphers for each one."""
    ciphers = struct.pack('>5H', 0xc02b, 0xc023, 0xc009, 0xc00a, 0x002f)
    extensions = b''.join(struct.pack('>HH', kind, len(body)) + body for kind, body in (
        (10, struct.pack('>HHH', 4, 0x0017, 0x001d)),                     # groups: P-256, X25519
        (11, b'\x01\x00'),                                                # points: uncompressed
        (13, struct.pack('>HHHHH', 8, 0x0403, 0x0503, 0x0401, 0x0203))))  # signatures: ECDSA, RSA
    body = (struct.pack('>H', version) + secrets.token_bytes(32) + b'\x00' +
            struct.pack('>H', len(ciphers)) + ciphers + b'\x01\x00' + struct.pack('>H', len(extensions)) + extensions)
    hello = b'\x01' + struct.pack('>I', len(body))[1:] + body
    return b'\x16' + struct.pack('>HH', min(version, 0x0301), len(hello)) + hello


def said_to(port, words):
    """The beginning of what is answered; empty: the connection was closed without a word."""
    with socket.create_connection(('127.0.0.1', port), 60) as connection:
        connection.sendall(words)
        try:
            return connection.recv(4096)
        except ConnectionResetError:
            return b''


if __name__ == '__main__':
    unittest.main(verbosity=2)
