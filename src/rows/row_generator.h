// Test support (library aerie_rows_testing). Schemas and rows at random, the same for a seed on
// every machine: input for property tests.
//
// Values are chosen to hurt: NaN with payloads, infinities, -0, denormals, the ends of Int64, keys
// with quotes, backslashes, newlines, NUL and unicode, empty strings and arrays, nulls, JSON with
// odd spacing and big integers. All text is valid UTF-8, as protobuf demands. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rows/batch.h"
#include "rows/schema.h"

namespace aerie::rows {

class RowGenerator {
 public:
  explicit RowGenerator(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next();
  // 0 to limit - 1; limit > 0.
  std::uint64_t Below(std::uint64_t limit);
  bool Chance(int percent) { return Below(100) < static_cast<std::uint64_t>(percent); }

  // The key first, then a field of every type and every array element type, those that may be
  // null also as such, one of a type nobody knows, and "$meta". `key_type`: kInt64 or kVarChar.
  CollectionSchema EveryTypeSchema(DataType key_type);
  // A few fields of random types, in random order; neither partition key nor function.
  CollectionSchema RandomSchema();
  // Everything that a spec can hold, filled at random; not what a server would accept.
  CollectionSpec RandomSpec();

  std::string RandomText(std::size_t max_bytes);
  Key RandomKey(DataType key_type);
  // A cell of `field`, nullopt for null (only where field.nullable).
  std::optional<Bytes> RandomCell(const FieldSchema& field);
  // `rows` rows with distinct keys, ascending.
  RowBatch RandomRows(const CollectionSchema& schema, const std::string& partition,
                      std::size_t rows);
  // Rows with the given ascending keys, of the type of the schema's primary key.
  RowBatch RowsWithKeys(const CollectionSchema& schema, const std::string& partition,
                        const std::vector<Key>& ascending_keys);

 private:
  FieldSchema RandomField(std::string name, DataType type, DataType element_type);
  KeyValues RandomPairs();
  Bytes RandomBytes(std::size_t max_bytes);
  void AppendNumber(DataType type, Bytes& out);
  Bytes RandomArray(DataType element_type);
  Bytes RandomSparse();
  std::string RandomJson(int depth);

  std::uint64_t state_;
};

}  // namespace aerie::rows
