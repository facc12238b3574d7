// A few key ranges of a collection, read to learn how large its rows are and how fast they come.
//
// Changes nothing: a collection that is not loaded is not sampled. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/context.h"
#include "milvus/client.h"
#include "milvus/range_query.h"
#include "rows/schema.h"
#include "transfer/selection.h"

namespace aerie::transfer {

struct RowSample {
  std::uint64_t ranges = 0;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  // plain
  double seconds = 0;       // one range after the other
  void Add(const RowSample& other);
};

// The rows of up to three ranges from among the first keys, one range after the other. `visit` gets
// each with the seconds that it took.
Status VisitFirstRanges(const Context& context, const milvus::RangeQuery& query,
                        const std::function<Status(const rows::RowBatch&, double)>& visit);

// Up to three ranges from among the first keys of each of the first few selected partitions. Empty
// when nothing is loaded or there is no row.
Result<RowSample> SampleRows(const Context& context, std::shared_ptr<milvus::Client> client,
                             const rows::CollectionSpec& spec, const Selection& selection);

}  // namespace aerie::transfer
