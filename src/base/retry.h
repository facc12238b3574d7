// SEAM. The one place that repeats a call. Exactly one layer of a call path uses it: objects wraps
// stores, milvus wraps RPCs; nothing above retries again.
//
// Only IsRetryable errors are repeated. The delay grows geometrically with jitter; a throttled
// answer starts at the longer delay. A RetryBudget shared by the calls of one job bounds the total,
// so that a dead peer fails the job soon instead of once per call.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>

#include "base/context.h"

namespace aerie {

struct RetryPolicy {
  int max_attempts = 6;
  Duration first_delay = std::chrono::milliseconds(50);
  Duration throttled_delay = std::chrono::milliseconds(500);
  Duration max_delay = std::chrono::seconds(8);
  double multiplier = 2.0;
  // A peer that asks for less load is alive: it is waited for longer, outside the budget.
  int max_throttled = 30;
  // Told before each wait of a second or more what failed and how long the wait is, in one line;
  // may be empty. Called in the thread that repeats.
  std::function<void(const std::string& line)> on_long_wait = {};
};

// Tokens for repeats: each repeat takes one, each success gives a tenth back. Thread-safe.
class RetryBudget {
 public:
  explicit RetryBudget(int tokens = 100) : tenths_(tokens * 10), cap_(tokens * 10) {}
  bool TryTake();
  void OnSuccess();

 private:
  std::atomic<int> tenths_;
  const int cap_;
};

// Calls fn until it succeeds, fails for good, or policy, budget or context end it. The status is
// the last one, annotated with the number of attempts when there was more than one; when context
// ends the wait, kCancelled or kTimeout that quotes it.
Status RetryCall(const Context& context, const RetryPolicy& policy, RetryBudget* budget,
                 const std::string& operation, const std::function<Status()>& fn);

template <class T>
Result<T> RetryResult(const Context& context, const RetryPolicy& policy, RetryBudget* budget,
                      const std::string& operation, const std::function<Result<T>()>& fn) {
  Result<T> result = InternalError(operation + ": not attempted");
  const Status status = RetryCall(context, policy, budget, operation, [&] {
    result = fn();
    return result.status();
  });
  if (!status.ok()) return status;
  return result;
}

}  // namespace aerie
