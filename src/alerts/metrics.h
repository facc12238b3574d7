// What /metrics answers: from facts to text. docs/alerting.md has every name.
//
// Pure but for ReadProcess; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "alerts/monitor.h"
#include "base/clock.h"
#include "catalog/alert_store.h"

namespace aerie::alerts {

// Of this process; -1: not known.
struct ProcessFigures {
  double cpu_seconds = -1;
  std::int64_t resident_bytes = -1;
  std::int64_t virtual_bytes = -1;
  std::int64_t open_fds = -1;
  std::int64_t max_fds = -1;
  std::int64_t threads = -1;
  double start_seconds = -1;  // since 1970
};
// From /proc.
ProcessFigures ReadProcess();

struct MetricFacts {
  std::string version{};
  Watched watched{};
  std::vector<catalog::AlertIncident> open{};
  std::vector<catalog::AlertChannel> channels{};
  ProcessFigures process{};
};

std::string MetricsText(const MetricFacts& facts, WallTime now);

// The same of a running monitor and its catalog. Errors: the catalog's.
Result<std::string> CurrentMetrics(const std::string& version, const Monitor& monitor,
                                   catalog::AlertStore& store, WallTime now);
// The same without a monitor: the facts are read now. Errors: the source's, too.
Result<std::string> MetricsNow(const Context& context, const std::string& version,
                               FactSource& source, catalog::AlertStore& store);

}  // namespace aerie::alerts
