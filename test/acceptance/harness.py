"""What the acceptance tests stand on: real servers, the program as its user runs it, and a client
of their own that says what a server really holds.

Rows are compared cell by cell as bytes: floats by their bits, JSON by its text. Nothing here asks
aerie whether two rows are equal.
"""

import atexit
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import grpc
from pymilvus.grpc_gen import common_pb2, milvus_pb2, milvus_pb2_grpc, schema_pb2

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAB = os.path.join(ROOT, 'scripts', 'lab')
AERIE = os.environ.get('AERIE') or os.path.join(ROOT, 'build', 'release', 'aerie')
CALL_TIMEOUT_S = 120
RUN_TIMEOUT_S = 300
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
STRONG, BOUNDED = 0, 2

T = schema_pb2.DataType


# ----------------------------------------------------------------------------------------- servers


class Lab:
    """One server of scripts/lab, gone with this object or this process."""

    def __init__(self, *words):
        self.process = subprocess.Popen([LAB, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.ready = self.read()
        atexit.register(self.stop)

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f'lab ended with {self.process.wait()}')
        return json.loads(line)

    def ask(self, command):
        self.process.stdin.write(command + '\n')
        self.process.stdin.flush()
        answer = self.read()
        if 'error' in answer:
            raise AssertionError(answer['error'])
        return answer

    @property
    def uri(self):
        return self.ready['uri']

    def client(self, **options):
        return Milvus(self.ready, **options)

    def stop(self):
        atexit.unregister(self.stop)
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(60)
        self.process.stdout.close()


class Scratch:
    """A folder of this test program, removed at its end, with a home of its own for the program."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix='aerie-acceptance-')
        self.count = 0
        os.makedirs(self.home)

    @property
    def home(self):
        return os.path.join(self.path, 'home')

    def new(self, name='repo'):
        self.count += 1
        return os.path.join(self.path, f'{name}-{self.count}')

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Run:
    """One finished run of the program."""

    def __init__(self, args, code, out, err, peak_kib):
        self.args, self.code, self.out, self.err, self.peak_kib = args, code, out, err, peak_kib
        self.events = []
        self.result = None
        if '-o' in args and args[args.index('-o') + 1] == 'json' and out.strip():
            lines = [json.loads(line) for line in out.splitlines()]
            self.events, self.result = lines[:-1], lines[-1]

    @property
    def error(self):
        """The message of the only error."""
        errors = self.result['errors']
        assert len(errors) == 1, errors
        return errors[0]['message']

    def __str__(self):
        tail = '\n'.join(self.out.splitlines()[-5:])
        return f'aerie {" ".join(self.args)}\nexit code {self.code}\n{tail}\n{self.err[-3000:]}'


class Program:
    """The program, with an environment in which nothing of the machine's user shows."""

    def __init__(self, scratch):
        self.env = {'PATH': os.environ['PATH'], 'HOME': scratch.home, 'LC_ALL': 'C.UTF-8',
                    'AERIE_PASSWORD': 'correct horse', 'TMPDIR': tempfile.gettempdir()}
        for name in ('ASAN_OPTIONS', 'TSAN_OPTIONS', 'LLVM_PROFILE_FILE', 'GCOV_PREFIX'):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def start(self, *args, env=None, max_file=None, **options):
        """`max_file`: bytes that no file may exceed. (By prlimit: with a preexec_fn Python forks, and now
        and then gRPC, which it has loaded, aborts the child before that is the program.)"""
        limited = [] if max_file is None else ['prlimit', f'--fsize={max_file}', '--']
        merged = {key: value for key, value in {**self.env, **(env or {})}.items() if value is not None}
        return subprocess.Popen([*limited, AERIE, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=merged, text=True, errors='replace',
                                **options)

    def run(self, *args, env=None, timeout=RUN_TIMEOUT_S, on_event=None, **options):
        """Runs it to its end; `on_event(process, event)` sees each line of JSON as it comes."""
        process = self.start(*args, env=env, **options)
        out, err, peak = [], [], [0]

        def read_out():
            for line in process.stdout:
                out.append(line)
                if on_event and line.startswith('{'):
                    on_event(process, json.loads(line))

        readers = [threading.Thread(target=read_out),
                   threading.Thread(target=lambda: err.append(process.stderr.read()))]
        for reader in readers:
            reader.start()
        deadline = time.monotonic() + timeout
        while True:
            peak[0] = max(peak[0], resident_peak_kib(process.pid))
            try:
                process.wait(0.02)
                break
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    process.kill()
        for reader in readers:
            reader.join()
        process.stdout.close()
        process.stderr.close()
        return Run(list(args), process.returncode, ''.join(out), ''.join(err), peak[0])

    def json(self, *args, **options):
        return self.run('-o', 'json', *args, **options)


def resident_peak_kib(pid):
    """VmHWM. Not ru_maxrss, which counts what the parent held before the program began."""
    try:
        with open(f'/proc/{pid}/status', encoding='ascii') as status:
            for line in status:
                if line.startswith('VmHWM:'):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


# ------------------------------------------------------------------------------------------ client


class MilvusError(Exception):
    def __init__(self, name, status):
        super().__init__(f'{name}: {status.reason} (code {status.code}/{status.error_code})')
        self.code = status.code


class Milvus:
    """A plain client: requests and answers are the protocol's own messages."""

    def __init__(self, ready, db=''):
        self.db = db
        limits = [('grpc.max_receive_message_length', -1), ('grpc.max_send_message_length', -1)]
        if 'ca' in ready:
            def pem(key):
                if key not in ready:
                    return None
                with open(ready[key], 'rb') as file:
                    return file.read()
            tls = grpc.ssl_channel_credentials(pem('ca'), pem('client_key'), pem('client_cert'))
            self.channel = grpc.secure_channel(ready['address'], tls, limits)
        else:
            self.channel = grpc.insecure_channel(ready['address'], limits)
        self.stub = milvus_pb2_grpc.MilvusServiceStub(self.channel)
        self.metadata = []
        if 'user' in ready:
            import base64
            login = base64.b64encode(f'{ready["user"]}:{ready["password"]}'.encode()).decode()
            self.metadata = [('authorization', login)]

    def close(self):
        self.channel.close()

    def call(self, rpc, request_name=None, **fields):
        request = getattr(milvus_pb2, request_name or f'{rpc}Request')(**fields)
        if 'db_name' in request.DESCRIPTOR.fields_by_name and 'db_name' not in fields:
            request.db_name = self.db
        answer = getattr(self.stub, rpc)(request, timeout=CALL_TIMEOUT_S, metadata=self.metadata,
                                         wait_for_ready=True)
        status = answer if isinstance(answer, common_pb2.Status) else answer.status
        if status.code or status.error_code:
            raise MilvusError(rpc, status)
        return answer

    # -- collections

    def create(self, name, fields, dynamic=False, shards=1, level=BOUNDED, properties=None,
               num_partitions=0, description='', auto_id=False):
        schema = schema_pb2.CollectionSchema(name=name, description=description, fields=fields,
                                             enable_dynamic_field=dynamic, autoID=auto_id)
        self.call('CreateCollection', collection_name=name, schema=schema.SerializeToString(),
                  shards_num=shards, consistency_level=level, num_partitions=num_partitions,
                  properties=pairs(properties or {}))

    def drop(self, name):
        self.call('DropCollection', collection_name=name)

    def names(self):
        return sorted(self.call('ShowCollections').collection_names)

    def describe(self, name):
        return self.call('DescribeCollection', collection_name=name)

    def partitions(self, name):
        return sorted(self.call('ShowPartitions', collection_name=name).partition_names)

    def add_partition(self, name, partition):
        self.call('CreatePartition', collection_name=name, partition_name=partition)

    def index(self, name, field, params, index_name=''):
        self.call('CreateIndex', collection_name=name, field_name=field, index_name=index_name,
                  extra_params=pairs(params))

    def indexes(self, name):
        """name -> (field, sorted parameters)."""
        try:
            answer = self.call('DescribeIndex', collection_name=name)
        except MilvusError as error:
            if error.code == 700:
                return {}
            raise
        return {one.index_name: (one.field_name, sorted((p.key, p.value) for p in one.params))
                for one in answer.index_descriptions}

    def load(self, name, partitions=None):
        if partitions is None:
            self.call('LoadCollection', collection_name=name, replica_number=1)
        else:
            self.call('LoadPartitions', collection_name=name, partition_names=partitions,
                      replica_number=1)
        wait_until(lambda: self.load_state(name, partitions or []) == 3, f'{name} is loaded')

    def release(self, name, partitions=None):
        if partitions is None:
            self.call('ReleaseCollection', collection_name=name)
        else:
            self.call('ReleasePartitions', collection_name=name, partition_names=partitions)

    def load_state(self, name, partitions=()):
        """1 not loaded, 2 loading, 3 loaded."""
        return self.call('GetLoadState', collection_name=name, partition_names=list(partitions)).state

    def load_states(self, name):
        """Of the collection, under '', and of each of its partitions."""
        states = {'': self.load_state(name)}
        for partition in self.partitions(name):
            states[partition] = self.load_state(name, [partition]) if states[''] == 3 else 1
        return states

    def flush(self, name):
        self.call('Flush', collection_names=[name])

    # -- rows

    def insert(self, name, columns, partition=''):
        return self.call('Insert', collection_name=name, partition_name=partition,
                         fields_data=columns, num_rows=row_count(columns))

    def upsert(self, name, columns, partition=''):
        return self.call('Upsert', collection_name=name, partition_name=partition,
                         fields_data=columns, num_rows=row_count(columns))

    def delete(self, name, expression):
        return self.call('Delete', collection_name=name, expr=expression)

    def count(self, name, partitions=()):
        answer = self.call('Query', collection_name=name, output_fields=['count(*)'],
                           partition_names=list(partitions), consistency_level=STRONG)
        return answer.fields_data[0].scalars.long_data.data[0]

    def query(self, name, expression, partitions=(), fields=('*',)):
        return self.call('Query', collection_name=name, expr=expression, output_fields=list(fields),
                         partition_names=list(partitions), consistency_level=STRONG).fields_data

    def rows(self, name, partitions=(), ranges=None):
        """Every row: key -> {field: cell}. Fails when the server counts more than it returns."""
        key = next(f for f in self.describe(name).schema.fields if f.is_primary_key)
        everything = [f'{key.name} >= ""' if key.data_type == T.VarChar else
                      f'{key.name} <= {INT64_MAX}']
        found = {}
        for expression in ranges or everything:
            for row in cells_of(self.query(name, expression, partitions)):
                assert row[key.name] not in found, f'{name} answers {row[key.name]!r} twice'
                found[row[key.name]] = row
        counted = self.count(name, partitions)
        assert counted == len(found), f'{name} counts {counted} rows and answers {len(found)}'
        return found

    def contents(self, name):
        """partition -> rows, with one nameless partition where a partition key forbids names."""
        fields = self.describe(name).schema.fields
        if any(field.is_partition_key for field in fields):
            return {'': self.rows(name)}
        return {partition: self.rows(name, [partition]) for partition in self.partitions(name)}

    def spec(self, name):
        """All that a collection is besides its rows, as values that compare."""
        described = self.describe(name)
        schema = schema_pb2.CollectionSchema()
        schema.CopyFrom(described.schema)
        schema.name = ''
        return {
            'schema': str(schema),
            'shards': described.shards_num,
            'consistency': described.consistency_level,
            'aliases': sorted(described.aliases),
            'properties': sorted((p.key, p.value) for p in described.properties),
            'num_partitions': described.num_partitions,
            'partitions': self.partitions(name),
            'indexes': self.indexes(name),
            'load': self.load_states(name),
        }


def pairs(values):
    return [common_pb2.KeyValuePair(key=key, value=str(value)) for key, value in values.items()]


def wait_until(condition, what, timeout_s=120):
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f'after {timeout_s} s still not: {what}')
        time.sleep(0.05)


# ----------------------------------------------------------------------------------------- columns


def field(name, data_type, key=False, element=0, description='', auto_id=False, partition_key=False,
          nullable=False, default=None, **params):
    made = schema_pb2.FieldSchema(name=name, data_type=data_type, is_primary_key=key, autoID=auto_id,
                                  element_type=element, description=description, nullable=nullable,
                                  is_partition_key=partition_key, type_params=pairs(params))
    if default is not None:
        made.default_value.CopyFrom(default)
    return made


def packed(message, raw):
    """A message of one packed repeated field of fixed size (FloatArray, DoubleArray) from its bytes:
    a Python float would not keep every NaN."""
    size, header = len(raw), b'\x0a'
    while True:
        header += bytes([size & 127 | (128 if size > 127 else 0)])
        size >>= 7
        if not size:
            return message.FromString(header + raw if raw else b'')


def unpacked(message):
    raw = message.SerializeToString()
    at = 1
    while at < len(raw) and raw[at] & 128:
        at += 1
    return raw[at + 1:]


def scalars(data_type, values):
    """values: ints, bools, str, bytes for JSON, and for Float and Double the bytes of all."""
    out = schema_pb2.ScalarField()
    if data_type == T.Bool:
        out.bool_data.data.extend(values)
    elif data_type in (T.Int8, T.Int16, T.Int32):
        out.int_data.data.extend(values)
    elif data_type == T.Int64:
        out.long_data.data.extend(values)
    elif data_type == T.Float:
        out.float_data.CopyFrom(packed(schema_pb2.FloatArray, values))
    elif data_type == T.Double:
        out.double_data.CopyFrom(packed(schema_pb2.DoubleArray, values))
    elif data_type == T.VarChar:
        out.string_data.data.extend(values)
    elif data_type == T.JSON:
        out.json_data.data.extend(values)
    else:
        raise ValueError(data_type)
    # An empty list must still say its type: an array without kills a 2.3.5 server.
    member = {T.Bool: 'bool_data', T.Int64: 'long_data', T.Float: 'float_data', T.JSON: 'json_data',
              T.Double: 'double_data', T.VarChar: 'string_data'}.get(data_type, 'int_data')
    getattr(out, member).SetInParent()
    return out


def column(name, data_type, values, dim=0, element=0):
    """values: as of `scalars`; of an array a list of those; of a vector the bytes of all."""
    out = schema_pb2.FieldData(type=data_type, field_name=name)
    if data_type == T.FloatVector:
        out.vectors.dim = dim
        out.vectors.float_vector.CopyFrom(packed(schema_pb2.FloatArray, values))
    elif data_type == T.BinaryVector:
        out.vectors.dim = dim
        out.vectors.binary_vector = values
    elif data_type == T.Array:
        out.scalars.array_data.element_type = element
        out.scalars.array_data.data.extend(scalars(element, cell) for cell in values)
    else:
        out.scalars.CopyFrom(scalars(data_type, values))
    return out


def dynamic(values):
    out = column('$meta', T.JSON, values)
    out.is_dynamic = True
    return out


def scalar_cells(scalar):
    which = scalar.WhichOneof('data')
    if which is None:
        return []
    message = getattr(scalar, which)
    if which in ('float_data', 'double_data'):
        raw, width = unpacked(message), 4 if which == 'float_data' else 8
        return [raw[i:i + width] for i in range(0, len(raw), width)]
    if which == 'array_data':
        return [tuple(scalar_cells(one)) for one in message.data]
    return list(message.data)


def column_cells(data):
    if data.WhichOneof('field') == 'vectors':
        which = data.vectors.WhichOneof('data')
        value = getattr(data.vectors, which)
        if which == 'sparse_float_vector':
            return list(value.contents)
        raw = unpacked(value) if which == 'float_vector' else value
        width = {'float_vector': 32, 'binary_vector': 1, 'float16_vector': 16, 'bfloat16_vector': 16,
                 'int8_vector': 8}[which] * data.vectors.dim // 8
        return [raw[i:i + width] for i in range(0, len(raw), width)]
    cells = scalar_cells(data.scalars)
    if len(data.valid_data) == 0:
        return cells
    if len(cells) == len(data.valid_data):
        return [cell if valid else None for cell, valid in zip(cells, data.valid_data)]
    rest = iter(cells)
    return [next(rest) if valid else None for valid in data.valid_data]


def row_count(columns):
    return len(column_cells(columns[0]))


def cells_of(columns):
    """One dictionary a row."""
    named = {data.field_name or '$meta': column_cells(data) for data in columns}
    lengths = {len(cells) for cells in named.values()}
    assert len(lengths) <= 1, {name: len(cells) for name, cells in named.items()}
    return [dict(zip(named, values)) for values in zip(*named.values())]


def rows_of(columns, key):
    return {row[key]: row for row in cells_of(columns)}


def floats(values):
    return struct.pack(f'<{len(values)}f', *values)


def doubles(values):
    return struct.pack(f'<{len(values)}d', *values)


# ------------------------------------------------------------------------------------------- tests


def tree(path):
    """Every file below a folder, with its size: what must not change, or be left behind."""
    return {os.path.relpath(os.path.join(folder, name), path):
            os.path.getsize(os.path.join(folder, name))
            for folder, _, names in os.walk(path) for name in names}


class AcceptanceTest(unittest.TestCase):
    """A test with the program and a folder; `LAB` names the server that its class shares."""

    LAB = None

    @classmethod
    def setUpClass(cls):
        cls.scratch = Scratch()
        cls.addClassCleanup(cls.scratch.remove)
        cls.aerie = Program(cls.scratch)
        cls.lab = cls.client = None
        if cls.LAB is not None:
            cls.lab = Lab(*cls.LAB)
            cls.addClassCleanup(cls.lab.stop)
            cls.client = cls.lab.client()
            cls.addClassCleanup(cls.client.close)

    def ok(self, *args, **options):
        """Runs with JSON output, must succeed; the result object."""
        run = self.aerie.json(*args, **options)
        self.assertEqual(run.code, 0, run)
        self.assertEqual(run.result['exit_code'], 0)
        self.assertEqual(run.result['errors'], [])
        return run.result

    def back_up(self, repo, *options, **more):
        return self.ok('backup', 'create', '--cluster', self.lab.uri, '--repo', repo, *options, **more)

    def restore(self, repo, *options, snapshot='latest', **more):
        return self.ok('restore', snapshot, '--to', self.lab.uri, '--repo', repo, *options, **more)

    def assert_same_rows(self, expected, actual, what=''):
        """Both key -> row. Says which keys and fields differ instead of printing everything."""
        self.assertEqual(len(expected), len(actual), f'{what}: rows')
        missing = [key for key in expected if key not in actual]
        self.assertFalse(missing, f'{what}: {len(missing)} keys missing: {str(missing[:3])[:300]}')
        for key, row in expected.items():
            if row != actual[key]:
                fields = [name for name in set(row) | set(actual[key])
                          if row.get(name) != actual[key].get(name)]
                first = fields[0]
                self.fail(f'{what}: key {str(key)[:60]!r} differs in {fields}: '
                          f'{str(row.get(first))[:200]} became {str(actual[key].get(first))[:200]}')

    def assert_contents(self, name, expected):
        """The collection has exactly these rows: partition -> key -> row."""
        actual = self.client.contents(name)
        self.assertEqual(sorted(actual), sorted(expected))
        for partition, rows in expected.items():
            self.assert_same_rows(rows, actual[partition], f'{name}, partition {partition!r}')


class TwoServersTest(AcceptanceTest):
    """Between two real servers: `lab` and `client` of the source, `other` and `target` of the target."""

    LAB = ('milvus',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = Lab(*cls.LAB)
        cls.addClassCleanup(cls.other.stop)
        cls.target = cls.other.client()
        cls.addClassCleanup(cls.target.close)


def signal_process(process, number=signal.SIGKILL):
    os.kill(process.pid, number)
