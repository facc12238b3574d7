// Decides how fast a live cluster may be read, from how long it takes to answer small questions.
//
// Two latencies count: the one before reading began, and the one right after, under our own load.
// What our own load costs is accepted, up to a bound; when the cluster then takes twice as long, it
// has other work to do, and the speed is halved; when it is quick again, the speed grows step by
// step. Never below a sixteenth of full speed, so that every run ends.
// docs/decisions/0011-adaptive-backoff.md argues the numbers.
//
// Pure: time comes in with each call. Not thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "base/clock.h"

namespace aerie::transfer {

struct LatencyPolicy {
  // Slow down above this latency, whatever it was at the start; none: by comparison.
  std::optional<Duration> target = {};

  std::size_t window = 5;    // probes whose median is judged
  std::size_t settling = 8;  // probes under our own load that say what is usual
  Duration own_share = std::chrono::milliseconds(250);  // of latency that our own load may cost
  double slow_above = 2.0;                              // times the usual latency
  double fast_below = 1.5;
  Duration slack = std::chrono::milliseconds(10);  // more than usual is no sign of anything yet
  double cut = 0.5;                                // of the speed, each time
  double step = 0.125;                             // of full speed, each time
  double floor = 0.0625;                           // of full speed
};

class LatencyController {
 public:
  explicit LatencyController(const LatencyPolicy& policy) : policy_(policy) {}

  // What probes took before reading began. Call once, first.
  void Start(std::vector<Duration> latencies);

  enum class Change { kNone, kSlower, kFaster, kFullSpeed };
  // One probe took `latency`; since the one before, plain bytes came in at `speed` a second.
  Change OnProbe(Duration latency, double speed);

  // Latency cannot be told any more: full speed from now on.
  void GiveUp();

  // Bytes a second that may be read; nullopt: as fast as it goes.
  std::optional<double> rate() const { return rate_; }
  // The median before reading began.
  Duration at_start() const { return at_start_; }
  // The median that was judged last.
  Duration judged() const { return judged_; }
  // Above this it is slowed down; nullopt while it is still being found out.
  std::optional<Duration> limit() const { return limit_; }

 private:
  void Settle(Duration usual);
  Change Slower();
  Change Faster();

  const LatencyPolicy policy_;
  Duration at_start_{};
  Duration judged_{};
  std::optional<Duration> limit_;
  Duration fast_below_{};
  std::vector<Duration> settling_;
  std::deque<Duration> recent_;
  double full_speed_ = 0;  // bytes a second, unhindered
  std::optional<double> rate_;
};

}  // namespace aerie::transfer
