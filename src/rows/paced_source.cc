#include "rows/paced_source.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace aerie::rows {
namespace {

class PacedReader : public RowReader {
 public:
  PacedReader(std::unique_ptr<RowReader> inner, std::shared_ptr<Pacer> pacer)
      : inner_(std::move(inner)), pacer_(std::move(pacer)) {}

  const std::string& partition() const override { return inner_->partition(); }
  std::optional<Key> position() const override { return inner_->position(); }
  const ReadReport& report() const override { return inner_->report(); }
  Result<std::optional<RowBatch>> Next(const Context& context) override {
    AERIE_ASSIGN(std::optional<RowBatch> batch, inner_->Next(context));
    if (batch) AERIE_TRY(pacer_->Pass(context, batch->rows(), batch->ByteSize()));
    return batch;
  }

 private:
  const std::unique_ptr<RowReader> inner_;
  const std::shared_ptr<Pacer> pacer_;
};

class PacedSource : public CollectionSource {
 public:
  PacedSource(std::unique_ptr<CollectionSource> inner, std::shared_ptr<Pacer> pacer)
      : inner_(std::move(inner)), pacer_(std::move(pacer)) {}

  const CollectionSpec& spec() const override { return inner_->spec(); }
  std::vector<std::string> ReadPartitions() const override { return inner_->ReadPartitions(); }
  std::int64_t EstimatedRows() const override { return inner_->EstimatedRows(); }
  Status Close(const Context& context) override { return inner_->Close(context); }
  Result<std::unique_ptr<RowReader>> OpenReader(const Context& context,
                                                const std::string& partition,
                                                const ReadOptions& options) override {
    AERIE_ASSIGN(auto reader, inner_->OpenReader(context, partition, options));
    return std::make_unique<PacedReader>(std::move(reader), pacer_);
  }

 private:
  const std::unique_ptr<CollectionSource> inner_;
  const std::shared_ptr<Pacer> pacer_;
};

}  // namespace

std::unique_ptr<CollectionSource> MakePacedSource(std::unique_ptr<CollectionSource> inner,
                                                  std::shared_ptr<Pacer> pacer) {
  return std::make_unique<PacedSource>(std::move(inner), std::move(pacer));
}

}  // namespace aerie::rows
