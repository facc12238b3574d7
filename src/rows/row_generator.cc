#include "rows/row_generator.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <set>

#include "rows/array_cell.h"

namespace aerie::rows {
namespace {

constexpr std::array kScalars = {DataType::kBool,       DataType::kInt8,    DataType::kInt16,
                                 DataType::kInt32,      DataType::kInt64,   DataType::kFloat,
                                 DataType::kDouble,     DataType::kVarChar, DataType::kJson,
                                 DataType::kString,     DataType::kText,    DataType::kGeometry,
                                 DataType::kTimestamptz};
constexpr std::array kVectors = {DataType::kBinaryVector,      DataType::kFloatVector,
                                 DataType::kFloat16Vector,     DataType::kBFloat16Vector,
                                 DataType::kSparseFloatVector, DataType::kInt8Vector};
constexpr std::array kElements = {DataType::kBool,   DataType::kInt8,   DataType::kInt16,
                                  DataType::kInt32,  DataType::kInt64,  DataType::kFloat,
                                  DataType::kDouble, DataType::kVarChar};
constexpr auto kUnheardOf = static_cast<DataType>(4711);

constexpr std::array<std::uint32_t, 10> kFloats = {0x00000000, 0x80000000, 0x7f800000, 0xff800000,
                                                   0x7fc00000, 0x7fc12345, 0xffa00001, 0x00000001,
                                                   0x807fffff, 0x7f7fffff};
constexpr std::array<std::uint64_t, 10> kDoubles = {
    0x0000000000000000, 0x8000000000000000, 0x7ff0000000000000, 0xfff0000000000000,
    0x7ff8000000000000, 0x7ff8000000abcdef, 0xfff4000000000001, 0x0000000000000001,
    0x800fffffffffffff, 0x7fefffffffffffff};
constexpr std::array<std::int64_t, 9> kInts = {0,
                                               1,
                                               -1,
                                               std::numeric_limits<std::int64_t>::max(),
                                               std::numeric_limits<std::int64_t>::min(),
                                               std::numeric_limits<std::int64_t>::max() - 1,
                                               std::numeric_limits<std::int64_t>::min() + 1,
                                               std::int64_t{1} << 53,
                                               std::numeric_limits<std::int32_t>::min()};
constexpr std::array<std::string_view, 12> kPieces = {
    "a", "Zz", " ",      "\"",           "\\",         "\n",
    "'", "%",  "\u00e9", "\u4e2d\u6587", "\U0001F985", std::string_view("\0", 1)};

template <class Array>
auto& Pick(RowGenerator& random, Array& values) {
  return values[random.Below(std::size(values))];
}

std::string FieldName(DataType type, DataType element_type) {
  if (type == kUnheardOf) return "f_unheard_of";
  std::string name = "f_" + TypeName(type);
  if (element_type != DataType::kNone) name += "_" + TypeName(element_type);
  return name;
}

}  // namespace

// SplitMix64 (Steele, Lea, Flood 2014).
std::uint64_t RowGenerator::Next() {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::uint64_t RowGenerator::Below(std::uint64_t limit) { return Next() % limit; }

Bytes RowGenerator::RandomBytes(std::size_t max_bytes) {
  Bytes bytes(Below(max_bytes + 1));
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(Next());
  return bytes;
}

std::string RowGenerator::RandomText(std::size_t max_bytes) {
  const std::size_t aim = Chance(10) ? 0 : Below(max_bytes + 1);
  std::string text;
  while (text.size() < aim) {
    const std::string_view piece = Pick(*this, kPieces);
    if (text.size() + piece.size() > max_bytes) break;
    text += piece;
  }
  return text;
}

std::string RowGenerator::RandomJson(int depth) {
  switch (Below(depth > 0 ? 8 : 5)) {
    case 0: return "{}";
    case 1: return "{ \"a\" : 12345678901234567890123 , \"a\":1.0 }";
    case 2: return "{\"n\":" + std::to_string(static_cast<std::int64_t>(Next())) + "}";
    case 3: return "{\"t\":\"\\u00e9 \\\" \u4e2d\"}";
    case 4: return "{\"f\":-0.0,\"b\":true,\"z\":null}";
    default: {
      const std::string a = RandomJson(depth - 1);
      return "{\"x\":[" + a + "," + RandomJson(depth - 1) + "],\"y\": " + a + "}";
    }
  }
}

KeyValues RowGenerator::RandomPairs() {
  KeyValues pairs;
  const std::size_t count = Below(4);
  for (std::size_t i = 0; i < count; ++i) {
    // Two statements: the order in which arguments are evaluated differs between compilers.
    std::string key = "key" + std::to_string(i) + RandomText(4);
    pairs.emplace_back(std::move(key), RandomText(12));
  }
  if (!pairs.empty() && Chance(10)) pairs.push_back(pairs.front());
  return pairs;
}

FieldSchema RowGenerator::RandomField(std::string name, DataType type, DataType element_type) {
  FieldSchema field;
  field.name = std::move(name);
  field.type = type;
  field.element_type = element_type;
  if (IsVector(type) && type != DataType::kSparseFloatVector) {
    field.type_params.emplace_back("dim", std::to_string(8 * (1 + Below(4))));
  }
  if (type == DataType::kVarChar || element_type == DataType::kVarChar) {
    field.type_params.emplace_back("max_length", "65535");
  }
  if (type == DataType::kArray) field.type_params.emplace_back("max_capacity", "64");
  return field;
}

CollectionSchema RowGenerator::EveryTypeSchema(DataType key_type) {
  CollectionSchema schema;
  schema.name = "every_type";
  schema.enable_dynamic_field = true;
  schema.fields.push_back(RandomField("id", key_type, DataType::kNone));
  schema.fields.front().primary_key = true;
  const auto add = [&](DataType type, DataType element_type) {
    FieldSchema field = RandomField(FieldName(type, element_type), type, element_type);
    schema.fields.push_back(field);
    field.name += "_or_null";
    field.nullable = true;
    schema.fields.push_back(std::move(field));
  };
  for (const DataType type : kScalars) add(type, DataType::kNone);
  for (const DataType type : kVectors) add(type, DataType::kNone);
  for (const DataType element : kElements) add(DataType::kArray, element);
  add(kUnheardOf, DataType::kNone);
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    schema.fields[i].id = 100 + static_cast<std::int64_t>(i);
  }
  return schema;
}

CollectionSchema RowGenerator::RandomSchema() {
  CollectionSchema schema;
  schema.name = "random_" + std::to_string(Below(1000));
  schema.enable_dynamic_field = Chance(50);
  const std::size_t count = 1 + Below(6);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = "field" + std::to_string(i);
    switch (Below(4)) {
      case 0: {
        schema.fields.push_back(RandomField(name, Pick(*this, kVectors), DataType::kNone));
        break;
      }
      case 1: {
        schema.fields.push_back(RandomField(name, DataType::kArray, Pick(*this, kElements)));
        break;
      }
      default: {
        schema.fields.push_back(RandomField(name, Pick(*this, kScalars), DataType::kNone));
        break;
      }
    }
    schema.fields.back().nullable = Chance(40);
  }
  FieldSchema key =
      RandomField("id", Chance(50) ? DataType::kInt64 : DataType::kVarChar, DataType::kNone);
  key.primary_key = true;
  schema.fields.insert(
      schema.fields.begin() + static_cast<std::ptrdiff_t>(Below(schema.fields.size() + 1)),
      std::move(key));
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    schema.fields[i].id = 100 + static_cast<std::int64_t>(i);
  }
  return schema;
}

