#include "files/parquet_table.h"

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "files/arrow_columns.h"
#include "files/arrow_values.h"
#include "files/parquet_format.h"

namespace aerie::files {
namespace {

constexpr std::int64_t kBatchBytes = std::int64_t{4} << 20;

int ReadAt(void* self, std::int64_t offset, std::int64_t size, std::uint8_t* out,
           AerieParquetError* error) {
  const auto& file = *static_cast<const LocalFile*>(self);
  const Status read =
      file.ReadAt(static_cast<std::uint64_t>(offset), {out, static_cast<std::size_t>(size)});
  if (read.ok()) return 0;
  std::snprintf(error->text, sizeof error->text, "%s", std::string(read.message()).c_str());
  return 1;
}

class ParquetTable final : public ForeignTable {
 public:
  explicit ParquetTable(std::shared_ptr<const LocalFile> file) : file_(std::move(file)) {}

  Status Open(const AerieParquetModule& module) {
    // The file outlives the stream, and is only read.
    const AerieParquetSource source{const_cast<LocalFile*>(file_.get()),
                                    static_cast<std::int64_t>(file_->size()), ReadAt};
    AerieParquetError error{};
    if (module.open_source(&source, kBatchBytes, stream_.get(), &error) != 0) {
      return Failed(error.text);
    }
    ArrowOwned<ArrowSchema> schema;
    if (stream_.get()->get_schema(stream_.get(), schema.get()) != 0) return StreamError();
    for (std::int64_t i = 0; i < (*schema).n_children; ++i) {
      data_.emplace_back(*(*schema).children[i]);
      columns_.push_back(data_.back().about());
    }
    AERIE_TRY(CheckDistinct(file_->path(), columns_));
    return LookAtFirstRows();
  }

  const std::vector<ForeignColumn>& columns() const override { return columns_; }

  Result<bool> Next(std::vector<ForeignValue>& row) override {
    AERIE_ASSIGN(const bool there, HasRow());
    if (!there) return false;
    ++row_;
    row.resize(data_.size());
    for (std::size_t i = 0; i < data_.size(); ++i) {
      data_[i].Value(*(*batch_).children[i], (*batch_).offset + at_, row[i]);
    }
    ++at_;
    return true;
  }

  std::string Where() const override { return file_->path() + ", row " + std::to_string(row_); }

 private:
  // Whether a row is left, whose batch is then there.
  Result<bool> HasRow() {
    while (batch_.released() || at_ == (*batch_).length) {
      ArrowOwned<ArrowArray> next;
      if (stream_.get()->get_next(stream_.get(), next.get()) != 0) return StreamError();
      if (next.released()) return false;
      if ((*next).n_children != static_cast<std::int64_t>(data_.size())) {
        return Failed("a batch has another number of columns than the file");
      }
      batch_ = std::move(next);
      at_ = 0;
    }
    return true;
  }

  // Lists of numbers, as pandas writes vectors, tell their length only in their rows.
  Status LookAtFirstRows() {
    AERIE_ASSIGN(const bool there, HasRow());
    ForeignValue value;
    for (std::size_t i = 0; there && i < data_.size(); ++i) {
      if (columns_[i].field) continue;
      const ArrowArray& array = *(*batch_).children[i];
      for (std::int64_t row = 0; !columns_[i].field && row < (*batch_).length; ++row) {
        data_[i].Value(array, (*batch_).offset + row, value);
        if (value.kind == ForeignValue::Kind::kNull) continue;
        if (value.kind != ForeignValue::Kind::kNumbers || value.count == 0) break;
        columns_[i].field = FieldOfVectors(value.number, value.count);
        if (!columns_[i].field) break;
      }
    }
    return Ok();
  }

  Status Failed(const std::string& why) const {
    return CorruptError("read " + file_->path() + ": Parquet: " + why);
  }
  Status StreamError() {
    const char* const text = stream_.get()->get_last_error(stream_.get());
    return Failed(text != nullptr ? text : "no reason given");
  }

  const std::shared_ptr<const LocalFile> file_;
  ArrowOwned<ArrowArrayStream> stream_;
  std::vector<ArrowColumn> data_;
  std::vector<ForeignColumn> columns_;
  ArrowOwned<ArrowArray> batch_;
  std::int64_t at_ = 0;
  std::uint64_t row_ = 0;
};

}  // namespace

Result<std::unique_ptr<ForeignTable>> OpenParquet(std::shared_ptr<const LocalFile> file) {
  AERIE_ASSIGN(const AerieParquetModule* module, LoadParquetModule());
  auto table = std::make_unique<ParquetTable>(std::move(file));
  AERIE_TRY(table->Open(*module));
  return table;
}

}  // namespace aerie::files
