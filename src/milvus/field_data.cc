#include "milvus/field_data.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <unordered_map>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "rows/array_cell.h"

namespace aerie::milvus {
namespace {

using rows::Column;
using rows::DataType;
using rows::FieldSchema;
using wire::schema::FieldData;
using wire::schema::ScalarField;
using wire::schema::VectorField;

Status Broken(const FieldSchema& field, const std::string& what) {
  return CorruptError("read column " + field.name + ": " + what +
                      "; the server's answer is not usable, check its version and log");
}

Status WrongMember(const FieldSchema& field) {
  return UnsupportedError("read column " + field.name + ": the server sends " +
                          rows::TypeName(field.type) +
                          " in a form this version of Aerie does not know; upgrade Aerie");
}

// One byte a row, 1 = valid; empty when no row is null.
Result<std::vector<std::uint8_t>> Validity(const FieldSchema& field, const FieldData& data,
                                           std::size_t rows) {
  std::vector<std::uint8_t> validity;
  const auto& flags = data.valid_data();
  if (flags.empty()) return validity;
  if (static_cast<std::size_t>(flags.size()) != rows) {
    return Broken(field, std::to_string(flags.size()) + " validity flags for " +
                             std::to_string(rows) + " rows");
  }
  if (std::all_of(flags.begin(), flags.end(), [](bool valid) { return valid; })) return validity;
  validity.assign(flags.begin(), flags.end());
  return validity;
}

// Where row i's value stands among `count` values: all rows have one, or only the valid ones.
enum class Layout { kFull, kCompact };

Result<Layout> FindLayout(const FieldSchema& field, std::size_t rows, std::size_t count,
                          const std::vector<std::uint8_t>& validity) {
  if (count == rows) return Layout::kFull;
  const auto valid = static_cast<std::size_t>(std::count(validity.begin(), validity.end(), 1));
  if (!validity.empty() && count == valid) return Layout::kCompact;
  return Broken(field, std::to_string(count) + " values for " + std::to_string(rows) + " rows");
}

Result<Column> FixedColumn(const FieldSchema& field, std::size_t rows, const void* values,
                           std::size_t bytes, std::vector<std::uint8_t> validity) {
  const std::size_t width = rows::CellWidth(field);
  if (width == 0 || bytes % width != 0) {
    return Broken(field, std::to_string(bytes) + " bytes do not make cells of " +
                             std::to_string(width) + " bytes");
  }
  AERIE_ASSIGN(const Layout layout, FindLayout(field, rows, bytes / width, validity));
  const auto* from = static_cast<const std::uint8_t*>(values);
  Bytes data;
  if (validity.empty()) {
    data.assign(from, from + bytes);
  } else {
    data.resize(rows * width);
    std::size_t next = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      if (validity[row] != 0) {
        const std::size_t at = layout == Layout::kFull ? row : next++;
        std::memcpy(data.data() + row * width, from + at * width, width);
      }
    }
  }
  return Column::FromBuffers(field, rows, std::move(data), {}, std::move(validity));
}

// append(i, out) appends the bytes of value i.
template <class Append>
Result<Column> VariableColumn(const FieldSchema& field, std::size_t rows, std::size_t count,
                              std::vector<std::uint8_t> validity, Append append) {
  AERIE_ASSIGN(const Layout layout, FindLayout(field, rows, count, validity));
  Bytes data;
  std::vector<std::uint32_t> offsets;
  offsets.reserve(rows + 1);
  offsets.push_back(0);
  std::size_t next = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    if (validity.empty() || validity[row] != 0) {
      AERIE_TRY(append(layout == Layout::kFull ? row : next++, data));
    }
    if (data.size() > UINT32_MAX) return Broken(field, "more than 4 GiB in one answer");
    offsets.push_back(static_cast<std::uint32_t>(data.size()));
  }
  return Column::FromBuffers(field, rows, std::move(data), std::move(offsets), std::move(validity));
}

template <class Repeated>
Result<Column> StringColumn(const FieldSchema& field, std::size_t rows, const Repeated& values,
                            std::vector<std::uint8_t> validity) {
  return VariableColumn(field, rows, static_cast<std::size_t>(values.size()), std::move(validity),
                        [&](std::size_t i, Bytes& out) {
                          const std::string& text = values.Get(static_cast<int>(i));
                          out.insert(out.end(), text.begin(), text.end());
                          return Ok();
                        });
}

