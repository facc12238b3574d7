"""The store fails in the middle of a backup: no space, no credentials any more, no network. One clear
line or none at all, what was there is whole, and the same command again completes."""

import os
import subprocess
import unittest

import boto3

from harness import AcceptanceTest, Lab
from proxy import CUT, Proxy
from soak import NAME, Rows, s3_env

ROWS = 12000  # 3 MB, in three packs or more


class Disk:
    """A folder with room for little: a file system in memory where we may mount one, else a limit for
    the size of a file, which the program meets in the same place."""

    def __init__(self, folder, size):
        self.folder, self.size = folder, size
        os.makedirs(folder)
        self.mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'none', folder],
                                      capture_output=True).returncode == 0

    def options(self):
        """How the program is started while the disk is small."""
        if self.mounted:
            return {}
        return {'max_file': self.size}

    def grow(self):
        if self.mounted:
            subprocess.run(['mount', '-o', 'remount,size=256m', self.folder], check=True)

    def stop(self):
        if self.mounted:
            subprocess.run(['umount', '-l', self.folder], check=True)


class TroubleTest(AcceptanceTest):
    LAB = ('lite',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rows = Rows(cls.lab, rows=ROWS)
        cls.s3 = Lab('s3')
        cls.addClassCleanup(cls.s3.stop)

    def setUp(self):
        super().setUp()
        self.proxy = Proxy(self.s3.uri)
        self.addCleanup(self.proxy.stop)
        self.env = s3_env(self.s3.ready, self.proxy.uri)
        self.repo = f's3://{self.s3.ready["bucket"]}/{self.id().rsplit(".")[-1].replace("_", "-")}'
        self.made = []  # (snapshot, versions)

    def run_it(self, *words, **options):
        return self.aerie.json(*words, '--repo', self.repo, env=self.env, **options)

    def create(self, **options):
        return self.run_it('backup', 'create', '--cluster', self.lab.uri, '-c', NAME, **options)

    def must(self, *words, **options):
        run = self.run_it(*words, **options)
        self.assertEqual(run.code, 0, run)
        return run.result

    def must_create(self, **options):
        run = self.create(**options)
        self.assertEqual(run.code, 0, run)
        self.made.append((run.result['snapshot'], self.rows.versions.copy()))
        return run

    def fails_with_one_line(self, run, *words):
        self.assertEqual(run.code, 1, run)
        self.assertEqual(len(run.error.splitlines()), 1, run.error)
        for word in words:
            self.assertIn(word, run.error)

    def check_everything(self):
        """Every snapshot that was made is there and whole, and the newest has the rows."""
        listed = self.must('backup', 'list')['snapshots']
        self.assertEqual([one['id'] for one in listed], [one for one, _ in self.made][::-1])
        self.must('backup', 'verify', '--all', '--read-data')
        for one, versions in self.made:
            self.must('restore', one, '--to', self.lab.uri, '--suffix', '_seen')
            self.rows.expect(NAME + '_seen', versions)
            self.client.drop(NAME + '_seen')

    def test_the_disk_is_full(self):
        self.env = {}
        self.repo = self.scratch.new()
        disk = Disk(self.repo, 4 << 20)
        self.addCleanup(disk.stop)
        if not disk.mounted:
            # One pack is more than this; what is small still gets through.
            disk.size = 1 << 20
            self.must('repo', 'init')
        else:
            self.must_create()
            self.rows.change_all()
        self.fails_with_one_line(self.create(**disk.options()), self.repo)
        # On the full disk: all that was there is whole, can be read, and space can be made.
        self.must('backup', 'verify', '--all', '--read-data', **disk.options())
        self.must('repo', 'prune', '--yes', '--margin', '0', **disk.options())
        disk.grow()
        self.must_create()
        self.check_everything()

    def after_packs(self, count, act):
        """Has the proxy call `act` when the pack after so many is about to be written."""
        seen = []

        def judge(method, path):
            if method in ('PUT', 'POST') and '/packs/' in path:
                seen.append(path)
            return act() if len(seen) > count else None

        self.proxy.judge = judge

    def heal(self):
        self.proxy.judge = lambda method, path: None

    def test_the_bucket_is_full(self):
        self.must_create()
        for status, code in ((507, 'XMinioStorageFull'), (403, 'QuotaExceeded')):
            self.rows.change_all()
            full = (status, code)
            self.proxy.judge = lambda method, path: full if method == 'PUT' and '/packs/' in path else None
            self.fails_with_one_line(self.create(), code, 's3://')
            self.heal()
            self.must_create()
        self.check_everything()

    def test_the_credentials_are_revoked(self):
        admin = boto3.client('iam', endpoint_url=self.s3.uri, region_name='us-east-1',
                             aws_access_key_id=self.s3.ready['admin_access_key'],
                             aws_secret_access_key=self.s3.ready['admin_secret_key'])

        def new_key():
            key = admin.create_access_key(UserName='aerie')['AccessKey']
            self.env.update(AWS_ACCESS_KEY_ID=key['AccessKeyId'], AWS_SECRET_ACCESS_KEY=key['SecretAccessKey'])
            return key['AccessKeyId']

        key = new_key()
        self.must_create()
        self.rows.change_all()
        revoked = []

        def revoke():
            if not revoked:
                admin.delete_access_key(UserName='aerie', AccessKeyId=key)
                revoked.append(key)

        self.after_packs(0, revoke)
        run = self.create()
        self.assertTrue(revoked)
        self.fails_with_one_line(run, 'InvalidAccessKeyId', 'check the access key')
        self.assertNotIn(self.env['AWS_SECRET_ACCESS_KEY'], run.out + run.err)
        self.heal()
        new_key()
        self.must_create()
        self.check_everything()

    def test_the_network_is_cut(self):
        """For as long as it takes until the program says that it waits."""
        self.must_create()
        self.rows.change_all()
        self.after_packs(0, lambda: CUT)
        told = []

        def listen(process, event):
            if event.get('event') == 'retrying':
                told.append(event['message'])
                self.heal()

        self.must_create(on_event=listen)
        self.assertIn('retrying in', told[0])
        self.assertIn('s3://', told[0])
        self.check_everything()


if __name__ == '__main__':
    unittest.main()
