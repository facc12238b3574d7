#include "rows/digest.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sodium.h>

namespace aerie::rows {
namespace {

constexpr std::size_t kHashBytes = 16;
constexpr std::size_t kNullCellBytes = 8 + 1;
constexpr std::size_t kCellHeaderBytes = kNullCellBytes + 4;

// libsodium chooses its SIMD code in sodium_init; without it BLAKE2b runs at half the speed.
void InitSodium() {
  static const int result = sodium_init();
  if (result >= 0) return;
  std::fputs("aerie: libsodium cannot start: no source of randomness\n", stderr);
  std::abort();
}

// BLAKE2b with 16 bytes of output, read as a little-endian number.
Digest128 Hash128(const std::uint8_t* data, std::size_t size) {
  std::uint8_t hash[kHashBytes];
  crypto_generichash_blake2b(hash, sizeof(hash), data, size, nullptr, 0);
  Digest128 digest;
  std::memcpy(&digest.low, hash, 8);
  std::memcpy(&digest.high, hash + 8, 8);
  return digest;
}

std::uint64_t ColumnTag(const FieldSchema& field) {
  Bytes text;
  ByteWriter writer(text);
  writer.Raw(AsBytes(field.name));
  writer.Fixed(std::uint8_t{0});
  writer.Fixed(static_cast<std::uint32_t>(field.type));
  writer.Fixed(static_cast<std::uint32_t>(field.element_type));
  return Hash128(text.data(), text.size()).low;
}

std::uint8_t* PutCell(std::uint8_t* at, std::uint64_t tag, const Column& column, std::size_t row) {
  std::memcpy(at, &tag, sizeof(tag));
  if (column.IsNull(row)) {
    at[8] = 0;
    return at + kNullCellBytes;
  }
  const ByteSpan cell = column.Cell(row);
  const auto size = static_cast<std::uint32_t>(cell.size());
  at[8] = 1;
  std::memcpy(at + kNullCellBytes, &size, sizeof(size));
  if (size != 0) std::memcpy(at + kCellHeaderBytes, cell.data(), size);
  return at + kCellHeaderBytes + size;
}

}  // namespace

std::string Digest128::ToHex() const {
  char text[33];
  std::snprintf(text, sizeof(text), "%016llx%016llx", static_cast<unsigned long long>(high),
                static_cast<unsigned long long>(low));
  return text;
}

void RangeDigest::Add(const Digest128& row) {
  sum.low += row.low;
  sum.high += row.high + (sum.low < row.low ? 1 : 0);
  ++rows;
}

void RangeDigest::Add(const RangeDigest& other) {
  const std::uint64_t total = rows + other.rows;
  Add(other.sum);
  rows = total;
}

void RangeDigest::Subtract(const Digest128& row) {
  sum.high -= row.high + (sum.low < row.low ? 1 : 0);
  sum.low -= row.low;
  --rows;
}

void RangeDigest::Subtract(const RangeDigest& other) {
  const std::uint64_t total = rows - other.rows;
  Subtract(other.sum);
  rows = total;
}

RowDigester::RowDigester(const std::vector<FieldSchema>& columns) {
  InitSodium();
  for (const FieldSchema& field : columns) {
    if (!field.function_output) slots_.push_back({field.name, ColumnTag(field)});
  }
  std::sort(slots_.begin(), slots_.end(),
            [](const Slot& left, const Slot& right) { return left.name < right.name; });
}

Status RowDigester::DigestRows(const RowBatch& batch, std::vector<Digest128>& out) {
  out.clear();
  out.reserve(batch.rows());
  return AppendDigests(batch, 0, batch.rows(), out);
}

Status RowDigester::AppendDigests(const RowBatch& batch, std::size_t begin, std::size_t end,
                                  std::vector<Digest128>& out) {
  std::vector<const Column*> columns;
  columns.reserve(slots_.size());
  std::size_t fixed_bytes = 0;
  std::vector<const Column*> variable;
  for (const Slot& slot : slots_) {
    const Column* column = batch.Find(slot.name);
    if (column == nullptr) {
      return InvalidError("digest rows: the batch has no column " + slot.name +
                          "; read the collection again with all its fields");
    }
    if (column->rows() != batch.rows()) {
      return CorruptError("digest rows: column " + slot.name + " has " +
                          std::to_string(column->rows()) + " of the batch's " +
                          std::to_string(batch.rows()) + " rows");
    }
    columns.push_back(column);
    fixed_bytes += kCellHeaderBytes + column->width();
    if (!column->fixed()) variable.push_back(column);
  }
  for (std::size_t row = begin; row < end; ++row) {
    std::size_t most = fixed_bytes;
    for (const Column* column : variable) most += column->Cell(row).size();
    if (scratch_.size() < most) scratch_.resize(most);
    std::uint8_t* at = scratch_.data();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      at = PutCell(at, slots_[i].tag, *columns[i], row);
    }
    out.push_back(Hash128(scratch_.data(), static_cast<std::size_t>(at - scratch_.data())));
  }
  return Ok();
}

Result<RangeDigest> RowDigester::DigestRange(const RowBatch& batch) {
  std::vector<Digest128> rows;
  AERIE_TRY(DigestRows(batch, rows));
  RangeDigest range;
  for (const Digest128& row : rows) range.Add(row);
  return range;
}

}  // namespace aerie::rows