template <class Repeated>
Result<Column> NumberColumn(const FieldSchema& field, std::size_t rows, const Repeated& values,
                            std::vector<std::uint8_t> validity) {
  const std::size_t bytes = static_cast<std::size_t>(values.size()) * sizeof(*values.data());
  return FixedColumn(field, rows, values.data(), bytes, std::move(validity));
}

Result<Column> ByteColumn(const FieldSchema& field, std::size_t rows, const std::string& values,
                          std::vector<std::uint8_t> validity) {
  return FixedColumn(field, rows, values.data(), values.size(), std::move(validity));
}

template <class Repeated>
void AppendNumbers(const Repeated& values, Bytes& out) {
  const auto* from = reinterpret_cast<const std::uint8_t*>(values.data());
  const std::size_t width = sizeof(*values.data());
  rows::AppendFixedArrayCell({from, static_cast<std::size_t>(values.size()) * width}, width, out);
}

// Appends the canonical cell of one array. A server says "empty" by setting no member at all.
Status AppendArrayCell(const FieldSchema& field, const ScalarField& cell, Bytes& out) {
  if (cell.data_case() == ScalarField::DATA_NOT_SET) {
    out.push_back(0);
    return Ok();
  }
  const auto expect = [&](ScalarField::DataCase wanted) {
    return cell.data_case() == wanted ? Ok() : WrongMember(field);
  };
  switch (field.element_type) {
    case DataType::kBool:
      AERIE_TRY(expect(ScalarField::kBoolData));
      AppendNumbers(cell.bool_data().data(), out);
      return Ok();
    case DataType::kInt8:
    case DataType::kInt16:
    case DataType::kInt32:
      AERIE_TRY(expect(ScalarField::kIntData));
      AppendNumbers(cell.int_data().data(), out);
      return Ok();
    case DataType::kInt64:
      AERIE_TRY(expect(ScalarField::kLongData));
      AppendNumbers(cell.long_data().data(), out);
      return Ok();
    case DataType::kFloat:
      AERIE_TRY(expect(ScalarField::kFloatData));
      AppendNumbers(cell.float_data().data(), out);
      return Ok();
    case DataType::kDouble:
      AERIE_TRY(expect(ScalarField::kDoubleData));
      AppendNumbers(cell.double_data().data(), out);
      return Ok();
    case DataType::kString:
    case DataType::kVarChar: {
      AERIE_TRY(expect(ScalarField::kStringData));
      ByteWriter writer(out);
      writer.Varint(static_cast<std::uint64_t>(cell.string_data().data_size()));
      for (const std::string& text : cell.string_data().data()) writer.Sized(text);
      return Ok();
    }
    default: return WrongMember(field);
  }
}

Result<Column> ArrayColumn(const FieldSchema& field, std::size_t rows, const ScalarField& scalars,
                           std::vector<std::uint8_t> validity) {
  const auto& cells = scalars.array_data().data();
  return VariableColumn(field, rows, static_cast<std::size_t>(cells.size()), std::move(validity),
                        [&](std::size_t i, Bytes& out) {
                          return AppendArrayCell(field, cells.Get(static_cast<int>(i)), out);
                        });
}

// Strings arrive in the member of their type or, in some versions, as plain strings.
Result<Column> TextColumn(const FieldSchema& field, std::size_t rows, const ScalarField& scalars,
                          std::vector<std::uint8_t> validity) {
  switch (scalars.data_case()) {
    case ScalarField::DATA_NOT_SET:
    case ScalarField::kStringData:
      return StringColumn(field, rows, scalars.string_data().data(), std::move(validity));
    case ScalarField::kGeometryWktData:
      if (field.type != DataType::kGeometry) return WrongMember(field);
      return StringColumn(field, rows, scalars.geometry_wkt_data().data(), std::move(validity));
    default: return WrongMember(field);
  }
}

