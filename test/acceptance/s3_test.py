"""A repository in S3: the same commands, on a real Milvus and a server that checks signatures.

How many requests they need is in the server's log, and printed."""

import os
import random
import re
import unittest

import boto3
import botocore.exceptions

from harness import AcceptanceTest, Lab, T, column, field, floats

ROWS = 3000


class S3Test(AcceptanceTest):
    LAB = ('milvus',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = Lab('s3')
        cls.addClassCleanup(cls.s3.stop)
        ready = cls.s3.ready
        cls.keys = {'AWS_ACCESS_KEY_ID': ready['access_key'], 'AWS_EC2_METADATA_DISABLED': 'true',
                    'AWS_SECRET_ACCESS_KEY': ready['secret_key'], 'AWS_REGION': 'us-east-1',
                    'AWS_ENDPOINT_URL': cls.s3.uri}
        cls.aerie.env.update(cls.keys)
        cls.log = os.path.join(ready['dir'], 'logs', 's3.log')
        c = cls.client
        c.create('docs', [field('id', T.Int64, key=True), field('vector', T.FloatVector, dim=32)])
        c.index('docs', 'vector', {'index_type': 'FLAT', 'metric_type': 'L2', 'params': '{}'})
        c.insert('docs', cls.columns(0, ROWS))
        c.load('docs')

    @staticmethod
    def columns(first, count):
        rng = random.Random(first)
        return [column('id', T.Int64, list(range(first, first + count))),
                column('vector', T.FloatVector, floats([rng.gauss(0, 1) for _ in range(32 * count)]),
                       dim=32)]

    def requests(self):
        """Method -> how many were asked since the last call."""
        with open(self.log, encoding='utf-8', errors='replace') as log:
            # Those that were not 2xx are in colour.
            found = re.findall(r'"(?:\x1b\[[\d;]*m)*([A-Z]+) /\S* HTTP/1.1', log.read())
        new = found[getattr(self, 'seen', 0):]
        self.seen = len(found)
        return {method: new.count(method) for method in sorted(set(new))}

    def test_backup_verify_restore(self):
        repo = f's3://{self.s3.ready["bucket"]}/aerie/prod'
        self.requests()
        first = self.back_up(repo)
        print('first backup:', self.requests())
        again = self.back_up(repo)
        incremental = self.requests()
        print('backup of nothing new:', incremental)
        self.assertLess(sum(incremental.values()), 30)
        self.client.insert('docs', self.columns(ROWS, 30))
        changed = self.back_up(repo)
        print('backup of 30 new rows:', self.requests())
        listed = self.ok('backup', 'list', '--repo', repo)
        self.assertEqual({one['id'] for one in listed['snapshots']},
                         {one['snapshot'] for one in (first, again, changed)})
        self.ok('backup', 'verify', '--all', '--read-data', '--repo', repo)
        print('list and verify:', self.requests())
        self.restore(repo, '--suffix', '_back')
        self.assert_same_rows(self.client.rows('docs'), self.client.rows('docs_back'))
        self.assertEqual(self.client.count('docs_back'), ROWS + 30)
        self.client.drop('docs_back')

    def test_by_configuration(self):
        """Keys of the configuration do it too, secrets by reference; nothing in the environment."""
        path = os.path.join(self.scratch.path, 'aerie.yaml')
        secret = os.path.join(self.scratch.path, 'secret')
        with open(secret, 'w', encoding='ascii') as file:
            file.write(self.s3.ready['secret_key'] + '\n')
        with open(path, 'w', encoding='ascii') as file:
            file.write(f'repositories:\n  cloud:\n    url: s3://{self.s3.ready["bucket"]}/configured\n'
                       f'    endpoint: {self.s3.uri}\n    region: us-east-1\n    path_style: true\n'
                       f'    access_key: {self.s3.ready["access_key"]}\n'
                       f'    secret_key: "${{file:{secret}}}"\n    storage_class: STANDARD_IA\n')
        bare = {name: None for name in self.keys}
        self.ok('--config', path, 'repo', 'init', '--repo', 'cloud', env=bare)
        listed = self.ok('--config', path, 'backup', 'list', '--repo', 'cloud', env=bare)
        self.assertEqual(listed['snapshots'], [])

    def test_immutable(self):
        """Not even who has all rights destroys what the snapshot needs; where the bucket cannot do
        that, it is said before anything is read."""
        self.fails(f's3://{self.s3.ready["bucket"]}/plain', ['object lock', '--with-lock'], 8,
                   '--immutable-for', '1d')
        bucket = self.s3.ready['locked_bucket']
        repo = f's3://{bucket}/aerie'
        made = self.ok('backup', 'create', '--cluster', self.lab.uri, '--repo', repo,
                       '--immutable-for', '1d')
        shown = self.ok('backup', 'show', 'latest', '--repo', repo)['snapshot']
        self.assertEqual(shown['immutable_until'], made['immutable_until'])
        self.assertTrue(shown['immutable'], 'the store itself says so')
        self.assertIn('immutable until', self.aerie.run('backup', 'list', '--repo', repo).out)
        refused = self.aerie.json('backup', 'delete', made['snapshot'], '--repo', repo, '--yes')
        self.assertEqual(refused.code, 8, refused)
        self.assertIn('it is immutable until', refused.error)
        pruned = self.ok('repo', 'prune', '--repo', repo, '--yes')
        self.assertGreater(pruned['packs']['immutable']['packs'], 0)

        s3 = boto3.client('s3', endpoint_url=self.s3.uri, region_name='us-east-1',
                          aws_access_key_id=self.s3.ready['admin_access_key'],
                          aws_secret_access_key=self.s3.ready['admin_secret_key'])
        destroyed = set()
        for one in s3.list_object_versions(Bucket=bucket, Prefix='aerie/')['Versions']:
            try:
                s3.delete_object(Bucket=bucket, Key=one['Key'], VersionId=one['VersionId'])
                destroyed.add(one['Key'].split('/')[1])
            except botocore.exceptions.ClientError as error:
                self.assertEqual(error.response['Error']['Code'], 'AccessDenied')
        self.assertLessEqual(destroyed, {'index', 'locks', 'verified', 'aerie~conditional'})
        self.assertIn('index', destroyed)
        self.ok('backup', 'verify', '--all', '--read-data', '--repo', repo)

    def fails(self, repo, words, code, *options, **env):
        run = self.aerie.json('backup', 'create', '--cluster', self.lab.uri, '--repo', repo, *options,
                              env=env)
        self.assertEqual(run.code, code, run)
        for word in words:
            self.assertIn(word, run.error)
        self.assertNotIn(self.s3.ready['secret_key'], run.out + run.err)
        self.assertEqual(len(run.error.splitlines()), 1, run.error)

    def test_errors_say_what_to_do(self):
        bucket = self.s3.ready['bucket']
        self.fails(f's3://{bucket}/x', ['SignatureDoesNotMatch', 'check the access key'], 1,
                   AWS_SECRET_ACCESS_KEY='wrong')
        self.fails('s3://no-such-bucket/x', ['NoSuchBucket', 'make the bucket'], 1)
        self.fails(f's3://{bucket}/x', ['AWS_ACCESS_KEY_ID'], 1, AWS_ACCESS_KEY_ID=None,
                   AWS_SECRET_ACCESS_KEY=None)
        self.fails('s3://No_Bucket/x', ['no name of a bucket'], 2)
        self.fails(f's3://{bucket}/x', ['check the endpoint'], 1,
                   AWS_ENDPOINT_URL='http://127.0.0.1:9')
        self.fails(f's3://{bucket}/x', ['is the endpoint'], 1,
                   AWS_ENDPOINT_URL=f'http://{self.lab.ready["metrics"]}')


if __name__ == '__main__':
    unittest.main()
