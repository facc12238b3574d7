// SEAM. Cancel, deadline and clock, which travel together into every blocking call.
//
// A Context is a small value: copy it, pass it by const reference, never store it longer than the
// task it belongs to. A CancelScope makes a child context that can be cancelled by itself and is
// cancelled with its parent. Safe from any thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/status.h"

namespace aerie {

class Context {
 public:
  // Never cancelled, no deadline, the system clock.
  static Context Background() { return Context(SystemClock()); }
  explicit Context(Clock& clock) : clock_(&clock) {}

  Clock& clock() const { return *clock_; }
  std::stop_token stop() const { return stop_; }
  std::optional<SteadyTime> deadline() const { return deadline_; }
  bool cancelled() const { return stop_.stop_requested(); }

  // Ok, kCancelled or kTimeout, the message led by `operation`.
  Status Check(const std::string& operation) const;

  // The earlier of this context's deadline and now + limit.
  Context WithTimeout(Duration limit) const;
  // Time left before the deadline, not below zero; nullopt when there is none.
  std::optional<Duration> Remaining() const;

  // Sleeps on the clock; kCancelled or kTimeout when it cannot sleep in full.
  Status Sleep(Duration duration, const std::string& operation) const;

  // Waits, `lock` held on return, until `ready` holds: Ok also when that and a cancel come
  // together, else kCancelled or kTimeout. The time left before the deadline is waited out in real
  // time, whatever the clock.
  template <class Ready>
  Status Wait(std::condition_variable_any& condition, std::unique_lock<std::mutex>& lock,
              const std::string& operation, Ready ready) const {
    const auto left = Remaining();
    const bool is_ready =
        left ? condition.wait_for(lock, stop_, *left, ready) : condition.wait(lock, stop_, ready);
    if (is_ready) return Ok();
    return cancelled() ? Interrupted(operation) : DeadlinePassed(operation);
  }

 private:
  friend class CancelScope;
  static Status Interrupted(const std::string& operation);
  static Status DeadlinePassed(const std::string& operation);

  Clock* clock_;
  std::stop_token stop_;
  std::optional<SteadyTime> deadline_;
};

// Owns a cancellable child of a context. Destroying it does not cancel.
class CancelScope {
 public:
  explicit CancelScope(const Context& parent);
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;

  const Context& context() const { return child_; }
  void Cancel() { source_.request_stop(); }

 private:
  std::stop_source source_;
  Context child_;
  std::stop_callback<std::function<void()>> link_;
};

// Runs `fn` once when the context is cancelled (at once if it already is), in the cancelling
// thread; unregistered on destruction, which waits for a running `fn`.
class OnCancel {
 public:
  OnCancel(const Context& context, std::function<void()> fn)
      : callback_(context.stop(), std::move(fn)) {}

 private:
  std::stop_callback<std::function<void()>> callback_;
};

}  // namespace aerie
