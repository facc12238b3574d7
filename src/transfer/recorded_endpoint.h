// An endpoint whose rows are noted as they pass: what a first copy put into the target is known
// afterwards without reading it again.
//
// The rows file is begun anew whenever the collection is opened; partitions are read in the order
// of their names. For one collection, one thread.
#pragma once

#include <functional>
#include <memory>

#include "transfer/endpoint.h"
#include "transfer/sync_file.h"

namespace aerie::transfer {

class RecordedEndpoint : public Endpoint {
 public:
  using MakeFile = std::function<Result<std::unique_ptr<SyncFileWriter>>()>;
  // `on_read` is asked before the first rows are read.
  RecordedEndpoint(Endpoint& inner, MakeFile make, std::function<Status(const Context&)> on_read)
      : inner_(inner), make_(std::move(make)), on_read_(std::move(on_read)) {}

  std::string Describe() const override { return inner_.Describe(); }
  Result<std::vector<rows::CollectionName>> List(const Context& context) override {
    return inner_.List(context);
  }
  Result<std::unique_ptr<rows::CollectionSource>> Open(const Context& context,
                                                       const rows::CollectionName& name) override;
  Result<Seen> Inspect(const Context& context, const rows::CollectionName& name) override {
    return inner_.Inspect(context, name);
  }
  std::shared_ptr<milvus::Client> cluster() const override { return inner_.cluster(); }

  // The rows of the last opening, not finished yet; null if there was none.
  SyncFileWriter* rows() const { return rows_.get(); }
  // The spec that was opened, whole.
  const rows::CollectionSpec& spec() const { return spec_; }

 private:
  Endpoint& inner_;
  const MakeFile make_;
  const std::function<Status(const Context&)> on_read_;
  std::unique_ptr<SyncFileWriter> rows_;
  rows::CollectionSpec spec_;
};

}  // namespace aerie::transfer
