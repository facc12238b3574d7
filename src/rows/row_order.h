// Rows in the order of their keys.
//
// Free functions; any thread.
#pragma once

#include <cstddef>
#include <vector>

#include "rows/batch.h"

namespace aerie::rows {

// Order of the keys of two rows of one key column: negative, zero or positive.
int CompareKeys(const Column& keys, std::size_t left, std::size_t right);
// Strictly.
bool KeysAscend(const Column& keys);
// The rows in the order of their keys, equal ones as they stand.
std::vector<std::size_t> OrderByKey(const Column& keys);
// The rows of these numbers, in that order.
RowBatch Gathered(const RowBatch& batch, const std::vector<std::size_t>& rows);
// Sorts by key; rows of equal keys stay, in the order they came.
void SortByKey(RowBatch& batch);

}  // namespace aerie::rows
