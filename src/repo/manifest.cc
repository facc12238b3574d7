// Collection manifests (EncodeManifest, DecodeManifest of tree_api.h): JSON, as docs/format.md has
// it.
#include <algorithm>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "repo/leaf_cutter.h"
#include "repo/tree_api.h"
#include "repo/tree_page.h"
#include "rows/spec_codec.h"

namespace aerie::repo {
namespace {

using Json = nlohmann::ordered_json;

Json PartitionToJson(const PartitionRoot& partition) {
  Json json;
  json["name"] = partition.name;
  json["rows"] = partition.digest.rows;
  json["digest"] = partition.digest.sum.ToHex();
  json["bytes"] = partition.bytes;
  json["leaf_bits"] = partition.leaf_bits;
  json["root"] = partition.root ? Json(partition.root->ToHex()) : Json(nullptr);
  json["height"] = partition.height;
  return json;
}

Status Malformed(const std::string& what) {
  return CorruptError("read collection manifest: " + what);
}

// The member `name` if it is a number from 0 to `limit`.
Result<std::uint64_t> Number(const Json& json, const char* name, std::uint64_t limit) {
  const auto member = json.find(name);
  if (member == json.end() || !member->is_number_unsigned()) {
    return Malformed(std::string(name) + " is not a number");
  }
  const auto number = member->get<std::uint64_t>();
  if (number > limit) return Malformed(std::string(name) + " is too large");
  return number;
}

Result<std::string> Text(const Json& json, const char* name) {
  const auto member = json.find(name);
  if (member == json.end() || !member->is_string()) {
    return Malformed(std::string(name) + " is not text");
  }
  return member->get<std::string>();
}

Result<rows::Digest128> DigestFromHex(const std::string& hex) {
  auto bytes = FromHex(hex);
  if (!bytes.ok() || bytes->size() != 16) return Malformed("digest is not 32 hexadecimal digits");
  std::reverse(bytes->begin(), bytes->end());
  rows::Digest128 digest;
  std::memcpy(&digest.low, bytes->data(), 8);
  std::memcpy(&digest.high, bytes->data() + 8, 8);
  return digest;
}

Result<std::optional<BlobName>> RootFromJson(const Json& json) {
  const auto member = json.find("root");
  if (member == json.end()) return Malformed("root is missing");
  if (member->is_null()) return std::optional<BlobName>();
  AERIE_ASSIGN(const std::string hex, Text(json, "root"));
  const auto bytes = FromHex(hex);
  BlobName name;
  if (!bytes.ok() || bytes->size() != name.bytes.size()) {
    return Malformed("root is not 64 hexadecimal digits");
  }
  std::copy(bytes->begin(), bytes->end(), name.bytes.begin());
  return std::optional<BlobName>(name);
}

Result<PartitionRoot> PartitionFromJson(const Json& json) {
  PartitionRoot partition;
  if (!json.is_object()) return Malformed("a partition is not an object");
  AERIE_ASSIGN(partition.name, Text(json, "name"));
  AERIE_ASSIGN(partition.digest.rows, Number(json, "rows", UINT64_MAX));
  AERIE_ASSIGN(const std::string digest, Text(json, "digest"));
  AERIE_ASSIGN(partition.digest.sum, DigestFromHex(digest));
  AERIE_ASSIGN(partition.bytes, Number(json, "bytes", UINT64_MAX));
  AERIE_ASSIGN(const std::uint64_t leaf_bits, Number(json, "leaf_bits", kMaxLeafBits));
  AERIE_ASSIGN(partition.root, RootFromJson(json));
  AERIE_ASSIGN(const std::uint64_t height, Number(json, "height", kMaxTreeHeight));
  partition.leaf_bits = static_cast<std::uint32_t>(leaf_bits);
  partition.height = static_cast<std::uint32_t>(height);
  if (leaf_bits != 0 && leaf_bits < kMinLeafBits) return Malformed("leaf_bits is too small");
  const bool empty = partition.digest.rows == 0;
  if (empty == partition.root.has_value() || empty != (height == 0)) {
    return Malformed("rows, root and height of partition \"" + partition.name +
                     "\" do not fit together");
  }
  return partition;
}

Status ColumnsFromJson(const Json& json, CollectionManifest& manifest) {
  const std::vector<rows::FieldSchema> fields = manifest.spec.schema.Columns();
  std::set<std::string> seen;
  bool has_key = false;
  for (const Json& name : json) {
    if (!name.is_string()) return Malformed("a column is not text");
    const auto text = name.get<std::string>();
    const auto field = std::find_if(fields.begin(), fields.end(),
                                    [&](const auto& candidate) { return candidate.name == text; });
    if (field == fields.end() || !seen.insert(text).second) {
      return Malformed("column " + text + " is not in the schema, or twice in the list");
    }
    has_key = has_key || field->primary_key;
    manifest.columns.push_back(*field);
  }
  return has_key ? Ok() : Malformed("no column is the primary key");
}

Result<CollectionManifest> ManifestFromJson(const Json& json) {
  for (const char* member : {"spec", "columns", "partitions"}) {
    if (!json.is_object() || !json.contains(member)) {
      return Malformed(std::string(member) + " is missing");
    }
  }
  CollectionManifest manifest;
  AERIE_ASSIGN(manifest.spec, rows::SpecFromJson(json["spec"]));
  if (!json["columns"].is_array()) return Malformed("columns is not a list");
  if (!json["partitions"].is_array()) return Malformed("partitions is not a list");
  AERIE_TRY(ColumnsFromJson(json["columns"], manifest));
  std::set<std::string> seen;
  for (const Json& partition : json["partitions"]) {
    AERIE_ASSIGN(PartitionRoot root, PartitionFromJson(partition));
    if (!seen.insert(root.name).second) {
      return Malformed("partition \"" + root.name + "\" is there twice");
    }
    root.columns = manifest.columns;
    manifest.partitions.push_back(std::move(root));
  }
  return manifest;
}

}  // namespace

Result<Bytes> EncodeManifest(const CollectionManifest& manifest) {
  const std::string where = "store manifest of " + manifest.spec.name.ToString();
  const std::vector<rows::FieldSchema> columns = manifest.spec.schema.Columns();
  if (!manifest.columns.empty() && manifest.columns != columns) {
    return InternalError(where + ": the columns are not those of the schema");
  }
  try {
    Json json;
    json["spec"] = rows::SpecToJson(manifest.spec);
    json["columns"] = Json::array();
    for (const rows::FieldSchema& column : columns) json["columns"].push_back(column.name);
    json["partitions"] = Json::array();
    for (const PartitionRoot& partition : manifest.partitions) {
      json["partitions"].push_back(PartitionToJson(partition));
    }
    const std::string text = json.dump();
    return Bytes(text.begin(), text.end());
  } catch (const Json::exception& e) {
    return InvalidError(where + ": a name is not UTF-8 (" + e.what() + ")");
  }
}

Result<CollectionManifest> DecodeManifest(ByteSpan plain) {
  const Json json = Json::parse(plain.begin(), plain.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Malformed("not JSON");
  return ManifestFromJson(json);
}

}  // namespace aerie::repo