Result<Column> ScalarColumn(const FieldSchema& field, std::size_t rows, const ScalarField& scalars,
                            std::vector<std::uint8_t> validity) {
  const auto member = scalars.data_case();
  const auto is = [&](ScalarField::DataCase wanted) {
    return member == wanted || member == ScalarField::DATA_NOT_SET;
  };
  switch (field.type) {
    case DataType::kBool:
      if (!is(ScalarField::kBoolData)) break;
      return NumberColumn(field, rows, scalars.bool_data().data(), std::move(validity));
    case DataType::kInt8:
    case DataType::kInt16:
    case DataType::kInt32:
      if (!is(ScalarField::kIntData)) break;
      return NumberColumn(field, rows, scalars.int_data().data(), std::move(validity));
    case DataType::kInt64:
      if (!is(ScalarField::kLongData)) break;
      return NumberColumn(field, rows, scalars.long_data().data(), std::move(validity));
    case DataType::kFloat:
      if (!is(ScalarField::kFloatData)) break;
      return NumberColumn(field, rows, scalars.float_data().data(), std::move(validity));
    case DataType::kDouble:
      if (!is(ScalarField::kDoubleData)) break;
      return NumberColumn(field, rows, scalars.double_data().data(), std::move(validity));
    case DataType::kJson:
      if (!is(ScalarField::kJsonData)) break;
      return StringColumn(field, rows, scalars.json_data().data(), std::move(validity));
    case DataType::kArray:
      if (!is(ScalarField::kArrayData)) break;
      return ArrayColumn(field, rows, scalars, std::move(validity));
    default: return TextColumn(field, rows, scalars, std::move(validity));
  }
  return WrongMember(field);
}

Result<Column> VectorColumn(const FieldSchema& field, std::size_t rows, const VectorField& vectors,
                            std::vector<std::uint8_t> validity) {
  const auto member = vectors.data_case();
  const auto is = [&](VectorField::DataCase wanted) {
    return member == wanted || member == VectorField::DATA_NOT_SET;
  };
  switch (field.type) {
    case DataType::kFloatVector:
      if (!is(VectorField::kFloatVector)) break;
      return NumberColumn(field, rows, vectors.float_vector().data(), std::move(validity));
    case DataType::kBinaryVector:
      if (!is(VectorField::kBinaryVector)) break;
      return ByteColumn(field, rows, vectors.binary_vector(), std::move(validity));
    case DataType::kFloat16Vector:
      if (!is(VectorField::kFloat16Vector)) break;
      return ByteColumn(field, rows, vectors.float16_vector(), std::move(validity));
    case DataType::kBFloat16Vector:
      if (!is(VectorField::kBfloat16Vector)) break;
      return ByteColumn(field, rows, vectors.bfloat16_vector(), std::move(validity));
    case DataType::kInt8Vector:
      if (!is(VectorField::kInt8Vector)) break;
      return ByteColumn(field, rows, vectors.int8_vector(), std::move(validity));
    case DataType::kSparseFloatVector:
      if (!is(VectorField::kSparseFloatVector)) break;
      return StringColumn(field, rows, vectors.sparse_float_vector().contents(),
                          std::move(validity));
    default: break;
  }
  return WrongMember(field);
}

// Ids are the server's own and differ between clusters; equal rows must give equal cells.
void ClearFieldIds(FieldData& data) {
  data.clear_field_id();
  for (FieldData& field : *data.mutable_struct_arrays()->mutable_fields()) ClearFieldIds(field);
}

Result<Column> OpaqueColumn(const FieldSchema& field, std::size_t rows, const FieldData& data) {
  if (rows > 1) {
    return MakeStatus(Kind::kTooLarge, "read column " + field.name + ": " +
                                           rows::TypeName(field.type) +
                                           " can only be read a row a call");
  }
  FieldData copy = data;
  copy.clear_field_id();
  if (copy.has_struct_arrays()) ClearFieldIds(copy);
  std::string cell;
  {
    google::protobuf::io::StringOutputStream stream(&cell);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    copy.SerializeToCodedStream(&coded);
  }
  Column column(field);
  if (rows == 1) column.Append(AsBytes(cell));
  return column;
}

const FieldData* FindColumn(const FieldSchema& field, const wire::milvus::QueryResults& answer) {
  for (const FieldData& data : answer.fields_data()) {
    if (data.field_name() == field.name || (field.dynamic && data.is_dynamic())) return &data;
  }
  return nullptr;
}

const FieldSchema* FindKey(const std::vector<FieldSchema>& columns) {
  for (const FieldSchema& field : columns) {
    if (field.primary_key) return &field;
  }
  return nullptr;
}

std::size_t KeysIn(const FieldData* keys) {
  if (keys == nullptr) return 0;
  const ScalarField& scalars = keys->scalars();
  return static_cast<std::size_t>(scalars.has_string_data() ? scalars.string_data().data_size()
                                                            : scalars.long_data().data_size());
}

}  // namespace

bool IsOpaque(const FieldSchema& field) {
  if (field.type == DataType::kArray) return !rows::ArrayElementWidth(field.element_type).ok();
  return !rows::IsKnownType(field.type);
}

