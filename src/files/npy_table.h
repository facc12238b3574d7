// NumPy arrays (.npy, versions 1 to 3) as a table: a file a column, named by the file.
//
// The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "files/foreign_table.h"
#include "files/local_file.h"

namespace aerie::files {

struct NpyHeader {
  enum class Content { kNumbers, kUnicode, kBytes };
  Content content = Content::kNumbers;
  NumberType number = NumberType::kInt64;  // of kNumbers
  std::size_t item_bytes = 0;              // of one number or text
  bool swapped = false;                    // big-endian
  std::uint64_t rows = 0;
  std::uint64_t width = 0;       // numbers in a row of 2-D; 0: 1-D
  std::uint64_t data_begin = 0;  // in the file

  std::uint64_t row_bytes() const { return item_bytes * (width == 0 ? 1 : width); }
};

// From the first bytes of a file of `file_bytes`, at least the header's length of them or all there
// are. kCorrupt for what is no such file, or one of another length than its header tells; kRefused,
// with the remedy, for arrays that are no column: objects, structures, Fortran order, 3-D.
Result<NpyHeader> ParseNpyHeader(ByteSpan begin, std::uint64_t file_bytes);
// No header that a column has is longer.
inline constexpr std::size_t kMaxNpyHeader = std::size_t{64} << 10;

// Name of the column and file of each.
using NpyFiles = std::vector<std::pair<std::string, std::shared_ptr<const LocalFile>>>;
// kRefused, naming two of them, when they differ in length.
Result<std::unique_ptr<ForeignTable>> OpenNpy(NpyFiles files);

}  // namespace aerie::files
