#include "alerts/rules.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "base/duration.h"
#include "base/glob.h"

namespace aerie::alerts {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr minutes kUnheard{10};   // of the process of a running job
constexpr minutes kOverdue{10};   // of a time that is due
constexpr double kBackBelow = 2;  // percent, of storage
constexpr hours kPaceOf{7 * 24};
constexpr hours kLeastHistory{24};
constexpr std::size_t kDetails = 20;  // things that a message names

Duration Ms(std::int64_t ms) { return std::chrono::duration_cast<Duration>(milliseconds(ms)); }

std::string Percent(double value) {
  const auto tenths = static_cast<std::int64_t>(std::floor(value * 10));
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " %";
}

std::string Gigabytes(std::int64_t bytes) {
  const std::int64_t tenths = bytes / 100'000'000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GB";
}

// Collects what the rules say, with what they all need.
class Judgement {
 public:
  Judgement(const Policy& policy, const Facts& facts, WallTime now)
      : policy_(policy), facts_(facts), now_(now), now_ms_(ToUnixMillis(now)) {}

  std::vector<Condition> All() {
    for (const ClusterFact& cluster : facts_.clusters) OfCluster(cluster);
    for (const JobFact& job : facts_.jobs) job.ended ? OfEndedJob(job) : OfOpenJob(job);
    for (const ScheduleFact& schedule : facts_.schedules) OfSchedule(schedule);
    for (const StorageFact& storage : facts_.storages) OfStorage(storage);
    for (const RepositoryFact& repository : facts_.repositories) OfRepository(repository);
    for (const RaisedFact& raised : facts_.raised) {
      Say(Rule::kMigration, raised.about, raised.text, raised.remedy);
    }
    for (const ChannelFact& channel : facts_.channels) OfChannel(channel);
    std::vector<Condition> all;
    for (auto& [key, condition] : said_) all.push_back(std::move(condition));
    return all;
  }

 private:
  Condition& Say(Rule rule, const std::string& about, const std::string& summary,
                 const std::string& remedy) {
    Condition& condition = said_[{rule, about}];
    condition = {.rule = rule,
                 .about = about,
                 .severity = policy_.of(rule).severity,
                 .summary = summary,
                 .remedy = remedy};
    if (!policy_.of(rule).enabled) said_.erase({rule, about});
    return policy_.of(rule).enabled ? condition : unsaid_;
  }
  void Undecided(Rule rule, const std::string& about) { Say(rule, about, "", "").undecided = true; }
  Duration Since(std::int64_t ms) const { return Ms(std::max<std::int64_t>(0, now_ms_ - ms)); }
  std::string Age(std::int64_t ms) const { return AgeText(Since(ms)); }

  void OfCluster(const ClusterFact& cluster) {
    if (!cluster.trouble.empty()) {
      Say(Rule::kClusterUnreachable, cluster.name,
          cluster.name + " does not answer: " + cluster.trouble,
          "look whether Milvus runs and is reached from here: aerie cluster check "
          "--cluster " +
              cluster.name);
      Undecided(Rule::kVerifiedBackupOld, cluster.name);
      return;
    }
    const Duration limit = policy_.of(Rule::kVerifiedBackupOld).limit;
    std::size_t watched = 0;
    std::vector<std::pair<std::string, std::string>> old;  // collection, what it has
    for (const CollectionFact& collection : cluster.collections) {
      if (!policy_.exclude.empty() &&
          Matches(policy_.exclude, cluster.name + "/" + collection.name)) {
        continue;
      }
      ++watched;
      const std::int64_t latest = std::max(collection.newest_verified_ms, collection.first_seen_ms);
      if (latest == 0 || Since(latest) >= limit) old.emplace_back(collection.name, Has(collection));
    }
    if (old.empty()) return;
    if (!cluster.repositories_read) return Undecided(Rule::kVerifiedBackupOld, cluster.name);
    Condition& condition =
        Say(Rule::kVerifiedBackupOld, cluster.name,
            cluster.name + ": " + std::to_string(old.size()) + " of " + std::to_string(watched) +
                " collections have no verified backup of the last " + AgeText(limit),
            "look why backups or their verification do not run (aerie job list), then: aerie "
            "backup create --cluster " +
                cluster.name + "; aerie backup verify --read-data");
    for (const auto& [name, has] : old) {
      condition.things.push_back(name);
      if (condition.details.size() < kDetails) condition.details.push_back(name + ": " + has);
    }
    if (old.size() > kDetails) {
      condition.details.push_back("and " + std::to_string(old.size() - kDetails) + " more");
    }
  }

