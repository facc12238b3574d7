#include "transfer/latency_controller.h"

#include <algorithm>
#include <utility>

namespace aerie::transfer {
namespace {

// Full speed is a mean over about so many probes: batches come in lumps.
constexpr double kSpeedWeight = 0.2;
// A target that was just met is no reason yet to go faster.
constexpr double kFastBelowTarget = 0.8;

Duration Times(Duration duration, double factor) {
  return Duration(static_cast<Duration::rep>(static_cast<double>(duration.count()) * factor));
}

template <class Durations>
Duration Median(const Durations& durations) {
  if (durations.empty()) return Duration::zero();
  std::vector<Duration> sorted(durations.begin(), durations.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

}  // namespace

void LatencyController::Start(std::vector<Duration> latencies) {
  at_start_ = Median(latencies);
  if (!policy_.target) return;
  limit_ = *policy_.target;
  fast_below_ = Times(*policy_.target, kFastBelowTarget);
}

void LatencyController::GiveUp() { rate_.reset(); }

void LatencyController::Settle(Duration usual) {
  const Duration accepted = std::max(at_start_, std::min(usual, at_start_ + policy_.own_share));
  limit_ = std::max(Times(accepted, policy_.slow_above), accepted + policy_.slack);
  fast_below_ = std::max(Times(accepted, policy_.fast_below), accepted + policy_.slack / 2);
}

LatencyController::Change LatencyController::OnProbe(Duration latency, double speed) {
  if (!rate_ && speed > 0) {
    full_speed_ = full_speed_ == 0 ? speed : full_speed_ + kSpeedWeight * (speed - full_speed_);
  }
  recent_.push_back(latency);
  if (recent_.size() > policy_.window) recent_.pop_front();
  if (!limit_) {
    settling_.push_back(latency);
    if (settling_.size() >= policy_.settling) Settle(Median(settling_));
    return Change::kNone;
  }
  if (recent_.size() < policy_.window || full_speed_ <= 0) return Change::kNone;
  judged_ = Median(recent_);
  if (judged_ > *limit_) return Slower();
  if (rate_ && judged_ < fast_below_) return Faster();
  return Change::kNone;
}

// What follows a change is judged by probes that were made after it.
LatencyController::Change LatencyController::Slower() {
  const double least = full_speed_ * policy_.floor;
  if (rate_ && *rate_ <= least) return Change::kNone;
  rate_ = std::max(least, rate_.value_or(full_speed_) * policy_.cut);
  recent_.clear();
  return Change::kSlower;
}

LatencyController::Change LatencyController::Faster() {
  *rate_ += full_speed_ * policy_.step;
  recent_.clear();
  if (*rate_ < full_speed_) return Change::kFaster;
  rate_.reset();
  return Change::kFullSpeed;
}

}  // namespace aerie::transfer
