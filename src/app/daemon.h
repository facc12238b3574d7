// The daemon: its services, each on a thread of its own, over one catalog.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "alerts/monitor.h"
#include "api/server.h"
#include "app/alert_facts.h"
#include "app/api_backend.h"
#include "app/config.h"
#include "app/daemon_place.h"
#include "app/daemon_ports.h"
#include "app/session.h"
#include "app/systemd.h"
#include "base/context.h"
#include "base/status.h"
#include "catalog/catalog.h"
#include "catalog/job_store.h"
#include "catalog/schedule_store.h"
#include "jobs/kind.h"
#include "jobs/runner.h"
#include "jobs/scheduler.h"

namespace aerie::app {

// One thing that the daemon does. `run` blocks until its context is cancelled, and returns Ok then.
struct Service {
  std::string name;
  std::function<Status(const Context&)> run;
};

// Runs each on a thread of its own until the context is cancelled, or one of them fails; then stops
// all and waits for their ends. The first error, led by the service's name.
Status RunServices(const Context& context, const std::vector<Service>& services);

struct DaemonOptions {
  std::string catalog = {};  // empty: that of the data folder
};

class Daemon {
 public:
  // Locks the data folder, opens the catalog, puts the schedules of the configuration there.
  // kLocked when another one has the folder; kInvalid, naming file and line, when the job of a
  // schedule is wrong.
  static Result<std::unique_ptr<Daemon>> Open(const Context& context, Config config,
                                              const DaemonOptions& options);

  // Until the context is cancelled; then jobs that run are stopped where they can go on. Tells
  // systemd. `serving` is called once, before anything runs, when /readyz answers 200; not when the
  // context is cancelled already. Errors: of the catalog, after which a new start goes on.
  Status Run(const Context& context, const std::function<void()>& serving = {});

  // --- For whoever shows it ---
  const Config& config() const { return config_; }
  const std::string& catalog_path() const { return catalog_path_; }
  catalog::JobStore& jobs() { return jobs_; }
  catalog::ScheduleStore& schedules() { return schedules_; }
  const jobs::JobKinds& kinds() const { return kinds_; }
  // Of the page and the API.
  std::string url() const { return server_->url(); }

 private:
  Daemon(Config config, std::string catalog_path, std::unique_ptr<DaemonLock> lock,
         std::unique_ptr<catalog::Catalog> catalog, const Clock& clock);
  Status Listen(const Context& context);
  Status Ready() const;
  std::vector<Service> Services();
  Status KeepHistory(const Context& context);
  Status FeedWatchdog(const Context& context);

  const Clock& clock_;
  const Session session_;
  const Config& config_;
  const std::string catalog_path_;
  const std::unique_ptr<DaemonLock> lock_;
  const std::unique_ptr<catalog::Catalog> catalog_;
  catalog::JobStore jobs_;
  catalog::ScheduleStore schedules_;
  const jobs::JobKinds kinds_;
  jobs::Scheduler scheduler_;
  jobs::Runner runner_;
  AlertFacts facts_;
  alerts::Monitor monitor_;
  AlertBook alerts_;
  PageFiles page_;
  ApiBackend backend_;
  std::unique_ptr<api::Server> server_;
  const SystemdNotifier systemd_;
  std::atomic<bool> serving_ = false;
};

// The schedules of the configuration, their jobs looked at too. kInvalid with file and line.
Result<std::vector<jobs::ScheduleSpec>> ConfiguredSchedules(const Context& context,
                                                            const Config& config,
                                                            const jobs::JobKinds& kinds);
// kInvalid when there is no such kind, or its spec is wrong. Else what such a job would do.
Result<std::string> PlanJob(const Context& context, const jobs::JobKinds& kinds,
                            const std::string& kind, const std::string& spec);

}  // namespace aerie::app
