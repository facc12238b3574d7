"""Many rows, made and compared with numpy: what the heavy tests use instead of cell by cell."""

import grpc
import numpy as np

from harness import T, column, field, unpacked

BATCH_ROWS = 20000


def fields(dim):
    return [field('id', T.Int64, key=True), field('v', T.Int32), field('vector', T.FloatVector, dim=dim)]


def vectors(keys, versions, dim):
    """Any row's vector from its key and version alone, incompressible enough, as float32."""
    with np.errstate(over='ignore'):
        seed = (keys.astype(np.uint64) * np.uint64(0x9e3779b97f4a7c15) +
                versions.astype(np.uint64) * np.uint64(0xd1342543de82ef95))
        lanes = seed[:, None] + np.arange(1, dim + 1, dtype=np.uint64) * np.uint64(0xbf58476d1ce4e5b9)
        lanes ^= lanes >> np.uint64(31)
        lanes *= np.uint64(0x94d049bb133111eb)
        lanes ^= lanes >> np.uint64(29)
    return (lanes >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)


def columns(keys, versions, dim):
    keys, versions = np.asarray(keys, np.int64), np.asarray(versions, np.int32)
    return [column('id', T.Int64, keys.tolist()), column('v', T.Int32, versions.tolist()),
            column('vector', T.FloatVector, vectors(keys, versions, dim).tobytes(), dim=dim)]


def make(client, name, dim, shards=2):
    client.create(name, fields(dim), shards=shards)
    client.index(name, 'vector', {'index_type': 'IVF_FLAT', 'metric_type': 'L2',
                                  'params': '{"nlist": 64}'})
    client.load(name)


def fill(client, name, keys, dim):
    for begin in range(0, len(keys), BATCH_ROWS):
        part = keys[begin:begin + BATCH_ROWS]
        rows = columns(part, np.zeros(len(part)), dim)
        try:
            client.insert(name, rows)
        except grpc.RpcError as error:
            # On a busy machine the server hangs up on a client that answers its pings too late; whether
            # it took the rows is not known then.
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            client.upsert(name, rows)


def read(client, name, keys, step=BATCH_ROWS):
    """(keys, versions, vectors) of all rows by ranges that cover every key; sorted by key. The keys
    that are expected only say where to cut."""
    cuts = sorted(keys)[step::step]
    bounds = ['id > -9223372036854775807'] if not cuts else (
        [f'id < {cuts[0]}'] +
        [f'id >= {low} and id < {high}' for low, high in zip(cuts, cuts[1:])] + [f'id >= {cuts[-1]}'])
    found = ([], [], [])
    for bound in bounds:
        named = {data.field_name: data for data in client.query(name, bound)}
        if not named['id'].scalars.long_data.data:
            continue
        ids = np.array(named['id'].scalars.long_data.data, np.int64)
        found[0].append(ids)
        found[1].append(np.array(named['v'].scalars.int_data.data, np.int32))
        raw = unpacked(named['vector'].vectors.float_vector)
        found[2].append(np.frombuffer(raw, np.float32).reshape(len(ids), -1))
    ids, versions, rows = (np.concatenate(part) for part in found)
    order = np.argsort(ids, kind='stable')
    ids, versions, rows = ids[order], versions[order], rows[order]
    assert (np.diff(ids) > 0).all(), 'a key twice'
    assert client.count(name) == len(ids), (client.count(name), len(ids))
    return ids, versions, rows

