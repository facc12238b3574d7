// How fast rows go into a repository and come back, without disk or network: 200,000 rows of 128
// floats and six scalar fields (about 118 MB), written to and read from a store in memory.
//
// bytes_per_second is plain bytes of rows. "stored" is what the store keeps of them.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "objects/memory_store.h"
#include "repo/repository.h"
#include "rows/batch.h"

namespace {

using aerie::Context;
using aerie::Result;
using aerie::Status;
namespace objects = aerie::objects;
namespace repo = aerie::repo;
namespace rows = aerie::rows;

constexpr std::size_t kRows = 200'000;
constexpr std::size_t kBatchRows = 8'000;
constexpr std::size_t kDim = 128;

rows::FieldSchema Field(const std::string& name, rows::DataType type) {
  rows::FieldSchema field;
  field.name = name;
  field.type = type;
  return field;
}

rows::CollectionSpec Spec() {
  rows::CollectionSpec spec;
  spec.name.collection = "bench";
  spec.schema.name = "bench";
  auto& fields = spec.schema.fields;
  fields = {
      Field("id", rows::DataType::kInt64),       Field("vector", rows::DataType::kFloatVector),
      Field("category", rows::DataType::kInt32), Field("price", rows::DataType::kDouble),
      Field("active", rows::DataType::kBool),    Field("title", rows::DataType::kVarChar),
      Field("created", rows::DataType::kInt64)};
  fields[0].primary_key = true;
  fields[1].type_params = {{"dim", std::to_string(kDim)}};
  return spec;
}

template <class T>
void Append(rows::Column& column, T value) {
  std::uint8_t bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  column.Append(bytes);
}

// Unit vectors, as embedding models give them.
void AppendVector(rows::Column& column, std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  float vector[kDim];
  float square = 0;
  for (float& x : vector) {
    x = normal(random);
    square += x * x;
  }
  for (float& x : vector) x /= std::sqrt(square);
  std::uint8_t bytes[sizeof(vector)];
  std::memcpy(bytes, vector, sizeof(vector));
  column.Append(bytes);
}

std::vector<rows::RowBatch> MakeRows(const rows::CollectionSpec& spec) {
  std::mt19937_64 random(1);
  std::vector<rows::RowBatch> batches;
  for (std::size_t at = 0; at < kRows; at += kBatchRows) {
    rows::RowBatch batch = rows::RowBatch::Empty(spec.schema, "_default");
    auto& columns = batch.mutable_columns();
    for (std::size_t row = at; row < std::min(kRows, at + kBatchRows); ++row) {
      Append(columns[0], static_cast<std::int64_t>(row));
      AppendVector(columns[1], random);
      Append(columns[2], static_cast<std::int32_t>(random() % 100));
      Append(columns[3], static_cast<double>(random() % 100'000) / 100);
      Append(columns[4], static_cast<std::uint8_t>(random() % 2));
      const std::string title = "item number " + std::to_string(random() % 1'000'000);
      columns[5].Append(aerie::AsBytes(title));
      Append(columns[6], static_cast<std::int64_t>(1'700'000'000 + row));
    }
    batches.push_back(std::move(batch));
  }
  return batches;
}

struct Rows {
  rows::CollectionSpec spec = Spec();
  std::vector<rows::RowBatch> batches = MakeRows(spec);
  std::int64_t bytes = 0;
};

const Rows& TheRows() {
  static const Rows all = [] {
    Rows made;
    for (const auto& batch : made.batches) {
      made.bytes += static_cast<std::int64_t>(batch.ByteSize());
    }
    return made;
  }();
  return all;
}

// A benchmark without its repository has nothing to measure.
template <class T>
T Must(Result<T> result) {
  if (result.ok()) return *std::move(result);
  std::cerr << result.status() << "\n";
  std::exit(1);
}
void Must(const Status& status) {
  if (status.ok()) return;
  std::cerr << status << "\n";
  std::exit(1);
}

// The rows with room between their keys, and with one in three hundred each changed, deleted and
// inserted at random keys: 1 % in all.
std::vector<rows::RowBatch> SpacedRows() {
  constexpr std::int64_t kSpace = 8;
  std::vector<rows::RowBatch> spaced = TheRows().batches;
  for (auto& batch : spaced) {
    rows::Column keys(batch.key_column().field());
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      Append(keys, std::get<std::int64_t>(batch.KeyAt(row)) * kSpace);
    }
    batch.mutable_columns()[0] = std::move(keys);
  }
  return spaced;
}

void AppendChanged(rows::RowBatch& to, const rows::RowBatch& from, std::size_t row,
                   std::int64_t key, std::mt19937_64& random) {
  const std::size_t other = random() % from.rows();
  for (std::size_t i = 0; i < to.columns().size(); ++i) {
    rows::Column& column = to.mutable_columns()[i];
    if (i == 0)
      Append(column, key);
    else if (i == 1)
      AppendVector(column, random);
    else
      column.AppendRange(from.columns()[i], i == 3 ? other : row, (i == 3 ? other : row) + 1);
  }
}

std::vector<rows::RowBatch> ChangeOnePercent(const std::vector<rows::RowBatch>& batches,
                                             std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<rows::RowBatch> changed;
  for (const auto& batch : batches) {
    auto& to = changed.emplace_back(rows::RowBatch::Empty(TheRows().spec.schema, "_default"));
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      const std::uint64_t dice = random() % 300;
      const std::int64_t key = std::get<std::int64_t>(batch.KeyAt(row));
      const bool room =
          row + 1 < batch.rows() && std::get<std::int64_t>(batch.KeyAt(row + 1)) > key + 1;
      if (dice == 0) continue;
      if (dice == 1)
        AppendChanged(to, batch, row, key, random);
      else
        to.AppendRows(batch, row, row + 1);
      if (dice == 2 && room) AppendChanged(to, batch, row, key + 1, random);
    }
  }
  return changed;
}

std::unique_ptr<repo::Repository> NewRepository(bool encrypted) {
  repo::CreateOptions options;
  options.encrypted = encrypted;
  if (encrypted) options.passphrase = aerie::Secret("bench");
  options.kdf_passes = 1;
  options.kdf_memory = std::uint64_t{1} << 20;
  return Must(repo::CreateRepository(Context::Background(),
                                     std::make_shared<objects::MemoryStore>(), options));
}

repo::Snapshot Write(repo::Repository& repository, std::vector<rows::RowBatch> batches,
                     const std::optional<repo::Snapshot>& before = {}) {
  const Context context = Context::Background();
  const Rows& all = TheRows();
  std::optional<repo::PartitionRoot> root;
  if (before) {
    root = Must(repository.LoadManifest(context, before->collections.front())).partitions.front();
  }
  auto snapshot = Must(repository.BeginSnapshot(context, {}));
  auto writer = Must(snapshot->OpenPartition(context, all.spec, "_default", root));
  for (auto& batch : batches) Must(writer->Write(context, std::move(batch)));
  Must(writer->Commit(context).status());
  repo::CollectionManifest manifest;
  manifest.spec = all.spec;
  manifest.partitions = {writer->root()};
  Must(snapshot->AddCollection(context, std::move(manifest), {}));
  return Must(snapshot->Commit(context, true));
}

void BM_Write(benchmark::State& state) {
  const Rows& all = TheRows();
  double stored = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto repository = NewRepository(state.range(0) != 0);
    auto batches = all.batches;
    state.ResumeTiming();
    const repo::Snapshot snapshot = Write(*repository, std::move(batches));
    stored = static_cast<double>(snapshot.stats.stored_bytes);
    state.PauseTiming();
    repository.reset();
    state.ResumeTiming();
  }
  state.SetBytesProcessed(state.iterations() * all.bytes);
  state.counters["stored"] = stored / static_cast<double>(all.bytes);
}

// The same rows again: everything is known.
void BM_WriteUnchanged(benchmark::State& state) {
  const Rows& all = TheRows();
  auto repository = NewRepository(state.range(0) != 0);
  Write(*repository, all.batches);
  double stored = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto batches = all.batches;
    state.ResumeTiming();
    stored = static_cast<double>(Write(*repository, std::move(batches)).stats.stored_bytes);
  }
  state.SetBytesProcessed(state.iterations() * all.bytes);
  state.counters["stored"] = stored / static_cast<double>(all.bytes);
}

// 1 % of the rows changed since the snapshot before. "stored" is the part of what the first
// snapshot stored, on average over the generations.
void BM_WriteChanged(benchmark::State& state) {
  auto repository = NewRepository(true);
  auto rows = SpacedRows();
  repo::Snapshot before = Write(*repository, rows);
  const auto full = static_cast<double>(before.stats.stored_bytes);
  double stored = 0;
  std::uint64_t generation = 0;
  for (auto _ : state) {
    state.PauseTiming();
    rows = ChangeOnePercent(rows, ++generation);
    auto batches = rows;
    state.ResumeTiming();
    before = Write(*repository, std::move(batches), before);
    const double share = static_cast<double>(before.stats.stored_bytes) / full;
    if (std::getenv("BENCH_EACH") != nullptr) std::cerr << generation << " " << share << "\n";
    stored += share;
  }
  state.SetBytesProcessed(state.iterations() * TheRows().bytes);
  state.counters["stored"] = stored / static_cast<double>(generation);
}

void ReadAll(repo::Repository& repository, const repo::Snapshot& snapshot, int streams) {
  const Context context = Context::Background();
  auto source = Must(repository.OpenCollection(context, snapshot.collections.front()));
  rows::ReadOptions options;
  options.streams = streams;
  auto reader = Must(source->OpenReader(context, "_default", options));
  while (Must(reader->Next(context))) {
  }
}

// After so many generations of 1 % of the rows changed.
void BM_ReadPatched(benchmark::State& state) {
  auto repository = NewRepository(true);
  auto rows = SpacedRows();
  repo::Snapshot snapshot = Write(*repository, rows);
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    rows = ChangeOnePercent(rows, static_cast<std::uint64_t>(i));
    snapshot = Write(*repository, rows, snapshot);
  }
  for (auto _ : state) ReadAll(*repository, snapshot, 2);
  state.SetBytesProcessed(state.iterations() * TheRows().bytes);
}

void BM_Read(benchmark::State& state) {
  const Rows& all = TheRows();
  auto repository = NewRepository(state.range(0) != 0);
  const repo::Snapshot snapshot = Write(*repository, all.batches);
  for (auto _ : state) ReadAll(*repository, snapshot, static_cast<int>(state.range(1)));
  state.SetBytesProcessed(state.iterations() * all.bytes);
}

BENCHMARK(BM_Write)
    ->ArgName("encrypted")
    ->Arg(1)
    ->Arg(0)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(BM_WriteUnchanged)
    ->ArgName("encrypted")
    ->Arg(1)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(BM_WriteChanged)
    ->Iterations(8)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(BM_ReadPatched)
    ->ArgName("generations")
    ->Arg(0)
    ->Arg(1)
    ->Arg(10)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Read)
    ->ArgNames({"encrypted", "streams"})
    ->Args({1, 1})
    ->Args({1, 2})
    ->Args({0, 2})
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
