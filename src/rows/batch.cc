#include "rows/batch.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <numeric>

#include "rows/row_order.h"

namespace aerie::rows {
namespace {

constexpr std::size_t kMaxColumnBytes = std::numeric_limits<std::uint32_t>::max();

// Aborts: these conditions depend on our own code only, never on input.
void CheckInvariant(bool holds, const char* what, const std::string& object) {
  if (holds) return;
  std::fprintf(stderr, "aerie: broken invariant: %s (%s)\n", what, object.c_str());
  std::abort();
}

bool IsZero(ByteSpan bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

Status CheckCells(const Column& column) {
  const auto fail = [&](std::size_t row, const char* what) {
    return CorruptError("check column " + column.field().name + ": row " + std::to_string(row) +
                        " " + what);
  };
  for (std::size_t row = 0; column.has_nulls_column() && row < column.rows(); ++row) {
    if (column.IsNull(row) && !IsZero(column.Cell(row))) return fail(row, "is null but has bytes");
    if (column.IsNull(row) && !column.fixed() && !column.Cell(row).empty()) {
      return fail(row, "is null but not empty");
    }
  }
  if (column.field().type == DataType::kBool) {
    for (std::size_t row = 0; row < column.rows(); ++row) {
      if (column.data()[row] > 1) return fail(row, "is neither true nor false");
    }
  }
  return Ok();
}

}  // namespace

std::string KeyToText(const Key& key) {
  if (const auto* number = std::get_if<std::int64_t>(&key)) return std::to_string(*number);
  std::string text = "\"";
  for (const char c : std::get<std::string>(key)) {
    switch (c) {
      case '"': text += "\\\""; break;
      case '\\': text += "\\\\"; break;
      case '\n': text += "\\n"; break;
      case '\r': text += "\\r"; break;
      case '\t': text += "\\t"; break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f) {
          text += c;
        } else {
          static constexpr char kDigits[] = "0123456789abcdef";
          text += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
        }
      }
    }
  }
  return text + '"';
}

std::size_t CellWidth(const FieldSchema& field) {
  const auto dim = static_cast<std::size_t>(field.dim());
  switch (field.type) {
    case DataType::kBool: return 1;
    case DataType::kInt8:
    case DataType::kInt16:
    case DataType::kInt32:
    case DataType::kFloat: return 4;
    case DataType::kInt64:
    case DataType::kDouble: return 8;
    case DataType::kFloatVector: return 4 * dim;
    case DataType::kFloat16Vector:
    case DataType::kBFloat16Vector: return 2 * dim;
    case DataType::kInt8Vector: return dim;
    case DataType::kBinaryVector: return (dim + 7) / 8;
    default: return 0;
  }
}

Column::Column(FieldSchema field) : field_(std::move(field)), width_(CellWidth(field_)) {
  if (!fixed()) offsets_.push_back(0);
}

ByteSpan Column::Cell(std::size_t row) const {
  if (fixed()) return {data_.data() + row * width_, width_};
  return {data_.data() + offsets_[row], offsets_[row + 1] - offsets_[row]};
}

void Column::Append(ByteSpan cell) {
  CheckInvariant(!fixed() || cell.size() == width_, "cell has another width", field_.name);
  CheckInvariant(cell.size() <= kMaxColumnBytes - data_.size(), "column over 4 GiB", field_.name);
  data_.insert(data_.end(), cell.begin(), cell.end());
  if (!fixed()) offsets_.push_back(static_cast<std::uint32_t>(data_.size()));
  if (!validity_.empty()) validity_.push_back(1);
  ++rows_;
}

void Column::AppendNull() {
  CheckInvariant(width_ <= kMaxColumnBytes - data_.size(), "column over 4 GiB", field_.name);
  data_.resize(data_.size() + width_);
  if (!fixed()) offsets_.push_back(static_cast<std::uint32_t>(data_.size()));
  validity_.resize(rows_, 1);
  validity_.push_back(0);
  ++rows_;
}

void Column::AppendRange(const Column& other, std::size_t begin, std::size_t end) {
  CheckInvariant(width_ == other.width_, "columns differ in cell width", field_.name);
  CheckInvariant(begin <= end && end <= other.rows_, "rows outside the column", field_.name);
  const std::size_t from = fixed() ? begin * width_ : other.offsets_[begin];
  const std::size_t to = fixed() ? end * width_ : other.offsets_[end];
  const std::size_t base = data_.size();
  CheckInvariant(to - from <= kMaxColumnBytes - base, "column over 4 GiB", field_.name);
  // By index, so that a column may be appended to itself.
  data_.resize(base + (to - from));
  if (to != from) std::memcpy(data_.data() + base, other.data_.data() + from, to - from);
  if (!fixed()) {
    offsets_.reserve(offsets_.size() + (end - begin));
    for (std::size_t row = begin; row < end; ++row) {
      offsets_.push_back(static_cast<std::uint32_t>(base + (other.offsets_[row + 1] - from)));
    }
  }
  // A column has a validity buffer only when some row is null: equal rows, equal buffers.
  const auto is_null = [&](std::size_t row) { return other.IsNull(row); };
  bool nulls = false;
  for (std::size_t row = begin; row < end && !nulls; ++row) nulls = is_null(row);
  if (nulls || !validity_.empty()) {
    validity_.resize(rows_ + (end - begin), 1);
    for (std::size_t row = begin; nulls && row < end; ++row) {
      if (is_null(row)) validity_[rows_ + (row - begin)] = 0;
    }
  }
  rows_ += end - begin;
}

void Column::Reserve(std::size_t rows, std::size_t bytes) {
  data_.reserve(bytes);
  if (!fixed()) offsets_.reserve(rows + 1);
}

