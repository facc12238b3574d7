// Writes fuzz/corpus anew: sound inputs of every decoder, the same on every machine.
//
//   fuzz_seeds DIRECTORY
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "decoders.h"
#include "files/bundle_manifest.h"
#include "files/export_manifest.h"
#include "files/jsonl_format.h"
#include "repo/blob_codec.h"
#include "repo/check_record.h"
#include "repo/column_blob.h"
#include "repo/config_file.h"
#include "repo/damage_record.h"
#include "repo/index_file.h"
#include "repo/key_file.h"
#include "repo/pack_format.h"
#include "repo/patch_blob.h"
#include "repo/raw_bytes.h"
#include "repo/snapshot_file.h"
#include "repo/tree_api.h"
#include "repo/tree_page.h"
#include "rows/row_generator.h"
#include "transfer/sync_state.h"

namespace {

using aerie::Bytes;
using aerie::ByteSpan;
namespace files = aerie::files;
namespace fuzz = aerie::fuzz;
namespace repo = aerie::repo;
namespace rows = aerie::rows;

std::filesystem::path corpus;

void Save(const std::string& target, const std::string& name, ByteSpan bytes) {
  std::filesystem::create_directories(corpus / target);
  std::ofstream(corpus / target / name, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

repo::BlobName NameOf(std::uint8_t seed) {
  repo::BlobName name;
  for (std::size_t i = 0; i < name.bytes.size(); ++i) {
    name.bytes[i] = static_cast<std::uint8_t>(seed * 31 + i * 7);
  }
  return name;
}

rows::CollectionSpec Spec() {
  rows::CollectionSpec spec;
  spec.name.collection = "things";
  spec.schema.name = "things";
  spec.schema.fields = fuzz::Columns();
  return spec;
}

void SaveRows() {
  const rows::CollectionSpec spec = Spec();
  const rows::RowBatch batch = rows::RowGenerator(1).RandomRows(spec.schema, "part", 9);
  std::vector<repo::PatchColumn> whole;
  std::vector<repo::PatchColumn> keeping;
  for (std::size_t i = 0; i < batch.columns().size(); ++i) {
    const rows::Column* const column = &batch.columns()[i];
    const repo::ColumnPiece piece{column, 0, batch.rows()};
    Bytes plain;
    const repo::EncodingHint hint = repo::EncodeColumn({&piece, 1}, plain);
    aerie::repo::RawBytes encoded;
    if (repo::EncodeBlob(plain, hint, encoded).ok()) {
      Bytes input = {static_cast<std::uint8_t>(plain.size()),
                     static_cast<std::uint8_t>(plain.size() >> 8), 0};
      input.insert(input.end(), encoded.begin(), encoded.end());
      Save("blob", "column-" + column->field().name, input);
    }
    plain.insert(plain.begin(), static_cast<std::uint8_t>(i));
    Save("column", column->field().name, plain);
    const bool keeps = i == 1;
    whole.push_back({{piece}, false});
    keeping.push_back({{{column, 0, keeps ? 8 : batch.rows()}}, keeps});
  }
  std::vector<rows::Digest128> digests(batch.rows(), rows::Digest128{1, 2});
  Bytes patch;
  repo::EncodePatch({20, {0, 5, 19}, {0, 1, 2, 3, 10, 11, 12, 20, 25}, {}, {}}, digests, whole,
                    patch);
  Save("patch", "rows", patch);
  repo::EncodePatch({20, {0, 5, 19}, {0, 1, 2, 3, 10, 11, 12, 20, 25}, {8}, {19}}, digests, keeping,
                    patch);
  Save("patch", "keeper", patch);
  repo::EncodePatch({4, {1, 2}, {}, {}, {}}, {}, {}, patch);
  Save("patch", "deletes", patch);
}

void SavePages() {
  for (const bool text : {false, true}) {
    Bytes leaves;
    Bytes pages;
    for (std::uint8_t i = 0; i < 3; ++i) {
      repo::RowRange range;
      range.first = text ? rows::Key(std::string(1 + i, 'k')) : rows::Key(std::int64_t{i} * 10);
      range.last = text ? rows::Key(std::string(1 + i, 'k') + "a") : rows::Key(i * 10L + 5);
      range.digest = {{i, 7}, 3};
      range.bytes = 100;
      AppendEntry(repo::LeafEntry{range,
                                  {{{0, NameOf(i)}, {1, NameOf(9)}}, NameOf(4)},
                                  std::vector<repo::BlobName>(i, NameOf(5))},
                  leaves);
      AppendEntry(repo::PageEntry{range, 4, NameOf(6)}, pages);
    }
    const auto type = text ? repo::KeyType::kVarChar : repo::KeyType::kInt64;
    const std::string name = text ? "text" : "numbers";
    Save("tree_page", "leaves-" + name, repo::EncodePage(0, type, 3, leaves));
    Save("tree_page", "pages-" + name, repo::EncodePage(2, type, 3, pages));
  }
}

void SaveObjects() {
  std::vector<repo::PackEntry> entries;
  std::uint32_t offset = 8;
  for (std::uint8_t kind = 1; kind <= 5; ++kind) {
    entries.push_back({static_cast<repo::BlobKind>(kind), NameOf(kind), offset, 40, 100});
    offset += 40;
  }
  Bytes directory;
  repo::EncodeEntries(entries, directory);
  Save("pack_directory", "five", directory);
  repo::ObjectId id;
  id.bytes.fill(0xa5);
  Save("index", "one", repo::EncodeIndex({{id, repo::PackBytes(entries), entries}}));
  Save("key_file", "plain", repo::EncodeKeyFile({}));
  repo::SecretKey key;
  Save("config", "patches",
       repo::EncodeConfig({.id = id, .patches = true, .created_ms = 1'700'000'000'000}, key));
  repo::RotationRecord rotation;
  rotation.generation = 2;
  rotation.former = repo::CarriedKey();
  rotation.marks = {{1}, {2}};
  rotation.retired = {id};
  Save(
      "config", "rotated",
      repo::EncodeConfig(
          {.id = id, .patches = true, .created_ms = 1'700'000'000'000, .rotation = rotation}, key));

  repo::CollectionManifest manifest;
  manifest.spec = Spec();
  manifest.partitions = {repo::PartitionRoot{"part", {{1, 2}, 3}, 4, 9, 1, NameOf(1)}};
  if (const auto plain = repo::EncodeManifest(manifest); plain.ok()) {
    Save("manifest", "one", *plain);
  }
  repo::CheckRecord checked{.created_ms = 7, .program = "aerie", .host = "here", .packs = {}};
  checked.packs = {{id, 5}, {repo::ObjectId{}, -5}};
  Save("checked", "one", repo::EncodeCheckRecord(checked));

  repo::DamageRecord damaged{.created_ms = 7, .program = "aerie", .host = "here", .packs = {}};
  damaged.packs = {{id, {NameOf(1), NameOf(2)}}, {repo::ObjectId{}, {NameOf(3)}}};
  Save("damaged", "two", repo::EncodeDamageRecord(damaged));

  repo::Snapshot snapshot;
  snapshot.id.hex = id.ToHex();
  snapshot.tags = {"nightly"};
  snapshot.parent = repo::SnapshotId{id.ToHex()};
  snapshot.collections = {{manifest.spec.name, 4, {{1, 2}, 3}, NameOf(2), {}}};
  Save("snapshot", "one", repo::EncodeSnapshot(snapshot));
  snapshot.immutable_until_ms = 1'800'000'000'000;
  Save("snapshot", "immutable", repo::EncodeSnapshot(snapshot));
}

void SaveExport() {
  files::TableSchema schema{fuzz::Columns(), "part", {}};
  rows::FieldSchema any;
  any.name = "any";
  any.type = rows::DataType::kJson;
  any.nullable = true;
  schema.columns.push_back(any);
  rows::CollectionSpec spec = Spec();
  spec.schema.fields = schema.columns;
  const auto batch = rows::RowGenerator(2).RandomRows(spec.schema, "part", 9);
  if (const auto encoder = files::MakeJsonlFormat()->NewFile(schema);
      encoder.ok() && (*encoder)->Append(batch).ok()) {
    if (const auto file = (*encoder)->Finish(); file.ok()) Save("jsonl", "rows", *file);
  }
  files::ExportManifest manifest;
  manifest.request = {"jsonl", "snapshot 1", {spec.name}, {}, ""};
  files::ExportedFile file{files::PartPath(spec.name, "part", 0, "jsonl"),
                           9,
                           "00",
                           {{1, 2}, 3},
                           std::int64_t{-7},
                           std::int64_t{7}};
  manifest.collections = {{spec, true, true, {"a warning"}, {{"part", true, {file}}}}};
  Save("export", "one", aerie::AsBytes(files::EncodeExportManifest(manifest)));
}

// Files of other programs.
void SaveForeign() {
  const auto text = [](const std::string& target, const std::string& name, std::string_view bytes) {
    Save(target, name, aerie::AsBytes(bytes));
  };
  text("csv", "quotes", "\x02id,t\r\n1,\"a \"\"b\"\" c\nd\"\r\n2,\r\n3,\"\"");
  text("csv", "open", "\x05id\n\"a");
  for (const auto& [name, dict] :
       {std::pair{"vectors", "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }"},
        {"text", "{'descr': '>U2', 'fortran_order': True, 'shape': (1,), }"}}) {
    std::string file("\x93NUMPY\x01\x00", 8);
    file += {static_cast<char>(std::string_view(dict).size()), '\0'};
    text("npy", name, file + dict + "12345678");
  }
  text("json_cell", "vector", "\x03[1, -2.5e3, 0, 7]");
  text("json_cell", "sparse", "\x09{\"3\": 0.5, \"1\": 2}");
  text("json_cell", "list", "\x0d[\"a\", \"\\u00e9\"]");
  text("json_cell", "half", "\x0f[0.1, 65504]");
  text("json_cell", "word",
       "\x02"
       "42");
}

void SaveSync() {
  const auto block = [](Bytes& out, std::uint8_t kind, const auto& fill) {
    Bytes payload;
    aerie::ByteWriter writer(payload);
    fill(writer);
    out.push_back(kind);
    out.push_back(static_cast<std::uint8_t>(payload.size()));
    out.insert(out.end(), payload.begin(), payload.end());
  };
  const auto name = [](aerie::ByteWriter& to) { to.Raw(aerie::AsBytes("part")); };
  Bytes file = {0};
  block(file, 1, name);
  block(file, 2, [](aerie::ByteWriter& to) {
    to.Fixed(std::uint8_t{0});
    to.Varint(2);
    for (const std::int64_t key : {-7, 9}) to.Fixed(key);
    for (std::uint64_t half = 0; half < 4; ++half) to.Fixed(half);
  });
  block(file, 4, [](aerie::ByteWriter& to) {
    to.Fixed(std::uint64_t{2});
    to.Fixed(std::uint64_t{2});
  });
  Save("sync_file", "rows", file);
  Bytes journal = {1};
  block(journal, 1, name);
  block(journal, 3, [](aerie::ByteWriter& to) {
    to.Fixed(std::uint8_t{1});
    to.Varint(2);
    to.Sized("a");
    to.Sized("bc");
    to.Fixed(std::uint8_t{0});
    to.Fixed(std::uint8_t{1});
  });
  Save("sync_file", "journal", journal);
  aerie::transfer::SyncRecord record;
  record.from = {"http://a:1", {"default", "things"}, 7};
  record.to = {"http://b:2", {"other", "things"}, 8};
  record.rows_file = "rows.3";
  record.spec = Spec();
  const std::string text = aerie::transfer::EncodeRecord(record);
  Save("sync_record", "one", aerie::AsBytes(text.substr(0, text.find('\n'))));
}

void SaveBundle() {
  files::BundleManifest manifest;
  manifest.finished = true;
  manifest.bundle = std::string(32, '1');
  manifest.program = "aerie 0.1.0";
  manifest.snapshot = std::string(32, '2');
  manifest.rows = 3;
  manifest.plain_bytes = 4;
  manifest.parts = {{"config", 5, std::string(64, '6')}, {"packs/ab/cd", 7, std::string(64, '8')}};
  Save("bundle", "one", aerie::AsBytes(files::EncodeBundleManifest(manifest)));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_seeds DIRECTORY\n");
    return 2;
  }
  corpus = argv[1];
  SaveRows();
  SavePages();
  SaveObjects();
  SaveExport();
  SaveForeign();
  SaveSync();
  SaveBundle();
  return 0;
}
