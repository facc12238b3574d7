#include "repo/snapshot_file.h"

#include <string>

#include <nlohmann/json.hpp>

#include "repo/crypto.h"
#include "repo/json_members.h"

namespace aerie::repo {
namespace {

using Json = nlohmann::ordered_json;
using Members = JsonMembers;

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

Status OriginFromJson(const Json& json, std::optional<SnapshotOrigin>& origin) {
  Members members(json, "origin");
  SnapshotId repository;
  origin.emplace();
  AERIE_TRY(IdFromJson(members, "repository", repository));
  origin->repository = repository.hex;
  return IdFromJson(members, "snapshot", origin->snapshot);
}

}  // namespace

Bytes EncodeSnapshot(const Snapshot& snapshot) {
  Json collections = Json::array();
  for (const auto& collection : snapshot.collections) {
    collections.push_back(CollectionToJson(collection));
  }
  Json json = {{"id", snapshot.id.hex},
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
  if (snapshot.repaired_from) json["repaired_from"] = snapshot.repaired_from->hex;
  if (snapshot.origin) {
    json["origin"] = {{"repository", snapshot.origin->repository},
                      {"snapshot", snapshot.origin->snapshot.hex}};
  }
  if (snapshot.immutable_until_ms) json["immutable_until_ms"] = *snapshot.immutable_until_ms;
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
  if (json.contains("repaired_from")) {
    snapshot.repaired_from.emplace();
    AERIE_TRY(IdFromJson(members, "repaired_from", *snapshot.repaired_from));
  }
  if (json.contains("immutable_until_ms")) {
    members.Get("immutable_until_ms", snapshot.immutable_until_ms.emplace());
    AERIE_TRY(members.status());
  }
  for (const Json& item : *collections) {
    AERIE_ASSIGN(SnapshotCollection collection, CollectionFromJson(item));
    snapshot.collections.push_back(std::move(collection));
  }
  AERIE_TRY(StatsFromJson(*statistics, snapshot.stats));
  if (json.contains("origin")) AERIE_TRY(OriginFromJson(json["origin"], snapshot.origin));
  return snapshot;
}

}  // namespace aerie::repo