Result<Column> Column::FromBuffers(FieldSchema field, std::size_t rows, Bytes data,
                                   std::vector<std::uint32_t> offsets,
                                   std::vector<std::uint8_t> validity) {
  Column column(std::move(field));
  const auto fail = [&](const std::string& what) {
    return CorruptError("build column " + column.field_.name + ": " + what);
  };
  if (data.size() > kMaxColumnBytes) return fail("more than 4 GiB of cells");
  if (column.fixed()) {
    if (!offsets.empty()) return fail("offsets given for cells of one width");
    if (data.size() % column.width_ != 0 || data.size() / column.width_ != rows) {
      return fail(std::to_string(data.size()) + " bytes are not " + std::to_string(rows) +
                  " cells of " + std::to_string(column.width_) + " bytes");
    }
  } else {
    if (offsets.empty() || offsets.size() - 1 != rows) {
      return fail(std::to_string(offsets.size()) + " offsets for " + std::to_string(rows) +
                  " rows");
    }
    if (offsets.front() != 0 || offsets.back() != data.size() ||
        !std::is_sorted(offsets.begin(), offsets.end())) {
      return fail("offsets do not cover the cells in order");
    }
  }
  if (!validity.empty() && validity.size() != rows) {
    return fail(std::to_string(validity.size()) + " validity flags for " + std::to_string(rows) +
                " rows");
  }
  if (std::any_of(validity.begin(), validity.end(), [](std::uint8_t v) { return v > 1; })) {
    return fail("a validity flag is neither 0 nor 1");
  }
  if (std::find(validity.begin(), validity.end(), 0) == validity.end()) validity.clear();
  column.rows_ = rows;
  column.data_ = std::move(data);
  column.offsets_ = std::move(offsets);
  column.validity_ = std::move(validity);
  return column;
}

RowBatch::RowBatch(std::string partition, std::vector<Column> columns)
    : partition_(std::move(partition)), columns_(std::move(columns)) {
  const auto key = std::find_if(columns_.begin(), columns_.end(),
                                [](const Column& column) { return column.field().primary_key; });
  if (key != columns_.end()) key_index_ = static_cast<std::size_t>(key - columns_.begin());
}

RowBatch RowBatch::Empty(const CollectionSchema& schema, std::string partition) {
  std::vector<Column> columns;
  for (FieldSchema& field : schema.Columns()) columns.emplace_back(std::move(field));
  return RowBatch(std::move(partition), std::move(columns));
}

const Column* RowBatch::Find(const std::string& name) const {
  for (const Column& column : columns_) {
    if (column.field().name == name) return &column;
  }
  return nullptr;
}

Key RowBatch::KeyAt(std::size_t row) const {
  const Column& keys = key_column();
  if (keys.field().type == DataType::kInt64) {
    std::int64_t key = 0;
    std::memcpy(&key, keys.Cell(row).data(), sizeof(key));
    return key;
  }
  return std::string(AsText(keys.Cell(row)));
}

std::size_t RowBatch::ByteSize() const {
  return std::accumulate(
      columns_.begin(), columns_.end(), std::size_t{0},
      [](std::size_t sum, const Column& column) { return sum + column.ByteSize(); });
}

RowBatch RowBatch::Slice(std::size_t begin, std::size_t end) const {
  std::vector<Column> columns;
  columns.reserve(columns_.size());
  for (const Column& column : columns_) {
    columns.emplace_back(column.field()).AppendRange(column, begin, end);
  }
  return RowBatch(partition_, std::move(columns));
}

void RowBatch::Append(const RowBatch& other) { AppendRows(other, 0, other.rows()); }

void RowBatch::AppendRows(const RowBatch& other, std::size_t begin, std::size_t end) {
  CheckInvariant(columns_.size() == other.columns_.size(), "batches differ in columns", partition_);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    CheckInvariant(columns_[i].field().name == other.columns_[i].field().name,
                   "batches differ in columns", columns_[i].field().name);
    columns_[i].AppendRange(other.columns_[i], begin, end);
  }
}

Status RowBatch::Validate() const {
  if (columns_.empty()) return Ok();
  const Column& keys = key_column();
  const auto fail = [&](const std::string& what) {
    return CorruptError("check batch of partition \"" + partition_ + "\": " + what);
  };
  if (!keys.field().primary_key) return fail("no column is the primary key");
  for (const Column& column : columns_) {
    if (column.rows() != rows()) {
      return fail("column " + column.field().name + " has " + std::to_string(column.rows()) +
                  " rows, others " + std::to_string(rows()));
    }
    AERIE_TRY(CheckCells(column));
  }
  if (keys.has_nulls_column()) return fail("a primary key is null");
  if (KeysAscend(keys)) return Ok();
  std::size_t row = 1;
  while (CompareKeys(keys, row - 1, row) < 0) ++row;
  return fail("key " + KeyToText(KeyAt(row)) + " does not come after " + KeyToText(KeyAt(row - 1)));
}

std::size_t SortAndDeduplicate(RowBatch& batch) {
  if (batch.rows() == 0 || KeysAscend(batch.key_column())) return 0;
  const Column& keys = batch.key_column();
  std::vector<std::size_t> kept;
  kept.reserve(batch.rows());
  for (const std::size_t row : OrderByKey(keys)) {
    if (!kept.empty() && CompareKeys(keys, kept.back(), row) == 0)
      kept.back() = row;
    else
      kept.push_back(row);
  }
  const std::size_t dropped = batch.rows() - kept.size();
  batch = Gathered(batch, kept);
  return dropped;
}

}  // namespace aerie::rows
