#include "files/export_manifest.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <exception>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/clock.h"
#include "files/json_text.h"
#include "rows/spec_codec.h"

namespace aerie::files {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kVersionMember[] = "aerie_export";

// ---- writing ----

Json TextToJson(const std::string& text) {
  if (IsUtf8(text)) return text;
  return {{"hex", ToHex(AsBytes(text))}};
}

// Int64 keys as text, since JSON readers round big numbers.
Json KeyToJson(const rows::Key& key) {
  if (const auto* number = std::get_if<std::int64_t>(&key))
    return {{"int64", std::to_string(*number)}};
  return TextToJson(std::get<std::string>(key));
}

Json FileToJson(const ExportedFile& file) {
  return {{"path", file.path},
          {"rows", file.digest.rows},
          {"bytes", file.bytes},
          {"sha256", file.sha256},
          {"digest", file.digest.sum.ToHex()},
          {"first_key", KeyToJson(file.first)},
          {"last_key", KeyToJson(file.last)}};
}

Json PartitionToJson(const ExportedPartition& partition) {
  const rows::RangeDigest digest = partition.digest();
  Json files = Json::array();
  for (const ExportedFile& file : partition.files) files.push_back(FileToJson(file));
  return {{"name", TextToJson(partition.name)},
          {"finished", partition.finished},
          {"rows", digest.rows},
          {"digest", digest.sum.ToHex()},
          {"files", std::move(files)}};
}

Json CollectionToJson(const ExportedCollection& collection) {
  const rows::RangeDigest digest = collection.digest();
  Json partitions = Json::array();
  for (const ExportedPartition& partition : collection.partitions) {
    partitions.push_back(PartitionToJson(partition));
  }
  Json warnings = Json::array();
  for (const std::string& warning : collection.warnings) warnings.push_back(TextToJson(warning));
  return {{"finished", collection.finished},    {"rows", digest.rows},
          {"digest", digest.sum.ToHex()},       {"exact", collection.exact},
          {"warnings", std::move(warnings)},    {"spec", rows::SpecToJson(collection.spec)},
          {"partitions", std::move(partitions)}};
}

Json RequestToJson(const ExportRequest& request) {
  Json collections = Json::array();
  for (const auto& name : request.collections) {
    collections.push_back(
        {{"database", TextToJson(name.database)}, {"collection", TextToJson(name.collection)}});
  }
  Json partitions = Json::array();
  for (const std::string& glob : request.partitions) partitions.push_back(TextToJson(glob));
  return {{"source", TextToJson(request.source)},
          {"format", request.format},
          {"collections", std::move(collections)},
          {"partitions", std::move(partitions)},
          {"filter", TextToJson(request.filter)}};
}

// ---- reading: what does not fit throws, and is caught in one place ----

class WrongMember : public std::exception {
 public:
  explicit WrongMember(std::string what) : what_(std::move(what)) {}
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

const Json& Member(const Json& json, const char* name) {
  if (!json.is_object() || !json.contains(name)) {
    throw WrongMember(std::string("it lacks the member ") + name);
  }
  return json[name];
}

const Json& List(const Json& json, const char* name) {
  const Json& list = Member(json, name);
  if (!list.is_array()) throw WrongMember(std::string(name) + " is no list");
  return list;
}

template <class T>
T Plain(const Json& json, const char* name) {
  return Member(json, name).get<T>();
}

std::uint64_t Count(const Json& json, const char* name) {
  const Json& number = Member(json, name);
  if (!number.is_number_unsigned()) throw WrongMember(std::string(name) + " is no count");
  return number.get<std::uint64_t>();
}

std::string TextFromJson(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  const auto bytes = FromHex(Plain<std::string>(json, "hex"));
  if (!bytes.ok()) throw WrongMember("hex has other characters than hexadecimal digits");
  return std::string(AsText(*bytes));
}

rows::Key KeyFromJson(const Json& json) {
  if (!json.is_object() || !json.contains("int64")) return TextFromJson(json);
  const auto text = Plain<std::string>(json, "int64");
  std::int64_t key = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), key);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw WrongMember("int64 is no number");
  }
  return key;
}

// The number of which Digest128::ToHex gives the 32 digits.
rows::Digest128 DigestFromJson(const Json& json, const char* name) {
  const auto text = Plain<std::string>(json, name);
  const auto bytes = FromHex(text);
  if (!bytes.ok() || bytes->size() != 16) throw WrongMember(std::string(name) + " is no digest");
  rows::Digest128 digest;
  for (std::size_t i = 0; i < 8; ++i) {
    digest.high = digest.high << 8 | (*bytes)[i];
    digest.low = digest.low << 8 | (*bytes)[i + 8];
  }
  return digest;
}

ExportedFile FileFromJson(const Json& json) {
  ExportedFile file;
  file.path = Plain<std::string>(json, "path");
  if (!IsPartPath(file.path)) throw WrongMember("path is not below the export: " + file.path);
  file.bytes = Count(json, "bytes");
  file.sha256 = Plain<std::string>(json, "sha256");
  file.digest = {DigestFromJson(json, "digest"), Count(json, "rows")};
  file.first = KeyFromJson(Member(json, "first_key"));
  file.last = KeyFromJson(Member(json, "last_key"));
  return file;
}

ExportedPartition PartitionFromJson(const Json& json) {
  ExportedPartition partition;
  partition.name = TextFromJson(Member(json, "name"));
  partition.finished = Plain<bool>(json, "finished");
  for (const Json& file : List(json, "files")) partition.files.push_back(FileFromJson(file));
  if (partition.digest() !=
      rows::RangeDigest{DigestFromJson(json, "digest"), Count(json, "rows")}) {
    throw WrongMember("rows and digest of partition '" + partition.name +
                      "' are not those of its files");
  }
  return partition;
}

