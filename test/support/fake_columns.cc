#include "fake_columns.h"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <nlohmann/json.hpp>

namespace aerie::fake {
namespace {

static_assert(std::endian::native == std::endian::little);

Status WrongLength(const schema::FieldSchema& field, std::size_t have, std::size_t want) {
  return InvalidError("the length of data of field " + field.name() + " is " +
                      std::to_string(have) + ", expected " + std::to_string(want));
}

// The values of one repeated scalar, as cells.
template <class As, class Values>
std::vector<Cell> Cells(const Values& values) {
  std::vector<Cell> cells;
  cells.reserve(static_cast<std::size_t>(values.size()));
  for (const auto& value : values) cells.emplace_back(static_cast<As>(value));
  return cells;
}

Result<std::vector<Cell>> UnpackArrays(const schema::ArrayArray& arrays) {
  std::vector<Cell> cells;
  for (const schema::ScalarField& array : arrays.data()) {
    cells.emplace_back(std::make_shared<const schema::ScalarField>(array));
  }
  return cells;
}

// Values of a scalar column, in whatever member they came.
Result<std::vector<Cell>> UnpackScalars(const schema::ScalarField& scalars,
                                        const schema::FieldSchema& field) {
  using S = schema::ScalarField;
  switch (scalars.data_case()) {
    case S::kBoolData: return Cells<bool>(scalars.bool_data().data());
    case S::kIntData: return Cells<std::int32_t>(scalars.int_data().data());
    case S::kLongData: return Cells<std::int64_t>(scalars.long_data().data());
    case S::kFloatData: return Cells<float>(scalars.float_data().data());
    case S::kDoubleData: return Cells<double>(scalars.double_data().data());
    case S::kStringData: return Cells<std::string>(scalars.string_data().data());
    case S::kBytesData: return Cells<std::string>(scalars.bytes_data().data());
    case S::kArrayData: return UnpackArrays(scalars.array_data());
    case S::kJsonData: return Cells<std::string>(scalars.json_data().data());
    case S::kGeometryWktData: return Cells<std::string>(scalars.geometry_wkt_data().data());
    case S::kTimestamptzData: return Cells<std::int64_t>(scalars.timestamptz_data().data());
    case S::kDateData: return Cells<std::int32_t>(scalars.date_data().data());
    case S::kTimeData: return Cells<std::int64_t>(scalars.time_data().data());
    case S::DATA_NOT_SET: return std::vector<Cell>();
    default: return InvalidError("data of field " + field.name() + " is of no known type");
  }
}

Result<std::vector<Cell>> SplitBytes(const void* data, std::size_t size, std::size_t width,
                                     const schema::FieldSchema& field) {
  if (width == 0 || size % width != 0) return WrongLength(field, size, width);
  std::vector<Cell> cells;
  const char* begin = static_cast<const char*>(data);
  for (std::size_t at = 0; at < size; at += width) {
    cells.emplace_back(std::string(begin + at, width));
  }
  return cells;
}

Result<std::vector<Cell>> UnpackVectors(const schema::VectorField& vectors,
                                        const schema::FieldSchema& field) {
  using V = schema::VectorField;
  const auto dim = static_cast<std::size_t>(Dimension(field));
  const auto bytes = [&](const std::string& data, std::size_t width) {
    return SplitBytes(data.data(), data.size(), width, field);
  };
  switch (vectors.data_case()) {
    case V::kFloatVector: {
      const auto& floats = vectors.float_vector().data();
      for (const float value : floats) {
        if (!std::isfinite(value)) {
          return InvalidError("value '" + std::to_string(value) + "' is not a number or infinity");
        }
      }
      return SplitBytes(floats.data(), static_cast<std::size_t>(floats.size()) * 4, dim * 4, field);
    }
    case V::kBinaryVector: return bytes(vectors.binary_vector(), dim / 8);
    case V::kFloat16Vector: return bytes(vectors.float16_vector(), dim * 2);
    case V::kBfloat16Vector: return bytes(vectors.bfloat16_vector(), dim * 2);
    case V::kInt8Vector: return bytes(vectors.int8_vector(), dim);
    case V::kSparseFloatVector: return Cells<std::string>(vectors.sparse_float_vector().contents());
    case V::DATA_NOT_SET: return std::vector<Cell>();
    default: return InvalidError("vectors of field " + field.name() + " are of no known type");
  }
}

// One row of a struct array: of each sub-field the element of that row.
schema::FieldData StructRow(const schema::FieldData& column, int row) {
  schema::FieldData one;
  one.set_type(column.type());
  one.set_field_name(column.field_name());
  for (const schema::FieldData& sub : column.struct_arrays().fields()) {
    schema::FieldData* out = one.mutable_struct_arrays()->add_fields();
    out->set_type(sub.type());
    out->set_field_name(sub.field_name());
    if (sub.has_vectors()) {
      const schema::VectorArray& from = sub.vectors().vector_array();
      schema::VectorArray* to = out->mutable_vectors()->mutable_vector_array();
      out->mutable_vectors()->set_dim(sub.vectors().dim());
      to->set_dim(from.dim());
      to->set_element_type(from.element_type());
      if (row < from.data_size()) *to->add_data() = from.data(row);
    } else {
      const schema::ArrayArray& from = sub.scalars().array_data();
      schema::ArrayArray* to = out->mutable_scalars()->mutable_array_data();
      to->set_element_type(from.element_type());
      if (row < from.data_size()) *to->add_data() = from.data(row);
    }
  }
  return one;
}

Result<std::vector<Cell>> UnpackOther(const schema::FieldData& column,
                                      const schema::FieldSchema& field, std::size_t rows) {
  std::vector<Cell> cells;
  if (column.has_struct_arrays()) {
    for (std::size_t row = 0; row < rows; ++row) {
      cells.emplace_back(
          std::make_shared<const schema::FieldData>(StructRow(column, static_cast<int>(row))));
    }
    return cells;
  }
  if (rows != 1) {
    return InvalidError("field " + field.name() + " is of a type the fake keeps row by row only");
  }
  schema::FieldData one = column;
  one.clear_valid_data();
  cells.emplace_back(std::make_shared<const schema::FieldData>(std::move(one)));
  return cells;
}

// Whether cells of the type are kept as plain values.
bool IsPlain(schema::DataType type) {
  switch (type) {
    case schema::Bool:
    case schema::Int8:
    case schema::Int16:
    case schema::Int32:
    case schema::Int64:
    case schema::Float:
    case schema::Double:
    case schema::String:
    case schema::VarChar:
    case schema::Array:
    case schema::JSON:
    case schema::Geometry:
    case schema::Text:
    case schema::Timestamptz:
    case schema::BinaryVector:
    case schema::FloatVector:
    case schema::Float16Vector:
    case schema::BFloat16Vector:
    case schema::SparseFloatVector:
    case schema::Int8Vector: return true;
    default: return false;
  }
}

bool FitsType(schema::DataType type, const Cell& cell) {
  switch (type) {
    case schema::Bool: return std::holds_alternative<bool>(cell);
    case schema::Int8:
    case schema::Int16:
    case schema::Int32: return std::holds_alternative<std::int32_t>(cell);
    case schema::Int64: return std::holds_alternative<std::int64_t>(cell);
    case schema::Float: return std::holds_alternative<float>(cell);
    case schema::Double: return std::holds_alternative<double>(cell);
    case schema::Array:
      return std::holds_alternative<std::shared_ptr<const schema::ScalarField>>(cell);
    default: return std::holds_alternative<std::string>(cell);
  }
}

// Puts nulls where valid_data has them among values that are only the valid ones.
Result<std::vector<Cell>> SpreadNulls(std::vector<Cell> values, const schema::FieldData& column,
                                      const schema::FieldSchema& field, std::size_t rows) {
  if (column.valid_data().empty()) {
    if (values.size() != rows) return WrongLength(field, values.size(), rows);
    return values;
  }
  if (!field.nullable()) return InvalidError("field " + field.name() + " is not nullable");
  if (static_cast<std::size_t>(column.valid_data_size()) != rows) {
    return WrongLength(field, static_cast<std::size_t>(column.valid_data_size()), rows);
  }
  std::vector<Cell> cells(rows);
  std::size_t next = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    if (!column.valid_data(static_cast<int>(row))) continue;
    if (next == values.size()) return WrongLength(field, values.size(), next + 1);
    cells[row] = std::move(values[next++]);
  }
  if (next != values.size()) return WrongLength(field, values.size(), next);
  return cells;
}

template <class T>
T ValueOr(const Cell* cell, T placeholder) {
  const T* value = std::get_if<T>(cell);
  return value ? *value : placeholder;
}

template <class T, class Out>
void PackValues(const std::vector<const Cell*>& cells, Out* out) {
  out->Reserve(static_cast<int>(cells.size()));
  for (const Cell* cell : cells) out->Add(ValueOr<T>(cell, T()));
}

void PackArrays(const schema::FieldSchema& field, const std::vector<const Cell*>& cells,
                const PackOptions& options, schema::ArrayArray* out) {
  out->set_element_type(field.element_type());
  for (const Cell* cell : cells) {
    schema::ScalarField* to = out->add_data();
    const auto* array = std::get_if<std::shared_ptr<const schema::ScalarField>>(cell);
    if (!array) continue;
    if (options.empty_arrays_untyped && ArraySize(**array) == 0) continue;
    *to = **array;
  }
}

void PackScalars(const schema::FieldSchema& field, const std::vector<const Cell*>& cells,
                 const PackOptions& options, schema::ScalarField* out) {
  switch (field.data_type()) {
    case schema::Bool: return PackValues<bool>(cells, out->mutable_bool_data()->mutable_data());
    case schema::Int8:
    case schema::Int16:
    case schema::Int32:
      return PackValues<std::int32_t>(cells, out->mutable_int_data()->mutable_data());
    case schema::Int64:
      return PackValues<std::int64_t>(cells, out->mutable_long_data()->mutable_data());
    case schema::Float: return PackValues<float>(cells, out->mutable_float_data()->mutable_data());
    case schema::Double:
      return PackValues<double>(cells, out->mutable_double_data()->mutable_data());
    case schema::Array: return PackArrays(field, cells, options, out->mutable_array_data());
    case schema::JSON:
      for (const Cell* cell : cells) {
        out->mutable_json_data()->add_data(ValueOr<std::string>(cell, ""));
      }
      return;
    case schema::Geometry:
      for (const Cell* cell : cells) {
        out->mutable_geometry_wkt_data()->add_data(ValueOr<std::string>(cell, ""));
      }
      return;
    default:
      out->mutable_string_data();
      for (const Cell* cell : cells) {
        out->mutable_string_data()->add_data(ValueOr<std::string>(cell, ""));
      }
  }
}

void PackSparse(const std::vector<const Cell*>& cells, schema::VectorField* out) {
  schema::SparseFloatArray* sparse = out->mutable_sparse_float_vector();
  std::uint32_t largest = 0;
  for (const Cell* cell : cells) {
    const auto* row = std::get_if<std::string>(cell);
    if (!row) continue;
    sparse->add_contents(*row);
    if (row->size() < 8) continue;
    std::uint32_t index = 0;
    std::memcpy(&index, row->data() + row->size() - 8, sizeof index);
    largest = std::max(largest, index + 1);
  }
  sparse->set_dim(largest);
  out->set_dim(largest);
}

void PackVectors(const schema::FieldSchema& field, const std::vector<const Cell*>& cells,
                 schema::VectorField* out) {
  if (field.data_type() == schema::SparseFloatVector) return PackSparse(cells, out);
  out->set_dim(Dimension(field));
  std::string bytes;
  for (const Cell* cell : cells) bytes += ValueOr<std::string>(cell, "");
  switch (field.data_type()) {
    case schema::FloatVector: {
      auto* floats = out->mutable_float_vector()->mutable_data();
      floats->Resize(static_cast<int>(bytes.size() / 4), 0);
      if (!bytes.empty()) std::memcpy(floats->mutable_data(), bytes.data(), bytes.size());
      return;
    }
    case schema::BinaryVector: out->set_binary_vector(std::move(bytes)); return;
    case schema::Float16Vector: out->set_float16_vector(std::move(bytes)); return;
    case schema::BFloat16Vector: out->set_bfloat16_vector(std::move(bytes)); return;
    default: out->set_int8_vector(std::move(bytes)); return;
  }
}

// Rows of a struct array, or of a type nobody knows, one after the other: merging messages joins
// their repeated fields; a struct's sub-fields are joined by position.
void PackOther(const std::vector<const Cell*>& cells, schema::FieldData* out) {
  for (const Cell* cell : cells) {
    const auto* row = std::get_if<std::shared_ptr<const schema::FieldData>>(cell);
    if (!row) continue;
    if (!(*row)->has_struct_arrays()) {
      out->MergeFrom(**row);
      continue;
    }
    for (int i = 0; i < (*row)->struct_arrays().fields_size(); ++i) {
      auto* fields = out->mutable_struct_arrays()->mutable_fields();
      if (i == fields->size()) fields->Add();
      fields->at(i).MergeFrom((*row)->struct_arrays().fields(i));
    }
  }
}

Term JsonTerm(const std::string& text, const std::vector<std::string>& path) {
  const nlohmann::json whole = nlohmann::json::parse(text, nullptr, false);
  const nlohmann::json* at = &whole;
  for (const std::string& step : path) {
    if (at->is_object() && at->contains(step)) {
      at = &(*at)[step];
    } else if (at->is_array() && std::strtoull(step.c_str(), nullptr, 10) < at->size()) {
      at = &(*at)[std::strtoull(step.c_str(), nullptr, 10)];
    } else {
      return {};
    }
  }
  if (at->is_boolean()) return at->get<bool>();
  if (at->is_number_integer()) return at->get<std::int64_t>();
  if (at->is_number()) return at->get<double>();
  if (at->is_string()) return at->get<std::string>();
  return {};
}

}  // namespace