bool HasOpaqueColumn(const std::vector<FieldSchema>& columns) {
  return std::any_of(columns.begin(), columns.end(), IsOpaque);
}

Result<Column> ColumnFromWire(const FieldSchema& field, const FieldData& data, std::size_t rows) {
  if (IsOpaque(field)) return OpaqueColumn(field, rows, data);
  AERIE_ASSIGN(auto validity, Validity(field, data, rows));
  if (rows::IsVector(field.type)) {
    return VectorColumn(field, rows, data.vectors(), std::move(validity));
  }
  return ScalarColumn(field, rows, data.scalars(), std::move(validity));
}

std::vector<std::string> MissingColumns(const std::vector<FieldSchema>& columns,
                                        const wire::milvus::QueryResults& answer) {
  std::vector<std::string> missing;
  const FieldSchema* key = FindKey(columns);
  if (key == nullptr || KeysIn(FindColumn(*key, answer)) == 0) return missing;
  for (const FieldSchema& field : columns) {
    if (FindColumn(field, answer) == nullptr) missing.push_back(field.name);
  }
  return missing;
}

Result<AnswerRows> RowsFromAnswer(const std::vector<FieldSchema>& columns,
                                  const std::string& partition,
                                  const wire::milvus::QueryResults& answer) {
  const FieldSchema* key = FindKey(columns);
  if (key == nullptr) return InternalError("read rows: the schema has no primary key");
  const std::size_t rows = KeysIn(FindColumn(*key, answer));
  if (rows == 0 && !answer.fields_data().empty() && FindColumn(*key, answer) == nullptr) {
    return CorruptError("read rows: the answer does not carry the primary key " + key->name);
  }
  std::vector<Column> converted;
  converted.reserve(columns.size());
  for (const FieldSchema& field : columns) {
    const FieldData* data = FindColumn(field, answer);
    if (rows == 0) {
      converted.emplace_back(field);
      continue;
    }
    if (data == nullptr) {
      return RefusedError("read rows: the server leaves out column " + field.name +
                          ", as it does for fields that are not loaded; release the collection "
                          "and load it with all fields");
    }
    AERIE_ASSIGN(Column column, ColumnFromWire(field, *data, rows));
    converted.push_back(std::move(column));
  }
  AnswerRows out{rows::RowBatch(partition, std::move(converted)), 0};
  out.repeated_keys = rows::SortAndDeduplicate(out.batch);
  return out;
}

