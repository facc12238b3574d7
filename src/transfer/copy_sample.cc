#include "transfer/copy_sample.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "milvus/collection_source.h"
#include "milvus/range_query.h"

namespace aerie::transfer {
namespace {

constexpr std::size_t kPartitions = 4;
constexpr std::size_t kRanges = 3;
constexpr std::size_t kRangeRows = 500;

std::vector<std::string> PartitionsToSample(const rows::CollectionSpec& spec,
                                            const Selection& selection) {
  if (spec.load_state != rows::LoadState::kLoaded) return {};
  if (spec.has_partition_key()) return {""};
  std::vector<std::string> names;
  for (const rows::PartitionSpec& partition : spec.partitions) {
    if (names.size() == kPartitions) break;
    if (partition.load_state != rows::LoadState::kLoaded) continue;
    if (SelectsPartition(selection, partition.name)) names.push_back(partition.name);
  }
  return names;
}

// The rows from keys[first] on, fewer where they do not fit into an answer.
Status VisitRange(const Context& context, const milvus::RangeQuery& query,
                  const std::vector<rows::Key>& keys, std::size_t first,
                  const std::function<Status(const rows::RowBatch&, double)>& visit) {
  std::size_t rows = std::min(kRangeRows, keys.size() - first);
  for (;; rows = (rows + 3) / 4) {
    milvus::KeyRange range;
    if (first > 0) range.after = keys[first - 1];
    range.to = keys[first + rows - 1];
    const SteadyTime start = context.clock().Steady();
    const auto found = query.Rows(context, range);
    if (KindOf(found.status()) == Kind::kTooLarge && rows > 1) continue;
    AERIE_TRY(found.status());
    const auto seconds = std::chrono::duration<double>(context.clock().Steady() - start);
    return visit(found->batch, seconds.count());
  }
}

}  // namespace

void RowSample::Add(const RowSample& other) {
  ranges += other.ranges;
  rows += other.rows;
  bytes += other.bytes;
  seconds += other.seconds;
}

Status VisitFirstRanges(const Context& context, const milvus::RangeQuery& query,
                        const std::function<Status(const rows::RowBatch&, double)>& visit) {
  // Also waits for the time tick, so that the ranges need not.
  AERIE_ASSIGN(const auto keys, query.Keys(context, {}, milvus::RangeQuery::kMaxPage));
  const std::size_t step = std::max(kRangeRows, keys.size() / kRanges);
  for (std::size_t i = 0; i < kRanges && i * step < keys.size(); ++i) {
    AERIE_TRY(VisitRange(context, query, keys, i * step, visit));
  }
  return Ok();
}

Result<RowSample> SampleRows(const Context& context, std::shared_ptr<milvus::Client> client,
                             const rows::CollectionSpec& spec, const Selection& selection) {
  RowSample sample;
  const auto partitions = PartitionsToSample(spec, selection);
  if (partitions.empty()) return sample;
  AERIE_ASSIGN(const std::uint64_t now, milvus::TakeTimestamp(context, *client));
  for (const std::string& partition : partitions) {
    milvus::RowScope scope;
    scope.name = spec.name;
    scope.collection_id = spec.id;
    scope.schema = spec.schema;
    scope.partition = partition;
    if (now > 0) scope.point = {milvus::ReadPoint::Mode::kLive, now};
    const milvus::RangeQuery query(client, std::move(scope));
    AERIE_TRY(VisitFirstRanges(context, query, [&](const rows::RowBatch& rows, double seconds) {
      sample.Add({1, rows.rows(), rows.ByteSize(), seconds});
      return Ok();
    }));
  }
  return sample;
}

}  // namespace aerie::transfer
