#include "rows/row_order.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>

namespace aerie::rows {
namespace {

std::int64_t IntKeyAt(const Column& column, std::size_t row) {
  std::int64_t key = 0;
  std::memcpy(&key, column.data().data() + row * sizeof(key), sizeof(key));
  return key;
}

}  // namespace

int CompareKeys(const Column& column, std::size_t left, std::size_t right) {
  if (column.field().type == DataType::kInt64) {
    const std::int64_t a = IntKeyAt(column, left);
    const std::int64_t b = IntKeyAt(column, right);
    return a < b ? -1 : a > b ? 1 : 0;
  }
  return AsText(column.Cell(left)).compare(AsText(column.Cell(right)));
}

bool KeysAscend(const Column& keys) {
  for (std::size_t row = 1; row < keys.rows(); ++row) {
    if (CompareKeys(keys, row - 1, row) >= 0) return false;
  }
  return true;
}

std::vector<std::size_t> OrderByKey(const Column& keys) {
  std::vector<std::size_t> order(keys.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    return CompareKeys(keys, left, right) < 0;
  });
  return order;
}

RowBatch Gathered(const RowBatch& batch, const std::vector<std::size_t>& rows) {
  RowBatch gathered = batch.Slice(0, 0);
  for (std::size_t i = 0; i < batch.columns().size(); ++i) {
    const Column& from = batch.columns()[i];
    Column& to = gathered.mutable_columns()[i];
    to.Reserve(rows.size(), from.data().size());
    // Runs of neighbours are copied at once; rows usually come nearly sorted.
    for (std::size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
      end = begin + 1;
      while (end < rows.size() && rows[end] == rows[end - 1] + 1) ++end;
      to.AppendRange(from, rows[begin], rows[end - 1] + 1);
    }
  }
  return gathered;
}

void SortByKey(RowBatch& batch) {
  if (batch.rows() == 0 || KeysAscend(batch.key_column())) return;
  batch = Gathered(batch, OrderByKey(batch.key_column()));
}

}  // namespace aerie::rows
