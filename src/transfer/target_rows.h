// What the target of a restore or copy holds, asked by partition and key range while rows are still
// being written into it. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "milvus/client.h"
#include "milvus/range_query.h"
#include "rows/schema.h"

namespace aerie::transfer {

class TargetRows {
 public:
  // `target` as it was described on the cluster behind `client`; it must be loaded, and outlive
  // this.
  TargetRows(std::shared_ptr<milvus::Client> client, const rows::CollectionSpec& target)
      : client_(std::move(client)), target_(target) {}

  // All rows of a range. kTooLarge when they do not fit into an answer.
  Result<rows::RowBatch> Rows(const Context& context, const std::string& partition,
                              const milvus::KeyRange& range, const milvus::ReadPoint& point) const;
  // The rows with these keys, which lie in `range` and ascend, however many others do.
  Result<rows::RowBatch> Among(const Context& context, const std::string& partition,
                               const milvus::KeyRange& range, const std::vector<rows::Key>& keys,
                               const milvus::ReadPoint& point) const;
  // The rows with these keys, which ascend; for few among many, and as many as fit into an answer.
  Result<rows::RowBatch> Of(const Context& context, const std::string& partition,
                            const std::vector<rows::Key>& keys,
                            const milvus::ReadPoint& point) const;
  // How many rows have one of these keys.
  Result<std::int64_t> CountOf(const Context& context, const std::string& partition,
                               const std::vector<rows::Key>& keys,
                               const milvus::ReadPoint& point) const;
  // Some keys of a range from its start, of the newest state; none: there are none.
  Result<std::vector<rows::Key>> Keys(const Context& context, const std::string& partition,
                                      const milvus::KeyRange& range) const;

 private:
  milvus::RangeQuery Query(const std::string& partition, const milvus::ReadPoint& point) const;

  const std::shared_ptr<milvus::Client> client_;
  const rows::CollectionSpec& target_;
};

// The keys of a batch, ascending.
std::vector<rows::Key> KeysOf(const rows::RowBatch& batch);
// Those of `keys` that `wanted` lacks; both ascend.
std::vector<rows::Key> KeysBeside(const std::vector<rows::Key>& keys,
                                  const std::vector<rows::Key>& wanted);

}  // namespace aerie::transfer
