// Columns of any Arrow schema, as other programs write it, value by value, through the C data
// interface and without Arrow's library.
//
// One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "files/arrow_abi.h"
#include "files/foreign_table.h"

namespace aerie::files {

// One column of a schema.
class ArrowColumn {
 public:
  explicit ArrowColumn(const ArrowSchema& schema);
  ~ArrowColumn();
  ArrowColumn(ArrowColumn&&) noexcept;
  ArrowColumn& operator=(ArrowColumn&&) noexcept;

  const ForeignColumn& about() const { return about_; }
  // The value at `row` of an array of that schema, pointing into it or into this; null when the
  // column is unreadable. Trusts the producer's pointers and
  // offsets, as the C data interface demands.
  void Value(const ArrowArray& array, std::int64_t row, ForeignValue& value);

 private:
  struct Type;
  std::unique_ptr<Type> type_;
  ForeignColumn about_;
  Bytes bits_;  // of booleans, a byte each
};

}  // namespace aerie::files
