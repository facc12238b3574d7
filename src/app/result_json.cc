#include "app/result_json.h"

#include <unistd.h>

#include <cmath>
#include <variant>

#include "base/duration.h"

namespace aerie::app {

Result<Duration> ImmutableFor(const Session& session, const std::string& text,
                              const std::string& repository) {
  if (text.empty()) return session.ImmutableFor(repository);
  return ParseDuration(text, "--immutable-for");
}

void ReportThrottle(const transfer::Endpoint& endpoint, CommandResult& result) {
  const auto report = endpoint.Throttled();
  if (!report) return;
  const auto millis = [](Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
  };
  const double seconds = millis(report->held_back) / 1000;
  result.json["held_back"] = {{"seconds", seconds},
                              {"slowdowns", report->slowdowns},
                              {"latency_ms_at_start", millis(report->at_start)},
                              {"latency_ms_worst", millis(report->worst)}};
  if (report->slowdowns == 0) return;
  result.text += "held back " + HumanSeconds(seconds) + " because the cluster answered in up to " +
                 std::to_string(std::lround(millis(report->worst))) + " ms, " +
                 std::to_string(std::lround(millis(report->at_start))) + " ms at the start\n";
}

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

Json ToJson(const rows::RangeDigest& digest) {
  return {{"rows", digest.rows}, {"digest", digest.sum.ToHex()}};
}

Json ToJson(const rows::ReadReport& report) {
  return {{"exact", !report.fuzzy},
          {"started_ms", report.started_ms},
          {"finished_ms", report.finished_ms},
          {"read_ts", report.read_ts},
          {"duplicate_keys", report.duplicate_keys},
          {"unreadable_keys", report.unreadable_keys},
          {"reread_ranges", report.reread_ranges}};
}

Json ToJson(const repo::Snapshot& snapshot) {
  Json collections = Json::array();
  std::uint64_t rows = 0;
  for (const repo::SnapshotCollection& collection : snapshot.collections) {
    rows += collection.digest.rows;
    collections.push_back({{"name", collection.name.ToString()},
                           {"rows", collection.digest.rows},
                           {"bytes", collection.bytes},
                           {"digest", collection.digest.sum.ToHex()},
                           {"read", ToJson(collection.report)}});
  }
  const Json immutable = snapshot.immutable_until_ms
                             ? Json(FormatUtc(FromUnixMillis(*snapshot.immutable_until_ms)))
                             : Json(nullptr);
  return {
      {"id", snapshot.id.hex},
      {"short_id", snapshot.id.Short()},
      {"created", FormatUtc(FromUnixMillis(snapshot.created_ms))},
      {"finished", FormatUtc(FromUnixMillis(snapshot.finished_ms))},
      {"cluster", snapshot.cluster},
      {"server_version", snapshot.server_version},
      {"program", snapshot.program},
      {"host", snapshot.host},
      {"tags", snapshot.tags},
      {"parent", snapshot.parent ? Json(snapshot.parent->hex) : Json(nullptr)},
      {"repaired_from", snapshot.repaired_from ? Json(snapshot.repaired_from->hex) : Json(nullptr)},
      {"origin", snapshot.origin ? Json{{"repository", snapshot.origin->repository},
                                        {"snapshot", snapshot.origin->snapshot.hex}}
                                 : Json(nullptr)},
      {"complete", snapshot.complete},
      {"immutable_until", immutable},
      {"rows", rows},
      {"bytes", snapshot.stats.plain_bytes},
      {"stored_bytes", snapshot.stats.stored_bytes},
      {"blobs_new", snapshot.stats.blobs_new},
      {"blobs_known", snapshot.stats.blobs_known},
      {"collections", collections}};
}

Json ToJson(const std::optional<std::pair<rows::Key, rows::Key>>& keys) {
  if (!keys) return nullptr;
  const auto to_json = [](const rows::Key& key) {
    return std::visit([](const auto& value) { return Json(value); }, key);
  };
  return Json::array({to_json(keys->first), to_json(keys->second)});
}

Json ToJson(const repo::Finding& finding) {
  Json json = {{"object", finding.object},
               {"where", finding.where},
               {"message", finding.message},
               {"remedy", finding.remedy}};
  if (!finding.place) return json;
  const repo::RowPlace& place = *finding.place;
  json["snapshot"] = place.snapshot.hex;
  json["collection"] = place.collection.ToString();
  json["partition"] = place.partition ? Json(*place.partition) : Json(nullptr);
  json["keys"] = ToJson(place.keys);
  json["rows"] = place.rows;
  return json;
}

std::string FindingText(const repo::Finding& finding, const char* word) {
  return std::string(word) + ": " + finding.message +
         (finding.where.empty() ? "" : " (" + finding.where + ")") +
         (finding.object.empty() ? "" : " [" + finding.object + "]") +
         (finding.remedy.empty() ? "" : "; " + finding.remedy) + "\n";
}

Json ToJson(const transfer::CollectionOutcome& outcome) {
  Json json = {{"name", outcome.name.ToString()},
               {"status", outcome.status.ok() ? "completed" : "failed"},
               {"rows", outcome.digest.rows},
               {"bytes", outcome.bytes},
               {"digest", outcome.digest.sum.ToHex()},
               {"seconds", outcome.seconds},
               {"warnings", outcome.warnings}};
  if (!outcome.status.ok()) json["error"] = ErrorToJson(outcome.status);
  return json;
}

}  // namespace aerie::app
