// How large the rows of a live collection are, in plain bytes: an estimate. Milvus tells how many
// rows there are, and nothing of bytes.
//
// What a row takes is taken from the first of these that knows:
//   schema     each column has cells of one width; also where there are no rows
//   snapshot   the average of a backup of that collection
//   sample     the average of a few ranges of its keys (copy_sample.h), which reads rows
// One object a cluster; it remembers what it sampled. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "base/context.h"
#include "milvus/client.h"
#include "transfer/endpoint.h"

namespace aerie::transfer {

struct SizeAbout {
  enum class From { kSchema, kSnapshot, kSample };
  std::int64_t bytes = 0;
  From from = From::kSchema;
};
// "schema", "snapshot", "sample".
const char* NameOf(SizeAbout::From from);

class RowSizes {
 public:
  // What a backup has of it.
  struct Stored {
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
  };
  // nullopt: it is not known how many rows there are, or nothing is loaded that could be sampled,
  // or the sample failed.
  std::optional<SizeAbout> Of(const Context& context, const std::shared_ptr<milvus::Client>& client,
                              const Endpoint::Seen& seen, const std::optional<Stored>& stored = {});

 private:
  // Good for a day, or until there are twice as many rows.
  struct Sampled {
    double row_bytes = 0;
    std::int64_t rows = 0;
    SteadyTime at{};
  };
  std::optional<double> SampledRow(const Context& context,
                                   const std::shared_ptr<milvus::Client>& client,
                                   const Endpoint::Seen& seen);

  std::mutex mutex_;
  std::map<std::int64_t, Sampled> sampled_;  // by the collection's id
};

}  // namespace aerie::transfer
