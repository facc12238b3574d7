#include "transfer/cluster_throttle.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"

namespace aerie::transfer {
namespace {

constexpr Duration kAskEvery = std::chrono::milliseconds(250);
// Of a reader's time at most a fifth goes into asking, however long an answer takes.
constexpr int kPauseFactor = 4;
// An answer that does not come is as bad as one that takes this long.
constexpr Duration kLongest = std::chrono::seconds(5);
constexpr Duration kTellEvery = std::chrono::minutes(1);
constexpr int kFirstProbes = 3;
constexpr int kMaxFailures = 3;
constexpr char kOperation[] = "hold back reading";

std::string Millis(Duration duration) {
  const auto tenths = std::chrono::duration_cast<std::chrono::microseconds>(duration).count() / 100;
  const std::string whole = std::to_string(tenths / 10);
  return tenths >= 100 ? whole + " ms" : whole + "." + std::to_string(tenths % 10) + " ms";
}

LatencyPolicy PolicyOf(const ThrottleOptions& options) {
  LatencyPolicy policy;
  policy.target = options.latency_target;
  return policy;
}

Result<Duration> Ask(const Context& context, const ClusterThrottle::Probe& probe) {
  Result<Duration> latency = probe(context.WithTimeout(kLongest));
  if (KindOf(latency.status()) == Kind::kTimeout && context.Check(kOperation).ok()) return kLongest;
  return latency;
}

}  // namespace

class ClusterThrottle::CollectionPacer : public rows::Pacer {
 public:
  CollectionPacer(std::shared_ptr<ClusterThrottle> throttle, Probe probe)
      : throttle_(std::move(throttle)), probe_(std::move(probe)) {}
  Status Pass(const Context& context, std::uint64_t rows, std::uint64_t bytes) override {
    return throttle_->Pass(context, rows, bytes, probe_);
  }

