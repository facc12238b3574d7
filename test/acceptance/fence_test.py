"""A fence made of privileges, on two real servers that want a login: clients whose role may write are
refused while it is up, and write again when it was lifted, at the cluster where they belong. aerie is
killed while it takes privileges and while it gives them back."""

import base64
import os
import signal
import threading
import unittest

import grpc
import numpy as np
from pymilvus.grpc_gen import milvus_pb2

import bulk
from harness import Lab, Milvus, Program, Scratch, signal_process, wait_until

DIM = 8
ROWS = 2_000
SECRET = 'app secret'


class Site:
    """A server, its root, and a client of a user whose role has a few grants."""

    def __init__(self):
        self.lab = Lab('milvus', '--auth')
        self.root = self.lab.client()
        self.app = None

    def close(self):
        for client in (self.root, self.app):
            if client:
                client.close()
        self.lab.stop()

    def add_role(self, grants):
        password = base64.b64encode(SECRET.encode()).decode()
        self.root.call('CreateCredential', username='app', password=password)
        self.root.call('CreateRole', entity=milvus_pb2.RoleEntity(name='writer'))
        self.root.call('OperateUserRole', username='app', role_name='writer', type=0)
        for collection, privilege in grants:
            self.grant(collection, privilege)
        self.app = Milvus({**self.lab.ready, 'user': 'app', 'password': SECRET})

    def grant(self, collection, privilege):
        entity = milvus_pb2.GrantEntity(
            role=milvus_pb2.RoleEntity(name='writer'), db_name='default', object_name=collection,
            object=milvus_pb2.ObjectEntity(name='Collection'),
            grantor=milvus_pb2.GrantorEntity(privilege=milvus_pb2.PrivilegeEntity(name=privilege)))
        self.root.call('OperatePrivilege', entity=entity, type=0)

    def grants(self):
        entity = milvus_pb2.GrantEntity(role=milvus_pb2.RoleEntity(name='writer'), db_name='default')
        listed = self.root.call('SelectGrant', entity=entity).entities
        return sorted((one.object_name, one.grantor.privilege.name) for one in listed)


GRANTS = sorted([('busy', 'Insert'), ('busy', 'Upsert'), ('busy', 'Delete'), ('busy', 'Query'),
                 ('other', 'Insert')])
READING = sorted([('busy', 'Query'), ('other', 'Insert')])


class Writer(threading.Thread):
    """Upserts all the time at the cluster that a file names. `live` is what was acknowledged."""

    def __init__(self, sites, place):
        super().__init__()
        self.sites, self.place = sites, place
        self.live, self.written, self.refused = {}, {'source': 0, 'target': 0}, 0
        self.stopping, self.error = threading.Event(), None
        self.random = np.random.default_rng(7)

    def run(self):
        try:
            while not self.stopping.wait(0.01):
                self.step()
        except Exception as error:
            self.error = error

    def step(self):
        with open(self.place, encoding='ascii') as file:
            at = file.read().strip()
        keys = sorted({int(key) for key in self.random.integers(0, 2 * ROWS, 20)})
        versions = [self.live.get(key, 0) + 1 for key in keys]
        try:
            self.sites[at].app.upsert('busy', bulk.columns(keys, versions, DIM))
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.PERMISSION_DENIED:
                raise
            self.refused += 1
            return
        self.live.update(zip(keys, versions))
        self.written[at] += len(keys)

    def finish(self):
        self.stopping.set()
        self.join()


class FenceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = Scratch()
        cls.aerie = Program(cls.scratch)
        cls.aerie.env.update(MILVUS_PASSWORD='Milvus', MILVUS_TO_PASSWORD='Milvus')

    @classmethod
    def tearDownClass(cls):
        cls.scratch.remove()

    def setUp(self):
        self.sites = {'source': Site(), 'target': Site()}
        for site in self.sites.values():
            self.addCleanup(site.close)
        self.catalog = self.scratch.new('catalog')
        self.place = self.scratch.new('place')
        self.send_clients('source')

    def send_clients(self, to):
        with open(self.place + '.new', 'w', encoding='ascii') as file:
            file.write(to)
        os.replace(self.place + '.new', self.place)

    def migrate(self, *words, on_event=None):
        source, target = self.sites['source'].lab.uri, self.sites['target'].lab.uri
        return self.aerie.json(
            'migrate', 'run', source, target, '-c', 'busy', '--user', 'root', '--to-user', 'root',
            '--catalog', self.catalog, '--fence-by-privileges', '--switch-command',
            f'echo $AERIE_CLUSTER > {self.place}.new && mv {self.place}.new {self.place}',
            '--interval', '1s', '--retry', '1s', *words, on_event=on_event)

    def say(self, word):
        return self.aerie.json('migrate', word, '--catalog', self.catalog)

    def killed_in(self, state, *words, on_event=None):
        killed = []

        def listen(process, event):
            if event.get('event') == 'phase' and event['phase'] == state and not killed:
                killed.append(state)
                signal_process(process)
            elif on_event and not killed:
                on_event(process, event)

        run = self.migrate(*words, on_event=listen)
        self.assertEqual((run.code, killed), (-signal.SIGKILL, [state]), run)

    def may_write(self, site):
        try:
            site.app.insert('busy', bulk.columns([10 * ROWS], [1], DIM))
            return True
        except grpc.RpcError as error:
            self.assertEqual(error.code(), grpc.StatusCode.PERMISSION_DENIED)
            return False

    def roll_back_once_written(self):
        before = self.writer.written['target']
        wait_until(lambda: self.writer.written['target'] > before + 100, 'written at the target')
        # The old cluster is closed to clients, and follows the new one all the same.
        self.assertFalse(self.may_write(self.sites['source']))
        self.assertEqual(self.sites['source'].grants(), READING)
        self.assertEqual(self.say('rollback').code, 0)

    def test_there_and_back(self):
        source, target = self.sites['source'], self.sites['target']
        bulk.make(source.root, 'busy', DIM)
        bulk.fill(source.root, 'busy', np.arange(ROWS, dtype=np.int64), DIM)
        for site in (source, target):
            site.add_role(GRANTS)
        self.writer = Writer(self.sites, self.place)
        self.writer.live = {key: 0 for key in range(ROWS)}
        self.addCleanup(self.writer.finish)
        self.writer.start()
        wait_until(lambda: self.writer.written['source'] > 100, 'clients write')

        self.killed_in('fencing', '--cutover', 'auto')
        self.killed_in('last-sync', '--cutover', 'auto')
        roll_back = []

        def listen(_, event):
            if event.get('event') == 'phase' and event['phase'] == 'watching' and not roll_back:
                roll_back.append(threading.Thread(target=self.roll_back_once_written))
                roll_back[0].start()

        self.killed_in('opening-source', '--cutover', 'auto', on_event=listen)
        roll_back[0].join()
        run = self.migrate('--cutover', 'auto')
        self.assertEqual(run.result['state'], 'rolled-back', run)

        before = self.writer.written['source']
        wait_until(lambda: self.writer.written['source'] > before + 100, 'clients write again')
        self.writer.finish()
        self.assertIsNone(self.writer.error)
        self.assertGreater(self.writer.refused, 0)
        self.assertEqual(source.grants(), GRANTS, 'exactly what was taken was given back')
        self.assertEqual(target.grants(), READING)
        self.assertFalse(self.may_write(target))
        ids, versions, _ = bulk.read(source.root, 'busy', np.array(sorted(self.writer.live)))
        self.assertEqual(dict(zip(ids.tolist(), versions.tolist())), self.writer.live)
        print(f'{self.writer.refused} calls refused; written {self.writer.written}')

    def test_a_cluster_where_everybody_is_root(self):
        bulk.make(self.sites['source'].root, 'busy', DIM)
        run = self.migrate()
        self.assertEqual(run.code, 8, run)
        self.assertIn('fence: the source: no role may write', run.error)


if __name__ == '__main__':
    unittest.main()
