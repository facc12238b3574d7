// Rows out of and into a real Milvus, against bare loops of the same calls on the same server.
//
//   bench_milvus_rows [--uri URI] [--rows 200000] [--rounds 5]
//
// Without --uri it starts a Milvus 2.3.5 of its own (scripts/setup). Rows have 128 floats and six
// scalar fields. Read: the bare loop asks for ranges of 5,000 keys that it knows beforehand, with
// two threads, and drops the answers; Aerie's reader plans, counts, checks and converts. Write: the
// bare loop sends ready-made requests of 4 MiB with two threads; Aerie's writer converts, digests
// and checks. Rounds alternate; medians are compared.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "milvus/collection_admin.h"
#include "milvus/collection_source.h"
#include "milvus/collection_writer.h"
#include "milvus/range_planner.h"
#include "real_milvus.h"

namespace aerie::milvus {
namespace {

using SteadyClock = std::chrono::steady_clock;

[[noreturn]] void Die(const Status& status) {
  std::fprintf(stderr, "bench_milvus_rows: %s\n", std::string(status.message()).c_str());
  std::exit(1);
}
void Need(const Status& status) {
  if (!status.ok()) Die(status);
}
template <class T>
T Need(Result<T> result) {
  if (!result.ok()) Die(result.status());
  return std::move(*result);
}

double Seconds(SteadyClock::time_point since) {
  return std::chrono::duration<double>(SteadyClock::now() - since).count();
}
// CPU seconds of a process since it started; 0 when it is not of this machine.
double CpuOf(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string word;
  double ticks = 0;
  for (int i = 1; i <= 15 && file >> word; ++i) {
    if (i >= 14) ticks += std::atof(word.c_str());
  }
  return ticks / 100;
}

// What one run cost. Wall time on a shared machine says little without the others.
struct Cost {
  double wall = 0;
  double client_cpu = 0;
  double server_cpu = 0;
};
class Meter {
 public:
  explicit Meter(std::string server_pid)
      : pid_(std::move(server_pid)),
        start_(SteadyClock::now()),
        client_(std::clock()),
        server_(CpuOf(pid_)) {}
  Cost Stop() const {
    return {Seconds(start_), static_cast<double>(std::clock() - client_) / CLOCKS_PER_SEC,
            CpuOf(pid_) - server_};
  }

 private:
  const std::string pid_;
  const SteadyClock::time_point start_;
  const std::clock_t client_;
  const double server_;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

rows::FieldSchema Field(const std::string& name, rows::DataType type) {
  rows::FieldSchema field;
  field.name = name;
  field.type = type;
  return field;
}

rows::CollectionSpec Spec(const std::string& name) {
  rows::CollectionSpec spec;
  spec.name.collection = name;
  spec.schema.name = name;
  auto key = Field("id", rows::DataType::kInt64);
  key.primary_key = true;
  auto title = Field("title", rows::DataType::kVarChar);
  title.type_params = {{"max_length", "256"}};
  auto vector = Field("embedding", rows::DataType::kFloatVector);
  vector.type_params = {{"dim", "128"}};
  spec.schema.fields = {key,
                        title,
                        Field("price", rows::DataType::kDouble),
                        Field("stock", rows::DataType::kInt32),
                        Field("active", rows::DataType::kBool),
                        Field("attributes", rows::DataType::kJson),
                        vector};
  spec.partitions = {{rows::kDefaultPartition, rows::LoadState::kLoaded}};
  spec.indexes = {{"embedding", "embedding", {{"index_type", "FLAT"}, {"metric_type", "L2"}}}};
  spec.shards = 1;
  return spec;
}

rows::RowBatch MakeRows(const rows::CollectionSpec& spec, std::int64_t begin, std::int64_t end) {
  std::mt19937_64 random(static_cast<std::uint64_t>(begin));
  std::normal_distribution<float> normal;
  auto batch = rows::RowBatch::Empty(spec.schema, rows::kDefaultPartition);
  auto& columns = batch.mutable_columns();
  const auto append = [](rows::Column& column, const auto& value) {
    column.Append({reinterpret_cast<const std::uint8_t*>(&value), sizeof(value)});
  };
  std::vector<float> vector(128);
  for (std::int64_t id = begin; id < end; ++id) {
    append(columns[0], id);
    columns[1].Append(AsBytes("title of row " + std::to_string(id)));
    append(columns[2], static_cast<double>(id) / 7);
    append(columns[3], static_cast<std::int32_t>(random() % 1000));
    append(columns[4], static_cast<std::uint8_t>(random() % 2));
    columns[5].Append(AsBytes("{\"lot\": " + std::to_string(random() % 100) + "}"));
    for (float& value : vector) value = normal(random);
    columns[6].Append({reinterpret_cast<const std::uint8_t*>(vector.data()), 512});
  }
  return batch;
}

constexpr std::int64_t kStep = 5000;

std::vector<rows::RowBatch> AllRows(const rows::CollectionSpec& spec, std::int64_t rows) {
  std::vector<rows::RowBatch> out;
  for (std::int64_t at = 0; at < rows; at += kStep) {
    out.push_back(MakeRows(spec, at, std::min(at + kStep, rows)));
  }
  return out;
}

// Runs fn(i) for each i in [0, count) on two threads.
template <class Fn>
void TwoThreads(std::int64_t count, Fn fn) {
  std::atomic<std::int64_t> next = 0;
  const auto work = [&] {
    for (std::int64_t i = next++; i < count; i = next++) fn(i);
  };
  std::thread other(work);
  work();
  other.join();
}

class Bench {
 public:
  Bench(const std::string& uri, const std::string& server_pid, std::int64_t rows)
      : rows_(rows), pid_(server_pid) {
    client_ = Need(Client::Open(context_, Need(ParseClusterUri(uri)), ClientOptions()));
  }

