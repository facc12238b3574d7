#include "files/export_source.h"

#include <optional>
#include <utility>

#include "objects/digests.h"
#include "rows/digest.h"

namespace aerie::files {
namespace {

constexpr std::size_t kVerifyBatchBytes = std::size_t{4} << 20;

// What the readers of one source share.
struct Shared {
  std::shared_ptr<objects::ObjectStore> store;
  std::shared_ptr<const TableFormat> format;
  ExportedCollection collection;
};

class FileReader final : public rows::RowReader {
 public:
  FileReader(std::shared_ptr<const Shared> shared, const ExportedPartition& partition,
             const rows::ReadOptions& options)
      : shared_(std::move(shared)),
        partition_(partition),
        batch_bytes_(options.batch_bytes),
        after_(options.after),
        position_(options.after),
        schema_{shared_->collection.spec.schema.Columns(), partition.name, {}},
        digester_(schema_.columns) {}

  const std::string& partition() const override { return partition_.name; }
  std::optional<rows::Key> position() const override { return position_; }
  const rows::ReadReport& report() const override { return report_; }

  Result<std::optional<rows::RowBatch>> Next(const Context& context) override {
    for (;;) {
      AERIE_TRY(context.Check("read export"));
      if (!decoder_) {
        if (next_file_ == partition_.files.size()) return Finished();
        if (Skips(file())) {
          ++next_file_;
          continue;
        }
        AERIE_TRY(OpenFile(context));
      }
      auto batch = NextOfFile();
      if (!batch.ok()) return Damaged(batch.status());
      if (!*batch) continue;
      rows::RowBatch fresh = WithoutOld(**std::move(batch));
      if (fresh.rows() == 0) continue;
      report_.rows += fresh.rows();
      return std::optional<rows::RowBatch>(std::move(fresh));
    }
  }

 private:
  const ExportedFile& file() const { return partition_.files[next_file_]; }
  bool Skips(const ExportedFile& file) const { return after_ && !(*after_ < file.last); }

  Result<std::optional<rows::RowBatch>> Finished() {
    report_.counted = report_.rows;
    report_.fuzzy = !shared_->collection.exact;
    return std::optional<rows::RowBatch>();
  }

  Status Damaged(const Status& status) const {
    return WithMessage(status, "read " + shared_->store->Describe() + "/" + file().path + ": " +
                                   std::string(status.message()) +
                                   "; the file is damaged, export again or take it from a copy");
  }

  Status OpenFile(const Context& context) {
    auto bytes = shared_->store->Get(context, {file().path});
    if (KindOf(bytes.status()) == Kind::kNotFound) {
      return NotFoundError("read " + shared_->store->Describe() + "/" + file().path +
                           ": the manifest names this file and it is not there; export again or "
                           "take it from a copy");
    }
    AERIE_TRY(bytes.status());
    if (bytes->size() != file().bytes) {
      return Damaged(CorruptError("it has " + std::to_string(bytes->size()) + " bytes instead of " +
                                  std::to_string(file().bytes)));
    }
    if (ToHex(objects::Sha256(*bytes)) != file().sha256) {
      return Damaged(CorruptError("its SHA-256 is not that of the manifest"));
    }
    auto decoder = shared_->format->OpenFile(std::make_shared<const Bytes>(*std::move(bytes)),
                                             schema_, batch_bytes_);
    if (!decoder.ok()) return Damaged(decoder.status());
    decoder_ = *std::move(decoder);
    digest_ = {};
    return Ok();
  }

