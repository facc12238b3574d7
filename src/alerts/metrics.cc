#include "alerts/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

#include "alerts/prometheus_writer.h"
#include "alerts/rules.h"

namespace aerie::alerts {
namespace {

using Writer = PrometheusWriter;
constexpr auto kGauge = Writer::Type::kGauge;
constexpr auto kCounter = Writer::Type::kCounter;

// One family with a sample of each of `things` of which `sample` says something.
template <class Things, class Sample>
void Each(Writer& out, const char* name, Writer::Type type, const char* help, const Things& things,
          Sample sample) {
  out.Family(name, type, help);
  for (const auto& thing : things) sample(thing);
}

void WriteJobs(Writer& out, const Facts& facts) {
  Each(out, "aerie_jobs", kGauge, "Jobs in the catalog.", facts.job_counts, [&](const auto& count) {
    out.Sample({{"kind", count.first.first}, {"state", count.first.second}}, count.second);
  });
  // The newest of each kind and subject; good ones alone have a success.
  std::vector<JobFact> ended;
  for (const JobFact& job : facts.jobs) {
    if (job.ended) ended.push_back(job);
  }
  const auto labels = [](const JobFact& job) {
    return Labels{{"kind", job.kind}, {"about", job.about}};
  };
  Each(out, "aerie_job_last_end_timestamp_seconds", kGauge, "When the last job ended.", ended,
       [&](const JobFact& job) { out.Seconds(labels(job), job.ended_ms); });
  Each(out, "aerie_job_last_success", kGauge, "1 when the last job ended well, else 0.", ended,
       [&](const JobFact& job) {
         out.Sample(labels(job), std::int64_t{job.state == "completed" ? 1 : 0});
       });
  Each(out, "aerie_job_last_duration_seconds", kGauge, "How long the last job took.", ended,
       [&](const JobFact& job) {
         if (job.started_ms > 0) out.Seconds(labels(job), job.ended_ms - job.started_ms);
       });
  Each(out, "aerie_job_last_rows", kGauge, "Rows of the last job.", ended, [&](const JobFact& job) {
    if (job.rows >= 0) out.Sample(labels(job), job.rows);
  });
  Each(out, "aerie_job_last_bytes", kGauge, "Bytes of the last job.", ended,
       [&](const JobFact& job) {
         if (job.bytes >= 0) out.Sample(labels(job), job.bytes);
       });
}

void WriteClusters(Writer& out, const Facts& facts) {
  Each(out, "aerie_cluster_up", kGauge, "1 when the cluster answers, else 0.", facts.clusters,
       [&](const ClusterFact& cluster) {
         out.Sample({{"cluster", cluster.name}}, std::int64_t{cluster.trouble.empty() ? 1 : 0});
       });
  const auto newest = [&](const char* name, const char* help, std::int64_t CollectionFact::*when) {
    out.Family(name, kGauge, help);
    for (const ClusterFact& cluster : facts.clusters) {
      for (const CollectionFact& collection : cluster.collections) {
        const auto dot = collection.name.find('.');
        out.Seconds({{"cluster", cluster.name},
                     {"database", collection.name.substr(0, dot)},
                     {"collection", collection.name.substr(dot + 1)}},
                    collection.*when);
      }
    }
  };
  newest("aerie_newest_backup_timestamp_seconds", "When the newest backup was begun, 0 for none.",
         &CollectionFact::newest_backup_ms);
  newest("aerie_newest_verified_backup_timestamp_seconds",
         "When the newest verified backup was begun, 0 for none.",
         &CollectionFact::newest_verified_ms);
}

void WriteStorages(Writer& out, const Facts& facts, WallTime now) {
  const auto of = [](const RepositoryFact& r) { return Labels{{"repository", r.name}}; };
  Each(out, "aerie_repository_up", kGauge, "1 when the repository can be read, else 0.",
       facts.repositories, [&](const RepositoryFact& r) {
         out.Sample(of(r), std::int64_t{r.trouble.empty() ? 1 : 0});
       });
  Each(out, "aerie_repository_snapshots", kGauge, "Snapshots in the repository.",
       facts.repositories, [&](const RepositoryFact& r) {
         if (r.trouble.empty()) out.Sample(of(r), r.snapshots);
       });
  Each(out, "aerie_repository_bytes", kGauge, "Stored bytes of the repository's packs.",
       facts.repositories, [&](const RepositoryFact& r) {
         if (r.trouble.empty()) out.Sample(of(r), r.bytes);
       });
  std::vector<StorageFact> read;
  for (const StorageFact& storage : facts.storages) {
    if (storage.trouble.empty() && storage.limit_bytes > 0) read.push_back(storage);
  }
  const auto at = [](const StorageFact& s) { return Labels{{"storage", s.name}}; };
  Each(out, "aerie_storage_used_bytes", kGauge, "Bytes that are used.", read,
       [&](const StorageFact& s) { out.Sample(at(s), s.used_bytes); });
  Each(out, "aerie_storage_limit_bytes", kGauge, "Bytes that there are.", read,
       [&](const StorageFact& s) { out.Sample(at(s), s.limit_bytes); });
  Each(out, "aerie_storage_free_bytes", kGauge, "Bytes that are left.", read,
       [&](const StorageFact& s) { out.Sample(at(s), s.limit_bytes - s.used_bytes); });
  Each(out, "aerie_storage_full_timestamp_seconds", kGauge,
       "When it is full at the pace of the last days.", read, [&](const StorageFact& s) {
         if (const auto full = FullAt(s, now)) out.Seconds(at(s), ToUnixMillis(*full));
       });
}

void WriteSchedules(Writer& out, const Facts& facts, WallTime now) {
  const auto of = [](const ScheduleFact& s) {
    return Labels{{"schedule", s.id}, {"kind", s.kind}};
  };
  Each(out, "aerie_schedule_enabled", kGauge, "1 when the schedule is enabled, else 0.",
       facts.schedules,
       [&](const ScheduleFact& s) { out.Sample(of(s), std::int64_t{s.enabled ? 1 : 0}); });
  Each(out, "aerie_schedule_next_timestamp_seconds", kGauge, "When it is due next.",
       facts.schedules, [&](const ScheduleFact& s) {
         if (s.next_ms != 0) out.Seconds(of(s), s.next_ms);
       });
  Each(out, "aerie_schedule_missed_runs", kGauge, "Runs that were missed, of those recorded.",
       facts.schedules, [&](const ScheduleFact& s) { out.Sample(of(s), s.missed_times); });
  Each(out, "aerie_sync_lag_seconds", kGauge, "Since the last good run of a sync or mirror began.",
       facts.schedules, [&](const ScheduleFact& s) {
         const auto lag = LagOf(s, now);
         if (!lag) return;
         out.Seconds({{"schedule", s.id}},
                     std::chrono::duration_cast<std::chrono::milliseconds>(*lag).count());
       });
}

void WriteAlerts(Writer& out, const MetricFacts& facts) {
  std::map<std::string, std::int64_t> open = {
      {"critical", 0}, {"error", 0}, {"warning", 0}, {"info", 0}};
  for (const catalog::AlertIncident& incident : facts.open) ++open[incident.severity];
  Each(out, "aerie_alerts_open", kGauge, "Open incidents.", open, [&](const auto& count) {
    out.Sample({{"severity", count.first}}, count.second);
  });
  out.Family("aerie_alert_deliveries_total", kCounter,
             "Messages that a channel took, attempts that failed, messages that were given up.");
  for (const catalog::AlertChannel& channel : facts.channels) {
    const auto count = [&](const char* outcome, std::int64_t value) {
      out.Sample({{"channel", channel.name}, {"outcome", outcome}}, value);
    };
    count("delivered", channel.delivered);
    count("failed", channel.failed);
    count("given-up", channel.given_up);
  }
  Each(out, "aerie_alert_deliveries_waiting", kGauge, "Messages that wait for their channel.",
       facts.channels, [&](const catalog::AlertChannel& channel) {
         out.Sample({{"channel", channel.name}}, channel.waiting);
       });
  out.Family("aerie_alerts_evaluated_timestamp_seconds", kGauge, "When the rules were last asked.");
  if (facts.watched.evaluated_ms != 0) out.Seconds({}, facts.watched.evaluated_ms);
  out.Family("aerie_heartbeat_timestamp_seconds", kGauge,
             "When the dead man's switch was last reached.");
  if (facts.watched.heartbeat_ms != 0) out.Seconds({}, facts.watched.heartbeat_ms);
}

void WriteProcess(Writer& out, const ProcessFigures& p) {
  const auto one = [&](const char* name, Writer::Type type, const char* help, auto value) {
    out.Family(name, type, help);
    if (value >= 0) out.Sample({}, value);
  };
  one("process_cpu_seconds_total", kCounter, "Total user and system CPU time spent in seconds.",
      p.cpu_seconds);
  one("process_resident_memory_bytes", kGauge, "Resident memory size in bytes.", p.resident_bytes);
  one("process_virtual_memory_bytes", kGauge, "Virtual memory size in bytes.", p.virtual_bytes);
  one("process_open_fds", kGauge, "Number of open file descriptors.", p.open_fds);
  one("process_max_fds", kGauge, "Maximum number of open file descriptors.", p.max_fds);
  one("process_threads", kGauge, "Number of threads.", p.threads);
  one("process_start_time_seconds", kGauge,
      "Start time of the process since unix epoch in seconds.", p.start_seconds);
}

std::string FileText(const char* path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The number after "btime " in /proc/stat: when the kernel was started; -1.
double BootSeconds() {
  std::istringstream lines(FileText("/proc/stat"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return -1;
}

}  // namespace

ProcessFigures ReadProcess() {
  ProcessFigures figures;
  // proc(5); the fields after the name, which may hold anything.
  const std::string stat = FileText("/proc/self/stat");
  const auto name_end = stat.rfind(')');
  if (name_end != std::string::npos) {
    std::istringstream fields(stat.substr(name_end + 1));
    std::vector<std::string> words;
    for (std::string word; fields >> word;) words.push_back(word);
    // The first of them is field 3.
    const auto field = [&](std::size_t n) {
      return words.size() > n - 3 ? std::stoll(words[n - 3]) : 0;
    };
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    figures.cpu_seconds = static_cast<double>(field(14) + field(15)) / ticks;
    figures.threads = field(20);
    figures.virtual_bytes = field(23);
    figures.resident_bytes = field(24) * ::sysconf(_SC_PAGESIZE);
    const double boot = BootSeconds();
    if (boot >= 0) figures.start_seconds = boot + static_cast<double>(field(22)) / ticks;
  }
  std::error_code error;
  std::int64_t count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  if (!error) figures.open_fds = count - 1;  // without the one that reads the folder
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    figures.max_fds = static_cast<std::int64_t>(limit.rlim_cur);
  }
  return figures;
}

std::string MetricsText(const MetricFacts& facts, WallTime now) {
  Writer out;
  out.Family("aerie_build_info", kGauge, "The version that runs.");
  out.Sample({{"version", facts.version}}, std::int64_t{1});
  WriteJobs(out, facts.watched.facts);
  WriteClusters(out, facts.watched.facts);
  WriteStorages(out, facts.watched.facts, now);
  WriteSchedules(out, facts.watched.facts, now);
  WriteAlerts(out, facts);
  WriteProcess(out, facts.process);
  return out.text();
}

namespace {

Result<std::string> TextOf(const std::string& version, Watched watched, catalog::AlertStore& store,
                           WallTime now) {
  AERIE_ASSIGN(auto view, store.View(ToUnixMillis(now)));
  std::erase_if(view.incidents, [](const auto& incident) { return incident.opened_ms == 0; });
  return MetricsText({.version = version,
                      .watched = std::move(watched),
                      .open = std::move(view.incidents),
                      .channels = std::move(view.channels),
                      .process = ReadProcess()},
                     now);
}

}  // namespace

Result<std::string> CurrentMetrics(const std::string& version, const Monitor& monitor,
                                   catalog::AlertStore& store, WallTime now) {
  return TextOf(version, monitor.watched(), store, now);
}

Result<std::string> MetricsNow(const Context& context, const std::string& version,
                               FactSource& source, catalog::AlertStore& store) {
  AERIE_ASSIGN(Facts facts, ReadFacts(context, source, store));
  const WallTime now = context.clock().Now();
  return TextOf(version, {.facts = std::move(facts), .evaluated_ms = ToUnixMillis(now)}, store,
                now);
}

}  // namespace aerie::alerts
