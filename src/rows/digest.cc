#include "rows/digest.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "rows/blake2b_many.h"

namespace aerie::rows {
namespace {

constexpr std::size_t kNullCellBytes = 8 + 1;
constexpr std::size_t kCellHeaderBytes = kNullCellBytes + 4;

void Hash128(const std::uint8_t* const* data, const std::size_t* size, std::size_t count,
             std::vector<Digest128>& out) {
  std::uint64_t hashes[kBlake2bLanes][2];
  Blake2bMany(data, size, count, hashes);
  for (std::size_t i = 0; i < count; ++i) out.push_back({hashes[i][0], hashes[i][1]});
}

std::uint64_t ColumnTag(const FieldSchema& field) {
  Bytes text;
  ByteWriter writer(text);
  writer.Raw(AsBytes(field.name));
  writer.Fixed(std::uint8_t{0});
  writer.Fixed(static_cast<std::uint32_t>(field.type));
  writer.Fixed(static_cast<std::uint32_t>(field.element_type));
  const std::uint8_t* const data = text.data();
  const std::size_t size = text.size();
  std::uint64_t hash[1][2];
  Blake2bMany(&data, &size, 1, hash);
  return hash[0][0];
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
  const auto most = [&](std::size_t row) {
    std::size_t bytes = fixed_bytes;
    for (const Column* column : variable) bytes += column->Cell(row).size();
    return bytes;
  };
  for (std::size_t first = begin; first < end; first += kBlake2bLanes) {
    const std::size_t count = std::min(kBlake2bLanes, end - first);
    std::size_t room = 0;
    for (std::size_t i = 0; i < count; ++i) room += most(first + i);
    if (scratch_.size() < room) scratch_.resize(room);
    std::array<const std::uint8_t*, kBlake2bLanes> data{};
    std::array<std::size_t, kBlake2bLanes> size{};
    std::uint8_t* at = scratch_.data();
    for (std::size_t i = 0; i < count; ++i) {
      data[i] = at;
      for (std::size_t c = 0; c < columns.size(); ++c) {
        at = PutCell(at, slots_[c].tag, *columns[c], first + i);
      }
      size[i] = static_cast<std::size_t>(at - data[i]);
    }
    Hash128(data.data(), size.data(), count, out);
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
