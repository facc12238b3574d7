#include "repo/snapshot_file.h"

#include <algorithm>
#include <limits>
#include <string>

#include <nlohmann/json.hpp>

#include "repo/crypto.h"

namespace aerie::repo {
namespace {

using Json = nlohmann::ordered_json;

// Reads members of one object; the first that is missing or of the wrong type sticks.
class Members {
 public:
  Members(const Json& json, const char* what) : json_(json), what_(what) {
    if (!json.is_object()) status_ = CorruptError(std::string(what) + " is not an object");
  }

  void Get(const char* name, std::string& out) {
    const Json* const member = Find(name, [](const Json& j) { return j.is_string(); });
    if (member != nullptr) out = member->get_ref<const std::string&>();
  }
  void Get(const char* name, bool& out) {
    const Json* const member = Find(name, [](const Json& j) { return j.is_boolean(); });
    if (member != nullptr) out = member->get<bool>();
  }
  void Get(const char* name, std::uint64_t& out) {
    const Json* const member = Find(name, [](const Json& j) { return j.is_number_unsigned(); });
    if (member != nullptr) out = member->get<std::uint64_t>();
  }
  void Get(const char* name, std::int64_t& out) {
    const Json* const member = Find(name, [](const Json& j) { return j.is_number_integer(); });
    if (member != nullptr) out = member->get<std::int64_t>();
  }
  void Get(const char* name, std::vector<std::string>& out) {
    const Json* const member = Find(name, [](const Json& j) {
      return j.is_array() &&
             std::all_of(j.begin(), j.end(), [](const Json& item) { return item.is_string(); });
    });
    if (member != nullptr) out = member->get<std::vector<std::string>>();
  }
  template <std::size_t kSize>
  void GetHex(const char* name, std::array<std::uint8_t, kSize>& out) {
    std::string hex;
    Get(name, hex);
    if (!status_.ok()) return;
    const Result<Bytes> bytes = FromHex(hex);
    if (!bytes.ok() || bytes->size() != kSize) return Fail(name);
    std::copy(bytes->begin(), bytes->end(), out.begin());
  }
  const Json* Object(const char* name) {
    return Find(name, [](const Json& j) { return j.is_object(); });
  }
  const Json* Array(const char* name) {
    return Find(name, [](const Json& j) { return j.is_array(); });
  }
  // Nothing to say when the member is null.
  bool IsNull(const char* name) {
    const auto member = json_.find(name);
    return member != json_.end() && member->is_null();
  }
  const Status& status() const { return status_; }

 private:
  template <class Accept>
  const Json* Find(const char* name, const Accept& accept) {
    if (!status_.ok()) return nullptr;
    const auto member = json_.find(name);
    if (member == json_.end() || !accept(*member)) {
      Fail(name);
      return nullptr;
    }
    return &*member;
  }
  void Fail(const char* name) {
    status_ = CorruptError(std::string(what_) + ": member \"" + name + "\" is missing or wrong");
  }