bool IsVector(schema::DataType type) {
  return type >= schema::BinaryVector && type <= schema::ArrayOfVector;
}

std::int64_t Dimension(const schema::FieldSchema& field) {
  for (const auto& pair : field.type_params()) {
    if (pair.key() == "dim") return std::strtoll(pair.value().c_str(), nullptr, 10);
  }
  return 0;
}

TermKind KindOfTerm(schema::DataType type) {
  switch (type) {
    case schema::Bool: return TermKind::kBool;
    case schema::Int8:
    case schema::Int16:
    case schema::Int32:
    case schema::Int64: return TermKind::kInt;
    case schema::Float:
    case schema::Double: return TermKind::kFloat;
    case schema::String:
    case schema::VarChar:
    case schema::Text:
    case schema::Timestamptz: return TermKind::kString;
    case schema::JSON: return TermKind::kJson;
    default: return TermKind::kOther;
  }
}

Result<std::vector<Cell>> UnpackColumn(const schema::FieldData& column,
                                       const schema::FieldSchema& field, std::size_t rows) {
  if (!IsPlain(field.data_type())) return UnpackOther(column, field, rows);
  if (column.has_vectors() != IsVector(field.data_type())) {
    return InvalidError("data of field " + field.name() + " is not of its type");
  }
  AERIE_ASSIGN(std::vector<Cell> values, column.has_vectors()
                                             ? UnpackVectors(column.vectors(), field)
                                             : UnpackScalars(column.scalars(), field));
  for (const Cell& value : values) {
    if (!FitsType(field.data_type(), value)) {
      return InvalidError("data of field " + field.name() + " is not of its type");
    }
  }
  return SpreadNulls(std::move(values), column, field, rows);
}

