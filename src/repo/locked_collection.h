// A stored collection that holds a lock on its repository as long as it lives.
//
// Follows the rules of rows/stream.h.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "repo/locks.h"
#include "repo/repository.h"

namespace aerie::repo {

class LockedCollection : public StoredCollection {
 public:
  LockedCollection(std::unique_ptr<StoredCollection> inner, std::shared_ptr<Lease> lease)
      : lease_(std::move(lease)), inner_(std::move(inner)) {}

  const rows::CollectionSpec& spec() const override { return inner_->spec(); }
  std::vector<std::string> ReadPartitions() const override { return inner_->ReadPartitions(); }
  Result<std::unique_ptr<rows::RowReader>> OpenReader(const Context& context,
                                                      const std::string& partition,
                                                      const rows::ReadOptions& options) override {
    return inner_->OpenReader(context, partition, options);
  }
  std::int64_t EstimatedRows() const override { return inner_->EstimatedRows(); }
  Status Close(const Context& context) override { return inner_->Close(context); }
  const CollectionManifest& manifest() const override { return inner_->manifest(); }
  BlobSource& blobs() override { return inner_->blobs(); }

 private:
  const std::shared_ptr<Lease> lease_;  // may be null: see Repository::OpenCollection
  const std::unique_ptr<StoredCollection> inner_;
};

}  // namespace aerie::repo
