"""Compares our protos with the descriptors that pymilvus carries.

Everything we declare must be on the wire as we say: every message, field (number, type, label,
oneof), enum value, and call. What pymilvus has beyond it is not our concern. Prints each
disagreement and exits 1 if there is one.

Usage: check_descriptors.py PROTOC DIR_OF_PROTOS   (with a Python that has pymilvus)
"""

import importlib.metadata
import pathlib
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2
from pymilvus.grpc_gen import common_pb2, milvus_pb2, schema_pb2

PYMILVUS = "3.0.2"
Field = descriptor_pb2.FieldDescriptorProto


def own_files(protoc, folder):
    protos = sorted(str(p) for p in pathlib.Path(folder).glob("aerie_milvus*.proto"))
    if not protos:
        sys.exit(f"check_descriptors: no aerie_milvus*.proto in {folder}")
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run([protoc, "-I", folder, f"--descriptor_set_out={out.name}", *protos],
                       check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(out.read()).file


def their_files():
    for module in (common_pb2, schema_pb2, milvus_pb2):
        yield descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)


def facts(files):
    """What the files declare, as {name of the thing: what it is on the wire}."""
    found = {}

    def add_message(message, scope):
        name = f"{scope}.{message.name}"
        found[f"message {name}"] = "message"
        for field in message.field:
            kind = Field.Type.Name(field.type)[5:].lower()
            label = Field.Label.Name(field.label)[6:].lower()
            if field.proto3_optional:
                choice = " with presence"
            elif field.HasField("oneof_index"):
                choice = f" in oneof {message.oneof_decl[field.oneof_index].name}"
            else:
                choice = ""
            found[f"field {name}.{field.name}"] = (
                f"{label} {kind} {field.type_name} = {field.number}{choice}")
            found[f"number {name}/{field.number}"] = field.name
        for inner in message.nested_type:
            add_message(inner, name)
        for enum in message.enum_type:
            add_enum(enum, name)

    def add_enum(enum, scope):
        found[f"enum {scope}.{enum.name}"] = "enum"
        for value in enum.value:
            found[f"value {scope}.{enum.name}.{value.name}"] = str(value.number)

    for file in files:
        scope = f".{file.package}"
        for message in file.message_type:
            add_message(message, scope)
        for enum in file.enum_type:
            add_enum(enum, scope)
        for service in file.service:
            for rpc in service.method:
                found[f"rpc {scope}.{service.name}/{rpc.name}"] = (
                    f"{rpc.input_type} -> {rpc.output_type}"
                    f"{' client stream' * rpc.client_streaming}"
                    f"{' server stream' * rpc.server_streaming}")
    return found


def main(protoc, folder):
    version = importlib.metadata.version("pymilvus")
    if version != PYMILVUS:
        sys.exit(f"check_descriptors: pymilvus {version} found, {PYMILVUS} wanted; "
                 "run scripts/setup")
    ours = facts(own_files(protoc, folder))
    theirs = facts(their_files())
    wrong = 0
    for name, what in ours.items():
        if theirs.get(name) != what:
            print(f"{name}: ours is '{what}', pymilvus has '{theirs.get(name, 'nothing')}'")
            wrong += 1
    kinds = [name.split()[0] for name in ours]
    print(f"{wrong} disagreements in " +
          ", ".join(f"{kinds.count(k)} {k}s" for k in ("message", "field", "enum", "value", "rpc")))
    if not all(kinds.count(k) for k in ("message", "field", "value", "rpc")):
        sys.exit("check_descriptors: nothing was compared")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
