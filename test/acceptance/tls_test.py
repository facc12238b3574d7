"""Encrypted and authenticated connections, on real servers."""

import os
import unittest

from harness import AcceptanceTest, Lab, T, column, field, floats


class TlsTest(AcceptanceTest):
    def server(self, *words):
        lab = Lab('milvus', *words)
        self.addCleanup(lab.stop)
        client = lab.client()
        self.addCleanup(client.close)
        client.create('things', [field('id', T.Int64, key=True),
                                 field('vector', T.FloatVector, dim=4)])
        client.index('things', 'vector', {'index_type': 'FLAT', 'metric_type': 'L2', 'params': '{}'})
        client.insert('things', [column('id', T.Int64, list(range(100))),
                                 column('vector', T.FloatVector, floats([0.5] * 400), dim=4)])
        client.load('things')
        return lab, client

    def round_trip(self, lab, client, uri, *login):
        repo = self.scratch.new()
        self.ok('backup', 'create', '--cluster', uri, '--repo', repo, *login)
        self.ok('restore', 'latest', '--to', uri, '--repo', repo, '--suffix', '_2', *login)
        self.assert_same_rows(client.rows('things'), client.rows('things_2'))
        self.ok('diff', f'{uri}/default.things', f'{uri}/default.things_2', '--rows-only', *login)
        client.drop('things_2')

    def refused(self, lab, *args, **options):
        run = self.aerie.json('cluster', 'check', *args, **options)
        self.assertEqual(run.code, 1, run)
        self.assertIn(lab.ready['address'], run.error)
        return run

    def test_tls_and_a_password(self):
        lab, client = self.server('--tls', '--auth')
        login = ('--user', 'root', '--ca', lab.ready['ca'])
        self.aerie.env['MILVUS_PASSWORD'] = 'Milvus'
        self.addCleanup(self.aerie.env.pop, 'MILVUS_PASSWORD')
        self.round_trip(lab, client, lab.uri, *login)
        self.round_trip(lab, client, lab.uri.replace('https://', 'milvus+tls://'), *login)
        self.refused(lab, lab.uri, '--user', 'root')  # an authority that nobody knows
        self.refused(lab, lab.uri.replace('https', 'http'), '--user', 'root')  # not encrypted
        self.refused(lab, lab.uri, '--ca', lab.ready['ca'], '--user', 'root',
                     env={'MILVUS_PASSWORD': 'wrong'})
        self.refused(lab, lab.uri, '--ca', lab.ready['ca'], '--server-name', 'other.example',
                     '--user', 'root')
        self.ok('cluster', 'check', lab.uri, '--server-name', 'localhost', *login)
        bad = self.aerie.json('cluster', 'check', lab.uri, '--ca', '/nowhere/ca.pem')
        self.assertEqual(bad.code, 2, bad)
        self.assertIn('/nowhere/ca.pem', bad.error)

    def test_mutual_tls(self):
        lab, client = self.server('--mtls')
        ready = lab.ready
        whole = ('--ca', ready['ca'], '--cert', ready['client_cert'], '--key', ready['client_key'])
        self.round_trip(lab, client, lab.uri, *whole)
        self.refused(lab, lab.uri, '--ca', ready['ca'])  # no certificate of ours
        half = self.aerie.json('cluster', 'check', lab.uri, *whole[:4])
        self.assertEqual(half.code, 2, half)
        self.assertIn('key', half.error)
        # The same from a configuration.
        path = os.path.join(self.scratch.path, 'aerie.yaml')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(f'clusters:\n  safe:\n    uri: {lab.uri}\n    ca: {ready["ca"]}\n'
                       f'    cert: {ready["client_cert"]}\n    key: {ready["client_key"]}\n')
        self.ok('--config', path, 'cluster', 'check', 'safe')


if __name__ == '__main__':
    unittest.main()
