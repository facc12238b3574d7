#include "files/foreign_table.h"

#include <set>

namespace aerie::files {

using rows::DataType;
using rows::FieldSchema;

Status CheckDistinct(const std::string& file, const std::vector<ForeignColumn>& columns) {
  std::set<std::string> seen;
  for (const ForeignColumn& column : columns) {
    if (seen.insert(column.name).second) continue;
    return RefusedError("read " + file + ": it has two columns of the name '" + column.name +
                        "'; rename one of them");
  }
  return Ok();
}

std::optional<FieldSchema> FieldOfNumbers(NumberType type) {
  FieldSchema field;
  switch (type) {
    case NumberType::kBool: field.type = DataType::kBool; break;
    case NumberType::kInt8: field.type = DataType::kInt8; break;
    case NumberType::kInt16:
    case NumberType::kUInt8: field.type = DataType::kInt16; break;
    case NumberType::kInt32:
    case NumberType::kUInt16: field.type = DataType::kInt32; break;
    case NumberType::kInt64:
    case NumberType::kUInt32:
    case NumberType::kUInt64: field.type = DataType::kInt64; break;
    case NumberType::kFloat16:
    case NumberType::kFloat: field.type = DataType::kFloat; break;
    case NumberType::kDouble: field.type = DataType::kDouble; break;
  }
  return field;
}

std::optional<FieldSchema> FieldOfVectors(NumberType type, std::size_t dim) {
  FieldSchema field;
  switch (type) {
    case NumberType::kFloat:
    case NumberType::kDouble: field.type = DataType::kFloatVector; break;
    case NumberType::kFloat16: field.type = DataType::kFloat16Vector; break;
    case NumberType::kInt8: field.type = DataType::kInt8Vector; break;
    case NumberType::kUInt8:
      field.type = DataType::kBinaryVector;
      dim *= 8;
      break;
    default: return std::nullopt;
  }
  field.type_params = {{"dim", std::to_string(dim)}};
  return field;
}

FieldSchema FieldOfText() {
  FieldSchema field;
  field.type = DataType::kVarChar;
  field.type_params = {{"max_length", "65535"}};
  return field;
}

}  // namespace aerie::files
