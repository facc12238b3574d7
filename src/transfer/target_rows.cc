#include "transfer/target_rows.h"

#include <algorithm>
#include <iterator>

namespace aerie::transfer {
namespace {

// The rows of `found` whose keys are among `keys`; both ascend.
rows::RowBatch RowsAmong(const rows::RowBatch& found, const std::vector<rows::Key>& keys) {
  rows::RowBatch among = found.Slice(0, 0);
  auto at = keys.begin();
  for (std::size_t row = 0; row < found.rows(); ++row) {
    const rows::Key key = found.KeyAt(row);
    at = std::find_if(at, keys.end(), [&](const rows::Key& one) { return !(one < key); });
    if (at != keys.end() && *at == key) among.AppendRows(found, row, row + 1);
  }
  return among;
}

}  // namespace

milvus::RangeQuery TargetRows::Query(const std::string& partition,
                                     const milvus::ReadPoint& point) const {
  milvus::RowScope scope;
  scope.name = target_.name;
  scope.collection_id = target_.id;
  scope.schema = target_.schema;
  scope.partition = target_.has_partition_key() ? "" : partition;
  scope.point = point;
  return {client_, std::move(scope)};
}

Result<rows::RowBatch> TargetRows::Rows(const Context& context, const std::string& partition,
                                        const milvus::KeyRange& range,
                                        const milvus::ReadPoint& point) const {
  AERIE_ASSIGN(auto found, Query(partition, point).Rows(context, range));
  return std::move(found.batch);
}

Result<rows::RowBatch> TargetRows::Among(const Context& context, const std::string& partition,
                                         const milvus::KeyRange& range,
                                         const std::vector<rows::Key>& keys,
                                         const milvus::ReadPoint& point) const {
  auto found = Rows(context, partition, range, point);
  if (KindOf(found.status()) == Kind::kTooLarge) {
    return Of(context, partition, keys, point);
  }
  AERIE_TRY(found.status());
  return RowsAmong(*found, keys);
}

Result<rows::RowBatch> TargetRows::Of(const Context& context, const std::string& partition,
                                      const std::vector<rows::Key>& keys,
                                      const milvus::ReadPoint& point) const {
  AERIE_ASSIGN(auto listed, Query(partition, point).RowsOf(context, keys));
  return std::move(listed.batch);
}

Result<std::int64_t> TargetRows::CountOf(const Context& context, const std::string& partition,
                                         const std::vector<rows::Key>& keys,
                                         const milvus::ReadPoint& point) const {
  return Query(partition, point).CountKeys(context, keys);
}

Result<std::vector<rows::Key>> TargetRows::Keys(const Context& context,
                                                const std::string& partition,
                                                const milvus::KeyRange& range) const {
  return Query(partition, {}).Keys(context, range, milvus::RangeQuery::kMaxPage);
}

std::vector<rows::Key> KeysOf(const rows::RowBatch& batch) {
  std::vector<rows::Key> keys;
  keys.reserve(batch.rows());
  for (std::size_t row = 0; row < batch.rows(); ++row) keys.push_back(batch.KeyAt(row));
  return keys;
}

std::vector<rows::Key> KeysBeside(const std::vector<rows::Key>& keys,
                                  const std::vector<rows::Key>& wanted) {
  std::vector<rows::Key> beside;
  std::set_difference(keys.begin(), keys.end(), wanted.begin(), wanted.end(),
                      std::back_inserter(beside));
  return beside;
}

}  // namespace aerie::transfer
