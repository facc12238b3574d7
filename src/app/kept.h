// Something that is slow to read, kept in memory and read anew in the background: whoever looks
// gets what was read last, at once, with its age.
//
// Thread-safe. One thread reads: Run.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "api/backend.h"
#include "base/context.h"
#include "base/status.h"

namespace aerie::app {

struct KeptTimes {
  Duration fresh = std::chrono::seconds(60);   // younger than this is not read again
  Duration always = std::chrono::minutes(10);  // read again after so long, though nobody looks
};

// Whoever looks waits so long at most.
struct KeptWaits {
  Duration first = std::chrono::seconds(10);   // for what was never read
  Duration changed = std::chrono::seconds(2);  // for what is known to have changed
};

template <class T>
class Kept {
 public:
  using Read = std::function<Result<T>(const Context&)>;
  Kept(Read read, const KeptTimes& times) : read_(std::move(read)), times_(times) {}

  struct Look {
    std::shared_ptr<const T> value;  // the last that could be read; null: none yet
    std::optional<Status> health;    // of the last reading; none: not read yet
    api::Age age;
  };
  // At once; what is older than `fresh` is read anew meanwhile.
  Look Now() {
    std::lock_guard lock(mutex_);
    return LookNow();
  }
  // What was read last, and nothing is read anew because of it; null: nothing yet.
  std::shared_ptr<const T> Last() {
    std::lock_guard lock(mutex_);
    return value_;
  }
  // Waits for the first reading, and for one that began after it was forgotten last, as long as the
  // context lets it, and so long at most.
  Look Await(const Context& context, const KeptWaits& most) {
    std::unique_lock lock(mutex_);
    LookNow();
    const std::int64_t forgotten = forgotten_;
    (void)context.WithTimeout(health_ ? most.changed : most.first)
        .Wait(changed_, lock, "read", [&] { return health_ && remembered_ >= forgotten; });
    return LookNow();
  }
  // What was read is not true any more.
  void Forget() {
    std::lock_guard lock(mutex_);
    wanted_ = true;
    ++forgotten_;
    changed_.notify_all();
  }
  // Puts something in its place that is known to be true.
  void Change(const std::function<T(const T&)>& change) {
    std::lock_guard lock(mutex_);
    if (value_) value_ = std::make_shared<const T>(change(*value_));
  }

  Status Run(const Context& context) {
    for (;;) {
      std::int64_t forgotten = 0;
      {
        std::lock_guard lock(mutex_);
        forgotten = forgotten_;
      }
      Result<T> value = read_(context);
      std::unique_lock lock(mutex_);
      if (context.cancelled()) return Ok();
      read_at_ = context.clock().Steady();
      health_ = value.status();
      if (value.ok()) {
        value_ = std::make_shared<const T>(*std::move(value));
        as_of_ms_ = ToUnixMillis(context.clock().Now());
      }
      // Whoever forgot it meanwhile means what was read, too.
      wanted_ = forgotten != forgotten_;
      remembered_ = forgotten;
      clock_ = &context.clock();
      changed_.notify_all();
      (void)context.WithTimeout(times_.always).Wait(changed_, lock, "wait", [&] {
        return wanted_;
      });
      if (context.cancelled()) return Ok();
    }
  }

 private:
  Look LookNow() {
    if (clock_ != nullptr && clock_->Steady() - read_at_ > times_.fresh) wanted_ = true;
    if (wanted_) changed_.notify_all();
    return {.value = value_, .health = health_, .age = {.as_of_ms = as_of_ms_, .stale = wanted_}};
  }

  const Read read_;
  const KeptTimes times_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool wanted_ = true;
  std::int64_t forgotten_ = 0;
  std::int64_t remembered_ = 0;  // how often it had been forgotten when the last reading began
  Clock* clock_ = nullptr;       // of Run; null until the first reading
  SteadyTime read_at_{};
  std::int64_t as_of_ms_ = 0;
  std::shared_ptr<const T> value_;
  std::optional<Status> health_;
};

}  // namespace aerie::app
