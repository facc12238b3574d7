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

std::unique_ptr<repo::Repository> NewRepository(bool encrypted) {
  repo::CreateOptions options;
  options.encrypted = encrypted;
  if (encrypted) options.passphrase = aerie::Secret("bench");
  options.kdf_passes = 1;
  options.kdf_memory = std::uint64_t{1} << 20;
  return Must(repo::CreateRepository(Context::Background(),
                                     std::make_shared<objects::MemoryStore>(), options));
}

repo::Snapshot Write(repo::Repository& repository, std::vector<rows::RowBatch> batches) {
  const Context context = Context::Background();
  const Rows& all = TheRows();
  auto snapshot = Must(repository.BeginSnapshot(context, {}));
  auto writer = Must(snapshot->OpenPartition(context, all.spec, "_default", {}));
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

void BM_Read(benchmark::State& state) {
  const Context context = Context::Background();
  const Rows& all = TheRows();
  auto repository = NewRepository(state.range(0) != 0);
  const repo::Snapshot snapshot = Write(*repository, all.batches);
  for (auto _ : state) {
    auto source = Must(repository->OpenCollection(context, snapshot.collections.front()));
    rows::ReadOptions options;
    options.streams = static_cast<int>(state.range(1));
    auto reader = Must(source->OpenReader(context, "_default", options));
    while (Must(reader->Next(context))) {
    }
  }
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