schema::FieldData PackColumn(const schema::FieldSchema& field,
                             const std::vector<const Cell*>& cells, const PackOptions& options) {
  schema::FieldData out;
  if (!IsPlain(field.data_type())) {
    PackOther(cells, &out);
  } else if (IsVector(field.data_type())) {
    PackVectors(field, cells, out.mutable_vectors());
  } else {
    PackScalars(field, cells, options, out.mutable_scalars());
  }
  out.set_type(field.data_type());
  out.set_field_name(field.name());
  out.set_field_id(field.fieldid());
  out.set_is_dynamic(field.is_dynamic());
  if (field.nullable()) {
    for (const Cell* cell : cells) {
      out.add_valid_data(!std::holds_alternative<std::monostate>(*cell));
    }
  }
  return out;
}

Cell DefaultCell(const schema::FieldSchema& field) {
  const schema::ValueField& value = field.default_value();
  switch (value.data_case()) {
    case schema::ValueField::kBoolData: return value.bool_data();
    case schema::ValueField::kIntData: return value.int_data();
    case schema::ValueField::kLongData: return value.long_data();
    case schema::ValueField::kFloatData: return value.float_data();
    case schema::ValueField::kDoubleData: return value.double_data();
    case schema::ValueField::kStringData: return value.string_data();
    case schema::ValueField::kBytesData: return value.bytes_data();
    default: return {};
  }
}

int ArraySize(const schema::ScalarField& array) {
  using S = schema::ScalarField;
  switch (array.data_case()) {
    case S::kBoolData: return array.bool_data().data_size();
    case S::kIntData: return array.int_data().data_size();
    case S::kLongData: return array.long_data().data_size();
    case S::kFloatData: return array.float_data().data_size();
    case S::kDoubleData: return array.double_data().data_size();
    case S::kStringData: return array.string_data().data_size();
    default: return 0;
  }
}

Term CellTerm(const Cell& cell, const FieldReference& field) {
  if (const auto* b = std::get_if<bool>(&cell)) return *b;
  if (const auto* i = std::get_if<std::int32_t>(&cell)) return std::int64_t{*i};
  if (const auto* i = std::get_if<std::int64_t>(&cell)) return *i;
  if (const auto* f = std::get_if<float>(&cell)) return double{*f};
  if (const auto* d = std::get_if<double>(&cell)) return *d;
  if (const auto* s = std::get_if<std::string>(&cell)) {
    return field.kind == TermKind::kJson ? JsonTerm(*s, field.path) : Term(*s);
  }
  return {};
}

}  // namespace aerie::fake