CollectionSpec RowGenerator::RandomSpec() {
  CollectionSpec spec;
  spec.name = {RandomText(10), RandomText(10)};
  spec.id = static_cast<std::int64_t>(Next());
  spec.schema = Chance(30) ? EveryTypeSchema(DataType::kVarChar) : RandomSchema();
  spec.schema.description = RandomText(30);
  spec.schema.auto_id = Chance(50);
  spec.schema.properties = RandomPairs();
  spec.schema.enable_namespace = Chance(20);
  spec.schema.unknown = RandomBytes(8);
  for (std::size_t i = Below(3); i > 0; --i) spec.schema.functions.push_back(RandomBytes(40));
  for (FieldSchema& field : spec.schema.fields) {
    field.description = RandomText(20);
    field.index_params = RandomPairs();
    field.auto_id = Chance(20);
    field.partition_key = Chance(10);
    field.clustering_key = Chance(10);
    field.dynamic = Chance(10);
    field.function_output = Chance(10);
    field.default_value = RandomBytes(6);
    field.unknown = RandomBytes(6);
    if (Chance(10)) {
      field.sub_fields.push_back(RandomField("sub", DataType::kArray, DataType::kFloat));
      field.sub_fields.push_back(RandomField(RandomText(5), kUnheardOf, kUnheardOf));
    }
  }
  for (std::size_t i = Below(4); i > 0; --i) {
    spec.partitions.push_back({"part" + std::to_string(i), static_cast<LoadState>(Below(4))});
    spec.indexes.push_back({RandomText(6), "index" + std::to_string(i), RandomPairs()});
    spec.aliases.push_back("alias" + std::to_string(i));
    spec.resource_groups.push_back(RandomText(6));
    spec.load_fields.push_back("field" + std::to_string(i));
  }
  spec.num_partitions = static_cast<std::int64_t>(Below(100));
  spec.properties = RandomPairs();
  spec.shards = static_cast<std::int32_t>(Below(5));
  spec.consistency = static_cast<ConsistencyLevel>(Below(6));
  spec.load_state = static_cast<LoadState>(Below(5));
  spec.replicas = static_cast<std::int32_t>(Below(4));
  return spec;
}

