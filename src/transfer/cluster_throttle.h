// Holds back the reading of a live cluster: a limit in rows a second, and slower while the cluster
// itself answers slowly.
//
// Made once for a cluster and shared by all that read it in one job. While rows come in, a small
// question is asked up to four times a second, between two batches; nothing runs in the background.
// Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/context.h"
#include "base/progress.h"
#include "base/token_bucket.h"
#include "rows/paced_source.h"
#include "transfer/latency_controller.h"

namespace aerie::transfer {

struct ThrottleOptions {
  double rows = 0;  // a second; 0: no limit
  bool adaptive = true;
  std::optional<Duration> latency_target = {};  // none: by comparison with the start
};

struct ThrottleReport {
  Duration held_back{};         // time in which a reader waited for the cluster's sake
  std::uint64_t slowdowns = 0;  // from full speed
  Duration at_start{};          // latency before reading began
  Duration worst{};             // the largest median that slowed it down
};

class ClusterThrottle : public std::enable_shared_from_this<ClusterThrottle> {
 public:
  // How long the cluster takes to answer.
  using Probe = std::function<Result<Duration>(const Context&)>;

  // `progress` hears when reading is slowed down; it must outlive the throttle.
  static std::shared_ptr<ClusterThrottle> Make(const ThrottleOptions& options,
                                               ProgressSink& progress);

  // Whether it can ever hold anything back.
  bool active() const { return rows_ != nullptr || options_.adaptive; }

  // What paces the readers of one collection. The first one measures what the cluster takes before
  // it is read.
  std::shared_ptr<rows::Pacer> PacerFor(const Context& context, Probe probe);

  ThrottleReport report() const;

 private:
  class CollectionPacer;
  ClusterThrottle(const ThrottleOptions& options, ProgressSink& progress);
  void Measure(const Context& context, const Probe& probe);
  Status Pass(const Context& context, std::uint64_t rows, std::uint64_t bytes, const Probe& probe);
  Status HoldBack(const Context& context, std::uint64_t bytes, const Probe& probe);
  void AskSometimes(const Context& context, const Probe& probe);
  void Judge(const Context& context, Duration latency, double speed);
  void Tell(SteadyTime now, LatencyController::Change change, bool was_limited);
  void BeginHolding(SteadyTime now);
  void EndHolding(SteadyTime now);
  bool limited() const;

  const ThrottleOptions options_;
  ProgressSink& progress_;
  const std::unique_ptr<TokenBucket> rows_;
  TokenBucket bytes_{1};  // its rate is the controller's

  mutable std::mutex mutex_;
  LatencyController controller_;
  bool measured_ = false;
  bool asking_ = false;
  int failures_ = 0;  // of probes, one after the other
  SteadyTime asked_{};
  Duration pause_{};                // until it is asked again
  std::uint64_t passed_ = 0;        // bytes since then
  std::optional<SteadyTime> told_;  // when it was last said that reading slows down
  bool told_slow_ = false;          // and that it is fast again is still to be said
  int holding_ = 0;                 // readers that wait
  SteadyTime held_since_{};
  ThrottleReport report_;
};

}  // namespace aerie::transfer
