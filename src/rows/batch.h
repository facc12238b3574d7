// SEAM. Rows in columns: the unit that flows from every reader to every writer.
//
// A RowBatch holds rows of one collection and one partition, ascending by primary key (Int64:
// numeric; VarChar: bytewise), each key once. It is movable and cheap to move; its buffers are
// owned. Not thread-safe; hand it over, do not share it while it is changed.
//
// Cells are kept bit-exact, as the wire carries them:
//   Bool                 1 byte (0 or 1)
//   Int8 Int16 Int32     4 bytes, int32 little-endian (the protocol widens them)
//   Int64                8 bytes
//   Float Double         4 / 8 bytes, IEEE-754 bits
//   VarChar String Text Timestamptz Geometry(WKT)   bytes of the string
//   JSON, $meta          bytes as stored by the server
//   Array                canonical array cell, see array_cell.h
//   FloatVector          4*dim bytes;  Float16/BFloat16 2*dim;  Int8Vector dim;  Binary dim/8
//   SparseFloatVector    (uint32 index, float32 value) pairs, sorted by index, 8 bytes a pair
//   anything else        opaque: the serialized schema.FieldData of a one-row answer
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "rows/schema.h"

namespace aerie::rows {

// Primary key of a row. Int64 keys order numerically, VarChar keys bytewise; the two never mix
// within a collection.
using Key = std::variant<std::int64_t, std::string>;
// 42 or "text" (quoted and escaped as in a Milvus expression), for messages.
std::string KeyToText(const Key& key);

class Column {
 public:
  // An empty column for `field`; its cell layout follows field.type.
  explicit Column(FieldSchema field);

  const FieldSchema& field() const { return field_; }
  std::size_t rows() const { return rows_; }
  // Bytes of every cell, or 0 when cells vary in size.
  std::size_t width() const { return width_; }
  bool fixed() const { return width_ != 0; }

  // Cell bytes; a null cell is all zero bytes when fixed, empty when variable.
  ByteSpan Cell(std::size_t row) const;
  bool IsNull(std::size_t row) const { return !validity_.empty() && validity_[row] == 0; }
  bool has_nulls_column() const { return !validity_.empty(); }

  // A cell of another width than width(), or more than 4 GiB in one column, is a broken
  // invariant and aborts; `cell` must not point into this column.
  void Append(ByteSpan cell);
  void AppendNull();
  // Appends rows [begin, end) of a column of the same layout.
  void AppendRange(const Column& other, std::size_t begin, std::size_t end);
  void Reserve(std::size_t rows, std::size_t bytes);

  // Whole buffers, for codecs and the wire. Fixed: data() has rows()*width() bytes.
  // Variable: offsets() has rows()+1 entries (offsets()[0] == 0) into data().
  // validity() is empty when no row is null, else it has a byte a row, 1 = valid: equal rows have
  // equal buffers.
  const Bytes& data() const { return data_; }
  const std::vector<std::uint32_t>& offsets() const { return offsets_; }
  const std::vector<std::uint8_t>& validity() const { return validity_; }
  // Takes ready buffers. kCorrupt if sizes, offsets or validity do not fit together.
  static Result<Column> FromBuffers(FieldSchema field, std::size_t rows, Bytes data,
                                    std::vector<std::uint32_t> offsets,
                                    std::vector<std::uint8_t> validity);

  std::size_t ByteSize() const { return data_.size() + offsets_.size() * 4 + validity_.size(); }

 private:
  FieldSchema field_;
  std::size_t width_;
  std::size_t rows_ = 0;
  Bytes data_;
  std::vector<std::uint32_t> offsets_;  // only when width_ == 0
  std::vector<std::uint8_t> validity_;
};

// Bytes of a cell of `field` (see the table above), 0 when they vary.
std::size_t CellWidth(const FieldSchema& field);

class RowBatch {
 public:
  RowBatch() = default;
  // Columns as CollectionSchema::Columns() gives them, all of the same number of rows.
  RowBatch(std::string partition, std::vector<Column> columns);
  // An empty batch with the columns of `schema`.
  static RowBatch Empty(const CollectionSchema& schema, std::string partition);

  // "" when the collection has a partition key: the server places the rows.
  const std::string& partition() const { return partition_; }
  std::size_t rows() const { return columns_.empty() ? 0 : columns_.front().rows(); }
  const std::vector<Column>& columns() const { return columns_; }
  std::vector<Column>& mutable_columns() { return columns_; }
  const Column* Find(const std::string& name) const;
  const Column& key_column() const { return columns_[key_index_]; }
  Key KeyAt(std::size_t row) const;
  std::size_t ByteSize() const;

  // Rows [begin, end) as a batch of their own.
  RowBatch Slice(std::size_t begin, std::size_t end) const;
  // Appends the rows of `other`, which has the same columns in the same order.
  void Append(const RowBatch& other);
  void AppendRows(const RowBatch& other, std::size_t begin, std::size_t end);

  // kCorrupt unless columns agree in length, keys ascend strictly and none is null, null cells
  // are zero bytes (fixed) or empty, and Bool cells are 0 or 1.
  Status Validate() const;

 private:
  std::string partition_;
  std::vector<Column> columns_;
  std::size_t key_index_ = 0;
};

// Sorts by key and, of equal keys, keeps the last; returns how many rows were dropped.
std::size_t SortAndDeduplicate(RowBatch& batch);

}  // namespace aerie::rows
