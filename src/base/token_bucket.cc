#include "base/token_bucket.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace aerie {
namespace {

// A year: longer waits are of no use to anybody, and sums of them must not overflow.
constexpr double kMaxCostNs = 365.0 * 24 * 3600 * 1e9;

}  // namespace

Duration TokenBucket::Cost(double amount) const {
  return Duration(std::llround(std::min(amount / rate_ * 1e9, kMaxCostNs)));
}

Status TokenBucket::Take(const Context& context, double amount, const std::string& operation) {
  AERIE_TRY(context.Check(operation));
  Duration wait{};
  Duration cost{};
  {
    std::lock_guard lock(mutex_);
    const SteadyTime now = context.clock().Steady();
    cost = Cost(amount);
    const SteadyTime turn = std::max(paid_, now);
    wait = turn - now;
    paid_ = turn + cost;
  }
  if (wait <= Duration::zero()) return Ok();
  Status slept = context.Sleep(wait, operation);
  if (slept.ok()) return slept;
  std::lock_guard lock(mutex_);
  paid_ -= cost;
  return slept;
}

void TokenBucket::Charge(const Context& context, double amount) {
  std::lock_guard lock(mutex_);
  paid_ = std::max(paid_, context.clock().Steady()) + Cost(amount);
}

Duration TokenBucket::Wait(const Context& context) const {
  std::lock_guard lock(mutex_);
  return std::max(Duration::zero(), paid_ - context.clock().Steady());
}

void TokenBucket::SetRate(const Context& context, double rate) {
  std::lock_guard lock(mutex_);
  const SteadyTime now = context.clock().Steady();
  const double old = std::exchange(rate_, rate);
  if (paid_ <= now) return;
  const auto owed = static_cast<double>((paid_ - now).count());
  paid_ = now + Duration(std::llround(std::min(owed * old / rate, kMaxCostNs)));
}

}  // namespace aerie