ExportedCollection CollectionFromJson(const Json& json) {
  ExportedCollection collection;
  auto spec = rows::SpecFromJson(Member(json, "spec"));
  if (!spec.ok()) throw WrongMember(std::string(spec.status().message()));
  collection.spec = *std::move(spec);
  collection.finished = Plain<bool>(json, "finished");
  collection.exact = Plain<bool>(json, "exact");
  for (const Json& warning : List(json, "warnings")) {
    collection.warnings.push_back(TextFromJson(warning));
  }
  for (const Json& partition : List(json, "partitions")) {
    collection.partitions.push_back(PartitionFromJson(partition));
  }
  if (collection.spec.schema.primary_key() == nullptr) {
    throw WrongMember("collection " + collection.spec.name.ToString() + " has no primary key");
  }
  return collection;
}

ExportRequest RequestFromJson(const Json& json) {
  ExportRequest request;
  request.source = TextFromJson(Member(json, "source"));
  request.format = Plain<std::string>(json, "format");
  for (const Json& name : List(json, "collections")) {
    request.collections.push_back(
        {TextFromJson(Member(name, "database")), TextFromJson(Member(name, "collection"))});
  }
  for (const Json& glob : List(json, "partitions"))
    request.partitions.push_back(TextFromJson(glob));
  request.filter = TextFromJson(Member(json, "filter"));
  return request;
}

ExportManifest ManifestFromJson(const Json& json) {
  ExportManifest manifest;
  manifest.finished = Plain<bool>(json, "finished");
  manifest.program = Plain<std::string>(json, "program");
  manifest.created_ms = Plain<std::int64_t>(json, "created_ms");
  manifest.request = RequestFromJson(Member(json, "request"));
  for (const Json& collection : List(json, "collections")) {
    manifest.collections.push_back(CollectionFromJson(collection));
  }
  return manifest;
}

bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

constexpr std::string_view kPartStem = "part-";
constexpr std::string_view kPartitionStem = "partition-";

}  // namespace

rows::RangeDigest ExportedPartition::digest() const {
  rows::RangeDigest sum;
  for (const ExportedFile& file : files) sum.Add(file.digest);
  return sum;
}

rows::RangeDigest ExportedCollection::digest() const {
  rows::RangeDigest sum;
  for (const ExportedPartition& partition : partitions) sum.Add(partition.digest());
  return sum;
}

std::uint64_t ExportedCollection::bytes() const {
  std::uint64_t sum = 0;
  for (const ExportedPartition& partition : partitions) {
    for (const ExportedFile& file : partition.files) sum += file.bytes;
  }
  return sum;
}

const ExportedCollection* ExportManifest::Find(const rows::CollectionName& name) const {
  for (const ExportedCollection& collection : collections) {
    if (collection.spec.name == name) return &collection;
  }
  return nullptr;
}

std::string EncodeExportManifest(const ExportManifest& manifest) {
  Json collections = Json::array();
  for (const auto& collection : manifest.collections) {
    collections.push_back(CollectionToJson(collection));
  }
  const Json json = {{kVersionMember, kExportVersion},
                     {"finished", manifest.finished},
                     {"program", manifest.program},
                     {"created", FormatUtc(FromUnixMillis(manifest.created_ms))},
                     {"created_ms", manifest.created_ms},
                     {"request", RequestToJson(manifest.request)},
                     {"collections", std::move(collections)}};
  return json.dump(1) + "\n";
}

Result<ExportManifest> DecodeExportManifest(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    const std::uint64_t version = Count(json, kVersionMember);
    if (version > kExportVersion) {
      return UnsupportedError("it is of version " + std::to_string(version) +
                              ", and this program reads up to " + std::to_string(kExportVersion) +
                              "; use a newer Aerie");
    }
    return ManifestFromJson(json);
  } catch (const std::exception& e) {
    return CorruptError(std::string("it is no manifest of an export: ") + e.what() +
                        "; take it from a copy, or export again to an empty folder");
  }
}

std::string EscapedName(std::string_view name) {
  if (name.empty()) return "-";
  std::string out;
  for (const char c : name) {
    if (IsNameChar(c)) {
      out.push_back(c);
      continue;
    }
    out.push_back('-');
    out += ToHex(AsBytes(std::string_view(&c, 1)));
  }
  return out;
}

std::string PartPath(const rows::CollectionName& collection, const std::string& partition,
                     std::size_t number, const std::string& format) {
  std::string path =
      EscapedName(collection.database) + "/" + EscapedName(collection.collection) + "/";
  if (!partition.empty()) path += std::string(kPartitionStem) + EscapedName(partition) + "/";
  char digits[24];
  std::snprintf(digits, sizeof digits, "%05zu", number);
  return path + std::string(kPartStem) + digits + "." + format;
}

bool IsPartPath(std::string_view path) {
  const auto segments = std::count(path.begin(), path.end(), '/');
  const std::size_t slash = path.rfind('/');
  if (segments < 2 || segments > 3 || path.front() == '/') return false;
  const bool plain = std::all_of(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(slash),
                                 [](char c) { return IsNameChar(c) || c == '-' || c == '/'; });
  std::string_view name = path.substr(slash + 1);
  if (!plain || !name.starts_with(kPartStem)) return false;
  name.remove_prefix(kPartStem.size());
  const std::size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
  name.remove_prefix(digits);
  return digits >= 5 && (name == ".parquet" || name == ".jsonl");
}

}  // namespace aerie::files
