// Test support: repositories in memory, and snapshots in and out of them with one call.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "objects/faulty_store.h"
#include "objects/memory_store.h"
#include "repo/repository.h"
#include "repo/tree_testing.h"

namespace aerie::repo {

inline const Secret& TestPassphrase() {
  static const Secret passphrase("kite");
  return passphrase;
}

inline CreateOptions CheapOptions(bool encrypted = true) {
  CreateOptions options;
  options.encrypted = encrypted;
  if (encrypted) options.passphrase = TestPassphrase();
  options.kdf_passes = 1;
  options.kdf_memory = 8 << 10;
  return options;
}

inline Result<std::unique_ptr<Repository>> Reopen(std::shared_ptr<objects::ObjectStore> store) {
  return OpenRepository(Context::Background(), std::move(store), TestPassphrase());
}

inline Snapshot InfoAt(std::int64_t created_ms) {
  Snapshot info;
  info.created_ms = created_ms;
  info.program = "aerie test";
  info.cluster = "http://127.0.0.1:19530";
  return info;
}

// One snapshot of one collection with one partition.
inline Result<Snapshot> StoreSnapshot(Repository& repository, const rows::CollectionSpec& spec,
                                      const rows::RowBatch& rows, Snapshot info = InfoAt(1000)) {
  const Context context = Context::Background();
  AERIE_ASSIGN(auto writer, repository.BeginSnapshot(context, std::move(info)));
  AERIE_ASSIGN(auto partition, writer->OpenPartition(context, spec, rows.partition(), {}));
  if (rows.rows() > 0) AERIE_TRY(partition->Write(context, rows.Slice(0, rows.rows())));
  AERIE_TRY(partition->Commit(context).status());
  AERIE_TRY(writer->AddCollection(context, ManifestOf(spec, partition->root()), {}));
  return writer->Commit(context, true);
}

// The same over an earlier snapshot, with small leaves; without one the first of a chain.
inline Result<Snapshot> StoreNext(Repository& repository, const rows::CollectionSpec& spec,
                                  const rows::RowBatch& rows,
                                  const std::optional<Snapshot>& earlier, Snapshot info) {
  const Context context = Context::Background();
  PartitionRoot before;
  before.leaf_bits = 5;
  if (earlier) {
    AERIE_ASSIGN(const auto manifest, repository.LoadManifest(context, earlier->collections.at(0)));
    before = manifest.partitions.at(0);
  }
  AERIE_ASSIGN(auto writer, repository.BeginSnapshot(context, std::move(info)));
  AERIE_ASSIGN(auto partition, writer->OpenPartition(context, spec, rows.partition(), before));
  if (rows.rows() > 0) AERIE_TRY(partition->Write(context, rows.Slice(0, rows.rows())));
  AERIE_TRY(partition->Commit(context).status());
  AERIE_TRY(writer->AddCollection(context, ManifestOf(spec, partition->root()), {}));
  return writer->Commit(context, true);
}

// The rows with every `step`-th one deleted, every one after that changed, and one with a key of
// its own inserted after the next, from `first` on. Int64 keys with room between them.
inline rows::RowBatch ChangeEvery(std::size_t step, std::size_t first,
                                  const rows::CollectionSpec& spec, const rows::RowBatch& rows,
                                  std::uint64_t seed) {
  rows::RowBatch changed = rows::RowBatch::Empty(spec.schema, rows.partition());
  rows::RowGenerator random(seed);
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    const std::size_t phase = (row + step - first % step) % step;
    const auto fresh = [&](std::int64_t after) {
      changed.Append(random.RowsWithKeys(spec.schema, rows.partition(),
                                         {std::get<std::int64_t>(rows.KeyAt(row)) + after}));
    };
    if (phase == 1) fresh(0);
    if (phase > 1) changed.AppendRows(rows, row, row + 1);
    if (phase == 2) fresh(1);
  }
  return changed;
}

// All rows of the snapshot's only collection.
inline Result<rows::RowBatch> RowsOf(Repository& repository, const Snapshot& snapshot) {
  const Context context = Context::Background();
  AERIE_ASSIGN(auto source, repository.OpenCollection(context, snapshot.collections.at(0)));
  const std::string partition = source->ReadPartitions().front();
  AERIE_ASSIGN(auto reader, source->OpenReader(context, partition, {}));
  rows::RowBatch all = rows::RowBatch::Empty(source->spec().schema, partition);
  for (;;) {
    AERIE_ASSIGN(std::optional<rows::RowBatch> batch, reader->Next(context));
    if (!batch) break;
    all.Append(*batch);
  }
  AERIE_TRY(source->Close(context));
  return all;
}

// The keys of `objects` that begin with `prefix`.
inline std::vector<std::string> KeysUnder(const std::map<std::string, Bytes>& objects,
                                          const std::string& prefix) {
  std::vector<std::string> keys;
  for (const auto& [key, bytes] : objects) {
    if (key.starts_with(prefix)) keys.push_back(key);
  }
  return keys;
}

inline std::map<std::string, Bytes> AllObjects(objects::ObjectStore& store) {
  const Context context = Context::Background();
  std::vector<objects::ObjectKey> keys;
  EXPECT_TRUE(store
                  .List(context, "",
                        [&](const objects::ObjectInfo& info) {
                          keys.push_back(info.key);
                          return Ok();
                        })
                  .ok());
  std::map<std::string, Bytes> all;
  for (const auto& key : keys) all[key.text] = *store.Get(context, key, 0, objects::kToEnd);
  return all;
}

// A whole object.
inline Bytes BytesOf(objects::ObjectStore& store, const std::string& key) {
  auto bytes = store.Get(Context::Background(), {key}, 0, objects::kToEnd);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  return bytes.ok() ? *std::move(bytes) : Bytes();
}

inline std::shared_ptr<objects::MemoryStore> StoreWith(const std::map<std::string, Bytes>& all) {
  auto store = std::make_shared<objects::MemoryStore>();
  for (const auto& [key, bytes] : all) {
    EXPECT_TRUE(store->Put(Context::Background(), {key}, bytes).ok());
  }
  return store;
}

}  // namespace aerie::repo
