// The copying peer: every row of one partition from one server into another by closed key ranges,
// the answer's columns passed on as they are.
//
//   bench_raw_copy --address HOST:PORT --to HOST:PORT --collection NAME [--into NAME] [--rows
//   200000]
//                  [--range-rows 5000] [--streams 4] [--partition _default]
//
// The keys are 0 .. rows-1 and known beforehand; each stream reads a range and inserts it. Nothing
// is planned, counted, compared or made: the target's collection must be there. Prints {"seconds":,
// "rows":}, or fails when rows are missing.
#include "bare_client.h"

int main(int argc, char** argv) {
  using Stub = bench::pb::MilvusService::Stub;
  const bench::Stopwatch whole;
  const bench::Options options(argc, argv);
  const std::int64_t rows = options.Number("rows", 200'000);
  const std::int64_t step = options.Number("range-rows", 5'000);
  const int streams = static_cast<int>(options.Number("streams", 4));
  const std::string collection = options.Text("collection", "bench");
  const std::string into = options.Text("into", collection);
  const std::string partition = options.Text("partition", "_default");
  const bench::BareClient from(options.Text("address", "127.0.0.1:19530"), streams);
  const bench::BareClient to(options.Text("to", "127.0.0.1:19531"), streams);
  const auto now = from.Call(&Stub::AllocTimestamp, bench::pb::AllocTimestampRequest());
  std::atomic<std::int64_t> copied = 0;
  bench::InParallel((rows + step - 1) / step, streams, [&](std::int64_t i, std::size_t stream) {
    const auto query =
        bench::RangeQuery(collection, partition, i * step, (i + 1) * step, now.timestamp());
    auto answer = from.Call(&Stub::Query, query, stream);
    bench::pb::InsertRequest insert;
    insert.set_collection_name(into);
    insert.set_partition_name(partition);
    insert.mutable_fields_data()->Swap(answer.mutable_fields_data());
    insert.set_num_rows(static_cast<std::uint32_t>(std::min(step, rows - i * step)));
    copied += to.Call(&Stub::Insert, insert, stream).insert_cnt();
  });
  if (copied != rows) bench::Die("copied " + std::to_string(copied) + " rows");
  std::printf("{\"seconds\":%.3f,\"rows\":%lld}\n", whole.Seconds(),
              static_cast<long long>(copied));
  return 0;
}
