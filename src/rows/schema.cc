#include "rows/schema.h"

#include <algorithm>
#include <charconv>

namespace aerie::rows {
namespace {

// Far above what any server accepts (32,768, or 8 times that for binary vectors); beyond it a
// "dim" is damage, and multiplying it would overflow.
constexpr std::int64_t kMaxDim = std::int64_t{1} << 28;

}  // namespace

std::string TypeName(DataType type) {
  switch (type) {
    case DataType::kNone: return "None";
    case DataType::kBool: return "Bool";
    case DataType::kInt8: return "Int8";
    case DataType::kInt16: return "Int16";
    case DataType::kInt32: return "Int32";
    case DataType::kInt64: return "Int64";
    case DataType::kFloat: return "Float";
    case DataType::kDouble: return "Double";
    case DataType::kString: return "String";
    case DataType::kVarChar: return "VarChar";
    case DataType::kArray: return "Array";
    case DataType::kJson: return "JSON";
    case DataType::kGeometry: return "Geometry";
    case DataType::kText: return "Text";
    case DataType::kTimestamptz: return "Timestamptz";
    case DataType::kBinaryVector: return "BinaryVector";
    case DataType::kFloatVector: return "FloatVector";
    case DataType::kFloat16Vector: return "Float16Vector";
    case DataType::kBFloat16Vector: return "BFloat16Vector";
    case DataType::kSparseFloatVector: return "SparseFloatVector";
    case DataType::kInt8Vector: return "Int8Vector";
    case DataType::kArrayOfVector: return "ArrayOfVector";
    case DataType::kArrayOfStruct: return "ArrayOfStruct";
    case DataType::kStruct: return "Struct";
  }
  return "type " + std::to_string(static_cast<std::int32_t>(type));
}

bool IsVector(DataType type) {
  switch (type) {
    case DataType::kBinaryVector:
    case DataType::kFloatVector:
    case DataType::kFloat16Vector:
    case DataType::kBFloat16Vector:
    case DataType::kSparseFloatVector:
    case DataType::kInt8Vector: return true;
    default: return false;
  }
}

bool IsKnownType(DataType type) {
  switch (type) {
    case DataType::kBool:
    case DataType::kInt8:
    case DataType::kInt16:
    case DataType::kInt32:
    case DataType::kInt64:
    case DataType::kFloat:
    case DataType::kDouble:
    case DataType::kString:
    case DataType::kVarChar:
    case DataType::kArray:
    case DataType::kJson:
    case DataType::kGeometry:
    case DataType::kText:
    case DataType::kTimestamptz: return true;
    default: return IsVector(type);
  }
}

const std::string* FindValue(const KeyValues& pairs, const std::string& key) {
  for (const auto& [name, value] : pairs) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::int64_t FieldSchema::dim() const {
  if (!IsVector(type) || type == DataType::kSparseFloatVector) return 0;
  const std::string* text = FindValue(type_params, "dim");
  if (text == nullptr) return 0;
  std::int64_t value = 0;
  const char* end = text->data() + text->size();
  const auto [at, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc() || at != end || value < 1 || value > kMaxDim) return 0;
  return value;
}

const FieldSchema* CollectionSchema::primary_key() const {
  const auto it = std::find_if(fields.begin(), fields.end(),
                               [](const FieldSchema& field) { return field.primary_key; });
  return it == fields.end() ? nullptr : &*it;
}

const FieldSchema* CollectionSchema::partition_key() const {
  const auto it = std::find_if(fields.begin(), fields.end(),
                               [](const FieldSchema& field) { return field.partition_key; });
  return it == fields.end() ? nullptr : &*it;
}

const FieldSchema* CollectionSchema::Find(const std::string& field_name) const {
  const auto it = std::find_if(fields.begin(), fields.end(),
                               [&](const FieldSchema& field) { return field.name == field_name; });
  return it == fields.end() ? nullptr : &*it;
}

std::vector<FieldSchema> CollectionSchema::Columns() const {
  std::vector<FieldSchema> columns;
  columns.reserve(fields.size() + 1);
  for (const FieldSchema& field : fields) {
    // Only BM25 has a sparse output, and servers refuse to return it; embeddings can be read.
    if (field.function_output && field.type == DataType::kSparseFloatVector) continue;
    columns.push_back(field);
  }
  if (enable_dynamic_field && Find(kMetaFieldName) == nullptr) {
    FieldSchema meta;
    meta.name = kMetaFieldName;
    meta.type = DataType::kJson;
    meta.dynamic = true;
    columns.push_back(std::move(meta));
  }
  return columns;
}

}  // namespace aerie::rows
