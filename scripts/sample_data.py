"""Loads the sample collection of the demo: sightings of birds of prey.

Runs in the venv of scripts/setup. The rows depend on nothing but their numbers, so that two runs
load the same data.

    sample_data.py URI                 create the collection `sightings` with --rows rows
    sample_data.py URI --append N      add N rows with the next higher keys
    sample_data.py URI --drop          drop it, with its alias
    sample_data.py URI --count         print how many rows are visible
"""

import argparse
import sys

import numpy as np
from pymilvus import DataType, MilvusClient

COLLECTION, ALIAS = 'sightings', 'birds'
PARTITIONS = 'summer', 'winter'
DIMENSION = 128
SEED = 2718
BATCH_ROWS = 5000
SPECIES = ('red kite', 'black kite', 'buzzard', 'kestrel', 'golden eagle', 'osprey', 'Rotmilan',
           'クマタカ', 'milan royal')
PLACES = 'ridge', 'valley', 'lake', 'forest edge', 'village', 'moor'


def schema():
    made = MilvusClient.create_schema(enable_dynamic_field=True,
                                      description='Sightings of birds of prey')
    made.add_field('id', DataType.INT64, is_primary=True)
    made.add_field('embedding', DataType.FLOAT_VECTOR, dim=DIMENSION)
    made.add_field('species', DataType.VARCHAR, max_length=64,
                   description="in the observer's language")
    made.add_field('weight_kg', DataType.DOUBLE)
    made.add_field('ringed', DataType.BOOL)
    made.add_field('notes', DataType.JSON)
    made.add_field('places', DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=8,
                   max_length=32)
    made.add_field('counts', DataType.ARRAY, element_type=DataType.INT64, max_capacity=8)
    return made


def rows(first, count):
    """Rows first .. first+count-1; every third has dynamic fields, every tenth empty arrays."""
    random = np.random.default_rng((SEED, first))
    vectors = random.standard_normal((count, DIMENSION), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    weights = random.gamma(3.0, 0.6, count)
    picks = random.integers(0, 1 << 30, count).tolist()
    batch = []
    for i in range(count):
        pick, number = picks[i], first + i
        row = {
            'id': number,
            'embedding': vectors[i],
            'species': SPECIES[pick % len(SPECIES)],
            'weight_kg': float(weights[i]),
            'ringed': pick % 5 == 0,
            'notes': {'wind': pick % 12, 'by': {'name': f'observer {pick % 97}', 'years': pick % 40}},
            'places': [PLACES[(pick + k) % len(PLACES)] for k in range(number % 10 and 1 + pick % 3)],
            'counts': [pick % 100 + k for k in range(number % 10 and 1 + pick % 4)],
        }
        if number % 3 == 0:
            row['ring_code'] = f'DE-{pick % 100000:05}'
            row['weather'] = ['sun', 'rain', 'fog'][pick % 3]
        batch.append(row)
    return batch


def insert(client, first, count):
    for begin in range(first, first + count, BATCH_ROWS):
        size = min(BATCH_ROWS, first + count - begin)
        # Milvus takes one partition a call; odd batches go to the winter.
        partition = PARTITIONS[begin // BATCH_ROWS % 2]
        client.insert(COLLECTION, rows(begin, size), partition_name=partition)
    client.flush(COLLECTION)


def visible(client):
    answer = client.query(COLLECTION, output_fields=['count(*)'], consistency_level='Strong')
    return answer[0]['count(*)']


def create(client, count):
    index = client.prepare_index_params()
    index.add_index('embedding', index_name='embedding_ivf', index_type='IVF_FLAT',
                    metric_type='COSINE', params={'nlist': 64})
    index.add_index('species', index_name='species_trie', index_type='Trie')
    client.create_collection(COLLECTION, schema=schema(), num_shards=1,
                             consistency_level='Bounded')
    for name in PARTITIONS:
        client.create_partition(COLLECTION, name)
    client.create_index(COLLECTION, index)
    client.load_collection(COLLECTION)
    insert(client, 0, count)
    client.create_alias(COLLECTION, ALIAS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('uri')
    parser.add_argument('--rows', type=int, default=50000)
    action = parser.add_mutually_exclusive_group()
    action.add_argument('--append', type=int, metavar='N')
    action.add_argument('--drop', action='store_true')
    action.add_argument('--count', action='store_true')
    options = parser.parse_args()

    client = MilvusClient(options.uri, timeout=60)
    if options.drop:
        client.drop_alias(ALIAS)
        client.drop_collection(COLLECTION)
        return
    if options.append:
        insert(client, visible(client), options.append)
    elif not options.count:
        create(client, options.rows)
    print(visible(client))


if __name__ == '__main__':
    sys.exit(main())