  // Nullopt when the file ends, and with the rows that the manifest tells.
  Result<std::optional<rows::RowBatch>> NextOfFile() {
    AERIE_ASSIGN(auto batch, decoder_->Next());
    if (!batch) {
      if (digest_ != file().digest) {
        return CorruptError("it has " + std::to_string(digest_.rows) + " rows with digest " +
                            digest_.sum.ToHex() + " instead of " +
                            std::to_string(file().digest.rows) + " with " +
                            file().digest.sum.ToHex());
      }
      decoder_.reset();
      ++next_file_;
      return batch;
    }
    AERIE_TRY(batch->Validate());
    if (last_ && !(*last_ < batch->KeyAt(0))) return CorruptError("its keys do not ascend");
    last_ = batch->KeyAt(batch->rows() - 1);
    AERIE_ASSIGN(const rows::RangeDigest digest, digester_.DigestRange(*batch));
    digest_.Add(digest);
    return batch;
  }

  // The rows behind the key to resume after.
  rows::RowBatch WithoutOld(rows::RowBatch batch) {
    position_ = batch.KeyAt(batch.rows() - 1);
    if (!after_ || *after_ < batch.KeyAt(0)) return batch;
    std::size_t first = 0;
    while (first < batch.rows() && !(*after_ < batch.KeyAt(first))) ++first;
    if (first == batch.rows()) position_ = after_;
    return batch.Slice(first, batch.rows());
  }

  const std::shared_ptr<const Shared> shared_;
  const ExportedPartition partition_;
  const std::size_t batch_bytes_;
  const std::optional<rows::Key> after_;
  std::optional<rows::Key> position_;
  const TableSchema schema_;
  rows::RowDigester digester_;
  std::size_t next_file_ = 0;
  std::unique_ptr<TableDecoder> decoder_;
  rows::RangeDigest digest_;       // of the open file so far
  std::optional<rows::Key> last_;  // decoded
  rows::ReadReport report_;
};

class ExportSource final : public rows::CollectionSource {
 public:
  explicit ExportSource(std::shared_ptr<const Shared> shared) : shared_(std::move(shared)) {}

  const rows::CollectionSpec& spec() const override { return shared_->collection.spec; }

  std::vector<std::string> ReadPartitions() const override {
    std::vector<std::string> names;
    for (const auto& partition : shared_->collection.partitions) names.push_back(partition.name);
    return names;
  }

  Result<std::unique_ptr<rows::RowReader>> OpenReader(const Context&, const std::string& partition,
                                                      const rows::ReadOptions& options) override {
    const std::string operation = "read " + spec().name.ToString() + " of an export";
    if (!options.filter.empty()) {
      return UnsupportedError(operation +
                              ": rows of files cannot be filtered; filter when exporting");
    }
    for (const auto& one : shared_->collection.partitions) {
      if (one.name == partition) return std::make_unique<FileReader>(shared_, one, options);
    }
    return NotFoundError(operation + ": it has no partition " + partition);
  }

  std::int64_t EstimatedRows() const override {
    return static_cast<std::int64_t>(shared_->collection.digest().rows);
  }
  Status Close(const Context&) override { return Ok(); }

 private:
  const std::shared_ptr<const Shared> shared_;
};

}  // namespace

std::unique_ptr<rows::CollectionSource> MakeExportSource(
    std::shared_ptr<objects::ObjectStore> store, std::shared_ptr<const TableFormat> format,
    ExportedCollection collection) {
  return std::make_unique<ExportSource>(std::make_shared<const Shared>(
      Shared{std::move(store), std::move(format), std::move(collection)}));
}

Result<rows::RangeDigest> DigestOfFile(const TableFormat& format, const TableSchema& schema,
                                       std::shared_ptr<const Bytes> file) {
  AERIE_ASSIGN(auto decoder, format.OpenFile(std::move(file), schema, kVerifyBatchBytes));
  rows::RowDigester digester(schema.columns);
  rows::RangeDigest digest;
  for (;;) {
    AERIE_ASSIGN(const auto batch, decoder->Next());
    if (!batch) return digest;
    AERIE_ASSIGN(const rows::RangeDigest one, digester.DigestRange(*batch));
    digest.Add(one);
  }
}

}  // namespace aerie::files
