// DiffSpecs: what differs between two collections, leaving out what only looks different.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "rows/batch.h"
#include "rows/load_state.h"
#include "rows/schema.h"

namespace aerie::rows {
namespace {

// ---- Differences that a faithful copy shows all the same, each with its reason.

struct BenignProperty {
  enum class When { kAlways, kOnOneSideOnly };
  std::string_view key;
  When when;
  std::string_view reason;
};
constexpr std::array kBenignProperties = {
    BenignProperty{"max_field_id", BenignProperty::When::kAlways,
                   "the server's own counter of field ids; nobody can set it"},
    BenignProperty{"cipher.ezID", BenignProperty::When::kAlways,
                   "number of the encryption zone of this cluster's database"},
    BenignProperty{"timezone", BenignProperty::When::kOnOneSideOnly,
                   "newer servers fill it in from the database when it is not given"},
};

struct BenignWireField {
  std::uint32_t number;
  std::string_view reason;
};
// Of schema.FunctionSchema (protocol.md 2.1).
constexpr std::array kBenignFunctionFields = {
    BenignWireField{2, "id: numbered by each cluster"},
    BenignWireField{6, "input_field_ids: numbered by each cluster; the names are compared"},
    BenignWireField{8, "output_field_ids: numbered by each cluster; the names are compared"},
};
// Of schema.CollectionSchema, among the fields this version does not know.
constexpr std::array kBenignSchemaFields = {
    BenignWireField{8, "dbName: a copy may live in another database"},
    BenignWireField{10, "version: counts the alterations a schema went through"},
    BenignWireField{14, "file_resource_ids: numbered by each cluster"},
};
// Of schema.FieldSchema, among the fields this version does not know.
constexpr std::array kBenignFieldFields = {
    BenignWireField{1, "fieldID: numbered by each collection"},
    BenignWireField{9, "state: progress of the server's own bookkeeping"},
};
constexpr std::uint32_t kFunctionParams = 9;  // repeated KeyValuePair: order means nothing

// Further such rules live where they apply: the key's own auto_id (DiffSchemas), the place of a
// property (Properties), the spelling of index parameters (IndexParams), partitions made for a
// partition key (DiffPartitions), load_fields that list every field (LoadFields).

// ---- Words

std::string Quote(const std::string& text) {
  constexpr std::size_t kShown = 120;
  if (text.size() <= kShown) return KeyToText(text);
  std::size_t cut = kShown;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
  return KeyToText(text.substr(0, cut)) + "... (" + std::to_string(text.size()) + " bytes)";
}
std::string Show(bool value) { return value ? "true" : "false"; }
std::string Show(std::int64_t value) { return std::to_string(value); }
std::string Show(const std::string& value) { return Quote(value); }
std::string Show(const Bytes& value) {
  return value.empty() ? "nothing" : Quote("0x" + ToHex(value));
}
std::string Show(DataType value) { return TypeName(value); }
std::string Show(ConsistencyLevel value) {
  switch (value) {
    case ConsistencyLevel::kStrong: return "Strong";
    case ConsistencyLevel::kSession: return "Session";
    case ConsistencyLevel::kBounded: return "Bounded";
    case ConsistencyLevel::kEventually: return "Eventually";
    case ConsistencyLevel::kCustomized: return "Customized";
  }
  return "level " + std::to_string(static_cast<std::int32_t>(value));
}
std::string Show(const std::set<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ", ") + Quote(value);
  return text.empty() ? "nothing" : text;
}

// Collects the lines.
class Differences {
 public:
  template <class T>
  void Compare(const std::string& subject, const std::string& attribute, const T& left,
               const T& right) {
    if (left == right) return;
    lines_.push_back(subject + ": " + attribute + " " + Show(left) + " here, " + Show(right) +
                     " there");
  }
  void Missing(const std::string& subject, bool here) {
    lines_.push_back(subject + ": missing " + (here ? "here" : "there"));
  }
  void Line(std::string line) { lines_.push_back(std::move(line)); }
  std::vector<std::string> Take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

// Matches the values of two maps by key: reports those on one side only, calls `both` for others.
template <class Map, class Subject, class Both>
void Match(const Map& left, const Map& right, Differences& out, Subject subject, Both both) {
  for (const auto& [key, value] : left) {
    const auto other = right.find(key);
    if (other == right.end())
      out.Missing(subject(key), /*here=*/false);
    else
      both(subject(key), value, other->second);
  }
  for (const auto& [key, value] : right) {
    if (!left.contains(key)) out.Missing(subject(key), /*here=*/true);
  }
}

// ---- Parameters and properties

using ValueSets = std::map<std::string, std::set<std::string>>;

ValueSets AsSets(const KeyValues& pairs) {
  ValueSets sets;
  for (const auto& [key, value] : pairs) sets[key].insert(value);
  return sets;
}

void DiffValues(const std::string& subject, const std::string& attribute, const ValueSets& left,
                const ValueSets& right, Differences& out) {
  ValueSets all = left;
  all.insert(right.begin(), right.end());
  for (const auto& [key, ignored] : all) {
    const auto find = [&key = key](const ValueSets& sets) {
      const auto it = sets.find(key);
      return it == sets.end() ? std::set<std::string>() : it->second;
    };
    out.Compare(subject, attribute + " " + key, find(left), find(right));
  }
}

// CreateIndex takes tuning values flat or as one JSON object under "params", and DescribeIndex
// answers as it was asked or as its version prefers: {"params": "{\"M\":16}"} is {"M": "16"}.
ValueSets IndexParams(const KeyValues& params) {
  ValueSets flat;
  for (const auto& [key, value] : params) {
    const auto json = key == "params" ? nlohmann::json::parse(value, nullptr, false)
                                      : nlohmann::json(nlohmann::json::value_t::discarded);
    if (!json.is_object()) {
      flat[key].insert(value);
      continue;
    }
    for (const auto& [name, member] : json.items()) {
      flat[name].insert(member.is_string() ? member.get<std::string>() : member.dump());
    }
  }
  return flat;
}

// Servers keep some properties in the schema, some beside it, some in both.
ValueSets Properties(const CollectionSpec& spec) {
  ValueSets merged = AsSets(spec.schema.properties);
  for (auto& [key, values] : AsSets(spec.properties)) merged[key] = values;
  return merged;
}

void DiffProperties(const CollectionSpec& left, const CollectionSpec& right, Differences& out) {
  ValueSets here = Properties(left);
  ValueSets there = Properties(right);
  for (const BenignProperty& benign : kBenignProperties) {
    const std::string key(benign.key);
    if (benign.when == BenignProperty::When::kAlways || here.contains(key) != there.contains(key)) {
      here.erase(key);
      there.erase(key);
    }
  }
  DiffValues("collection", "property", here, there, out);
}

// ---- Serialized messages, compared without their schema

struct WireField {
  std::uint64_t number = 0;
  Bytes bytes;     // tag and value
  ByteSpan value;  // of a length-delimited field; points into the parsed message
};

// The fields of a serialized protobuf message, in order; nullopt if it is not one.
std::optional<std::vector<WireField>> ParseWire(ByteSpan message) {
  std::vector<WireField> fields;
  ByteReader reader(message, "protobuf message");
  while (reader.remaining() > 0) {
    const ByteSpan start = reader.rest();
    std::uint64_t tag = 0;
    std::uint64_t number = 0;
    ByteSpan value;
    Status status = reader.Varint(tag);
    if (!status.ok()) return std::nullopt;
    switch (tag & 7) {
      case 0: status = reader.Varint(number); break;
      case 1: status = reader.Raw(8, value); break;
      case 2: status = reader.Sized(value); break;
      case 5: status = reader.Raw(4, value); break;
      default: return std::nullopt;
    }
    if (!status.ok()) return std::nullopt;
    const ByteSpan whole = start.first(start.size() - reader.remaining());
    fields.push_back({tag >> 3, Bytes(whole.begin(), whole.end()), value});
  }
  return fields;
}

// The message with its fields in the order of their numbers, without the benign ones; repeated
// fields keep their order, but for `unordered`.
template <class BenignFields>
Bytes Comparable(const Bytes& message, const BenignFields& benign, std::uint32_t unordered = 0) {
  auto fields = ParseWire(message);
  if (!fields) return message;
  std::erase_if(*fields, [&](const WireField& field) {
    return std::any_of(benign.begin(), benign.end(),
                       [&](const auto& entry) { return entry.number == field.number; });
  });
  std::stable_sort(fields->begin(), fields->end(), [&](const auto& left, const auto& right) {
    if (left.number != right.number) return left.number < right.number;
    return left.number == unordered && left.bytes < right.bytes;
  });
  Bytes out;
  for (const WireField& field : *fields) {
    out.insert(out.end(), field.bytes.begin(), field.bytes.end());
  }
  return out;
}

std::string FunctionName(const Bytes& function) {
  const auto fields = ParseWire(function);
  for (const WireField& field : fields.value_or(std::vector<WireField>())) {
    if (field.number == 1) return std::string(AsText(field.value));
  }
  return "without a name";
}

void DiffFunctions(const std::vector<Bytes>& left, const std::vector<Bytes>& right,
                   Differences& out) {
  const auto by_name = [](const std::vector<Bytes>& functions) {
    std::map<std::string, Bytes> map;
    for (const Bytes& function : functions) {
      map[FunctionName(function)] = Comparable(function, kBenignFunctionFields, kFunctionParams);
    }
    return map;
  };
  Match(
      by_name(left), by_name(right), out,
      [](const std::string& name) { return "function " + name; },
      [&](const std::string& subject, const Bytes& here, const Bytes& there) {
        out.Compare(subject, "definition", here, there);
      });
}

// ---- Fields

void DiffFieldLists(const std::string& prefix, const std::vector<FieldSchema>& left,
                    const std::vector<FieldSchema>& right, Differences& out);

void DiffFields(const std::string& subject, const FieldSchema& left, const FieldSchema& right,
                Differences& out) {
  out.Compare(subject, "type", left.type, right.type);
  out.Compare(subject, "element type", left.element_type, right.element_type);
  out.Compare(subject, "description", left.description, right.description);
  out.Compare(subject, "primary key", left.primary_key, right.primary_key);
  out.Compare(subject, "auto id", left.auto_id, right.auto_id);
  out.Compare(subject, "partition key", left.partition_key, right.partition_key);
  out.Compare(subject, "clustering key", left.clustering_key, right.clustering_key);
  out.Compare(subject, "nullable", left.nullable, right.nullable);
  out.Compare(subject, "dynamic", left.dynamic, right.dynamic);
  out.Compare(subject, "function output", left.function_output, right.function_output);
  out.Compare(subject, "default value", left.default_value, right.default_value);
  DiffValues(subject, "type parameter", AsSets(left.type_params), AsSets(right.type_params), out);
  DiffValues(subject, "index parameter", IndexParams(left.index_params),
             IndexParams(right.index_params), out);
  out.Compare(subject, "unknown attributes", Comparable(left.unknown, kBenignFieldFields),
              Comparable(right.unknown, kBenignFieldFields));
  DiffFieldLists(subject + ", sub-field ", left.sub_fields, right.sub_fields, out);
}

void DiffFieldLists(const std::string& prefix, const std::vector<FieldSchema>& left,
                    const std::vector<FieldSchema>& right, Differences& out) {
  const auto by_name = [](const std::vector<FieldSchema>& fields) {
    std::map<std::string, FieldSchema> map;
    for (const FieldSchema& field : fields) map.emplace(field.name, field);
    return map;
  };
  Match(
      by_name(left), by_name(right), out, [&](const std::string& name) { return prefix + name; },
      [&](const std::string& subject, const FieldSchema& here, const FieldSchema& there) {
        DiffFields(subject, here, there, out);
      });
}

// The schema's auto_id is an older spelling of its key field's; servers fill in one or both.
std::vector<FieldSchema> FieldsWithAutoId(const CollectionSchema& schema) {
  std::vector<FieldSchema> fields = schema.fields;
  for (FieldSchema& field : fields) {
    if (field.primary_key && schema.auto_id) field.auto_id = true;
  }
  return fields;
}

void DiffSchemas(const CollectionSchema& left, const CollectionSchema& right, Differences& out) {
  out.Compare("collection", "description", left.description, right.description);
  out.Compare("collection", "dynamic field", left.enable_dynamic_field, right.enable_dynamic_field);
  out.Compare("collection", "namespaces", left.enable_namespace, right.enable_namespace);
  out.Compare("collection", "unknown attributes", Comparable(left.unknown, kBenignSchemaFields),
              Comparable(right.unknown, kBenignSchemaFields));
  DiffFieldLists("field ", FieldsWithAutoId(left), FieldsWithAutoId(right), out);
  DiffFunctions(left.functions, right.functions, out);
}

// ---- Beside the schema

void DiffIndexes(const CollectionSpec& left, const CollectionSpec& right, Differences& out) {
  using Name = std::pair<std::string, std::string>;
  const auto by_name = [](const std::vector<IndexSpec>& indexes) {
    std::map<Name, ValueSets> map;
    for (const IndexSpec& index : indexes) {
      map[{index.field_name, index.index_name}] = IndexParams(index.params);
    }
    return map;
  };
  Match(
      by_name(left.indexes), by_name(right.indexes), out,
      [](const Name& name) { return "index " + name.second + " on field " + name.first; },
      [&](const std::string& subject, const ValueSets& here, const ValueSets& there) {
        DiffValues(subject, "parameter", here, there, out);
      });
}

void DiffAliases(const CollectionSpec& left, const CollectionSpec& right, Differences& out) {
  const auto by_name = [](const std::vector<std::string>& aliases) {
    std::map<std::string, bool> map;
    for (const std::string& alias : aliases) map[alias] = true;
    return map;
  };
  Match(
      by_name(left.aliases), by_name(right.aliases), out,
      [](const std::string& name) { return "alias " + name; },
      [](const std::string&, bool, bool) {});
}

void DiffPartitions(const CollectionSpec& left, const CollectionSpec& right, Differences& out) {
  if (left.has_partition_key() && right.has_partition_key()) {
    // Named and made by the server: only their number is the user's.
    const auto count = [](const CollectionSpec& spec) {
      return spec.num_partitions > 0 ? spec.num_partitions
                                     : static_cast<std::int64_t>(spec.partitions.size());
    };
    out.Compare("collection", "number of partitions", count(left), count(right));
    return;
  }
  // With a partition key on one side only, the field's own line says what matters.
  if (left.has_partition_key() || right.has_partition_key()) return;
  const auto by_name = [](const CollectionSpec& spec) {
    std::map<std::string, bool> map;
    for (const PartitionSpec& partition : spec.partitions) {
      map[partition.name] = IsWantedLoaded(partition.load_state);
    }
    return map;
  };
  // Without the collection loaded its partitions' states say nothing new.
  const bool loaded = IsWantedLoaded(left.load_state) && IsWantedLoaded(right.load_state);
  Match(
      by_name(left), by_name(right), out,
      [](const std::string& name) { return "partition " + name; },
      [&](const std::string& subject, bool here, bool there) {
        if (loaded) out.Compare(subject, "loaded", here, there);
      });
}

// A list of every field means the same as no list.
std::set<std::string> LoadFields(const CollectionSpec& spec) {
  std::set<std::string> fields(spec.load_fields.begin(), spec.load_fields.end());
  const bool all = std::all_of(spec.schema.fields.begin(), spec.schema.fields.end(),
                               [&](const auto& field) { return fields.contains(field.name); });
  return all ? std::set<std::string>() : fields;
}

void DiffLoad(const CollectionSpec& left, const CollectionSpec& right, Differences& out) {
  out.Compare("collection", "loaded", IsWantedLoaded(left.load_state),
              IsWantedLoaded(right.load_state));
  if (!IsWantedLoaded(left.load_state) || !IsWantedLoaded(right.load_state)) return;
  if (left.replicas != 0 && right.replicas != 0) {
    out.Compare("collection", "replicas", std::int64_t{left.replicas},
                std::int64_t{right.replicas});
  }
  out.Compare("collection", "loaded fields", LoadFields(left), LoadFields(right));
  // Empty: not asked for, or a server too old to say.
  if (!left.resource_groups.empty() && !right.resource_groups.empty()) {
    const auto set = [](const auto& names) {
      return std::set<std::string>(names.begin(), names.end());
    };
    out.Compare("collection", "resource groups", set(left.resource_groups),
                set(right.resource_groups));
  }
}

}  // namespace

std::vector<std::string> DiffSpecs(const CollectionSpec& left, const CollectionSpec& right) {
  Differences out;
  DiffSchemas(left.schema, right.schema, out);
  DiffProperties(left, right, out);
  out.Compare("collection", "shards", std::int64_t{left.shards}, std::int64_t{right.shards});
  out.Compare("collection", "consistency level", left.consistency, right.consistency);
  DiffPartitions(left, right, out);
  DiffIndexes(left, right, out);
  DiffAliases(left, right, out);
  DiffLoad(left, right, out);
  return out.Take();
}

}  // namespace aerie::rows
