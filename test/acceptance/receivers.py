"""Receivers of alerts: a real mail server with STARTTLS and login, and web servers that fail, hang,
hang up in the middle of an answer, and come back."""

import email
import email.policy
import http.server
import os
import socket
import ssl
import subprocess
import threading
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

OK, HANG, CUT, LOST = 'ok', 'hang', 'cut', 'lost'


def certificate(folder):
    """A certificate of 127.0.0.1 that vouches for itself: (PEM, key)."""
    pem, key = os.path.join(folder, 'server.pem'), os.path.join(folder, 'server.key')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
                    '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1', '-addext',
                    'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', pem],
                   check=True, capture_output=True)
    return pem, key


def wait_for(what, condition, seconds=120):
    """Until it holds; real time, since the program is real."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f'{what}: not within {seconds} s')
        time.sleep(0.02)


class MailServer:
    """STARTTLS or SMTPS, and a login that is required. `mails`: (recipients, message)."""

    USER, PASSWORD = 'aerie', 'mail secret'

    def __init__(self, pem, key, port=0, smtps=False):
        self.mails, self.logins = [], []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, key)
        options = ({'ssl_context': context, 'auth_require_tls': False} if smtps else
                   {'tls_context': context, 'require_starttls': True})
        self.controller = Controller(self, hostname='127.0.0.1', port=port or free_port(),
                                     ready_timeout=60, authenticator=self.authenticate, auth_required=True, **options)
        self.port = self.controller.port
        self.controller.start()

    def authenticate(self, server, session, envelope, mechanism, data):
        login = (data.login.decode(), data.password.decode())
        self.logins.append((login, session.ssl is not None))
        # Not handled: the server says 535.
        return AuthResult(success=login == (self.USER, self.PASSWORD), handled=False)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith('nobody@'):
            return '550 no such user'
        envelope.rcpt_tos.append(address)
        return '250 OK'

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((list(envelope.rcpt_tos), email.message_from_bytes(
            envelope.original_content, policy=email.policy.default)))
        return '250 taken'

    def stop(self):
        self.controller.stop()


def free_port():
    with socket.socket() as holder:
        holder.bind(('127.0.0.1', 0))
        return holder.getsockname()[1]


class HeldPort:
    """Nobody answers there, and nobody else gets it; a server that shares addresses may listen later."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(('127.0.0.1', 0))
        self.number = self.socket.getsockname()[1]

    def release(self):
        self.socket.close()


class WebServer:
    """What becomes of each request is the next verdict of its path's script: OK, a status, HANG until
    the end of the test, CUT in the middle of the answer, LOST: taken, and no answer. Then OK."""

    def __init__(self):
        self.scripts, self.requests = {}, []  # requests: (path, headers, body, verdict)
        self.lock = threading.Lock()
        self.ended = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
                with receiver.lock:
                    script = receiver.scripts.get(self.path, [])
                    verdict = script.pop(0) if script else OK
                    receiver.requests.append((self.path, dict(self.headers), body, verdict))
                receiver.answer(self, verdict)

            do_GET = do_POST = handle_any

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                """A client that was killed is no news."""

        self.http = Server(('127.0.0.1', 0), Handler)
        self.uri = f'http://127.0.0.1:{self.http.server_port}'
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, handler, verdict):
        if verdict == HANG:
            self.ended.wait()
        if verdict in (HANG, LOST):
            handler.close_connection = True
            return
        status = verdict if isinstance(verdict, int) else 200
        handler.send_response(status)
        handler.send_header('Content-Length', '10' if verdict == CUT else '2')
        handler.end_headers()
        handler.wfile.write(b'ok')
        if verdict == CUT:
            handler.close_connection = True

    def of(self, path, verdict=None):
        """Requests of a path, or those that ended so."""
        with self.lock:
            return [r for r in self.requests if r[0] == path and verdict in (None, r[3])]

    def stop(self):
        self.ended.set()
        self.http.shutdown()
        self.http.server_close()
