// Rows as Arrow columns and back, through the C data interface, without Arrow's library.
//
// docs/exporting.md has the table of types. Free functions without state; any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "files/arrow_abi.h"
#include "rows/batch.h"

namespace aerie::files {

// A C structure that is released when it goes out of scope, unless it was handed on.
template <class T>
class ArrowOwned {
 public:
  ArrowOwned() : value_{} {}
  ArrowOwned(const ArrowOwned&) = delete;
  ArrowOwned& operator=(const ArrowOwned&) = delete;
  ArrowOwned(ArrowOwned&& other) noexcept : value_(std::exchange(other.value_, T{})) {}
  ArrowOwned& operator=(ArrowOwned&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~ArrowOwned() {
    if (value_.release != nullptr) value_.release(&value_);
  }
  // For a callee that fills it, or consumes it (and sets its release to null).
  T* get() { return &value_; }
  const T& operator*() const { return value_; }
  bool released() const { return value_.release == nullptr; }

 private:
  T value_;
};

// Name and value of each entry of a schema's metadata.
using ArrowMetadata = std::vector<std::pair<std::string, std::string>>;

// A struct of the columns, each with its Aerie type in the metadata of its field.
ArrowOwned<ArrowSchema> ToArrowSchema(const std::vector<rows::FieldSchema>& columns,
                                      const ArrowMetadata& metadata);

// A struct array that fits ToArrowSchema of the batch's fields; the bytes are copied. kUnsupported
// when a cell has no exact counterpart: an Int8 that is out of range, more than 2 GiB of text.
Result<ArrowOwned<ArrowArray>> ToArrowArray(const rows::RowBatch& batch);

// kCorrupt, naming the column, unless `schema` is that of ToArrowSchema, in names, order and types.
Status CheckArrowSchema(const ArrowSchema& schema, const std::vector<rows::FieldSchema>& columns);

// The rows of a struct array of a schema that CheckArrowSchema has passed. kCorrupt, naming the
// column, for what no writer of ours leaves behind. Trusts the producer's pointers and offsets, as
// the C data interface demands of whoever takes part.
Result<rows::RowBatch> FromArrowArray(const ArrowArray& array, const std::string& partition,
                                      const std::vector<rows::FieldSchema>& columns);

}  // namespace aerie::files
