// Files of other programs, found and read as one table.
//
// One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "files/csv_table.h"
#include "files/foreign_table.h"

namespace aerie::files {

enum class ForeignKind { kParquet, kCsv, kNpy, kJsonLines };

struct ForeignInput {
  ForeignKind kind = ForeignKind::kCsv;
  std::vector<std::string> paths;  // ascending
};

// What `path` is, by the names of files. Nullopt: an export of ours, finished or not, or nothing
// that is known here. kNotFound for a file that is not there; kRefused for a folder of several
// kinds, for kinds that are known and not read (.npz, .csv.gz), and for files that are not local.
Result<std::optional<ForeignInput>> FindForeignInput(const std::string& path);

struct ForeignOptions {
  CsvOptions csv;
  std::vector<std::string> more_columns;  // JSON lines may have these, too
};

class ForeignFiles final : public ForeignTable {
 public:
  static Result<std::unique_ptr<ForeignFiles>> Open(const ForeignInput& input,
                                                    const ForeignOptions& options);

  const std::vector<ForeignColumn>& columns() const override { return columns_; }
  Result<bool> Next(std::vector<ForeignValue>& row) override;
  std::string Where() const override { return table_->Where(); }
  // Where the row of that number, from 1, was read: "a.csv, row 3".
  std::string Locate(std::uint64_t number) const;

 private:
  ForeignFiles(ForeignInput input, ForeignOptions options)
      : input_(std::move(input)), options_(std::move(options)) {}
  Status OpenNext();

  const ForeignInput input_;
  const ForeignOptions options_;
  std::vector<ForeignColumn> columns_;
  std::unique_ptr<ForeignTable> table_;
  std::size_t next_ = 0;                       // file
  std::vector<std::uint64_t> first_row_ = {};  // number of the first row of each opened one
  std::uint64_t rows_ = 0;
  std::vector<std::size_t> order_;  // where the open table has the columns
  std::vector<ForeignValue> row_;
};

}  // namespace aerie::files
