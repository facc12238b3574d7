// SEAM. One kind of file that holds rows: Parquet, JSON lines; one class a kind.
//
// A format is without state and may be shared by threads; an encoder or decoder belongs to one
// thread at a time. Files are made and read in memory, since exports cut them to a bounded size
// (docs/exporting.md); where they are kept is somebody else's affair.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "rows/batch.h"
#include "rows/schema.h"

namespace aerie::files {

// What one file is about.
struct TableSchema {
  std::vector<rows::FieldSchema> columns;  // CollectionSchema::Columns()
  std::string partition;
  std::string spec;  // rows::EncodeSpec of the collection, for formats that can carry it
};

class TableEncoder {
 public:
  virtual ~TableEncoder() = default;
  // `batch` has the columns of the schema, in its order. kUnsupported when the format has no way to
  // write a cell exactly; then only destruction may follow.
  virtual Status Append(const rows::RowBatch& batch) = 0;
  // About what is held in memory for the rows so far.
  virtual std::size_t held_bytes() const = 0;
  // The whole file. Nothing may follow.
  virtual Result<Bytes> Finish() = 0;
};

class TableDecoder {
 public:
  virtual ~TableDecoder() = default;
  // The next rows in the file's order, never none, or nullopt at the end. Cells are those that were
  // appended, bit for bit. kCorrupt, without the file's name, when it does not hold such columns.
  virtual Result<std::optional<rows::RowBatch>> Next() = 0;
};

class TableFormat {
 public:
  virtual ~TableFormat() = default;
  // "parquet": as users name it; also the end of file names.
  virtual const char* name() const = 0;
  virtual Result<std::unique_ptr<TableEncoder>> NewFile(const TableSchema& schema) const = 0;
  // In batches of about `batch_bytes`.
  virtual Result<std::unique_ptr<TableDecoder>> OpenFile(std::shared_ptr<const Bytes> file,
                                                         const TableSchema& schema,
                                                         std::size_t batch_bytes) const = 0;
};

// "parquet" or "jsonl". kInvalid for other names; kUnsupported, with the remedy, when this
// installation lacks the module that Parquet needs.
Result<std::shared_ptr<const TableFormat>> OpenTableFormat(const std::string& name);

}  // namespace aerie::files
