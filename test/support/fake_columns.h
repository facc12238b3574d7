// Columns of the wire, cell by cell: the fake Milvus keeps rows, the protocol moves columns.
// Free functions on plain values; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "aerie_milvus_schema.pb.h"
#include "base/status.h"
#include "fake_expression.h"

namespace aerie::fake {

namespace schema = ::milvus::proto::schema;

// One value; monostate is null. Strings also hold JSON text and the bytes of vectors. An array
// keeps the ScalarField it came as; anything else the FieldData of its one row.
using Cell = std::variant<std::monostate, bool, std::int32_t, std::int64_t, float, double,
                          std::string, std::shared_ptr<const schema::ScalarField>,
                          std::shared_ptr<const schema::FieldData>>;

bool IsVector(schema::DataType type);
// Elements of a vector by type_params "dim"; 0 when absent.
std::int64_t Dimension(const schema::FieldSchema& field);
TermKind KindOfTerm(schema::DataType type);

// The cells of a column as Insert sends it: nulls are named by valid_data and have no value
// (protocol.md 2.3). kInvalid if the values are not `rows` or do not fit the type.
Result<std::vector<Cell>> UnpackColumn(const schema::FieldData& column,
                                       const schema::FieldSchema& field, std::size_t rows);

struct PackOptions {
  // An array without elements is answered with no member set (protocol.md 2.4).
  bool empty_arrays_untyped = true;
};
// The column that Query answers: scalars at full length with placeholders at nulls, vectors
// without the nulls (protocol.md 2.3).
schema::FieldData PackColumn(const schema::FieldSchema& field,
                             const std::vector<const Cell*>& cells, const PackOptions& options);

// The value a field's default_value stands for.
Cell DefaultCell(const schema::FieldSchema& field);

// Number of elements of an array cell's ScalarField.
int ArraySize(const schema::ScalarField& array);

// A cell as a term of an expression; `path` leads into a JSON text.
Term CellTerm(const Cell& cell, const FieldReference& field);

}  // namespace aerie::fake
