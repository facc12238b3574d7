"""An HTTP proxy between the program and an S3, for what happens to a network or a server in the
middle of a job. Requests pass as they are, signatures included."""

import http.client
import http.server
import threading
import urllib.parse

CUT = 'cut'  # the connection breaks before the request arrives
ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>by the test</Message></Error>'


class Proxy:
    """`judge(method, path)` says what becomes of each request: None it passes, CUT, or (status, code)
    as the answer in the server's stead. It is asked by several threads, one at a time."""

    def __init__(self, server):
        self.server = urllib.parse.urlsplit(server).netloc
        self.judge = lambda method, path: None
        self.lock = threading.Lock()
        self.requests = []  # (method, path, bytes sent, bytes received)
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def handle_one(self):
                body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
                proxy.pass_on(self, body)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_one

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                """A client that was killed is no news."""

        self.http = Server(('127.0.0.1', 0), Handler)
        self.uri = f'http://127.0.0.1:{self.http.server_port}'
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def pass_on(self, handler, body):
        with self.lock:
            verdict = self.judge(handler.command, handler.path)
        if verdict == CUT:
            handler.close_connection = True
            return
        if verdict:
            status, code = verdict
            handler.send_response(status)
            self.answer(handler, ERROR.format(code).encode(), [('Content-Type', 'application/xml')])
            return
        # All headers as they came: the signature is over some of them, Host among those.
        headers = {name: value for name, value in handler.headers.items() if name.lower() != 'expect'}
        server = http.client.HTTPConnection(self.server, timeout=60)
        server.request(handler.command, handler.path, body, headers)
        answer = server.getresponse()
        data = answer.read()
        server.close()
        with self.lock:
            self.requests.append((handler.command, handler.path, len(body), len(data)))
        handler.send_response(answer.status)
        if handler.command == 'HEAD':
            for name, value in answer.getheaders():
                if name.lower() not in ('connection', 'transfer-encoding'):
                    handler.send_header(name, value)
            handler.end_headers()
            return
        self.answer(handler, data, [(name, value) for name, value in answer.getheaders() if
                                    name.lower() not in ('connection', 'transfer-encoding', 'content-length')])

    @staticmethod
    def answer(handler, data, headers):
        for name, value in headers:
            handler.send_header(name, value)
        if data or handler.command != 'HEAD':
            handler.send_header('Content-Length', str(len(data)))
        handler.end_headers()
        if handler.command != 'HEAD':
            handler.wfile.write(data)

    def stop(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()
