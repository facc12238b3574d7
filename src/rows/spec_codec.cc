#include "rows/spec_codec.h"

#include <array>
#include <charconv>
#include <limits>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/bytes.h"

namespace aerie::rows {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxFieldDepth = 4;  // a struct array's fields are flat; room for what may come

template <class Enum>
struct Named {
  Enum value;
  const char* name;
};
constexpr std::array kLoadStates = {Named<LoadState>{LoadState::kNotExist, "not_exist"},
                                    Named<LoadState>{LoadState::kNotLoaded, "not_loaded"},
                                    Named<LoadState>{LoadState::kLoading, "loading"},
                                    Named<LoadState>{LoadState::kLoaded, "loaded"}};
constexpr std::array kConsistencyLevels = {
    Named<ConsistencyLevel>{ConsistencyLevel::kStrong, "strong"},
    Named<ConsistencyLevel>{ConsistencyLevel::kSession, "session"},
    Named<ConsistencyLevel>{ConsistencyLevel::kBounded, "bounded"},
    Named<ConsistencyLevel>{ConsistencyLevel::kEventually, "eventually"},
    Named<ConsistencyLevel>{ConsistencyLevel::kCustomized, "customized"}};
constexpr std::array kTypes = {DataType::kNone,           DataType::kBool,
                               DataType::kInt8,           DataType::kInt16,
                               DataType::kInt32,          DataType::kInt64,
                               DataType::kFloat,          DataType::kDouble,
                               DataType::kString,         DataType::kVarChar,
                               DataType::kArray,          DataType::kJson,
                               DataType::kGeometry,       DataType::kText,
                               DataType::kTimestamptz,    DataType::kBinaryVector,
                               DataType::kFloatVector,    DataType::kFloat16Vector,
                               DataType::kBFloat16Vector, DataType::kSparseFloatVector,
                               DataType::kInt8Vector,     DataType::kArrayOfVector,
                               DataType::kArrayOfStruct,  DataType::kStruct};

// ---- Writing

bool IsUtf8(const std::string& text) {
  try {
    (void)Json(text).dump();
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

Json TextJson(const std::string& text) {
  if (IsUtf8(text)) return text;
  return Json{{"hex", ToHex(AsBytes(text))}};
}

Json PairsJson(const KeyValues& pairs) {
  std::set<std::string> keys;
  bool plain = true;
  for (const auto& [key, value] : pairs) plain = keys.insert(key).second && IsUtf8(key) && plain;
  Json json = plain ? Json::object() : Json::array();
  for (const auto& [key, value] : pairs) {
    if (plain)
      json[key] = TextJson(value);
    else
      json.push_back(Json::array({TextJson(key), TextJson(value)}));
  }
  return json;
}

Json TextsJson(const std::vector<std::string>& texts) {
  Json json = Json::array();
  for (const std::string& text : texts) json.push_back(TextJson(text));
  return json;
}

template <class Enum, class Table>
Json EnumJson(Enum value, const Table& names) {
  for (const auto& entry : names) {
    if (entry.value == value) return entry.name;
  }
  return static_cast<std::int32_t>(value);
}

Json TypeJson(DataType type) {
  for (const DataType known : kTypes) {
    if (known == type) return TypeName(type);
  }
  return static_cast<std::int32_t>(type);
}

Json FieldJson(const FieldSchema& field) {
  Json json = {{"name", TextJson(field.name)}, {"id", field.id}, {"type", TypeJson(field.type)}};
  if (field.element_type != DataType::kNone) json["element_type"] = TypeJson(field.element_type);
  if (!field.description.empty()) json["description"] = TextJson(field.description);
  const std::pair<const char*, bool> flags[] = {{"primary_key", field.primary_key},
                                                {"auto_id", field.auto_id},
                                                {"partition_key", field.partition_key},
                                                {"clustering_key", field.clustering_key},
                                                {"nullable", field.nullable},
                                                {"dynamic", field.dynamic},
                                                {"function_output", field.function_output}};
  for (const auto& [name, set] : flags) {
    if (set) json[name] = true;
  }
  if (!field.type_params.empty()) json["type_params"] = PairsJson(field.type_params);
  if (!field.index_params.empty()) json["index_params"] = PairsJson(field.index_params);
  if (!field.default_value.empty()) json["default_value_hex"] = ToHex(field.default_value);
  if (!field.unknown.empty()) json["unknown_hex"] = ToHex(field.unknown);
  for (const FieldSchema& sub_field : field.sub_fields) {
    json["sub_fields"].push_back(FieldJson(sub_field));
  }
  return json;
}

Json SchemaJson(const CollectionSchema& schema) {
  Json fields = Json::array();
  for (const FieldSchema& field : schema.fields) fields.push_back(FieldJson(field));
  Json functions = Json::array();
  for (const Bytes& function : schema.functions) functions.push_back(ToHex(function));
  return {{"name", TextJson(schema.name)},
          {"description", TextJson(schema.description)},
          {"auto_id", schema.auto_id},
          {"dynamic_field", schema.enable_dynamic_field},
          {"namespaces", schema.enable_namespace},
          {"fields", std::move(fields)},
          {"properties", PairsJson(schema.properties)},
          {"functions_hex", std::move(functions)},
          {"unknown_hex", ToHex(schema.unknown)}};
}

// ---- Reading

// Reads members of one object; the first fault sticks and makes the rest do nothing. Absent
// members leave the target as it is.
class Members {
 public:
  Members(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) Fail("", "is not an object");
  }

  Status status() const { return status_; }

  void Text(const char* name, std::string& out) {
    if (const Json* json = Find(name)) Check(name, TextFrom(*json, out), "is not text");
  }
  void Bool(const char* name, bool& out) {
    const Json* json = Find(name);
    if (json == nullptr) return;
    if (Check(name, json->is_boolean(), "is not true or false")) out = json->get<bool>();
  }
  template <class Int>
  void Number(const char* name, Int& out) {
    if (const Json* json = Find(name)) Check(name, NumberFrom(*json, out), "is not such a number");
  }
  void Hex(const char* name, Bytes& out) {
    if (const Json* json = Find(name)) Check(name, HexFrom(*json, out), "is not hexadecimal");
  }
  void Pairs(const char* name, KeyValues& out) {
    if (const Json* json = Find(name)) Check(name, PairsFrom(*json, out), "is not a set of texts");
  }
  void Type(const char* name, DataType& out) {
    const Json* json = Find(name);
    if (json == nullptr) return;
    for (const DataType type : kTypes) {
      if (json->is_string() && *json == TypeName(type)) {
        out = type;
        return;
      }
    }
    EnumNumber(name, *json, out);
  }
  template <class Enum, class Table>
  void Enumeration(const char* name, const Table& names, Enum& out) {
    const Json* json = Find(name);
    if (json == nullptr) return;
    for (const auto& entry : names) {
      if (json->is_string() && *json == entry.name) {
        out = entry.value;
        return;
      }
    }
    EnumNumber(name, *json, out);
  }
  void Texts(const char* name, std::vector<std::string>& out) {
    Each(name, [&](const Json& item, const std::string& where) {
      if (TextFrom(item, out.emplace_back())) return Ok();
      return CorruptError(where + " is not text");
    });
  }
  void Hexes(const char* name, std::vector<Bytes>& out) {
    Each(name, [&](const Json& item, const std::string& where) {
      if (HexFrom(item, out.emplace_back())) return Ok();
      return CorruptError(where + " is not hexadecimal");
    });
  }
  // Calls `read` with each item of an array and its place.
  template <class Read>
  void Each(const char* name, Read read) {
    const Json* json = Find(name);
    if (json == nullptr || !Check(name, json->is_array(), "is not an array")) return;
    for (std::size_t i = 0; i < json->size() && status_.ok(); ++i) {
      status_ = read((*json)[i], where_ + "." + name + "[" + std::to_string(i) + "]");
    }
  }
  void Require(const char* name) {
    if (status_.ok() && !object_.contains(name)) Fail(name, "is missing");
  }
  template <class Read>
  void Object(const char* name, Read read) {
    if (const Json* json = Find(name)) status_ = read(*json, where_ + "." + name);
  }

 private:
  const Json* Find(const char* name) const {
    if (!status_.ok()) return nullptr;
    const auto it = object_.find(name);
    return it == object_.end() ? nullptr : &*it;
  }
  void Fail(const std::string& name, const char* what) {
    status_ = CorruptError(where_ + (name.empty() ? "" : "." + name) + " " + what);
  }
  bool Check(const char* name, bool holds, const char* what) {
    if (!holds) Fail(name, what);
    return holds;
  }
  template <class Enum>
  void EnumNumber(const char* name, const Json& json, Enum& out) {
    std::int32_t number = 0;
    if (Check(name, NumberFrom(json, number), "is a word or number that is not known")) {
      out = static_cast<Enum>(number);
    }
  }
  static bool TextFrom(const Json& json, std::string& out) {
    if (json.is_string()) {
      out = json.get<std::string>();
      return true;
    }
    Bytes bytes;
    if (!json.is_object() || !json.contains("hex") || !HexFrom(json["hex"], bytes)) return false;
    out = AsText(bytes);
    return true;
  }
  static bool HexFrom(const Json& json, Bytes& out) {
    if (!json.is_string()) return false;
    auto bytes = FromHex(json.get_ref<const std::string&>());
    if (!bytes.ok()) return false;
    out = *std::move(bytes);
    return true;
  }
  static bool PairsFrom(const Json& json, KeyValues& out) {
    if (json.is_object()) {
      for (const auto& [key, value] : json.items()) {
        if (!TextFrom(value, out.emplace_back(key, "").second)) return false;
      }
      return true;
    }
    if (!json.is_array()) return false;
    for (const Json& pair : json) {
      auto& [key, value] = out.emplace_back();
      if (!pair.is_array() || pair.size() != 2) return false;
      if (!TextFrom(pair[0], key) || !TextFrom(pair[1], value)) return false;
    }
    return true;
  }
  // A JSON integer, or decimal text.
  template <class Int>
  static bool NumberFrom(const Json& json, Int& out) {
    std::int64_t value = 0;
    if (json.is_string()) {
      const auto& text = json.get_ref<const std::string&>();
      const char* end = text.data() + text.size();
      const auto [at, error] = std::from_chars(text.data(), end, value);
      if (error != std::errc() || at != end) return false;
    } else if (json.is_number_unsigned()) {
      const auto number = json.get<std::uint64_t>();
      if (number > std::numeric_limits<std::int64_t>::max()) return false;
      value = static_cast<std::int64_t>(number);
    } else if (json.is_number_integer()) {
      value = json.get<std::int64_t>();
    } else {
      return false;
    }
    if (value < std::numeric_limits<Int>::min() || value > std::numeric_limits<Int>::max()) {
      return false;
    }
    out = static_cast<Int>(value);
    return true;
  }

  const Json& object_;
  std::string where_;
  Status status_;
};

Status ReadField(const Json& json, const std::string& where, int depth, FieldSchema& field) {
  if (depth > kMaxFieldDepth) return CorruptError(where + " is nested too deeply");
  Members members(json, where);
  members.Require("name");
  members.Require("type");
  members.Text("name", field.name);
  members.Number("id", field.id);
  members.Type("type", field.type);
  members.Type("element_type", field.element_type);
  members.Text("description", field.description);
  members.Bool("primary_key", field.primary_key);
  members.Bool("auto_id", field.auto_id);
  members.Bool("partition_key", field.partition_key);
  members.Bool("clustering_key", field.clustering_key);
  members.Bool("nullable", field.nullable);
  members.Bool("dynamic", field.dynamic);
  members.Bool("function_output", field.function_output);
  members.Pairs("type_params", field.type_params);
  members.Pairs("index_params", field.index_params);
  members.Hex("default_value_hex", field.default_value);
  members.Hex("unknown_hex", field.unknown);
  members.Each("sub_fields", [&](const Json& item, const std::string& place) {
    return ReadField(item, place, depth + 1, field.sub_fields.emplace_back());
  });
  return members.status();
}

Status ReadSchema(const Json& json, const std::string& where, CollectionSchema& schema) {
  Members members(json, where);
  members.Require("fields");
  members.Text("name", schema.name);
  members.Text("description", schema.description);
  members.Bool("auto_id", schema.auto_id);
  members.Bool("dynamic_field", schema.enable_dynamic_field);
  members.Bool("namespaces", schema.enable_namespace);
  members.Each("fields", [&](const Json& item, const std::string& place) {
    return ReadField(item, place, 1, schema.fields.emplace_back());
  });
  members.Pairs("properties", schema.properties);
  members.Hexes("functions_hex", schema.functions);
  members.Hex("unknown_hex", schema.unknown);
  return members.status();
}

Status ReadPartition(const Json& json, const std::string& where, PartitionSpec& partition) {
  Members members(json, where);
  members.Require("name");
  members.Text("name", partition.name);
  members.Enumeration("load_state", kLoadStates, partition.load_state);
  return members.status();
}

Status ReadIndex(const Json& json, const std::string& where, IndexSpec& index) {
  Members members(json, where);
  members.Require("field");
  members.Text("field", index.field_name);
  members.Text("name", index.index_name);
  members.Pairs("params", index.params);
  return members.status();
}

}  // namespace

Json SpecToJson(const CollectionSpec& spec) {
  Json partitions = Json::array();
  for (const PartitionSpec& partition : spec.partitions) {
    partitions.push_back({{"name", TextJson(partition.name)},
                          {"load_state", EnumJson(partition.load_state, kLoadStates)}});
  }
  Json indexes = Json::array();
  for (const IndexSpec& index : spec.indexes) {
    indexes.push_back({{"field", TextJson(index.field_name)},
                       {"name", TextJson(index.index_name)},
                       {"params", PairsJson(index.params)}});
  }
  return {{"database", TextJson(spec.name.database)},
          {"collection", TextJson(spec.name.collection)},
          {"id", std::to_string(spec.id)},
          {"schema", SchemaJson(spec.schema)},
          {"partitions", std::move(partitions)},
          {"num_partitions", spec.num_partitions},
          {"indexes", std::move(indexes)},
          {"aliases", TextsJson(spec.aliases)},
          {"properties", PairsJson(spec.properties)},
          {"shards", spec.shards},
          {"consistency_level", EnumJson(spec.consistency, kConsistencyLevels)},
          {"load_state", EnumJson(spec.load_state, kLoadStates)},
          {"replicas", spec.replicas},
          {"resource_groups", TextsJson(spec.resource_groups)},
          {"load_fields", TextsJson(spec.load_fields)}};
}

Result<CollectionSpec> SpecFromJson(const Json& json) {
  CollectionSpec spec;
  Members members(json, "read collection spec: collection");
  members.Require("database");
  members.Require("collection");
  members.Require("schema");
  members.Text("database", spec.name.database);
  members.Text("collection", spec.name.collection);
  members.Number("id", spec.id);
  members.Object("schema", [&](const Json& item, const std::string& where) {
    return ReadSchema(item, where, spec.schema);
  });
  members.Each("partitions", [&](const Json& item, const std::string& where) {
    return ReadPartition(item, where, spec.partitions.emplace_back());
  });
  members.Number("num_partitions", spec.num_partitions);
  members.Each("indexes", [&](const Json& item, const std::string& where) {
    return ReadIndex(item, where, spec.indexes.emplace_back());
  });
  members.Texts("aliases", spec.aliases);
  members.Pairs("properties", spec.properties);
  members.Number("shards", spec.shards);
  members.Enumeration("consistency_level", kConsistencyLevels, spec.consistency);
  members.Enumeration("load_state", kLoadStates, spec.load_state);
  members.Number("replicas", spec.replicas);
  members.Texts("resource_groups", spec.resource_groups);
  members.Texts("load_fields", spec.load_fields);
  if (members.status().ok()) return spec;
  return CorruptError(std::string(members.status().message()) +
                      "; the record is damaged or of a newer version of aerie");
}

std::string EncodeSpec(const CollectionSpec& spec) { return SpecToJson(spec).dump(); }

Result<CollectionSpec> DecodeSpec(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return CorruptError("read collection spec: it is not JSON; check the repository it came from");
  }
  return SpecFromJson(json);
}

}  // namespace aerie::rows