Key RowGenerator::RandomKey(DataType key_type) {
  if (key_type == DataType::kInt64) {
    if (Chance(5)) return Pick(*this, kInts);
    if (Chance(30)) return static_cast<std::int64_t>(Below(100'000)) - 50'000;
    return static_cast<std::int64_t>(Next());
  }
  if (Chance(1)) return std::string(Below(65'536), 'k');
  return RandomText(24);
}

void RowGenerator::AppendNumber(DataType type, Bytes& out) {
  ByteWriter writer(out);
  switch (type) {
    case DataType::kBool: return writer.Fixed(static_cast<std::uint8_t>(Below(2)));
    case DataType::kInt8:
      return writer.Fixed(static_cast<std::int32_t>(static_cast<std::int8_t>(Next())));
    case DataType::kInt16:
      return writer.Fixed(static_cast<std::int32_t>(static_cast<std::int16_t>(Next())));
    case DataType::kInt32: return writer.Fixed(static_cast<std::int32_t>(Next()));
    case DataType::kInt64:
      return writer.Fixed(Chance(20) ? Pick(*this, kInts) : static_cast<std::int64_t>(Next()));
    case DataType::kFloat:
      if (Chance(15)) return writer.Fixed(Pick(*this, kFloats));
      return writer.Fixed(static_cast<float>(static_cast<std::int32_t>(Next())) * 0x1p-31f);
    default:
      if (Chance(15)) return writer.Fixed(Pick(*this, kDoubles));
      return writer.Fixed(static_cast<double>(static_cast<std::int64_t>(Next())) * 0x1p-63);
  }
}

Bytes RowGenerator::RandomArray(DataType element_type) {
  const std::size_t count = Chance(20) ? 0 : Below(10);
  Bytes cell;
  const std::size_t width = ArrayElementWidth(element_type).value_or(0);
  if (width == 0) {
    ByteWriter writer(cell);
    writer.Varint(count);
    for (std::size_t i = 0; i < count; ++i) writer.Sized(RandomText(12));
    return cell;
  }
  Bytes elements;
  for (std::size_t i = 0; i < count; ++i) AppendNumber(element_type, elements);
  AppendFixedArrayCell(elements, width, cell);
  return cell;
}

Bytes RowGenerator::RandomSparse() {
  std::set<std::uint32_t> indexes;
  for (std::size_t i = Below(12); i > 0; --i) {
    indexes.insert(static_cast<std::uint32_t>(Chance(20) ? 0xfffffffe - Below(9) : Below(30'000)));
  }
  Bytes cell;
  ByteWriter writer(cell);
  for (const std::uint32_t index : indexes) {
    writer.Fixed(index);
    writer.Fixed(static_cast<float>(1 + Below(1000)) * 0.001F);
  }
  return cell;
}

std::optional<Bytes> RowGenerator::RandomCell(const FieldSchema& field) {
  if (field.nullable && Chance(30)) return std::nullopt;
  const auto text = [](const std::string& value) {
    const ByteSpan bytes = AsBytes(value);
    return Bytes(bytes.begin(), bytes.end());
  };
  Bytes cell;
  switch (field.type) {
    case DataType::kBool:
    case DataType::kInt8:
    case DataType::kInt16:
    case DataType::kInt32:
    case DataType::kInt64:
    case DataType::kFloat:
    case DataType::kDouble: AppendNumber(field.type, cell); return cell;
    case DataType::kJson: return text(RandomJson(2));
    case DataType::kTimestamptz: return text("2026-11-21T03:40:00." + std::to_string(Below(1000)));
    case DataType::kGeometry: return text("POINT (" + std::to_string(Below(180)) + " -0.5)");
    case DataType::kArray: return RandomArray(field.element_type);
    case DataType::kSparseFloatVector: return RandomSparse();
    case DataType::kFloatVector: {
      for (std::int64_t i = 0; i < field.dim(); ++i) AppendNumber(DataType::kFloat, cell);
      return cell;
    }
    case DataType::kString:
    case DataType::kVarChar:
    case DataType::kText: return text(RandomText(Chance(2) ? 3000 : 40));
    default: break;
  }
  const std::size_t width = CellWidth(field);
  if (width == 0) return RandomBytes(64);
  while (cell.size() < width) cell.push_back(static_cast<std::uint8_t>(Next()));
  return cell;
}

RowBatch RowGenerator::RandomRows(const CollectionSchema& schema, const std::string& partition,
                                  std::size_t rows) {
  std::set<Key> keys;
  while (keys.size() < rows) keys.insert(RandomKey(schema.primary_key()->type));
  return RowsWithKeys(schema, partition, {keys.begin(), keys.end()});
}

RowBatch RowGenerator::RowsWithKeys(const CollectionSchema& schema, const std::string& partition,
                                    const std::vector<Key>& ascending_keys) {
  RowBatch batch = RowBatch::Empty(schema, partition);
  for (Column& column : batch.mutable_columns()) {
    for (const Key& key : ascending_keys) {
      if (column.field().primary_key) {
        if (const auto* number = std::get_if<std::int64_t>(&key)) {
          const auto bytes = std::bit_cast<std::array<std::uint8_t, 8>>(*number);
          column.Append(bytes);
        } else {
          column.Append(AsBytes(std::get<std::string>(key)));
        }
      } else if (const auto cell = RandomCell(column.field())) {
        column.Append(*cell);
      } else {
        column.AppendNull();
      }
    }
  }
  return batch;
}

}  // namespace aerie::rows
