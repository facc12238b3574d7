// A CollectionSource narrowed to some of its partitions.
//
// Only the rows are narrowed: spec() still tells the whole collection, since a partition that is
// left out of a copy is empty there, not missing. Owns the source it wraps; the threads rule is
// CollectionSource's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "rows/stream.h"

namespace aerie::rows {

class FilteringSource final : public CollectionSource {
 public:
  // On an error the source is closed before it is given up. kNotFound if the collection lacks one
  // of `partitions`, kRefused if a partition key forbids naming them, kInvalid if none is named.
  static Result<std::unique_ptr<CollectionSource>> Make(const Context& context,
                                                        std::unique_ptr<CollectionSource> inner,
                                                        const std::vector<std::string>& partitions);

  const CollectionSpec& spec() const override { return inner_->spec(); }
  // In the order of the wrapped source.
  std::vector<std::string> ReadPartitions() const override { return partitions_; }
  // kNotFound for a partition that was filtered out.
  Result<std::unique_ptr<RowReader>> OpenReader(const Context& context,
                                                const std::string& partition,
                                                const ReadOptions& options) override;
  // -1 unless all partitions are read: nobody counts them one by one.
  std::int64_t EstimatedRows() const override;
  Status Close(const Context& context) override { return inner_->Close(context); }

 private:
  FilteringSource(std::unique_ptr<CollectionSource> inner, std::vector<std::string> partitions);

  std::unique_ptr<CollectionSource> inner_;
  std::vector<std::string> partitions_;
};

}  // namespace aerie::rows
