"""A real sshd with keys of its own, and a line to it that is cut and counted."""

import getpass
import os
import random
import socket
import struct
import subprocess
import threading

from harness import wait_until

CONFIG = """Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
PidFile none
AuthorizedKeysFile {folder}/client.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def new_key(path):
    subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path], check=True)


class Sshd:
    """`key` is let in, `wrong_key` is not; `known_hosts` knows the host at `ports` (see know)."""

    def __init__(self, folder):
        os.makedirs(folder, 0o700)
        self.folder = folder
        self.key, self.wrong_key = os.path.join(folder, 'client'), os.path.join(folder, 'wrong')
        for path in (os.path.join(folder, 'host'), self.key, self.wrong_key):
            new_key(path)
        self.port = free_port()
        self.config = os.path.join(folder, 'config')
        with open(self.config, 'w', encoding='ascii') as file:
            file.write(CONFIG.format(port=self.port, folder=folder))
        if os.geteuid() == 0:
            os.makedirs('/run/sshd', exist_ok=True)  # where root's sshd goes to be nobody
        self.process = subprocess.Popen(['/usr/sbin/sshd', '-D', '-e', '-f', self.config],
                                        stderr=subprocess.DEVNULL)
        wait_until(self.answers, 'sshd')

    def answers(self):
        try:
            socket.create_connection(('127.0.0.1', self.port), 1).close()
            return True
        except OSError:
            return False

    def fingerprint(self):
        shown = subprocess.run(['ssh-keygen', '-l', '-f', os.path.join(self.folder, 'host.pub')],
                               capture_output=True, text=True, check=True)
        return shown.stdout.split()[1]

    def known_hosts(self, port, key='host'):
        """A file that says that the host at `port` has that key."""
        path = os.path.join(self.folder, f'known_{port}_{key}')
        with open(os.path.join(self.folder, key + '.pub'), encoding='ascii') as public, \
                open(path, 'w', encoding='ascii') as file:
            file.write(f'[127.0.0.1]:{port} {public.read()}')
        return path

    def uri(self, port, path):
        return f'sftp://{getpass.getuser()}@127.0.0.1:{port}{path}'

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Line:
    """Forwards connections to a port, counts what goes there, and cuts all of them when the next of
    `cuts` bytes have gone through in all."""

    def __init__(self, port, cuts=()):
        self.port_behind, self.cuts = port, sorted(cuts)
        self.sent = self.cut = 0
        self.lock = threading.Lock()
        self.open = []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(('127.0.0.1', self.port_behind))
            with self.lock:
                self.open += [client, server]
            threading.Thread(target=self.pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, False), daemon=True).start()

    def pump(self, source, target, counted):
        try:
            while data := source.recv(1 << 16):
                if counted and self.count(len(data)):
                    return
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def count(self, size):
        """Whether everything is cut now; what has just come in is lost."""
        with self.lock:
            self.sent += size
            if not self.cuts or self.sent < self.cuts[0]:
                return False
            self.cuts.pop(0)
            self.cut += 1
            for end in self.open:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                end.close()
            self.open = []
            return True

    def stop(self):
        self.listener.close()


def random_cuts(count, size, seed):
    return sorted(random.Random(seed).sample(range(size // 50, size), count))
