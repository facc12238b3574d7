"""Tests scripts/lab on real servers: `scripts/lab selftest` runs it in the venv of scripts/setup.

It has its own folder for temporary files, so that what is left behind there is the lab's."""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time

import boto3
import botocore.exceptions
from pymilvus import DataType, MilvusClient

LAB = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lab')
ROWS = 100


class Lab:
    """A running lab; `ready` is its last ready line."""

    def __init__(self, complaints, *words):
        self.process = subprocess.Popen([LAB, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=complaints, text=True)
        self.ready = None

    def wait_ready(self):
        self.ready = self.read()
        assert 'pid' in self.ready, self.ready
        return self

    def read(self):
        line = self.process.stdout.readline()
        assert line, f'lab ended with {self.process.wait()} instead of an answer'
        return json.loads(line)

    def ask(self, command):
        self.process.stdin.write(command + '\n')
        self.process.stdin.flush()
        return self.read()

    def stop(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0, self.process.returncode
        self.process.stdout.close()


def client(lab):
    ready = lab.ready
    options = {}
    if 'user' in ready:
        options.update(user=ready['user'], password=ready['password'])
    if 'ca' in ready:
        options.update(secure=True, server_name='localhost')
        if 'client_cert' in ready:
            options.update(ca_pem_path=ready['ca'], client_pem_path=ready['client_cert'],
                           client_key_path=ready['client_key'])
        else:
            options.update(server_pem_path=ready['ca'])
    return MilvusClient(ready['uri'], timeout=60, **options)


def fill(lab):
    milvus = client(lab)
    schema = milvus.create_schema(auto_id=False)
    schema.add_field('id', DataType.INT64, is_primary=True)
    schema.add_field('vector', DataType.FLOAT_VECTOR, dim=4)
    index = milvus.prepare_index_params()
    index.add_index('vector', index_type='FLAT', metric_type='L2')
    milvus.create_collection('self', schema=schema, index_params=index, consistency_level='Strong')
    milvus.insert('self', [{'id': i, 'vector': [i, 1, 2, 3]} for i in range(ROWS)])
    expect_rows(milvus)
    milvus.close()


def expect_s3(lab):
    """It serves its user, and nobody else."""
    def bucket(secret):
        s3 = boto3.client('s3', endpoint_url=lab.ready['uri'], region_name='us-east-1',
                          aws_access_key_id=lab.ready['access_key'], aws_secret_access_key=secret)
        s3.put_object(Bucket=lab.ready['bucket'], Key='k', Body=b'text')
        return s3.get_object(Bucket=lab.ready['bucket'], Key='k')['Body'].read()
    assert bucket(lab.ready['secret_key']) == b'text'
    try:
        bucket('wrong')
    except botocore.exceptions.ClientError as error:
        assert error.response['Error']['Code'] == 'SignatureDoesNotMatch', error
    else:
        raise AssertionError('a wrong key was taken')


def expect_rows(milvus):
    rows = milvus.query('self', filter='id >= 0', output_fields=['id'], consistency_level='Strong')
    assert sorted(row['id'] for row in rows) == list(range(ROWS)), f'{len(rows)} rows'


def expect_rows_soon(lab):
    """After a restart a server loads its collections in its own time, and says so by errors."""
    deadline = time.monotonic() + 120
    while True:
        try:
            milvus = client(lab)
            milvus.load_collection('self')  # milvus-lite comes back with nothing loaded
            expect_rows(milvus)
            milvus.close()
            return
        except Exception:  # whichever of the many ways in which pymilvus says «not yet»
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def processes_in(folder):
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            if os.readlink(f'/proc/{pid}/cwd').startswith(folder):
                found.append(int(pid))
        except OSError:
            pass
    return found


def wait_for_no_process(folder):
    deadline = time.monotonic() + 10
    while processes_in(folder):
        assert time.monotonic() < deadline, f'still alive: {processes_in(folder)}'
        time.sleep(0.05)


def step(text, begin):
    print(f'{time.monotonic() - begin:6.1f} s  {text}', flush=True)


def run(folder, complaints):
    begin = time.monotonic()
    first, second, lite = labs = [Lab(complaints, kind) for kind in ('milvus', 'milvus', 'lite')]
    for lab in labs:
        lab.wait_ready()
    step('two Milvus and one milvus-lite serve side by side', begin)
    for lab in labs:
        fill(lab)
    step(f'{ROWS} rows written to and read from each', begin)

    for lab in first, lite:
        assert lab.ask('kill') == {'killed': True}
        assert 'error' in lab.ask('kill')
        again = lab.ask('{"command":"start"}')
        assert again['address'] == lab.ready['address'] and again['pid'] != lab.ready['pid'], again
        lab.ready = again
        expect_rows_soon(lab)
    step('killed, started again on the same ports, the rows are there', begin)

    assert second.ask('pause') == {'paused': True}
    assert second.ask('resume') == {'resumed': True}
    assert 'error' in second.ask('nonsense')
    os.kill(second.ready['pid'], signal.SIGKILL)
    died = second.read()
    assert died['died'] and died['pid'] == second.ready['pid'] and died['status'] == -9, died
    second.ready = second.ask('start')
    expect_rows_soon(second)
    step('an unexpected death is told, and mended by start', begin)

    first.stop()
    lite.process.send_signal(signal.SIGTERM)
    assert lite.process.wait(30) == 0
    second.process.kill()
    second.process.wait()
    wait_for_no_process(folder)
    assert os.listdir(folder) == [os.path.basename(second.ready['dir'])]
    step('end of input, SIGTERM and SIGKILL leave no process behind', begin)

    s3 = Lab(complaints, 's3').wait_ready()
    expect_s3(s3)
    assert s3.ask('kill') == {'killed': True}
    s3.ready = s3.ask('start')
    expect_s3(s3)
    s3.stop()
    step('S3 with its signatures checked', begin)

    secure = [Lab(complaints, 'milvus', '--tls', '--auth'), Lab(complaints, 'milvus', '--mtls')]
    for lab in secure:
        fill(lab.wait_ready())
        lab.stop()
    step('TLS with authorization, and mutual TLS', begin)
    wait_for_no_process(folder)
    assert os.listdir(folder) == [], os.listdir(folder)
    step('no file is left either, not even of the lab that was killed', begin)


def main():
    logging.disable(logging.CRITICAL)  # pymilvus prints a trace for every error that we wait out
    # The labs' own complaints matter only when something goes wrong here.
    with tempfile.TemporaryFile('w+') as complaints, \
            tempfile.TemporaryDirectory(prefix='aerie-selftest-') as folder:
        os.environ['TMPDIR'] = folder
        try:
            run(folder, complaints)
        except BaseException:
            complaints.seek(0)
            sys.stderr.write(complaints.read())
            raise
    print('lab selftest: passed')


if __name__ == '__main__':
    sys.exit(main())
