// What is watched while a migration runs: rows of both sides, how far they are apart, errors,
// latency. A sample each interval into the catalog; thresholds raise one alert per incident, and
// one when it is over.
//
// JudgeSample is pure. A Monitor has a thread of its own from its construction to its end; what it
// refers to must outlive it.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/context.h"
#include "catalog/catalog.h"
#include "migrate/machine.h"
#include "milvus/client.h"
#include "rows/schema.h"

namespace aerie::migrate {

struct Thresholds {
  std::int64_t difference_rows = 1'000;
  double error_rate = 0.01;
  std::int64_t latency_ms = 5'000;
};

// An incident that is open is over only when its value is down to this part of the threshold, so
// that one that trembles around it is one incident.
inline constexpr double kOverAt = 0.8;

// What changes by this sample. `open`: names of the incidents that are open. Rows are compared only
// in phases in which they should be near each other; outside of them a difference is no incident.
std::vector<catalog::StepRecord::AlertChange> JudgeSample(const catalog::Sample& sample,
                                                          Phase phase, const Thresholds& thresholds,
                                                          const std::set<std::string>& open);

struct MonitorOptions {
  Thresholds thresholds;
  Duration interval = std::chrono::seconds(60);
};

class Monitor {
 public:
  // `alerted` is called after alerts were stored.
  Monitor(Clock& clock, catalog::Catalog& catalog, catalog::Lease& lease,
          std::shared_ptr<milvus::Client> source, std::shared_ptr<milvus::Client> target,
          std::vector<rows::CollectionName> collections, const MonitorOptions& options,
          std::function<void()> alerted);
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

 private:
  void Watch(const Context& context);
  catalog::Sample Look(const Context& context);
  Status Store(const catalog::Sample& sample);

  catalog::Catalog& catalog_;
  catalog::Lease& lease_;
  const std::shared_ptr<milvus::Client> source_;
  const std::shared_ptr<milvus::Client> target_;
  const std::vector<rows::CollectionName> collections_;
  const MonitorOptions options_;
  const std::function<void()> alerted_;
  std::jthread thread_;
};

}  // namespace aerie::migrate