  std::string Has(const CollectionFact& collection) const {
    if (collection.newest_backup_ms == 0) return "no backup at all";
    const std::string newest = "newest backup " + Age(collection.newest_backup_ms) + " old, ";
    if (collection.newest_verified_ms == 0) return newest + "none was ever verified";
    if (collection.newest_verified_ms == collection.newest_backup_ms) {
      return "newest verified backup " + Age(collection.newest_verified_ms) + " old";
    }
    return newest + "newest verified one " + Age(collection.newest_verified_ms) + " old";
  }

  static Rule RuleOfKind(const std::string& kind) {
    if (kind == "backup") return Rule::kBackupFailed;
    if (kind == "verify") return Rule::kVerificationFailed;
    if (kind == "restore-test") return Rule::kRestoreTestFailed;
    if (kind == "health-check") return Rule::kHealthCheckFailed;
    return Rule::kJobFailed;
  }

  void OfEndedJob(const JobFact& job) {
    if (job.state == "completed" || job.state == "cancelled") return;
    const Rule rule = RuleOfKind(job.kind);
    const std::string number = std::to_string(job.number);
    const std::string subject = job.kind + " of " + job.about;
    const std::string why = job.error.empty() ? "" : ": " + job.error;
    // One thing may have several kinds of jobs that share this rule.
    const std::string about = rule == Rule::kJobFailed ? job.kind + " " + job.about : job.about;
    if (job.state == "unknown") {
      Say(rule, about, subject + ": what job " + number + " did is not known" + why,
          "look at what it was about (aerie job log " + number + "), then run it again");
      return;
    }
    const bool partial = job.state == "partial";
    Condition& said =
        Say(rule, about,
            subject + (partial ? " was done in part (job " : " failed (job ") + number + ")" + why,
            "aerie job log " + number + " says why; mend that, then run it again");
    if (partial && (rule == Rule::kBackupFailed || rule == Rule::kJobFailed)) {
      said.severity = std::min(said.severity, Severity::kWarning);
    }
  }

  void OfOpenJob(const JobFact& job) {
    const Duration limit = policy_.of(Rule::kJobStuck).limit;
    const std::string number = std::to_string(job.number);
    const std::string name = job.kind + " of " + job.about + " (job " + number + ")";
    const std::string see = "aerie job log " + number;
    if (job.heard_ms != 0) {
      if (Since(job.heard_ms) >= kUnheard) {
        Say(Rule::kJobStuck, "job " + number,
            name + ": its process was last heard of " + Age(job.heard_ms) + " ago",
            "look whether the daemon that runs it is alive; " + see);
      } else if (Since(job.started_ms) >= limit) {
        Say(Rule::kJobStuck, "job " + number, name + " runs for " + Age(job.started_ms),
            "look whether it gets on (" + see + "); aerie job cancel " + number + " ends it");
      }
    } else if (job.state != "paused" && Since(job.queued_ms) >= limit) {
      Say(Rule::kJobStuck, "job " + number, name + " waits for " + Age(job.queued_ms),
          "look whether a daemon runs, and what takes its places: aerie job list");
    }
  }

  void OfSchedule(const ScheduleFact& schedule) {
    if (!schedule.enabled) return;
    const std::string name = "schedule " + schedule.id;
    if (schedule.overdue_ms != 0 && Since(schedule.overdue_ms) >= kOverdue) {
      Say(Rule::kScheduleMissed, name,
          name + " (" + schedule.kind + ") is due for " + Age(schedule.overdue_ms) +
              ", and nothing was made of it",
          "look whether the daemon runs: aerie serve");
    } else if (schedule.missed_ms > schedule.good_ended_ms) {
      const std::string runs =
          schedule.missed_since_good == 1
              ? "a run was missed, that of "
              : std::to_string(schedule.missed_since_good) + " runs were missed, the last of ";
      Say(Rule::kScheduleMissed, name,
          name + " (" + schedule.kind + "): " + runs +
              FormatUtc(FromUnixMillis(schedule.missed_ms)),
          "look why Aerie did not run then; the next run that ends well ends this");
    }
    const auto lag = LagOf(schedule, now_);
    if (!lag) return;
    const Duration configured = policy_.of(Rule::kSyncLag).limit;
    const Duration limit = configured != Duration::zero() ? configured : 2 * Ms(schedule.period_ms);
    if (limit == Duration::zero() || *lag <= limit) return;
    Say(Rule::kSyncLag, name,
        name + ": what it keeps in step is " + AgeText(*lag) + " behind, more than " +
            AgeText(limit),
        "look at its last jobs: aerie job list --schedule " + schedule.id);
  }

