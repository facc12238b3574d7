"""The rows that bench/repo_peers gives to Aerie and its peers: a folder of plain columns, and the same
as Parquet files of 20,000 rows.

    repo_peers_data.py FOLDER ROWS [--changed]

Unit vectors of 768 floats, as embedding models give them, and five scalars. With --changed one row in
a hundred, at random keys, has another vector and another price. Deterministic.
"""

import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

DIM, PART, TITLE = 768, 20000, 24


def part(first, rows, changed):
    random = np.random.default_rng(first)
    vectors = random.standard_normal((rows, DIM), dtype=np.float32)
    columns = {'id': np.arange(first, first + rows, dtype=np.int64) * 8,
               'category': random.integers(0, 100, rows, dtype=np.int32),
               'price': random.integers(0, 100_000, rows) / 100.0,
               'created': 1_700_000_000 + np.arange(first, first + rows, dtype=np.int64)}
    titles = [f'item number {n}' for n in random.integers(0, 1_000_000, rows)]
    if changed:
        another = np.random.default_rng((first, 1))
        at = another.choice(rows, rows // 100, replace=False)
        vectors[at] = another.standard_normal((len(at), DIM), dtype=np.float32)
        columns['price'][at] = another.integers(0, 100_000, len(at)) / 100.0
    columns['vector'] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return columns, titles


def main(folder, rows, changed=None):
    os.makedirs(f'{folder}/columns')
    os.makedirs(f'{folder}/parquet')
    names = ('id', 'vector', 'category', 'price', 'created', 'title')
    files = {name: open(f'{folder}/columns/{name}', 'wb') for name in names}
    for first in range(0, int(rows), PART):
        columns, titles = part(first, min(PART, int(rows) - first), changed)
        for name, values in columns.items():
            files[name].write(values.tobytes())
        files['title'].write(''.join(title.ljust(TITLE) for title in titles).encode())
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(columns.pop('vector').ravel()), DIM)
        table = pa.table({**columns, 'title': titles, 'vector': vectors})
        # Plain, so that what the peers compress and compare is the numbers themselves.
        parquet.write_table(table, f'{folder}/parquet/{first:010}.parquet', compression='none',
                            use_dictionary=False)
    for file in files.values():
        file.close()


if __name__ == '__main__':
    main(*sys.argv[1:])
