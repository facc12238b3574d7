#include "app/import_mapping_file.h"

#include <charconv>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>

#include <yaml-cpp/yaml.h>

#include "app/yaml_section.h"

namespace aerie::app {
namespace {

using rows::DataType;

constexpr DataType kTypes[] = {DataType::kBool,
                               DataType::kInt8,
                               DataType::kInt16,
                               DataType::kInt32,
                               DataType::kInt64,
                               DataType::kFloat,
                               DataType::kDouble,
                               DataType::kVarChar,
                               DataType::kArray,
                               DataType::kJson,
                               DataType::kGeometry,
                               DataType::kTimestamptz,
                               DataType::kBinaryVector,
                               DataType::kFloatVector,
                               DataType::kFloat16Vector,
                               DataType::kBFloat16Vector,
                               DataType::kSparseFloatVector,
                               DataType::kInt8Vector};

std::string LineOf(const std::string& file, const YAML::Node& node) {
  return file + ":" + std::to_string(node.Mark().line + 1);
}

void ReadType(Section& section, const YAML::Node& node, const char* key, const std::string& path,
              DataType& out) {
  std::string name;
  section.Text(key, name);
  if (name.empty()) return;
  std::vector<std::string> names;
  for (const DataType type : kTypes) {
    names.push_back(rows::TypeName(type));
    if (names.back() == name) out = type;
  }
  if (out != DataType::kNone) return;
  const std::string near = NearestName(name, names);
  section.Fail(node[key], "'" + path + "." + key + "': there is no type '" + name + "'" +
                              (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

// A whole number, kept as text as Milvus has it.
void ReadParam(Section& section, const YAML::Node& node, const char* key, const std::string& path,
               rows::KeyValues& out) {
  constexpr std::int64_t kMost = std::int64_t{1} << 28;
  std::string text;
  section.Text(key, text);
  if (text.empty()) return;
  std::int64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc() || end != last || value < 1 || value > kMost) {
    return section.Fail(node[key], "'" + path + "." + key + "' must be a number from 1 up");
  }
  out.emplace_back(key, text);
}

// {M: 16} -> {"M":16}; what is no number is text.
std::string ParamsJson(const YAML::Node& params) {
  std::string json = "{";
  for (const auto& entry : params) {
    const std::string value = entry.second.IsScalar() ? entry.second.Scalar() : "";
    double number = 0;
    const char* const last = value.data() + value.size();
    const auto [end, error] = std::from_chars(value.data(), last, number);
    const bool plain = error == std::errc() && end == last && !value.empty();
    json += (json.size() > 1 ? ",\"" : "\"") + entry.first.Scalar() +
            "\":" + (plain || value == "true" || value == "false" ? value : "\"" + value + "\"");
  }
  return json + "}";
}

void ReadIndex(Section& field, const std::string& file, const std::string& path,
               files::FieldMapping& out) {
  const YAML::Node child = field.Child("index");
  if (!child.IsDefined() || child.IsNull()) return;
  Section section(child, file, path + ".index");
  std::string type;
  std::string metric;
  section.Text("type", type);
  section.Text("metric", metric);
  const YAML::Node params = section.Child("params");
  if (type.empty()) section.Fail(child, "'" + path + ".index.type' is missing");
  const bool has_params = params.IsDefined() && !params.IsNull();
  if (has_params && !params.IsMap()) {
    section.Fail(params, "'" + path + ".index.params' must be a mapping of keys to values");
  }
  if (const Status status = section.Finish(); !status.ok()) return field.Adopt(status);
  rows::IndexSpec& index = out.index.emplace();
  index.field_name = out.field.name;
  index.index_name = out.field.name;
  index.params.emplace_back("index_type", type);
  if (!metric.empty()) index.params.emplace_back("metric_type", metric);
  if (has_params) index.params.emplace_back("params", ParamsJson(params));
}

bool IsSet(const std::optional<bool>& flag) { return flag.value_or(false); }

Status ReadField(const YAML::Node& node, const std::string& file, const std::string& path,
                 files::FieldMapping& out) {
  Section section(node, file, path);
  AERIE_TRY(section.status());
  section.Text("column", out.column);
  ReadType(section, node, "type", path, out.field.type);
  ReadType(section, node, "element", path, out.field.element_type);
  for (const char* const key : {"dim", "max_length", "max_capacity"}) {
    ReadParam(section, node, key, path, out.field.type_params);
  }
  std::optional<bool> primary_key;
  std::optional<bool> partition_key;
  std::optional<bool> auto_id;
  std::optional<bool> nullable;
  std::optional<bool> round;
  section.Flag("primary_key", primary_key);
  section.Flag("partition_key", partition_key);
  section.Flag("auto_id", auto_id);
  section.Flag("nullable", nullable);
  section.Flag("round", round);
  out.field.primary_key = IsSet(primary_key);
  out.field.partition_key = IsSet(partition_key);
  out.field.auto_id = IsSet(auto_id);
  out.field.nullable = IsSet(nullable);
  out.rounding = IsSet(round) ? files::Rounding::kNearest : files::Rounding::kExact;
  const bool has_default = section.Has("default");
  std::string text;
  section.Text("default", text);
  if (has_default) out.default_text = text;
  std::string empty;
  section.Text("empty", empty);
  if (!empty.empty() && empty != "text") {
    section.Fail(node["empty"], "'" + path + ".empty' can only be text");
  }
  out.empty_is_text = empty == "text";
  ReadIndex(section, file, path, out);
  return section.Finish();
}

Status ReadFields(const YAML::Node& node, const std::string& file, files::ImportMapping& out) {
  if (!node.IsDefined() || node.IsNull()) return Ok();
  if (!node.IsMap())
    return InvalidError(LineOf(file, node) + ": 'fields' must be a mapping of names");
  std::set<std::string> seen;
  for (const auto& entry : node) {
    files::FieldMapping& field = out.fields.emplace_back();
    field.field.name = entry.first.Scalar();
    field.where = LineOf(file, entry.first);
    if (!seen.insert(field.field.name).second) {
      return InvalidError(field.where + ": field '" + field.field.name + "' comes twice");
    }
    if (entry.second.IsNull()) continue;  // "title:", as the file says
    AERIE_TRY(ReadField(entry.second, file, "fields." + field.field.name, field));
  }
  return Ok();
}

Status ReadCsv(const YAML::Node& node, const std::string& file, files::CsvOptions& out) {
  if (!node.IsDefined() || node.IsNull()) return Ok();
  Section section(node, file, "csv");
  AERIE_TRY(section.status());
  std::string delimiter;
  section.Text("delimiter", delimiter);
  if (delimiter.empty()) return section.Finish();
  if (delimiter.size() != 1 || delimiter == "\"" || delimiter == "\n" || delimiter == "\r") {
    section.Fail(node["delimiter"],
                 "'csv.delimiter' must be one character, such as ';' or \"\\t\"");
  }
  out.delimiter = delimiter[0];
  return section.Finish();
}

}  // namespace

Result<files::ImportMapping> ParseImportMapping(const std::string& yaml, const std::string& file) {
  files::ImportMapping mapping;
  YAML::Node root;
  try {
    root = YAML::Load(yaml);
  } catch (const YAML::Exception& e) {
    return InvalidError(file + ":" + std::to_string(e.mark.line + 1) + ": " + e.msg);
  }
  if (root.IsNull()) return mapping;
  Section section(root, file, "");
  AERIE_TRY(section.status());
  section.Text("collection", mapping.collection);
  section.Text("partition", mapping.partition);
  std::optional<bool> dynamic;
  section.Flag("dynamic", dynamic);
  mapping.dynamic = IsSet(dynamic);
  section.Texts("ignore", mapping.ignore);
  const YAML::Node csv = section.Child("csv");
  const YAML::Node fields = section.Child("fields");
  AERIE_TRY(section.Finish());
  AERIE_TRY(ReadCsv(csv, file, mapping.csv));
  AERIE_TRY(ReadFields(fields, file, mapping));
  return mapping;
}

Result<files::ImportMapping> LoadImportMapping(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return NotFoundError("read mapping " + file +
                         ": it cannot be opened; check --mapping and the file's permissions");
  }
  std::ostringstream text;
  text << in.rdbuf();
  return ParseImportMapping(text.str(), file);
}

}  // namespace aerie::app
