// Makes a repository with many snapshots of one small collection, as years of hourly backups leave
// it: one in ten has changed rows. Made in memory, then copied.
//
//   bench_many_snapshots LOCATION COUNT      passphrase "bench"
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "objects/memory_store.h"
#include "objects/open_store.h"
#include "repo/repository.h"
#include "rows/batch.h"

namespace {

using aerie::Context;
using aerie::Result;
using aerie::Status;
namespace objects = aerie::objects;
namespace repo = aerie::repo;
namespace rows = aerie::rows;

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kFirstMs = 1'700'000'000'000;
constexpr std::int64_t kRows = 50;
constexpr std::size_t kCopiers = 16;

rows::CollectionSpec Spec() {
  rows::CollectionSpec spec;
  spec.name.collection = "docs";
  spec.schema.name = "docs";
  rows::FieldSchema id, value;
  id.name = "id";
  id.type = rows::DataType::kInt64;
  id.primary_key = true;
  value.name = "value";
  value.type = rows::DataType::kInt64;
  spec.schema.fields = {id, value};
  return spec;
}

rows::RowBatch Rows(const rows::CollectionSpec& spec, std::int64_t generation) {
  rows::RowBatch batch = rows::RowBatch::Empty(spec.schema, "_default");
  const auto append = [](rows::Column& column, std::int64_t value) {
    std::uint8_t bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    column.Append(bytes);
  };
  for (std::int64_t row = 0; row < kRows; ++row) {
    append(batch.mutable_columns()[0], row);
    append(batch.mutable_columns()[1], row % 10 == 0 ? generation : row);
  }
  return batch;
}

Status AddSnapshot(const Context& context, repo::Repository& repository,
                   const rows::CollectionSpec& spec, std::int64_t number) {
  repo::Snapshot info;
  info.created_ms = kFirstMs + number * kHourMs;
  info.program = "aerie bench";
  info.host = "bench";
  info.cluster = "http://milvus.example:19530";
  AERIE_ASSIGN(auto snapshot, repository.BeginSnapshot(context, info));
  AERIE_ASSIGN(auto writer, snapshot->OpenPartition(context, spec, "_default", {}));
  AERIE_TRY(writer->Write(context, Rows(spec, number / 10)));
  AERIE_TRY(writer->Commit(context).status());
  repo::CollectionManifest manifest;
  manifest.spec = spec;
  manifest.partitions = {writer->root()};
  AERIE_TRY(snapshot->AddCollection(context, std::move(manifest), {}));
  return snapshot->Commit(context, true).status();
}

Status CopyAll(const Context& context, objects::ObjectStore& from, objects::ObjectStore& to) {
  std::vector<objects::ObjectKey> keys;
  AERIE_TRY(from.List(context, "", [&](const objects::ObjectInfo& info) {
    keys.push_back(info.key);
    return aerie::Ok();
  }));
  return aerie::ParallelFor(context, keys.size(), kCopiers,
                            [&](const Context& child, std::size_t i) -> Status {
                              AERIE_ASSIGN(const aerie::Bytes bytes, from.Get(child, keys[i]));
                              return to.Put(child, keys[i], bytes);
                            });
}

Status Make(const std::string& location, std::int64_t count) {
  const Context context = Context::Background();
  AERIE_ASSIGN(const auto target, objects::OpenStore(location));
  const auto memory = std::make_shared<objects::MemoryStore>();
  repo::CreateOptions options;
  options.passphrase = aerie::Secret("bench");
  AERIE_ASSIGN(const auto repository, repo::CreateRepository(context, memory, options));
  const rows::CollectionSpec spec = Spec();
  for (std::int64_t i = 0; i < count; ++i) {
    AERIE_TRY(AddSnapshot(context, *repository, spec, i));
  }
  return CopyAll(context, *memory, *target);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: bench_many_snapshots LOCATION COUNT\n";
    return 2;
  }
  const Status made = Make(argv[1], std::atoll(argv[2]));
  if (!made.ok()) std::cerr << made << "\n";
  return made.ok() ? 0 : 1;
}