 private:
  const std::shared_ptr<ClusterThrottle> throttle_;
  const Probe probe_;
};

std::shared_ptr<ClusterThrottle> ClusterThrottle::Make(const ThrottleOptions& options,
                                                       ProgressSink& progress) {
  return std::shared_ptr<ClusterThrottle>(new ClusterThrottle(options, progress));
}

ClusterThrottle::ClusterThrottle(const ThrottleOptions& options, ProgressSink& progress)
    : options_(options),
      progress_(progress),
      rows_(options.rows > 0 ? std::make_unique<TokenBucket>(options.rows) : nullptr),
      controller_(PolicyOf(options)) {}

std::shared_ptr<rows::Pacer> ClusterThrottle::PacerFor(const Context& context, Probe probe) {
  if (options_.adaptive) Measure(context, probe);
  return std::make_shared<CollectionPacer>(shared_from_this(), std::move(probe));
}

// Under the lock: a collection that is opened beside the first waits for the few milliseconds.
void ClusterThrottle::Measure(const Context& context, const Probe& probe) {
  std::lock_guard lock(mutex_);
  if (std::exchange(measured_, true)) return;
  std::vector<Duration> latencies;
  for (int i = 0; i < kFirstProbes; ++i) {
    const auto latency = Ask(context, probe);
    if (latency.ok()) latencies.push_back(*latency);
  }
  if (latencies.empty()) failures_ = kMaxFailures;
  controller_.Start(latencies);
  report_.at_start = controller_.at_start();
  asked_ = context.clock().Steady();
  pause_ = kAskEvery;
}

ThrottleReport ClusterThrottle::report() const {
  std::lock_guard lock(mutex_);
  return report_;
}

bool ClusterThrottle::limited() const {
  std::lock_guard lock(mutex_);
  return controller_.rate().has_value();
}

Status ClusterThrottle::Pass(const Context& context, std::uint64_t rows, std::uint64_t bytes,
                             const Probe& probe) {
  if (rows_) AERIE_TRY(rows_->Take(context, static_cast<double>(rows), kOperation));
  return options_.adaptive ? HoldBack(context, bytes, probe) : Ok();
}

// Waits in short pieces, so that a cluster that has recovered is noticed.
Status ClusterThrottle::HoldBack(const Context& context, std::uint64_t bytes, const Probe& probe) {
  {
    std::lock_guard lock(mutex_);
    passed_ += bytes;
  }
  AskSometimes(context, probe);
  if (!limited()) return Ok();
  bytes_.Charge(context, static_cast<double>(bytes));
  BeginHolding(context.clock().Steady());
  Status status;
  while (status.ok() && limited()) {
    const Duration wait = bytes_.Wait(context);
    if (wait <= Duration::zero()) break;
    status = context.Sleep(std::min(wait, kAskEvery), kOperation);
    if (status.ok()) AskSometimes(context, probe);
  }
  EndHolding(context.clock().Steady());
  return status;
}

void ClusterThrottle::BeginHolding(SteadyTime now) {
  std::lock_guard lock(mutex_);
  if (holding_++ == 0) held_since_ = now;
}

void ClusterThrottle::EndHolding(SteadyTime now) {
  std::lock_guard lock(mutex_);
  if (--holding_ == 0) report_.held_back += now - held_since_;
}

void ClusterThrottle::AskSometimes(const Context& context, const Probe& probe) {
  SteadyTime start{};
  {
    std::lock_guard lock(mutex_);
    start = context.clock().Steady();
    if (asking_ || failures_ >= kMaxFailures || start - asked_ < pause_) return;
    asking_ = true;
  }
  const auto latency = Ask(context, probe);
  std::lock_guard lock(mutex_);
  asking_ = false;
  const double seconds = std::chrono::duration<double>(start - asked_).count();
  const double speed = static_cast<double>(std::exchange(passed_, 0)) / seconds;
  asked_ = start;
  const Duration took = context.clock().Steady() - start;
  pause_ = std::max(kAskEvery, took + kPauseFactor * took);
  if (latency.ok()) {
    failures_ = 0;
    return Judge(context, *latency, speed);
  }
  // Whatever is wrong, reading will meet it too and say so.
  if (++failures_ == kMaxFailures) {
    controller_.GiveUp();
    log::Warn("the cluster's latency cannot be measured; reading is not slowed down any more",
              {{"reason", std::string(latency.status().message())}});
  }
}

void ClusterThrottle::Judge(const Context& context, Duration latency, double speed) {
  const bool was_limited = controller_.rate().has_value();
  const auto change = controller_.OnProbe(latency, speed);
  log::Debug("cluster latency", {{"latency", Millis(latency)},
                                 {"bytes_per_s", speed},
                                 {"may_bytes_per_s", controller_.rate().value_or(0)}});
  if (change == LatencyController::Change::kNone) return;
  if (controller_.rate()) bytes_.SetRate(context, *controller_.rate());
  Tell(context.clock().Steady(), change, was_limited);
}

// A cluster that is busy for hours is not told of again and again.
void ClusterThrottle::Tell(SteadyTime now, LatencyController::Change change, bool was_limited) {
  const std::string answers = "the cluster answers in " + Millis(controller_.judged());
  if (change == LatencyController::Change::kSlower) {
    report_.worst = std::max(report_.worst, controller_.judged());
    if (!was_limited) ++report_.slowdowns;
    if (told_slow_ || (told_ && now - *told_ < kTellEvery)) return;
    told_ = now;
    told_slow_ = true;
    progress_.OnProgress({.type = ProgressEvent::Type::kWarning,
                          .message = "slowing down: " + answers + ", " +
                                     Millis(controller_.at_start()) + " at the start"});
  } else if (change == LatencyController::Change::kFullSpeed && std::exchange(told_slow_, false)) {
    progress_.OnProgress(
        {.type = ProgressEvent::Type::kPhase, .message = "at full speed again: " + answers});
  }
}

}  // namespace aerie::transfer