Result<std::vector<rows::Key>> KeysFromAnswer(const FieldSchema& key_field,
                                              const wire::milvus::QueryResults& answer) {
  std::vector<rows::Key> keys;
  const FieldData* data = FindColumn(key_field, answer);
  if (data == nullptr) return keys;
  keys.reserve(KeysIn(data));
  if (key_field.type == DataType::kInt64) {
    for (const std::int64_t key : data->scalars().long_data().data()) keys.emplace_back(key);
  } else {
    for (const std::string& key : data->scalars().string_data().data()) keys.emplace_back(key);
  }
  if (!std::is_sorted(keys.begin(), keys.end())) std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

Result<std::int64_t> CountFromAnswer(const wire::milvus::QueryResults& answer) {
  for (const FieldData& data : answer.fields_data()) {
    const auto& counts = data.scalars().long_data().data();
    if (counts.size() == 1) return counts.Get(0);
  }
  return CorruptError(
      "count rows: the answer to count(*) carries no number; check the server's version");
}

namespace {

// Adds the valid rows of a fixed column to a repeated field of T.
template <class T, class Repeated>
void PackNumbers(const Column& column, std::size_t begin, std::size_t end, Repeated* out) {
  const std::size_t per_cell = column.width() / sizeof(T);
  const auto* cells = reinterpret_cast<const T*>(column.data().data());
  if (!column.has_nulls_column()) {
    out->Add(cells + begin * per_cell, cells + end * per_cell);
    return;
  }
  out->Reserve(static_cast<int>((end - begin) * per_cell));
  for (std::size_t row = begin; row < end; ++row) {
    if (!column.IsNull(row)) out->Add(cells + row * per_cell, cells + (row + 1) * per_cell);
  }
}

void PackBytes(const Column& column, std::size_t begin, std::size_t end, std::string* out) {
  const auto* cells = reinterpret_cast<const char*>(column.data().data());
  const std::size_t width = column.width();
  if (!column.has_nulls_column()) {
    out->assign(cells + begin * width, (end - begin) * width);
    return;
  }
  for (std::size_t row = begin; row < end; ++row) {
    if (!column.IsNull(row)) out->append(cells + row * width, width);
  }
}

template <class Repeated>
void PackStrings(const Column& column, std::size_t begin, std::size_t end, Repeated* out) {
  out->Reserve(static_cast<int>(end - begin));
  for (std::size_t row = begin; row < end; ++row) {
    if (column.IsNull(row)) continue;
    const std::string_view text = AsText(column.Cell(row));
    out->Add()->assign(text.data(), text.size());
  }
}

template <class T, class Repeated>
void PackElements(ByteSpan elements, Repeated* out) {
  out->Resize(static_cast<int>(elements.size() / sizeof(T)), T{});
  if (!elements.empty()) std::memcpy(out->mutable_data(), elements.data(), elements.size());
}

// Sets the typed member even for an empty array: without it some servers die (protocol.md 2.4).
Status PackArrayCell(const FieldSchema& field, ByteSpan cell, ScalarField* out) {
  AERIE_ASSIGN(const std::size_t width, rows::ArrayElementWidth(field.element_type));
  if (width == 0) {
    AERIE_ASSIGN(const auto texts, rows::StringArrayElements(cell));
    auto* strings = out->mutable_string_data()->mutable_data();
    for (const std::string_view text : texts) strings->Add()->assign(text.data(), text.size());
    return Ok();
  }
  AERIE_ASSIGN(const ByteSpan elements, rows::FixedArrayElements(cell, width));
  switch (field.element_type) {
    case DataType::kBool:
      PackElements<bool>(elements, out->mutable_bool_data()->mutable_data());
      break;
    case DataType::kInt64:
      PackElements<std::int64_t>(elements, out->mutable_long_data()->mutable_data());
      break;
    case DataType::kFloat:
      PackElements<float>(elements, out->mutable_float_data()->mutable_data());
      break;
    case DataType::kDouble:
      PackElements<double>(elements, out->mutable_double_data()->mutable_data());
      break;
    default: PackElements<std::int32_t>(elements, out->mutable_int_data()->mutable_data());
  }
  return Ok();
}

Status PackArrays(const Column& column, std::size_t begin, std::size_t end, ScalarField* out) {
  auto* arrays = out->mutable_array_data();
  arrays->set_element_type(static_cast<wire::schema::DataType>(column.field().element_type));
  arrays->mutable_data()->Reserve(static_cast<int>(end - begin));
  for (std::size_t row = begin; row < end; ++row) {
    if (column.IsNull(row)) continue;
    AERIE_TRY(Annotate(PackArrayCell(column.field(), column.Cell(row), arrays->add_data()),
                       "write column " + column.field().name));
  }
  return Ok();
}

// `dim` of a sparse batch is its largest index plus one.
void PackSparse(const Column& column, std::size_t begin, std::size_t end, VectorField* out) {
  auto* sparse = out->mutable_sparse_float_vector();
  PackStrings(column, begin, end, sparse->mutable_contents());
  std::int64_t dim = 0;
  for (const std::string& row : sparse->contents()) {
    if (row.size() < 8) continue;
    std::uint32_t last = 0;
    std::memcpy(&last, row.data() + row.size() - 8, sizeof(last));
    dim = std::max(dim, static_cast<std::int64_t>(last) + 1);
  }
  sparse->set_dim(dim);
  out->set_dim(dim);
}

Status PackScalars(const Column& column, std::size_t begin, std::size_t end, ScalarField* out) {
  switch (column.field().type) {
    case DataType::kBool:
      PackNumbers<bool>(column, begin, end, out->mutable_bool_data()->mutable_data());
      return Ok();
    case DataType::kInt8:
    case DataType::kInt16:
    case DataType::kInt32:
      PackNumbers<std::int32_t>(column, begin, end, out->mutable_int_data()->mutable_data());
      return Ok();
    case DataType::kInt64:
      PackNumbers<std::int64_t>(column, begin, end, out->mutable_long_data()->mutable_data());
      return Ok();
    case DataType::kFloat:
      PackNumbers<float>(column, begin, end, out->mutable_float_data()->mutable_data());
      return Ok();
    case DataType::kDouble:
      PackNumbers<double>(column, begin, end, out->mutable_double_data()->mutable_data());
      return Ok();
    case DataType::kJson:
      PackStrings(column, begin, end, out->mutable_json_data()->mutable_data());
      return Ok();
    case DataType::kArray: return PackArrays(column, begin, end, out);
    case DataType::kGeometry:
      PackStrings(column, begin, end, out->mutable_geometry_wkt_data()->mutable_data());
      return Ok();
    default:
      PackStrings(column, begin, end, out->mutable_string_data()->mutable_data());
      return Ok();
  }
}

void PackVectors(const Column& column, std::size_t begin, std::size_t end, VectorField* out) {
  out->set_dim(column.field().dim());
  switch (column.field().type) {
    case DataType::kFloatVector:
      PackNumbers<float>(column, begin, end, out->mutable_float_vector()->mutable_data());
      break;
    case DataType::kBinaryVector:
      PackBytes(column, begin, end, out->mutable_binary_vector());
      break;
    case DataType::kFloat16Vector:
      PackBytes(column, begin, end, out->mutable_float16_vector());
      break;
    case DataType::kBFloat16Vector:
      PackBytes(column, begin, end, out->mutable_bfloat16_vector());
      break;
    case DataType::kInt8Vector: PackBytes(column, begin, end, out->mutable_int8_vector()); break;
    default: PackSparse(column, begin, end, out);
  }
}

Status UnpackOpaque(const Column& column, std::size_t begin, std::size_t end, FieldData* out) {
  if (end - begin != 1) {
    return InternalError("write column " + column.field().name +
                         ": opaque cells are written a row a call");
  }
  const ByteSpan cell = column.Cell(begin);
  if (out->ParseFromArray(cell.data(), static_cast<int>(cell.size()))) return Ok();
  return CorruptError("write column " + column.field().name +
                      ": the opaque cell is not a column of the wire");
}

Status PackValidity(const Column& column, const FieldSchema& target, std::size_t begin,
                    std::size_t end, FieldData* out) {
  bool has_null = false;
  for (std::size_t row = begin; row < end && !has_null; ++row) has_null = column.IsNull(row);
  if (!target.nullable) {
    if (!has_null) return Ok();
    return RefusedError("write column " + target.name +
                        ": the rows have nulls and the target's field takes none; create the "
                        "target with a nullable field, or on a server that has them");
  }
  out->mutable_valid_data()->Reserve(static_cast<int>(end - begin));
  for (std::size_t row = begin; row < end; ++row) out->add_valid_data(!column.IsNull(row));
  return Ok();
}

}  // namespace

Status ColumnToWire(const Column& column, const FieldSchema& target, std::size_t begin,
                    std::size_t end, FieldData* out) {
  if (column.field().type != target.type || column.field().element_type != target.element_type) {
    return RefusedError("write column " + target.name + ": the rows have " +
                        rows::TypeName(column.field().type) + ", the target has " +
                        rows::TypeName(target.type) + "; choose another target");
  }
  if (IsOpaque(target)) {
    AERIE_TRY(UnpackOpaque(column, begin, end, out));
  } else {
    AERIE_TRY(PackValidity(column, target, begin, end, out));
    if (rows::IsVector(target.type)) {
      PackVectors(column, begin, end, out->mutable_vectors());
    } else {
      AERIE_TRY(PackScalars(column, begin, end, out->mutable_scalars()));
    }
  }
  out->set_type(static_cast<wire::schema::DataType>(target.type));
  out->set_field_name(target.name);
  out->set_is_dynamic(target.dynamic);
  return Ok();
}

Status BatchToWire(const rows::RowBatch& batch, const rows::CollectionSchema& target,
                   AutoIdKeys keys, std::size_t begin, std::size_t end,
                   google::protobuf::RepeatedPtrField<FieldData>* out) {
  const std::vector<FieldSchema> columns = target.Columns();
  for (const FieldSchema& field : columns) {
    if (field.function_output) continue;
    const bool generated = field.primary_key && (field.auto_id || target.auto_id);
    if (generated && keys == AutoIdKeys::kLeaveOut) continue;
    const Column* column = batch.Find(field.name);
    if (column == nullptr) {
      return RefusedError("write rows: the target has field " + field.name +
                          " and the rows do not; choose another target");
    }
    AERIE_TRY(ColumnToWire(*column, field, begin, end, out->Add()));
  }
  for (const Column& column : batch.columns()) {
    const std::string& name = column.field().name;
    const bool known = std::any_of(columns.begin(), columns.end(),
                                   [&](const FieldSchema& field) { return field.name == name; });
    if (!known && !column.field().function_output) {
      return RefusedError("write rows: the rows have field " + name +
                          " and the target does not; choose another target");
    }
  }
  return Ok();
}

}  // namespace aerie::milvus
