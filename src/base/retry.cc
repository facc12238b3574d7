#include "base/retry.h"

#include <algorithm>
#include <random>

namespace aerie {
namespace {

// Jitter, a uniform draw in [d/2, d], keeps parallel callers from repeating in step. The draw
// needs no seed control: no test depends on it but through bounds.
Duration Jittered(Duration delay) {
  thread_local std::minstd_rand engine(std::random_device{}());
  std::uniform_real_distribution<double> factor(0.5, 1.0);
  return std::chrono::duration_cast<Duration>(delay * factor(engine));
}

constexpr std::chrono::seconds kLongWait{1};

void TellOfWait(const RetryPolicy& policy, Duration wait, const Status& status) {
  if (wait < kLongWait || !policy.on_long_wait) return;
  const auto seconds = std::chrono::round<std::chrono::seconds>(wait).count();
  policy.on_long_wait("retrying in " + std::to_string(seconds) +
                      " s: " + std::string(status.message()));
}

}  // namespace

bool RetryBudget::TryTake() {
  int have = tenths_.load();
  while (have >= 10) {
    if (tenths_.compare_exchange_weak(have, have - 10)) return true;
  }
  return false;
}

void RetryBudget::OnSuccess() {
  int have = tenths_.load();
  while (have < cap_) {
    if (tenths_.compare_exchange_weak(have, have + 1)) return;
  }
}

Status RetryCall(const Context& context, const RetryPolicy& policy, RetryBudget* budget,
                 const std::string& operation, const std::function<Status()>& fn) {
  Duration delay = policy.first_delay;
  int throttled = 0;
  for (int attempt = 1;; ++attempt) {
    AERIE_TRY(context.Check(operation));
    const Status status = fn();
    if (status.ok()) {
      if (budget != nullptr) budget->OnSuccess();
      return status;
    }
    const bool asked_to_wait = KindOf(status) == Kind::kThrottled;
    throttled += asked_to_wait ? 1 : 0;
    const bool last = asked_to_wait ? throttled >= policy.max_throttled
                                    : attempt - throttled >= policy.max_attempts;
    const bool repeat = IsRetryable(status) && !last;
    // Waiting as a busy peer asks costs no tokens: it is not a sign of a dead one.
    const bool broke = repeat && !asked_to_wait && budget != nullptr && !budget->TryTake();
    if (!repeat || broke) {
      if (attempt == 1 && !broke) return status;
      return WithMessage(status, std::string(status.message()) + " (after " +
                                     std::to_string(attempt) +
                                     (attempt == 1 ? " attempt" : " attempts") +
                                     (broke ? ", the job's retries are spent)" : ")"));
    }
    if (asked_to_wait) delay = std::max(delay, policy.throttled_delay);
    const Duration wait = Jittered(delay);
    TellOfWait(policy, wait, status);
    const Status slept = context.Sleep(wait, operation);
    if (!slept.ok()) {
      // What stood in the way is worth more than where the time ran out.
      return MakeStatus(KindOf(slept), std::string(slept.message()) + " while waiting to repeat: " +
                                           std::string(status.message()));
    }
    delay =
        std::min(policy.max_delay, std::chrono::duration_cast<Duration>(delay * policy.multiplier));
  }
}

}  // namespace aerie