  void OfStorage(const StorageFact& storage) {
    if (!storage.trouble.empty()) return Undecided(Rule::kStorageFull, storage.name);
    if (storage.limit_bytes <= 0) return;
    const double used =
        100.0 * static_cast<double>(storage.used_bytes) / static_cast<double>(storage.limit_bytes);
    const auto full_at = FullAt(storage, now_);
    const bool soon = full_at && *full_at - now_ <= policy_.storage_forecast;
    std::string summary =
        storage.name + " is " + Percent(used) + " full, " +
        Gigabytes(std::max<std::int64_t>(0, storage.limit_bytes - storage.used_bytes)) + " left";
    if (full_at) {
      summary +=
          "; at its pace of the last days it is full on " + FormatUtc(*full_at).substr(0, 10);
    }
    if (used <= policy_.storage_warn && !soon) {
      if (used > policy_.storage_warn - kBackBelow) Undecided(Rule::kStorageFull, storage.name);
      return;
    }
    Condition& said = Say(Rule::kStorageFull, storage.name, summary,
                          "make room: aerie repo prune, a shorter retention, or more storage");
    if (used <= policy_.storage_limit) said.severity = std::min(said.severity, Severity::kWarning);
  }

  void OfRepository(const RepositoryFact& repository) {
    if (repository.trouble.empty()) return;
    Say(Rule::kNotWatched, "repository " + repository.name,
        "repository " + repository.name + " cannot be read: " + repository.trouble,
        "until it can, nothing new is known of the backups in it: aerie repo stats --repo " +
            repository.name);
  }

  void OfChannel(const ChannelFact& channel) {
    const bool gave_up = channel.given_up_ms > channel.delivered_ms;
    if (!gave_up && (channel.waiting == 0 || channel.error.empty())) return;
    Say(Rule::kDeliveryFailed, "channel " + channel.name,
        "channel " + channel.name + " takes no alerts: " +
            (gave_up ? "a message was given up" : std::to_string(channel.waiting) + " wait") +
            (channel.error.empty() ? "" : ": " + channel.error),
        "mend it, and try: aerie alert test " + channel.name);
  }

  const Policy& policy_;
  const Facts& facts_;
  const WallTime now_;
  const std::int64_t now_ms_;
  std::map<std::pair<Rule, std::string>, Condition> said_;
  Condition unsaid_;
};

}  // namespace

std::vector<Condition> Judge(const Policy& policy, const Facts& facts, WallTime now) {
  return Judgement(policy, facts, now).All();
}

std::optional<WallTime> FullAt(const StorageFact& storage, WallTime now) {
  const std::int64_t from = ToUnixMillis(now - kPaceOf);
  std::vector<StorageSample> samples;
  for (const StorageSample& sample : storage.history) {
    if (sample.at_ms >= from && sample.at_ms < ToUnixMillis(now)) samples.push_back(sample);
  }
  samples.push_back({.at_ms = ToUnixMillis(now), .used_bytes = storage.used_bytes});
  if (Ms(samples.back().at_ms - samples.front().at_ms) < kLeastHistory) return std::nullopt;
  std::vector<double> paces;  // bytes a millisecond
  for (std::size_t i = 0; i < samples.size(); ++i) {
    for (std::size_t j = i + 1; j < samples.size(); ++j) {
      const auto took = samples[j].at_ms - samples[i].at_ms;
      if (took <= 0) continue;
      paces.push_back(static_cast<double>(samples[j].used_bytes - samples[i].used_bytes) /
                      static_cast<double>(took));
    }
  }
  const auto middle = paces.begin() + static_cast<std::ptrdiff_t>(paces.size() / 2);
  std::nth_element(paces.begin(), middle, paces.end());
  const auto left = static_cast<double>(storage.limit_bytes - storage.used_bytes);
  if (*middle <= 0) return std::nullopt;
  // What would take ten years is no growth.
  const double ms = std::max(0.0, left) / *middle;
  if (ms > 10.0 * 365 * 24 * 3600 * 1000) return std::nullopt;
  return now + milliseconds(static_cast<std::int64_t>(ms));
}

std::optional<Duration> LagOf(const ScheduleFact& schedule, WallTime now) {
  if ((schedule.kind != "sync" && schedule.kind != "mirror") || !schedule.enabled) {
    return std::nullopt;
  }
  const std::int64_t since =
      schedule.good_started_ms != 0 ? schedule.good_started_ms : schedule.created_ms;
  return Ms(std::max<std::int64_t>(0, ToUnixMillis(now) - since));
}

}  // namespace aerie::alerts
