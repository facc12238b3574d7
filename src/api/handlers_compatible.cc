// What older scripts expect: {code, message, data}, and an answer when the work is done. Behind it
// are the same jobs, roles and confirmations.
#include <algorithm>
#include <utility>

#include "api/call.h"

namespace aerie::api {
namespace {

enum class Wait { kForTheEnd, kNot };

// One or the other name of the list of collections.
Json CollectionsOf(const Json& body) {
  for (const char* name : {"collections", "collection_names"}) {
    if (body.contains(name)) return body.at(name);
  }
  return Json::array();
}

Reply Enveloped(int status, int code, const std::string& message, Json data) {
  return {.status = status,
          .json = {{"code", code}, {"message", message}, {"data", std::move(data)}}};
}

std::string NameOf(const repo::Snapshot& snapshot) {
  for (const std::string& tag : snapshot.tags) {
    if (!tag.starts_with("schedule:")) return tag;
  }
  return snapshot.id.Short();
}

Kind KindNamed(const std::string& name) {
  for (int kind = 0; kind <= static_cast<int>(Kind::kInternal); ++kind) {
    if (name == KindName(static_cast<Kind>(kind))) return static_cast<Kind>(kind);
  }
  return Kind::kFailed;
}

// How a job that ended is told: by what came of it.
using DataOf = std::function<Json(const catalog::Job& job, const Json& result)>;

Reply EndOf(const catalog::Job& job, const DataOf& data) {
  Json result = ParseKept(job.result);
  if (result.is_null()) result = Json::object();
  Json told = data(job, result);
  told["job"] = job.number;
  told["state"] = job.standing.state;
  const bool judged = told.contains("is_valid") && told["is_valid"].is_boolean();
  if (job.standing.state == "completed" || judged) {
    return Enveloped(200, 0, job.error.empty() ? "success" : job.error, std::move(told));
  }
  const Kind kind =
      job.standing.state == "cancelled" ? Kind::kCancelled : KindNamed(job.error_kind);
  return Enveloped(HttpStatusOf(kind), ExitCode(kind),
                   job.error.empty() ? "the job is " + job.standing.state : job.error,
                   std::move(told));
}

// Makes the job, and answers when it has ended, or at once.
Result<Reply> RunJob(Call& call, const WantedJob& wanted, Wait wait, DataOf data) {
  AERIE_ASSIGN(Reply made, MakeJob(call, wanted));
  if (made.problem) return made;
  const std::int64_t number = made.json.at("number");
  if (wait == Wait::kNot || call.body.value("async", false)) {
    AERIE_ASSIGN(const catalog::Job job, call.parts.jobs.Find(number));
    Json told = data(job, Json::object());
    told["job"] = number;
    told["state"] = job.standing.state;
    return Enveloped(202, 0, "job " + std::to_string(number) + " was made", std::move(told));
  }
  const std::int64_t until_ms = call.now_ms + 3'600'000;
  Reply later;
  later.later = [&parts = call.parts, number, until_ms,
                 data](std::int64_t now_ms) -> std::optional<Result<Reply>> {
    const auto job = parts.jobs.Find(number);
    if (!job.ok()) return Result<Reply>(job.status());
    if (job->standing.ended) return Result<Reply>(EndOf(*job, data));
    if (now_ms < until_ms) return std::nullopt;
    return Result<Reply>(Enveloped(202, ExitCode(Kind::kFailed),
                                   "job " + std::to_string(number) +
                                       " still runs; see GET /api/v1/" + "jobs/" +
                                       std::to_string(number),
                                   {{"job", number}, {"state", job->standing.state}}));
  };
  return later;
}

Result<Reply> Create(Call& call, Wait wait) {
  WantedJob wanted{.kind = "backup"};
  for (const char* name : {"cluster", "repository"}) {
    if (call.body.contains(name)) wanted.spec[name] = call.body.at(name);
  }
  if (const Json collections = CollectionsOf(call.body); !collections.empty()) {
    wanted.spec["collections"] = collections;
  }
  const std::string name = call.body.value("backup_name", "");
  if (!name.empty()) wanted.spec["tags"] = Json::array({name});
  return RunJob(call, wanted, wait, [name](const catalog::Job& job, const Json& result) {
    const Json snapshot = result.value("snapshot", Json(nullptr));
    const double seconds = static_cast<double>(job.ended_ms - job.started_ms) / 1000;
    return Json{{"backup_name", name},
                {"snapshot", snapshot},
                {"entities", result.value("rows", Json(0))},
                {"size", result.value("bytes", Json(0))},
                {"duration", job.standing.ended && job.started_ms > 0 ? Json(seconds) : Json(0)}};
  });
}
Result<Reply> CompatibleCreate(Call& call) { return Create(call, Wait::kForTheEnd); }
Result<Reply> PageCreate(Call& call) { return Create(call, Wait::kNot); }

// The newest backup of that name (a tag), or with that id. One that is to be deleted must be the
// only one.
Result<FoundSnapshot> NamedBackup(Call& call, bool only_one) {
  const std::string name = call.body.at("backup_name");
  const std::string repository = call.body.value("repository", "");
  std::optional<FoundSnapshot> found;
  std::size_t count = 0;
  AERIE_ASSIGN(Backend* const backend, call.parts.UpToDate());
  for (const RepositoryView& one : backend->Repositories(call.context)) {
    if (!repository.empty() && one.name != repository) continue;
    for (const SnapshotView& view : *one.snapshots) {
      const auto& tags = view.snapshot.tags;
      if (view.snapshot.id.hex != name && view.snapshot.id.Short() != name &&
          std::find(tags.begin(), tags.end(), name) == tags.end()) {
        continue;
      }
      ++count;
      if (!found || view.snapshot.created_ms > found->view.snapshot.created_ms) {
        found = FoundSnapshot{.repository = one, .view = view};
      }
    }
  }
  if (!found)
    return NotFoundError("backup '" + name + "' is not there; GET /api/backups lists all");
  if (only_one && count > 1) {
    return RefusedError("backup '" + name + "': " + std::to_string(count) +
                        " snapshots have this tag; name one by its id");
  }
  return *std::move(found);
}

Json SpecFor(const FoundSnapshot& found) {
  return {{"repository", found.repository.name},
          {"snapshots", Json::array({found.view.snapshot.id.hex})}};
}

Result<Reply> CompatibleVerify(Call& call) {
  AERIE_ASSIGN(const FoundSnapshot found, NamedBackup(call, false));
  const std::string id = found.view.snapshot.id.hex;
  return RunJob(call, {.kind = "verify", .spec = SpecFor(found)}, Wait::kForTheEnd,
                [id, name = call.body.at("backup_name")](const catalog::Job& job, const Json&) {
                  Json data = {{"backup_name", name}, {"snapshot", id}, {"message", job.error}};
                  const bool good = job.standing.state == "completed";
                  // Only damage makes it invalid: what could not be read is not known to be.
                  const bool bad = job.error_kind == KindName(Kind::kCorrupt) ||
                                   job.error_kind == KindName(Kind::kDifferent);
                  data["is_valid"] = good || bad ? Json(good) : Json(nullptr);
                  return data;
                });
}

Json ResultData(const catalog::Job&, const Json& result) { return {{"result", result}}; }

Result<Reply> CompatibleDelete(Call& call) {
  AERIE_ASSIGN(const FoundSnapshot found, NamedBackup(call, true));
  const std::string name = call.body.at("backup_name");
  const std::string confirm = call.body.value("confirm", "");
  if (confirm != name) return Unconfirmed("delete the backup", name);
  // Confirmed by its name; the job's own name for it is the id.
  return RunJob(call,
                {.kind = "delete", .spec = SpecFor(found), .confirm = found.view.snapshot.id.hex},
                Wait::kForTheEnd, ResultData);
}

Result<Reply> Restore(Call& call, Wait wait) {
  AERIE_ASSIGN(const FoundSnapshot found, NamedBackup(call, false));
  WantedJob wanted{
      .kind = "restore",
      .spec = {{"repository", found.repository.name}, {"snapshot", found.view.snapshot.id.hex}}};
  const std::string cluster =
      call.body.value("cluster", call.parts.ports.backend->DefaultCluster());
  if (!cluster.empty()) wanted.spec["to"] = cluster;
  if (const Json collections = CollectionsOf(call.body); !collections.empty()) {
    wanted.spec["collections"] = collections;
  }
  for (const char* name : {"suffix", "collection_suffix"}) {
    if (call.body.contains(name)) wanted.spec["suffix"] = call.body.at(name);
  }
  return RunJob(call, wanted, wait, ResultData);
}
Result<Reply> CompatibleRestore(Call& call) { return Restore(call, Wait::kForTheEnd); }
Result<Reply> PageRestore(Call& call) { return Restore(call, Wait::kNot); }

Json BackupJson(const std::string& repository, const SnapshotView& view) {
  const repo::Snapshot& snapshot = view.snapshot;
  std::uint64_t rows = 0;
  for (const auto& one : snapshot.collections) rows += one.digest.rows;
  return {{"backup_name", NameOf(snapshot)},
          {"snapshot", snapshot.id.hex},
          {"type", "full"},
          {"timestamp", TimeOf(snapshot.created_ms)},
          {"entities", rows},
          {"size", snapshot.stats.plain_bytes},
          {"duration", static_cast<double>(snapshot.finished_ms - snapshot.created_ms) / 1000},
          {"verified", view.verified},
          {"cluster", snapshot.cluster},
          {"repository", repository}};
}

// Newest first.
std::vector<std::pair<const RepositoryView*, const SnapshotView*>> AllBackups(
    const std::vector<RepositoryView>& repositories) {
  std::vector<std::pair<const RepositoryView*, const SnapshotView*>> all;
  for (const RepositoryView& one : repositories) {
    for (const SnapshotView& view : *one.snapshots) all.emplace_back(&one, &view);
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.second->snapshot.created_ms > b.second->snapshot.created_ms;
  });
  return all;
}

Result<Reply> CompatibleBackups(Call& call) {
  AERIE_ASSIGN(Backend* const backend, call.parts.UpToDate());
  const auto repositories = backend->Repositories(call.context);
  Json list = Json::array();
  for (const auto& [repository, view] : AllBackups(repositories)) {
    list.push_back(BackupJson(repository->name, *view));
  }
  const std::size_t total = list.size();
  return Enveloped(200, 0, "success", {{"backups", std::move(list)}, {"total", total}});
}

Result<Reply> CompatibleStats(Call& call) {
  AERIE_ASSIGN(Backend* const backend, call.parts.UpToDate());
  const auto repositories = backend->Repositories(call.context);
  const auto all = AllBackups(repositories);
  // Rows that are in many backups count once: those of the newest of each collection.
  std::map<std::pair<std::string, rows::CollectionName>, std::uint64_t> rows;
  std::uint64_t size = 0, entities = 0;
  for (const auto& [repository, view] : all) {
    size += view->snapshot.stats.plain_bytes;
    for (const auto& one : view->snapshot.collections) {
      const auto [at, fresh] =
          rows.emplace(std::pair(view->snapshot.cluster, one.name), one.digest.rows);
      if (fresh) entities += one.digest.rows;
    }
  }
  Json latest = nullptr;
  if (!all.empty()) latest = BackupJson(all.front().first->name, *all.front().second);
  return Enveloped(200, 0, "success",
                   {{"total_backups", all.size()},
                    {"total_size", size},
                    {"total_entities", entities},
                    {"latest_backup", std::move(latest)}});
}

}  // namespace

HandlerMap CompatibleHandlers() {
  return {{"compatibleCreate", CompatibleCreate},   {"compatibleVerify", CompatibleVerify},
          {"compatibleRestore", CompatibleRestore}, {"compatibleDelete", CompatibleDelete},
          {"compatibleBackups", CompatibleBackups}, {"compatibleStats", CompatibleStats},
          {"compatiblePageCreate", PageCreate},     {"compatiblePageRestore", PageRestore}};
}

}  // namespace aerie::api
