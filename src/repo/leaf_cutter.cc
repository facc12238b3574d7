#define XXH_INLINE_ALL
#include "repo/leaf_cutter.h"

#include <bit>
#include <string>

#include <xxhash.h>

#include "repo/column_blob.h"

namespace aerie::repo {
namespace {

constexpr std::size_t kLeafAim = std::size_t{1} << 20;
constexpr std::size_t kSampleRows = 1024;

std::uint64_t Hash(ByteSpan key, std::uint64_t seed) {
  return XXH3_64bits_withSeed(key.data(), key.size(), seed);
}

// Plain bytes of single rows of one batch, columns looked at once.
class RowSizes {
 public:
  explicit RowSizes(const rows::RowBatch& batch) {
    for (const rows::Column& column : batch.columns()) {
      if (column.fixed())
        fixed_ += column.width();
      else
        varying_.push_back(&column);
    }
  }
  std::size_t Of(std::size_t row) const {
    std::size_t bytes = fixed_;
    for (const rows::Column* column : varying_) bytes += PlainBytes(*column, row, row + 1);
    return bytes;
  }

 private:
  std::size_t fixed_ = 0;
  std::vector<const rows::Column*> varying_;
};

}  // namespace

std::uint64_t KeyHash(const rows::Key& key, std::uint64_t seed) {
  if (const auto* number = std::get_if<std::int64_t>(&key)) {
    return Hash({reinterpret_cast<const std::uint8_t*>(number), sizeof(*number)}, seed);
  }
  return Hash(AsBytes(std::get<std::string>(key)), seed);
}

bool EndsLeaf(const rows::Key& key, std::uint32_t leaf_bits) {
  return (KeyHash(key, 0) & ((std::uint64_t{1} << leaf_bits) - 1)) == 0;
}

std::uint32_t ChooseLeafBits(std::size_t average_row_bytes) {
  const std::size_t row = average_row_bytes == 0 ? 1 : average_row_bytes;
  std::uint32_t best = kMinLeafBits;
  const auto distance = [&](std::uint32_t bits) {
    const std::size_t bytes = row << bits;
    return bytes > kLeafAim ? bytes - kLeafAim : kLeafAim - bytes;
  };
  // Already too large with the fewest rows; and larger rows could overflow below.
  if (row > kLeafAim >> kMinLeafBits) return kMinLeafBits;
  for (std::uint32_t bits = kMinLeafBits + 1; bits <= kMaxLeafBits; ++bits) {
    if (distance(bits) < distance(best)) best = bits;
  }
  return best;
}

bool LeafBitsSample::Add(const rows::RowBatch& batch) {
  const RowSizes sizes(batch);
  for (std::size_t row = 0; row < batch.rows(); ++row) {
    if (rows_ >= kSampleRows || bytes_ >= kLeafAim) return true;
    ++rows_;
    bytes_ += sizes.Of(row);
  }
  return rows_ >= kSampleRows || bytes_ >= kLeafAim;
}

std::uint32_t LeafBitsSample::Choose() const {
  return ChooseLeafBits(rows_ == 0 ? 1 : bytes_ / rows_);
}

void LeafCutter::Cut(const rows::RowBatch& batch, std::size_t begin, std::size_t end,
                     std::vector<std::size_t>& ends) {
  const RowSizes sizes(batch);
  const rows::Column& keys = batch.key_column();
  for (std::size_t row = begin; row < end; ++row) {
    const std::size_t bytes = sizes.Of(row);
    if (rows_ != 0 && bytes_ + bytes > kMaxLeafBytes) {
      ends.push_back(row);
      rows_ = 0;
      bytes_ = 0;
    }
    ++rows_;
    bytes_ += bytes;
    if (rows_ == kMaxLeafRows || (Hash(keys.Cell(row), 0) & mask_) == 0) {
      ends.push_back(row + 1);
      rows_ = 0;
      bytes_ = 0;
    }
  }
}

}  // namespace aerie::repo
