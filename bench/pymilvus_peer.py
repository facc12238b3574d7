"""The peer that users have today: pymilvus, as the tutorials use it. Also small chores of bench/run.

    pymilvus_peer.py URI insert SOURCE TARGET ROWS   read the rows first, then time inserting them
    pymilvus_peer.py URI copy SOURCE TARGET [URI]    time query iterator and insert together, into that server
    pymilvus_peer.py URI seal NAME                   flush, wait for the index and the sealed segments
    pymilvus_peer.py URI drop NAME ...
    pymilvus_peer.py URI alias NAME ALIAS
    pymilvus_peer.py URI count NAME

One thread, batches of 10,000 rows. `insert` and `copy` make TARGET with the schema of bench_raw_writer
and no index and do not load it, which is the least work for the server. Prints one JSON object.
"""

import json
import sys
import time

from pymilvus import DataType, MilvusClient

BATCH_ROWS = 10000
FIELDS = ['id', 'title', 'price', 'stock', 'active', 'attributes', 'embedding']


def make(client, name):
    schema = MilvusClient.create_schema()
    schema.add_field('id', DataType.INT64, is_primary=True)
    schema.add_field('title', DataType.VARCHAR, max_length=256)
    schema.add_field('price', DataType.DOUBLE)
    schema.add_field('stock', DataType.INT32)
    schema.add_field('active', DataType.BOOL)
    schema.add_field('attributes', DataType.JSON)
    schema.add_field('embedding', DataType.FLOAT_VECTOR, dim=128)
    client.create_collection(name, schema=schema, num_shards=1)


def batches(client, source):
    iterator = client.query_iterator(source, batch_size=BATCH_ROWS, output_fields=FIELDS)
    while True:
        rows = iterator.next()
        if not rows:
            iterator.close()
            return
        yield rows


def insert(client, source, target, count):
    # Closed ranges: the iterator would cost time that is not measured, and can lose rows.
    held = [client.query(source, filter=f'id >= {first} and id < {first + BATCH_ROWS}',
                         output_fields=FIELDS)
            for first in range(0, int(count), BATCH_ROWS)]
    make(client, target)
    begin = time.monotonic()
    for rows in held:
        client.insert(target, rows)
    return {'seconds': time.monotonic() - begin, 'rows': sum(map(len, held))}


def copy(client, source, target, uri=None):
    other = MilvusClient(uri) if uri else client
    make(other, target)
    begin, count = time.monotonic(), 0
    for rows in batches(client, source):
        other.insert(target, rows)
        count += len(rows)
    return {'seconds': time.monotonic() - begin, 'rows': count}


def seal(client, name):
    begin = time.monotonic()
    client.flush(name)
    while client.describe_index(name, 'embedding').get('pending_index_rows', 0):
        time.sleep(0.2)
    client.refresh_load(name)
    return {'seconds': time.monotonic() - begin}


def drop(client, *names):
    for name in names:
        client.drop_collection(name)
    return {}


def alias(client, name, new):
    client.create_alias(name, new)
    return {}


def count(client, name):
    answer = client.query(name, filter='', output_fields=['count(*)'], consistency_level='Strong')
    return {'rows': answer[0]['count(*)']}


def main():
    uri, verb, *words = sys.argv[1:]
    verbs = {'insert': insert, 'copy': copy, 'seal': seal, 'drop': drop, 'alias': alias,
             'count': count}
    print(json.dumps(verbs[verb](MilvusClient(uri=uri), *words)))


if __name__ == '__main__':
    main()
