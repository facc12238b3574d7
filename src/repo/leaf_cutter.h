// Where leaves end (docs/format.md, Leaves): decided row by row from the key's hash, the rows and
// the bytes since the last end, so that the same rows give the same leaves however they are
// batched, and an insert moves no boundary but its own.
//
// One cutter a partition; not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "rows/batch.h"

namespace aerie::repo {

inline constexpr std::uint32_t kMinLeafBits = 4;
inline constexpr std::uint32_t kMaxLeafBits = 13;
inline constexpr std::size_t kMaxLeafRows = 16'000;
inline constexpr std::size_t kMaxLeafBytes = std::size_t{16} << 20;

// XXH3-64 of the key's bytes: 8 little-endian for Int64, UTF-8 for VarChar.
std::uint64_t KeyHash(const rows::Key& key, std::uint64_t seed);

// Whether a leaf ends after a row with this key, whatever came before.
bool EndsLeaf(const rows::Key& key, std::uint32_t leaf_bits);

// k between kMinLeafBits and kMaxLeafBits with 2^k rows nearest to 1 MiB, the smaller of two.
std::uint32_t ChooseLeafBits(std::size_t average_row_bytes);

// The average row of a partition, from its first 1,024 rows or 1 MiB. It looks at rows one by one
// too: an interrupted backup that runs again chooses the same k, whatever its first batch.
class LeafBitsSample {
 public:
  // Counts rows of the batch until there are enough; true once there are.
  bool Add(const rows::RowBatch& batch);
  std::uint32_t Choose() const;

 private:
  std::size_t rows_ = 0;
  std::size_t bytes_ = 0;
};

class LeafCutter {
 public:
  explicit LeafCutter(std::uint32_t leaf_bits) : mask_((std::uint64_t{1} << leaf_bits) - 1) {}

  // Appends to `ends` each i in [begin, end] such that a leaf ends before row i of the batch;
  // begin: with the last row given before. Ascending.
  void Cut(const rows::RowBatch& batch, std::size_t begin, std::size_t end,
           std::vector<std::size_t>& ends);
  void Cut(const rows::RowBatch& batch, std::vector<std::size_t>& ends) {
    Cut(batch, 0, batch.rows(), ends);
  }

 private:
  std::uint64_t mask_;
  std::size_t rows_ = 0;  // in the leaf that is not ended yet
  std::size_t bytes_ = 0;
};

}  // namespace aerie::repo
