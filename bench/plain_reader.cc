// The reading peer: every row of one partition by closed key ranges, parsed and dropped.
//
//   bench_plain_reader --address HOST:PORT --collection NAME [--rows 200000] [--range-rows 5000]
//                      [--streams 2] [--partition _default]
//
// The keys are 0 .. rows-1 and known beforehand; all ranges are asked for at one guarantee
// timestamp, `streams` at a time, without a limit. Nothing is planned, counted, compared, converted
// or kept. Prints {"seconds":, "rows":, "wire_bytes":}, or fails when rows are missing.
#include "bare_client.h"

int main(int argc, char** argv) {
  const bench::Stopwatch whole;
  const bench::Options options(argc, argv);
  const std::int64_t rows = options.Number("rows", 200'000);
  const std::int64_t step = options.Number("range-rows", 5'000);
  const int streams = static_cast<int>(options.Number("streams", 2));
  const std::string collection = options.Text("collection", "bench");
  const std::string partition = options.Text("partition", "_default");
  const bench::BareClient client(options.Text("address", "127.0.0.1:19530"), streams);
  const auto now = client.Call(&bench::pb::MilvusService::Stub::AllocTimestamp,
                               bench::pb::AllocTimestampRequest());
  std::atomic<std::int64_t> read = 0;
  std::atomic<std::size_t> bytes = 0;
  bench::InParallel((rows + step - 1) / step, streams, [&](std::int64_t i, std::size_t stream) {
    const auto request =
        bench::RangeQuery(collection, partition, i * step, (i + 1) * step, now.timestamp());
    const auto answer = client.Call(&bench::pb::MilvusService::Stub::Query, request, stream);
    for (const auto& field : answer.fields_data()) {
      if (field.field_name() == "id") read += field.scalars().long_data().data_size();
    }
    bytes += answer.ByteSizeLong();
  });
  if (read != rows) bench::Die("read " + std::to_string(read) + " rows");
  std::printf("{\"seconds\":%.3f,\"rows\":%lld,\"wire_bytes\":%zu}\n", whole.Seconds(),
              static_cast<long long>(read), bytes.load());
  return 0;
}