  const Json& json_;
  const char* what_;
  Status status_;
};

Json ReportToJson(const rows::ReadReport& report) {
  return {{"rows", report.rows},
          {"counted", report.counted},
          {"duplicate_keys", report.duplicate_keys},
          {"unreadable_keys", report.unreadable_keys},
          {"reread_ranges", report.reread_ranges},
          {"fuzzy", report.fuzzy},
          {"started_ms", report.started_ms},
          {"finished_ms", report.finished_ms},
          {"read_ts", report.read_ts},
          {"warnings", report.warnings}};
}

Status ReportFromJson(const Json& json, rows::ReadReport& report) {
  Members members(json, "report");
  members.Get("rows", report.rows);
  members.Get("counted", report.counted);
  members.Get("duplicate_keys", report.duplicate_keys);
  members.Get("unreadable_keys", report.unreadable_keys);
  members.Get("reread_ranges", report.reread_ranges);
  members.Get("fuzzy", report.fuzzy);
  members.Get("started_ms", report.started_ms);
  members.Get("finished_ms", report.finished_ms);
  members.Get("read_ts", report.read_ts);
  members.Get("warnings", report.warnings);
  return members.status();
}

Json CollectionToJson(const SnapshotCollection& collection) {
  return {{"database", collection.name.database},     {"name", collection.name.collection},
          {"rows", collection.digest.rows},           {"bytes", collection.bytes},
          {"digest", collection.digest.sum.ToHex()},  {"manifest", collection.manifest.ToHex()},
          {"report", ReportToJson(collection.report)}};
}

Result<SnapshotCollection> CollectionFromJson(const Json& json) {
  SnapshotCollection collection;
  std::array<std::uint8_t, 16> digest{};  // most significant byte first
  Members members(json, "collection");
  members.Get("database", collection.name.database);
  members.Get("name", collection.name.collection);
  members.Get("rows", collection.digest.rows);
  members.Get("bytes", collection.bytes);
  members.GetHex("digest", digest);
  members.GetHex("manifest", collection.manifest.bytes);
  const Json* const report = members.Object("report");
  AERIE_TRY(members.status());
  for (std::size_t i = 0; i < 8; ++i) {
    collection.digest.sum.high = collection.digest.sum.high << 8 | digest[i];
    collection.digest.sum.low = collection.digest.sum.low << 8 | digest[8 + i];
  }
  AERIE_TRY(ReportFromJson(*report, collection.report));
  return collection;
}

Status StatsFromJson(const Json& json, SnapshotStats& stats) {
  Members members(json, "statistics");
  members.Get("plain_bytes", stats.plain_bytes);
  members.Get("stored_bytes", stats.stored_bytes);
  members.Get("blobs_new", stats.blobs_new);
  members.Get("blobs_known", stats.blobs_known);
  return members.status();
}

Status IdFromJson(Members& members, const char* name, SnapshotId& id) {
  members.Get(name, id.hex);
  AERIE_TRY(members.status());
  if (!ObjectId::Parse(id.hex)) return CorruptError("an id is not 32 hexadecimal digits");
  return Ok();
}

}  // namespace

Bytes EncodeSnapshot(const Snapshot& snapshot) {
  Json collections = Json::array();
  for (const auto& collection : snapshot.collections) {
    collections.push_back(CollectionToJson(collection));
  }
  const Json json = {{"id", snapshot.id.hex},
                     {"created_ms", snapshot.created_ms},
                     {"finished_ms", snapshot.finished_ms},
                     {"program", snapshot.program},
                     {"host", snapshot.host},
                     {"cluster", snapshot.cluster},
                     {"version", snapshot.server_version},
                     {"tags", snapshot.tags},
                     {"parent", snapshot.parent ? Json(snapshot.parent->hex) : Json()},
                     {"complete", snapshot.complete},
                     {"collections", std::move(collections)},
                     {"statistics",
                      {{"plain_bytes", snapshot.stats.plain_bytes},
                       {"stored_bytes", snapshot.stats.stored_bytes},
                       {"blobs_new", snapshot.stats.blobs_new},
                       {"blobs_known", snapshot.stats.blobs_known}}}};
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return Bytes(text.begin(), text.end());
}

Result<Snapshot> DecodeSnapshot(ByteSpan body) {
  const Json json = Json::parse(AsText(body), nullptr, false);
  Snapshot snapshot;
  Members members(json, "snapshot");
  AERIE_TRY(IdFromJson(members, "id", snapshot.id));
  members.Get("created_ms", snapshot.created_ms);
  members.Get("finished_ms", snapshot.finished_ms);
  members.Get("program", snapshot.program);
  members.Get("host", snapshot.host);
  members.Get("cluster", snapshot.cluster);
  members.Get("version", snapshot.server_version);
  members.Get("tags", snapshot.tags);
  members.Get("complete", snapshot.complete);
  const Json* const collections = members.Array("collections");
  const Json* const statistics = members.Object("statistics");
  AERIE_TRY(members.status());
  if (!members.IsNull("parent")) {
    snapshot.parent.emplace();
    AERIE_TRY(IdFromJson(members, "parent", *snapshot.parent));
  }
  for (const Json& item : *collections) {
    AERIE_ASSIGN(SnapshotCollection collection, CollectionFromJson(item));
    snapshot.collections.push_back(std::move(collection));
  }
  AERIE_TRY(StatsFromJson(*statistics, snapshot.stats));
  return snapshot;
}

}  // namespace aerie::repo
