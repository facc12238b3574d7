#include "app/daemon.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

#include "alerts/metrics.h"
#include "app/api_server.h"
#include "app/job_history.h"
#include "app/kinds/kinds.h"
#include "app/result_json.h"
#include "app/version.h"
#include "base/log.h"

namespace aerie::app {
namespace {

constexpr Duration kHousekeeping = std::chrono::hours(1);

Status RunOne(const Service& service, const Context& context) {
  try {
    return Annotate(service.run(context), service.name);
  } catch (const std::exception& error) {
    return InternalError(service.name + ": " + error.what());
  }
}

jobs::RunnerOptions RunnerOptionsOf(const Config& config) {
  return {.places = static_cast<std::size_t>(config.serve.places), .host = HostName()};
}

alerts::MonitorOptions WatchingOf(const Config& config, std::function<Status()> healthy) {
  alerts::MonitorOptions options = MonitorOptionsOf(config.alerts, HostName());
  options.healthy = std::move(healthy);
  return options;
}

std::string FolderOf(const std::string& file) {
  return std::filesystem::absolute(file).parent_path().string();
}

std::set<std::string> IdsOf(const std::vector<ScheduleConfig>& schedules) {
  std::set<std::string> ids;
  for (const ScheduleConfig& one : schedules) ids.insert(one.id);
  return ids;
}

}  // namespace

Status RunServices(const Context& context, const std::vector<Service>& services) {
  CancelScope scope(context);
  std::mutex mutex;
  Status first;
  std::vector<std::jthread> threads;
  for (const Service& service : services) {
    threads.emplace_back([&] {
      const Status status = RunOne(service, scope.context());
      if (status.ok()) return;
      log::Error("service failed", {{"why", std::string(status.message())}});
      {
        std::lock_guard lock(mutex);
        if (first.ok()) first = status;
      }
      scope.Cancel();
    });
  }
  threads.clear();
  return first;
}

Result<std::string> PlanJob(const Context& context, const jobs::JobKinds& kinds,
                            const std::string& kind, const std::string& spec) {
  const auto found = kinds.find(kind);
  if (found != kinds.end()) return found->second->Plan(context, spec);
  std::vector<std::string> names;
  std::string all;
  for (const auto& [name, one] : kinds) {
    names.push_back(name);
    all += (all.empty() ? "" : ", ") + name;
  }
  const std::string near = NearestName(kind, names);
  return InvalidError("there are no jobs of kind '" + kind + "'; " +
                      (near.empty() ? "these are: " + all : "did you mean '" + near + "'?"));
}

Result<std::vector<jobs::ScheduleSpec>> ConfiguredSchedules(const Context& context,
                                                            const Config& config,
                                                            const jobs::JobKinds& kinds) {
  std::vector<jobs::ScheduleSpec> specs;
  for (const ScheduleConfig& one : config.schedules) {
    AERIE_ASSIGN(jobs::ScheduleSpec spec, jobs::ScheduleFromText(one.id, one.text));
    const auto plan = PlanJob(context, kinds, spec.kind, spec.job);
    if (!plan.ok()) {
      return Annotate(plan.status(),
                      config.file + ":" + std::to_string(one.line) + ": schedules." + one.id);
    }
    specs.push_back(std::move(spec));
  }
  return specs;
}

Daemon::Daemon(Config config, std::string catalog_path, std::unique_ptr<DaemonLock> lock,
               std::unique_ptr<catalog::Catalog> catalog, const Clock& clock)
    : clock_(clock),
      session_(std::move(config), NoProgress(), Session::Asking::kNever),
      config_(session_.config()),
      catalog_path_(std::move(catalog_path)),
      lock_(std::move(lock)),
      catalog_(std::move(catalog)),
      jobs_(*catalog_),
      schedules_(*catalog_),
      kinds_(MakeJobKinds({.config = config_, .history = &jobs_})),
      scheduler_(schedules_),
      runner_(jobs_, kinds_, RunnerOptionsOf(config_)),
      facts_(session_, *catalog_, {.catalog_folder = FolderOf(catalog_path_)}),
      monitor_(*catalog_, facts_, WatchingOf(config_, [this] { return Ready(); })),
      alerts_(*catalog_, clock_),
      backend_(session_, IdsOf(config_.schedules)),
      systemd_(SystemdNotifier::FromEnvironment()) {}

Result<std::unique_ptr<Daemon>> Daemon::Open(const Context& context, Config config,
                                             const DaemonOptions& options) {
  AERIE_ASSIGN(config, WithLocalRepository(std::move(config)));
  AERIE_ASSIGN(const std::string folder, DataFolder(config));
  std::string path = options.catalog;
  if (path.empty()) {
    AERIE_ASSIGN(path, CatalogPath(config));
  }
  AERIE_ASSIGN(const auto specs,
               ConfiguredSchedules(context, config, MakeJobKinds({.config = config})));
  AERIE_ASSIGN(auto lock, DaemonLock::Take(folder));
  AERIE_ASSIGN(auto catalog, catalog::Catalog::Open(path));
  std::unique_ptr<Daemon> daemon(
      new Daemon(std::move(config), path, std::move(lock), std::move(catalog), context.clock()));
  AERIE_TRY(daemon->scheduler_.PutConfigured(specs, context.clock().Now()));
  AERIE_TRY(daemon->Listen(context));
  return daemon;
}

Status Daemon::Listen(const Context& context) {
  const api::Ports ports{.backend = &backend_,
                         .alerts = &alerts_,
                         .assets = &page_,
                         .metrics =
                             [this] {
                               catalog::AlertStore store(*catalog_);
                               return alerts::CurrentMetrics(kVersion, monitor_, store,
                                                             clock_.Now());
                             },
                         .ready = [this] { return Ready(); },
                         .wake = [this] { runner_.Wake(); }};
  AERIE_ASSIGN(server_, MakeApiServer(config_.api, kVersion, *catalog_, kinds_, ports));
  return server_->Listen(context);
}

// Whether jobs can be run: the heartbeat beats, and /readyz is well, only then.
Status Daemon::Ready() const {
  return serving_ ? Ok() : RefusedError("the daemon is starting or stopping");
}

std::vector<Service> Daemon::Services() {
  std::vector<Service> services = {
      {"scheduler", [this](const Context& context) { return scheduler_.Run(context); }},
      {"runner", [this](const Context& context) { return runner_.Run(context); }},
      {"api", [this](const Context& context) { return server_->Run(context); }},
      {"api's readings", [this](const Context& context) { return backend_.Run(context); }},
      {"history", [this](const Context& context) { return KeepHistory(context); }},
      {"watchdog", [this](const Context& context) { return FeedWatchdog(context); }},
  };
  if (config_.alerts.enabled) {
    services.push_back(
        {"alerts", [this](const Context& context) { return monitor_.Run(context); }});
  }
  return services;
}

Status Daemon::Run(const Context& context, const std::function<void()>& serving) {
  serving_ = true;
  const OnCancel stopping(context, [this] {
    serving_ = false;
    systemd_.Send("STOPPING=1\nSTATUS=stopping");
  });
  // It listens since it was opened: who is told from here on finds it ready.
  if (!context.cancelled()) {
    if (serving) serving();
    systemd_.Send("READY=1\nSTATUS=serving");
  }
  return RunServices(context, Services());
}

Status Daemon::KeepHistory(const Context& context) {
  AERIE_ASSIGN(const std::size_t made, RebuildHistories(context, config_, jobs_));
  if (made > 0) log::Info("history made again from snapshots", {{"jobs", made}});
  while (!context.cancelled()) {
    const WallTime oldest = context.clock().Now() - config_.serve.keep_history;
    AERIE_TRY(jobs_.Forget(ToUnixMillis(oldest)).status());
    AERIE_TRY(schedules_.Forget(ToUnixMillis(oldest)).status());
    context.clock().SleepFor(kHousekeeping, context.stop());
  }
  return Ok();
}

// A catalog that does not answer is a daemon that does nothing: then the watchdog is to bite.
Status Daemon::FeedWatchdog(const Context& context) {
  if (!systemd_.watchdog()) return Ok();
  while (!context.cancelled()) {
    AERIE_TRY(jobs_.List({.limit = 1}).status());
    systemd_.Send("WATCHDOG=1");
    context.clock().SleepFor(*systemd_.watchdog() / 2, context.stop());
  }
  return Ok();
}

}  // namespace aerie::app
