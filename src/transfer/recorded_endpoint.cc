#include "transfer/recorded_endpoint.h"

#include <algorithm>
#include <utility>

#include "rows/digesting_reader.h"

namespace aerie::transfer {
namespace {

class RecordedReader : public rows::RowReader {
 public:
  RecordedReader(std::unique_ptr<rows::RowReader> inner,
                 const std::vector<rows::FieldSchema>& columns, SyncFileWriter& file)
      : inner_(std::move(inner), columns), file_(file) {}

  const std::string& partition() const override { return inner_.partition(); }
  std::optional<rows::Key> position() const override { return inner_.position(); }
  const rows::ReadReport& report() const override { return inner_.report(); }

  Result<std::optional<rows::RowBatch>> Next(const Context& context) override {
    AERIE_ASSIGN(auto batch, inner_.Next(context));
    if (!batch) return batch;
    for (std::size_t row = 0; row < batch->rows(); ++row) {
      AERIE_TRY(file_.Add({.key = batch->KeyAt(row), .digest = inner_.row_digests()[row]}));
    }
    return batch;
  }

 private:
  rows::DigestingReader inner_;
  SyncFileWriter& file_;
};

class RecordedSource : public rows::CollectionSource {
 public:
  RecordedSource(std::unique_ptr<rows::CollectionSource> inner, SyncFileWriter& file,
                 const std::function<Status(const Context&)>& on_read)
      : inner_(std::move(inner)), spec_(inner_->spec()), file_(file), on_read_(on_read) {
    // Aliases lead to a collection only when it is in step, all of them together.
    spec_.aliases.clear();
  }

  const rows::CollectionSpec& spec() const override { return spec_; }
  std::vector<std::string> ReadPartitions() const override {
    std::vector<std::string> names = inner_->ReadPartitions();
    std::sort(names.begin(), names.end());
    return names;
  }
  Result<std::unique_ptr<rows::RowReader>> OpenReader(const Context& context,
                                                      const std::string& partition,
                                                      const rows::ReadOptions& options) override {
    if (!std::exchange(read_, true)) AERIE_TRY(on_read_(context));
    AERIE_TRY(file_.BeginPartition(partition));
    AERIE_ASSIGN(auto reader, inner_->OpenReader(context, partition, options));
    return std::unique_ptr<rows::RowReader>(
        std::make_unique<RecordedReader>(std::move(reader), spec_.schema.Columns(), file_));
  }
  std::int64_t EstimatedRows() const override { return inner_->EstimatedRows(); }
  Status Close(const Context& context) override { return inner_->Close(context); }

 private:
  const std::unique_ptr<rows::CollectionSource> inner_;
  rows::CollectionSpec spec_;
  SyncFileWriter& file_;
  const std::function<Status(const Context&)>& on_read_;
  bool read_ = false;
};

}  // namespace

Result<std::unique_ptr<rows::CollectionSource>> RecordedEndpoint::Open(
    const Context& context, const rows::CollectionName& name) {
  AERIE_ASSIGN(rows_, make_());
  AERIE_ASSIGN(auto source, inner_.Open(context, name));
  spec_ = source->spec();
  return std::unique_ptr<rows::CollectionSource>(
      std::make_unique<RecordedSource>(std::move(source), *rows_, on_read_));
}

}  // namespace aerie::transfer