  void Read(int rounds) {
    const rows::CollectionSpec spec = Make("bench_read");
    Store(spec, AllRows(spec, rows_));
    Need(Flush(context_, *client_, spec.name));
    std::vector<Cost> bare;
    std::vector<Cost> ours;
    BareRead(spec);
    for (int i = 0; i < rounds; ++i) {
      bare.push_back(BareRead(spec));
      ours.push_back(OurRead(spec));
    }
    Report("read", bare, ours);
    const Cost plan = PlanOnly(spec);
    std::printf("       of it planning alone: %.2f s, server CPU %.2f s\n", plan.wall,
                plan.server_cpu);
    Need(DropCollection(context_, *client_, spec.name));
  }

  void Write(int rounds) {
    std::vector<Cost> bare;
    std::vector<Cost> ours;
    for (int i = 0; i < rounds; ++i) {
      bare.push_back(TimedWrite("bench_bare", [&](const auto& spec, auto rows) {
        return BareWrite(spec, std::move(rows));
      }));
      ours.push_back(TimedWrite(
          "bench_ours", [&](const auto& spec, auto rows) { return Store(spec, std::move(rows)); }));
    }
    Report("write", bare, ours);
  }

 private:
  rows::CollectionSpec Make(const std::string& name) {
    const rows::CollectionSpec spec = Spec(name);
    (void)DropCollection(context_, *client_, spec.name);
    Need(CreateCollectionFromSpec(context_, *client_, spec));
    Need(CreateIndexes(context_, *client_, spec.name, spec.indexes));
    Need(Load(context_, *client_, spec.name, {}));
    return Need(ReadCollectionSpec(context_, *client_, spec.name)).spec;
  }

  Cost Store(const rows::CollectionSpec& spec, std::vector<rows::RowBatch> rows) {
    const Meter meter(pid_);
    auto writer = Need(OpenCollectionWriter(context_, client_, spec, {}));
    for (auto& batch : rows) Need(writer->Write(context_, std::move(batch)));
    const auto receipt = Need(writer->Commit(context_));
    if (receipt.written.rows != static_cast<std::uint64_t>(rows_)) Die(FailedError("rows lost"));
    return meter.Stop();
  }

  Cost BareWrite(const rows::CollectionSpec& spec, std::vector<rows::RowBatch> rows) {
    std::vector<pb::InsertRequest> requests;
    for (const auto& batch : rows) {
      pb::InsertRequest& request = requests.emplace_back();
      request.set_db_name(spec.name.database);
      request.set_collection_name(spec.name.collection);
      request.set_partition_name(batch.partition());
      request.set_num_rows(static_cast<std::uint32_t>(batch.rows()));
      Need(BatchToWire(batch, spec.schema, AutoIdKeys::kSend, 0, batch.rows(),
                       request.mutable_fields_data()));
    }
    rows.clear();
    const Meter meter(pid_);
    TwoThreads(static_cast<std::int64_t>(requests.size()), [&](std::int64_t i) {
      Need(client_->Insert(context_, requests[static_cast<std::size_t>(i)]));
    });
    return meter.Stop();
  }

  template <class Fn>
  Cost TimedWrite(const std::string& name, Fn write) {
    const rows::CollectionSpec spec = Make(name);
    const Cost cost = write(spec, AllRows(spec, rows_));
    Need(DropCollection(context_, *client_, spec.name));
    return cost;
  }

