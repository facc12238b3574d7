"""The server behind `scripts/lab s3`: moto's S3 with signatures checked, one user, one bucket and one with object lock.

    lab_s3.py PORT FILE [CERTIFICATE KEY AUTHORITY]

When it serves, FILE holds the buckets, the user's keys and an administrator's as JSON. moto accepts any signature until it
is told otherwise, so that the user can be made; from then on every request is checked.
"""

import json
import os
import ssl
import sys
import threading
import urllib.request

# Before moto is imported, which would ask for the credentials of this machine.
os.environ.update(AWS_ACCESS_KEY_ID='setup', AWS_SECRET_ACCESS_KEY='setup',
                  AWS_DEFAULT_REGION='us-east-1', AWS_EC2_METADATA_DISABLED='true')

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = 'aerie-lab'
LOCKED_BUCKET = 'aerie-lab-locked'  # with object lock


class OneAtATime:
    """moto looks whether an object is there and writes it in two steps, and reads an object while it
    is replaced: conditional puts would not be atomic, and readers would see half of each."""

    def __init__(self, app):
        self.app, self.lock = app, threading.Lock()

    def __call__(self, environ, start_response):
        with self.lock:
            return list(self.app(environ, start_response))


def provide(endpoint, authority):
    """The buckets, the keys of a user who may do everything with S3, and those of one who may do
    everything, such as to take the first one's keys; then no more without them."""
    verify = {'endpoint_url': endpoint, 'verify': authority}
    s3 = boto3.client('s3', **verify)
    s3.create_bucket(Bucket=BUCKET)
    s3.create_bucket(Bucket=LOCKED_BUCKET, ObjectLockEnabledForBucket=True)
    iam = boto3.client('iam', **verify)
    made = {'bucket': BUCKET, 'locked_bucket': LOCKED_BUCKET}
    for user, prefix, actions in (('aerie', '', 's3:*'), ('admin', 'admin_', '*')):
        policy = {'Version': '2012-10-17',
                  'Statement': [{'Effect': 'Allow', 'Action': actions, 'Resource': '*'}]}
        iam.create_user(UserName=user)
        iam.put_user_policy(UserName=user, PolicyName='all', PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=user)['AccessKey']
        made[prefix + 'access_key'] = key['AccessKeyId']
        made[prefix + 'secret_key'] = key['SecretAccessKey']
    from_now = urllib.request.Request(f'{endpoint}/moto-api/reset-auth', data=b'0',
                                      headers={'Content-Type': 'text/plain'})
    trust = ssl.create_default_context(cafile=authority) if authority else None
    urllib.request.urlopen(from_now, timeout=10, context=trust).close()
    return made


def main(port, file, certificate=None, key=None, authority=None):
    WSGIRequestHandler.protocol_version = 'HTTP/1.1'
    app = OneAtATime(DomainDispatcherApplication(create_backend_app))
    secure = (certificate, key) if certificate else None
    server = make_server('127.0.0.1', port, app, threaded=True, ssl_context=secure)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    keys = provide(f'http{"s" if secure else ""}://127.0.0.1:{port}', authority)
    with open(file + '.new', 'w', encoding='ascii') as out:
        json.dump(keys, out)
    os.rename(file + '.new', file)
    threading.Event().wait()


if __name__ == '__main__':
    main(int(sys.argv[1]), *sys.argv[2:])
