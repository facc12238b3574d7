#!/usr/bin/env python3
"""Writes the files beside it anew, by the programs that users have: the input of foreign_files_test.cc.

    ~/.cache/aerie-dev/venv/bin/python src/files/testdata/make.py

They are kept, not made for each test: other versions of these programs write other bytes, and the
test is of what these wrote.
"""

import os

import duckdb
import numpy
import pandas
import pyarrow
import pyarrow.parquet

HERE = os.path.dirname(os.path.abspath(__file__))


def path(name):
    os.makedirs(os.path.dirname(os.path.join(HERE, name)), exist_ok=True)
    return os.path.join(HERE, name)


def parquet():
    # pandas: lists of doubles, a column of integers with a null (so doubles), categories, an index.
    frame = pandas.DataFrame({
        'id': [3, 1, 2],
        'title': ['drei', 'eins', None],
        'count': [7, None, 9],
        'kind': pandas.Categorical(['a', 'b', 'a']),
        'flag': [True, False, True],
        'vector': [[0.5, -1.0], [2.0, 0.25], [0.0, 1.5]],
    })
    frame.to_parquet(path('pandas.parquet'))
    # Every width, lists, bytes, and what goes nowhere; two row groups.
    table = pyarrow.table({
        'id': pyarrow.array([10, 20, 30, 40], pyarrow.uint32()),
        'i8': pyarrow.array([-128, 127, None, 0], pyarrow.int8()),
        'u64': pyarrow.array([0, 1, 2**63, 2**63 - 1], pyarrow.uint64()),
        'half': pyarrow.array(numpy.array([1, 0.5, -2, 65504], numpy.float16)),
        'large': pyarrow.array(['a', 'é', '', 'd'], pyarrow.large_utf8()),
        'raw': pyarrow.array([b'\x00\x3c\x00\x40'] * 4, pyarrow.binary(4)),
        'fixed': pyarrow.array([[1, 2], [3, 4], [5, 6], [7, 8]], pyarrow.list_(pyarrow.float32(), 2)),
        'bits': pyarrow.array([[True, False], [], None, [True]], pyarrow.list_(pyarrow.bool_())),
        'texts': pyarrow.array([['x', 'yz'], [], ['é'], ['']], pyarrow.list_(pyarrow.utf8())),
        'gap': pyarrow.array([[1.0, None], [1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], pyarrow.list_(pyarrow.float32())),
        'when': pyarrow.array([0, 1, 2, 3], pyarrow.timestamp('us')),
    })
    pyarrow.parquet.write_table(table, path('types.parquet'), row_group_size=3)
    duckdb.sql("COPY (SELECT i AS id, 'n' || i AS name, [i::FLOAT, 0.5::FLOAT] AS vector "
               f"FROM range(5) t(i)) TO '{path('duckdb.parquet')}' (FORMAT parquet)")


def arrays():
    numpy.save(path('arrays/id.npy'), numpy.array([5, 3, 4], '<i8'))
    numpy.save(path('arrays/name.npy'), numpy.array(['fünf', 'drei', 'vier 𝄞'], '<U8'))
    numpy.save(path('arrays/raw.npy'), numpy.array([b'a', b'bc', b''], 'S3'))
    numpy.save(path('arrays/flag.npy'), numpy.array([True, False, True]))
    numpy.save(path('arrays/vector.npy'), numpy.array([[1, 2], [3, 4], [5, 6]], '<f4'))
    numpy.save(path('arrays/big.npy'), numpy.array([[1, 2], [3, 4], [5, 6]], '>f8'))
    numpy.save(path('arrays/half.npy'), numpy.array([[1, 2], [3, 4], [5, 65504]], '<f2'))
    numpy.save(path('arrays/bits.npy'), numpy.packbits(numpy.eye(3, 16, dtype=numpy.uint8), axis=1))
    numpy.save(path('arrays/small.npy'), numpy.array([[-128, 127], [0, 1], [2, 3]], 'i1'))
    one = numpy.array([1, 2, 3], '>i2')
    for version in (1, 2, 3):
        with open(path(f'version{version}.npy'), 'wb') as file:
            numpy.lib.format.write_array(file, one, (version, 0))
    numpy.save(path('fortran.npy'), numpy.asfortranarray(numpy.ones((2, 3), '<f4')))
    numpy.save(path('objects.npy'), numpy.array([{}, None], object), allow_pickle=True)
    numpy.save(path('struct.npy'), numpy.zeros(2, [('a', '<i4'), ('b', '<f4')]))
    numpy.save(path('cube.npy'), numpy.zeros((2, 2, 2), '<f4'))
    numpy.save(path('complex.npy'), numpy.zeros(2, '<c8'))


def csv():
    frame = pandas.DataFrame({
        'id': [2, 1],
        'title': ['with "quotes", commas\nand a line', 'plain'],
        'price': [0.1, None],
        'flag': [True, False],
        'vector': ['[0.1, 0.2]', '[1e-3, -4]'],
    })
    frame.to_csv(path('pandas.csv'), index=False)
    frame.to_csv(path('excel.csv'), index=False, encoding='utf-8-sig', lineterminator='\r\n', sep=';')
    frame.to_json(path('pandas.jsonl'), orient='records', lines=True)


if __name__ == '__main__':
    parquet()
    arrays()
    csv()