  Cost BareRead(const rows::CollectionSpec& spec) {
    const auto now = Need(client_->AllocTimestamp(context_, pb::AllocTimestampRequest()));
    const Meter meter(pid_);
    TwoThreads((rows_ + kStep - 1) / kStep, [&](std::int64_t i) {
      pb::QueryRequest request;
      request.set_db_name(spec.name.database);
      request.set_collection_name(spec.name.collection);
      request.add_partition_names(rows::kDefaultPartition);
      request.set_expr("id > " + std::to_string(i * kStep - 1) +
                       " and id <= " + std::to_string((i + 1) * kStep - 1));
      request.add_output_fields("*");
      request.set_consistency_level(pbcommon::Customized);
      request.set_guarantee_timestamp(now.timestamp());
      (void)Need(client_->Query(context_, request));
    });
    return meter.Stop();
  }

  // Keys-only pages and counts, without reading a row.
  Cost PlanOnly(const rows::CollectionSpec& spec) {
    const auto now = Need(client_->AllocTimestamp(context_, pb::AllocTimestampRequest()));
    const RangeQuery query(client_, {spec.name,
                                     spec.id,
                                     spec.schema,
                                     rows::kDefaultPartition,
                                     "",
                                     {ReadPoint::Mode::kLive, now.timestamp()}});
    (void)Need(query.Count(context_, KeyRange{}));
    RowSize row_size(query.columns());
    row_size.Measured(1, 590);
    const Meter meter(pid_);
    RangePlanner planner(query, row_size, PlanOptions());
    while (Need(planner.Next(context_))) {
    }
    return meter.Stop();
  }

  Cost OurRead(const rows::CollectionSpec& spec) {
    auto source = Need(OpenCollectionSource(context_, client_, spec.name, {}));
    const Meter meter(pid_);
    auto reader = Need(source->OpenReader(context_, rows::kDefaultPartition, {}));
    std::int64_t rows = 0;
    while (auto batch = Need(reader->Next(context_))) {
      rows += static_cast<std::int64_t>(batch->rows());
    }
    const Cost cost = meter.Stop();
    if (rows != rows_) Die(FailedError("rows lost"));
    reader.reset();
    Need(source->Close(context_));
    return cost;
  }

  void Report(const char* what, const std::vector<Cost>& bare, const std::vector<Cost>& ours) {
    const double mb = static_cast<double>(rows_) * 590 / 1e6;
    const double bare_s = MedianOf(bare, &Cost::wall);
    const double ours_s = MedianOf(ours, &Cost::wall);
    std::printf("%-6s bare %.2f s (%.0f MB/s)   aerie %.2f s (%.0f MB/s)   ratio %.3f\n", what,
                bare_s, mb / bare_s, ours_s, mb / ours_s, ours_s / bare_s);
    std::printf("       CPU seconds: bare client %.2f server %.2f, aerie client %.2f server %.2f\n",
                MedianOf(bare, &Cost::client_cpu), MedianOf(bare, &Cost::server_cpu),
                MedianOf(ours, &Cost::client_cpu), MedianOf(ours, &Cost::server_cpu));
    for (std::size_t i = 0; i < bare.size(); ++i) {
      std::printf("       round %zu: bare %.2f, aerie %.2f\n", i + 1, bare[i].wall, ours[i].wall);
    }
    std::fflush(stdout);
  }
  static double MedianOf(const std::vector<Cost>& costs, double Cost::*what) {
    std::vector<double> values;
    for (const Cost& cost : costs) values.push_back(cost.*what);
    return Median(std::move(values));
  }

  const Context context_ = Context::Background();
  const std::int64_t rows_;
  const std::string pid_;  // of the server, "" when it is elsewhere
  std::shared_ptr<Client> client_;
};

}  // namespace
}  // namespace aerie::milvus

int main(int argc, char** argv) {
  std::string uri;
  std::int64_t rows = 200'000;
  int rounds = 5;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--uri") == 0) uri = argv[i + 1];
    if (std::strcmp(argv[i], "--rows") == 0) rows = std::atoll(argv[i + 1]);
    if (std::strcmp(argv[i], "--rounds") == 0) rounds = std::atoi(argv[i + 1]);
  }
  std::unique_ptr<aerie::test::RealMilvus> server;
  if (uri.empty()) {
    auto launched = aerie::test::RealMilvus::Launch({});
    if (!launched.ok()) aerie::milvus::Die(launched.status());
    server = std::move(*launched);
    uri = server->uri();
  }
  aerie::milvus::Bench bench(uri, server ? server->Get("pid") : "", rows);
  bench.Read(rounds);
  bench.Write(rounds);
  return 0;
}
