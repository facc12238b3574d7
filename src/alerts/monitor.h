// Watches: reads the facts, judges them, keeps incidents, and has what is to be told delivered; and
// pings the dead man's switch while all of that works.
//
// A service of the daemon: Run blocks, on a thread of the caller; all else from any thread. One
// process watches a catalog at a time; Run waits while another does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "alerts/channel.h"
#include "alerts/delivery.h"
#include "alerts/facts.h"
#include "alerts/policy.h"
#include "alerts/rules.h"
#include "base/context.h"
#include "base/process.h"
#include "base/status.h"
#include "catalog/alert_store.h"

namespace aerie::alerts {

struct HeartbeatOptions {
  std::string url{};  // may be a reference to a secret; empty: there is none
  Duration interval = std::chrono::minutes(1);
  Duration timeout = std::chrono::seconds(10);
};

struct MonitorOptions {
  Policy policy{};
  std::vector<ChannelOptions> channels{};
  HeartbeatOptions heartbeat{};
  DeliveryOptions delivery{};
  std::string link{};
  Duration interval = std::chrono::minutes(1);
  Duration keep = std::chrono::hours(24 * 90);
  Duration renew = std::chrono::seconds(10);  // of the lease
  ProcessIdentity process = ThisProcess();
  std::string host{};
  // Whether the rest of the process is well; empty: it has nothing to say.
  std::function<Status()> healthy{};
};

// The last that was seen.
struct Watched {
  Facts facts{};
  std::int64_t evaluated_ms = 0;
  std::int64_t heartbeat_ms = 0;  // the last ping that was answered
};

class Monitor {
 public:
  // `catalog` and `source` outlive it.
  Monitor(catalog::Catalog& catalog, FactSource& source, MonitorOptions options);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // Until the context is cancelled; then Ok. What goes wrong meanwhile is logged, tried again, and
  // keeps the heartbeat from beating.
  Status Run(const Context& context);

  // One round, with the lease held: what Run does each interval.
  Status Evaluate(const Context& context, const catalog::AlertLease& lease);

  Watched watched() const;
  // Ok: the last evaluation is young enough, what waits can be told by some channel, and the rest
  // of the process is well. Else what is not, in a line. `now`: of the monitor's clock.
  Status Health(WallTime now) const;

 private:
  Status RunHeld(const Context& context, const catalog::AlertLease& lease);
  Status RenewAll(const Context& context, const catalog::AlertLease& lease);
  Status EvaluateAll(const Context& context, const catalog::AlertLease& lease);
  Status Beat(const Context& context);
  Result<catalog::AlertDecision> Decide(const catalog::AlertView& view, Facts& facts,
                                        WallTime now) const;

  catalog::AlertStore store_;
  FactSource& source_;
  const MonitorOptions options_;
  std::vector<std::unique_ptr<Channel>> channels_;

  mutable std::mutex mutex_;
  Watched watched_;
  Duration reading_{};              // how long the last one took
  std::int64_t mute_since_ms_ = 0;  // every channel has failed since; 0: not so
};

// The rules asked once, with what the catalog remembers; nobody is told, nothing is stored. Errors:
// the source's, the catalog's.
Result<std::vector<Condition>> JudgeNow(const Context& context, FactSource& source,
                                        catalog::AlertStore& store, const Policy& policy);
// Facts with what the catalog remembers: histories of storages, when things were first seen.
Result<Facts> ReadFacts(const Context& context, FactSource& source, catalog::AlertStore& store);

// An incident of its row; kCorrupt, and kUnsupported when no rule has that name.
Result<Incident> IncidentOf(const catalog::AlertIncident& row);

}  // namespace aerie::alerts
