#include "app/alert_facts.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/task_group.h"
#include "jobs/schedule.h"
#include "milvus/spec_reader.h"
#include "repo/pins.h"
#include "transfer/backup.h"

namespace aerie::app {
namespace {

using alerts::ClusterFact;
using alerts::CollectionFact;
using alerts::JobFact;
using alerts::ScheduleFact;
using Json = nlohmann::json;

constexpr std::size_t kJobsLooked = 1000;     // of those without a schedule
constexpr std::size_t kJobsOfSchedule = 200;  // of each schedule
constexpr std::size_t kRunsLooked = 200;      // of each schedule
constexpr std::size_t kAtOnce = 8;

std::string TextOf(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

std::int64_t NumberOf(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : -1;
}

// What the job is about, as people would say: its schedule, else what its spec names.
std::string AboutOf(const catalog::Job& job) {
  if (!job.schedule.empty()) return "schedule " + job.schedule;
  const Json spec = Json::parse(job.spec, nullptr, false);
  if (!spec.is_object()) return "what is configured";
  for (const char* key : {"cluster", "from"}) {
    if (const std::string name = TextOf(spec, key); !name.empty()) return "cluster " + name;
  }
  const std::string repository = TextOf(spec, "repository");
  return repository.empty() ? "what is configured" : "repository " + repository;
}

JobFact FactOf(const catalog::Job& job) {
  JobFact fact{.number = job.number,
               .kind = job.kind,
               .about = AboutOf(job),
               .state = job.standing.state,
               .ended = job.standing.ended,
               .error = job.error,
               .queued_ms = job.queued_ms,
               .started_ms = job.started_ms,
               .ended_ms = job.ended_ms,
               .heard_ms = job.holder ? job.holder->renewed_ms : 0};
  const Json result = Json::parse(job.result, nullptr, false);
  if (result.is_object()) {
    fact.rows = NumberOf(result, "rows");
    fact.bytes = NumberOf(result, "bytes");
  }
  return fact;
}

// Of jobs, newest first: the open ones, and of each kind and subject the last that ended.
void AddJobs(const std::vector<catalog::Job>& jobs, alerts::Facts& facts) {
  std::set<std::pair<std::string, std::string>> known;
  for (const catalog::Job& job : jobs) {
    if (job.standing.state == "cancelled") continue;
    JobFact fact = FactOf(job);
    if (fact.ended && !known.insert({fact.kind, fact.about}).second) continue;
    facts.jobs.push_back(std::move(fact));
  }
}

std::int64_t MillisOr0(const std::optional<WallTime>& time) {
  return time ? ToUnixMillis(*time) : 0;
}

void AddTimes(const catalog::Schedule& row, WallTime now, ScheduleFact& fact) {
  const auto spec = jobs::ScheduleFromText(row.id, row.spec);
  // One that cannot be read is told in the scheduler's log.
  if (!spec.ok()) return;
  fact.kind = spec->kind;
  fact.enabled = spec->enabled;
  if (!fact.enabled) return;
  const auto next = jobs::NextDue(*spec, now);
  fact.next_ms = MillisOr0(next);
  if (next) {
    const auto after = jobs::NextDue(*spec, *next);
    if (after) fact.period_ms = ToUnixMillis(*after) - fact.next_ms;
  }
  const auto undecided = jobs::NextDue(*spec, FromUnixMillis(row.decided_ms));
  if (!undecided) return;
  const WallTime start = jobs::StartOf(*spec, *undecided);
  if (start <= now) fact.overdue_ms = ToUnixMillis(start);
}

void AddRuns(const std::vector<catalog::ScheduleRun>& runs, ScheduleFact& fact) {
  for (const catalog::ScheduleRun& run : runs) {
    if (run.outcome != "missed") continue;
    fact.missed_ms = std::max(fact.missed_ms, run.last_due_ms);
    fact.missed_times += run.times;
    if (run.last_due_ms > fact.good_ended_ms) fact.missed_since_good += run.times;
  }
}

std::string FolderOf(const std::string& url) {
  if (url.starts_with("file://")) return url.substr(7);
  return url.find("://") == std::string::npos ? url : "";
}

// As `df` counts it for who is not root. The folder may not be there yet.
alerts::StorageFact DiskOf(const std::string& name, const std::string& folder) {
  alerts::StorageFact fact{.name = name};
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(folder, error);
  while (!error && !std::filesystem::exists(path, error) && path.has_relative_path()) {
    path = path.parent_path();
  }
  const auto space = std::filesystem::space(path, error);
  if (error) {
    fact.trouble = "look for space in " + folder + ": " + error.message();
    return fact;
  }
  fact.used_bytes = static_cast<std::int64_t>(space.capacity - space.free);
  fact.limit_bytes = fact.used_bytes + static_cast<std::int64_t>(space.available);
  return fact;
}

// What a repair made, or a filter let through, is no backup of the collection.
bool HoldsWholeCollections(const repo::Snapshot& snapshot) {
  return !snapshot.repaired_from && !transfer::IsOfSelectedRows(snapshot);
}

}  // namespace

AlertFacts::AlertFacts(const Session& session, catalog::Catalog& catalog, AlertFactsOptions options)
    : session_(session),
      catalog_(catalog),
      options_(std::move(options)),
      jobs_(catalog),
      schedules_(catalog) {
  // Their places are made here, so that readers side by side find them.
  for (const auto& [name, config] : session_.config().clusters) clients_[name];
  for (const auto& [name, config] : session_.config().repositories) repositories_[name];
}

Result<alerts::Facts> AlertFacts::Read(const Context& context) {
  alerts::Facts facts;
  const WallTime now = context.clock().Now();
  AERIE_TRY(ReadJobs(facts));
  AERIE_TRY(ReadSchedules(facts, now));
  AERIE_TRY(ReadMigrations(facts));

  std::vector<std::function<void(const Context&)>> work;
  for (auto& [name, reading] : repositories_) {
    work.emplace_back([this, &name = name, &reading = reading](const Context& c) {
      ReadRepository(c, name, reading);
    });
  }
  facts.clusters.reserve(clients_.size());
  for (const auto& [name, client] : clients_) {
    ClusterFact& cluster = facts.clusters.emplace_back(ClusterFact{.name = name});
    work.emplace_back([this, &cluster](const Context& c) { ReadCluster(c, cluster); });
  }
  AERIE_TRY(ParallelFor(context, work.size(), kAtOnce, [&](const Context& c, std::size_t i) {
    work[i](c);
    return Ok();
  }));
  AERIE_TRY(context.Check("read the facts of alerts"));

  for (const auto& [name, reading] : repositories_) {
    facts.repositories.push_back(
        {.name = name,
         .trouble = reading.trouble,
         .bytes = reading.bytes,
         .snapshots = static_cast<std::int64_t>(reading.snapshots.size())});
  }
  for (ClusterFact& cluster : facts.clusters) AddBackups(cluster);
  ReadStorages(facts);
  return facts;
}

Status AlertFacts::ReadJobs(alerts::Facts& facts) {
  AERIE_ASSIGN(std::vector<catalog::Job> jobs, jobs_.List({.limit = kJobsLooked}));
  std::int64_t ended_ms = 0;
  for (const catalog::Job& job : jobs) ended_ms = std::max(ended_ms, job.ended_ms);
  // It may have changed a repository: what was a reason to alarm may be none any more.
  if (ended_ms > std::exchange(ended_ms_, std::max(ended_ms, ended_ms_))) {
    for (auto& [name, reading] : repositories_) reading.is_read = false;
  }
  std::erase_if(jobs, [](const catalog::Job& job) { return !job.schedule.empty(); });
  AddJobs(jobs, facts);
  AERIE_ASSIGN(facts.job_counts, jobs_.Counts());
  return Ok();
}

Status AlertFacts::ReadSchedules(alerts::Facts& facts, WallTime now) {
  AERIE_ASSIGN(const auto schedules, schedules_.List());
  for (const catalog::Schedule& row : schedules) {
    ScheduleFact fact{.id = row.id, .created_ms = row.created_ms};
    AERIE_ASSIGN(const auto jobs, jobs_.List({.schedule = row.id, .limit = kJobsOfSchedule}));
    AddJobs(jobs, facts);
    const auto good = std::find_if(jobs.begin(), jobs.end(), [](const catalog::Job& job) {
      return job.standing.state == "completed";
    });
    if (good != jobs.end()) {
      fact.good_started_ms = good->started_ms;
      fact.good_ended_ms = good->ended_ms;
    }
    AddTimes(row, now, fact);
    AERIE_ASSIGN(const auto runs, schedules_.Runs(row.id, 0, kRunsLooked));
    AddRuns(runs, fact);
    facts.schedules.push_back(std::move(fact));
  }
  return Ok();
}

Status AlertFacts::ReadMigrations(alerts::Facts& facts) {
  AERIE_ASSIGN(const auto migrations, catalog_.List(true));
  for (const catalog::Migration& migration : migrations) {
    AERIE_ASSIGN(const auto open, catalog_.Alerts(migration.id, true));
    for (const catalog::Alert& alert : open) {
      facts.raised.push_back({.about = migration.id + "/" + alert.incident,
                              .text = "migration " + migration.id + ": " + alert.text,
                              .remedy = "aerie migrate status " + migration.id + " --log"});
    }
  }
  return Ok();
}

void AlertFacts::ReadRepository(const Context& context, const std::string& name,
                                RepositoryReading& reading) {
  const SteadyTime now = context.clock().Steady();
  const Duration every = session_.config().alerts.repositories_every;
  // One that could not be read is read again at once.
  if (reading.is_read && reading.trouble.empty() && now - reading.read < every) return;
  const Status status =
      ReadRepositoryNow(context.WithTimeout(options_.repository_timeout), name, reading);
  reading.trouble = std::string(status.message());
  reading.absent = KindOf(status) == Kind::kNotFound;
  reading.read = now;
  reading.is_read = true;
  // It is opened anew, and what it had is not known any more.
  if (!status.ok()) {
    reading.repository.reset();
    reading.snapshots.clear();
    reading.verified.clear();
  }
}

Status AlertFacts::ReadRepositoryNow(const Context& context, const std::string& name,
                                     RepositoryReading& reading) {
  if (reading.repository == nullptr) {
    AERIE_ASSIGN(OpenedRepository opened, session_.Repository(context, name, {}, IfAbsent::kFail));
    reading.repository = std::move(opened.repository);
  }
  // A damaged snapshot object is the checks' affair; the others are there.
  std::vector<repo::Finding> damaged;
  AERIE_ASSIGN(reading.snapshots, reading.repository->ListSnapshots(context, &damaged));
  AERIE_ASSIGN(reading.verified, repo::ListVerified(context, *reading.repository));
  AERIE_ASSIGN(const repo::RepositoryStats stats, reading.repository->Stats(context));
  reading.bytes = static_cast<std::int64_t>(stats.pack_bytes);
  return Ok();
}

Result<std::vector<std::string>> AlertFacts::ReadCollections(const Context& context,
                                                             const std::string& name) {
  std::shared_ptr<milvus::Client>& client = clients_.at(name);
  if (client == nullptr) {
    AERIE_ASSIGN(OpenCluster opened, session_.Cluster(context, name, {}));
    client = std::move(opened.client);
  }
  AERIE_ASSIGN(const auto found, milvus::ListCollections(context, *client, {}));
  std::vector<std::string> names;
  for (const rows::CollectionName& each : found) names.push_back(each.ToString());
  return names;
}

void AlertFacts::ReadCluster(const Context& context, ClusterFact& cluster) {
  const auto names = ReadCollections(context.WithTimeout(options_.cluster_timeout), cluster.name);
  if (!names.ok()) {
    cluster.trouble = std::string(names.status().message());
    return;
  }
  for (const std::string& name : *names) cluster.collections.push_back({.name = name});
}

void AlertFacts::AddBackups(ClusterFact& cluster) const {
  const std::set<std::string> labels = {
      cluster.name, RedactedUri(session_.config().clusters.at(cluster.name).uri)};
  std::map<std::string, CollectionFact*> by_name;
  for (CollectionFact& each : cluster.collections) by_name[each.name] = &each;
  for (const auto& [name, reading] : repositories_) {
    if (!reading.trouble.empty() && !reading.absent) cluster.repositories_read = false;
    for (const repo::Snapshot& snapshot : reading.snapshots) {
      if (!labels.contains(snapshot.cluster) || !HoldsWholeCollections(snapshot)) continue;
      const bool verified = reading.verified.contains(snapshot.id);
      for (const repo::SnapshotCollection& each : snapshot.collections) {
        const auto found = by_name.find(each.name.ToString());
        if (found == by_name.end()) continue;
        CollectionFact& fact = *found->second;
        fact.newest_backup_ms = std::max(fact.newest_backup_ms, snapshot.created_ms);
        if (verified) {
          fact.newest_verified_ms = std::max(fact.newest_verified_ms, snapshot.created_ms);
        }
      }
    }
  }
}

void AlertFacts::ReadStorages(alerts::Facts& facts) const {
  const Config& config = session_.config();
  for (const auto& [name, reading] : repositories_) {
    const auto capacity = config.alerts.capacity.find(name);
    const std::string folder = FolderOf(config.repositories.at(name).url);
    if (capacity != config.alerts.capacity.end()) {
      facts.storages.push_back({.name = name,
                                .trouble = reading.trouble,
                                .used_bytes = reading.bytes,
                                .limit_bytes = capacity->second});
    } else if (!folder.empty()) {
      facts.storages.push_back(DiskOf(name, folder));
    }
  }
  if (!options_.catalog_folder.empty()) {
    facts.storages.push_back(DiskOf("state", options_.catalog_folder));
  }
}

}  // namespace aerie::app
