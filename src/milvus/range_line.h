// Key ranges in order, between the one thread that plans them, several that read them, and the one
// that takes their rows in order of their keys.
//
// Memory is bounded by a window: a range is handed out for reading only when it is among the first
// few that were not taken yet. A range that proves too large is replaced by its parts in place.
// Thread-safe. After Fail every call returns that error.
#pragma once

#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/context.h"
#include "milvus/range_planner.h"

namespace aerie::milvus {

// `Rows` is what reading one range gives.
template <class Rows>
class RangeLine {
 private:
  enum class State { kWaiting, kReading, kDone };
  struct Slot {
    PlannedRange planned;
    State state = State::kWaiting;
    std::optional<Rows> rows;
  };

 public:
  using Claimed = typename std::list<Slot>::iterator;

  // `window`: ranges that may be read or held read ahead of the taker.
  explicit RangeLine(std::size_t window) : window_(window), max_planned_(4 * window) {}

  // Blocks while enough ranges are planned ahead.
  Status Add(const Context& context, PlannedRange planned) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, context.stop(),
                  [&] { return !failure_.ok() || slots_.size() < max_planned_; });
    AERIE_TRY(Stopped(context));
    slots_.push_back(Slot{std::move(planned), State::kWaiting, {}});
    changed_.notify_all();
    return Ok();
  }
  void NoMore() {
    std::lock_guard lock(mutex_);
    complete_ = true;
    changed_.notify_all();
  }

  // The first range that nobody reads yet; nullopt when there will be none.
  Result<std::optional<Claimed>> Claim(const Context& context) {
    std::unique_lock lock(mutex_);
    Claimed slot;
    changed_.wait(lock, context.stop(), [&] {
      if (!failure_.ok()) return true;
      slot = FirstWaiting();
      return slot != slots_.end() || (complete_ && !Reading());
    });
    AERIE_TRY(Stopped(context));
    if (slot == slots_.end()) return std::optional<Claimed>();
    slot->state = State::kReading;
    return std::optional<Claimed>(slot);
  }
  // Of a claimed slot; nobody changes it until Finish or Replace.
  static const PlannedRange& Planned(Claimed slot) { return slot->planned; }

  void Finish(Claimed slot, Rows rows) {
    std::lock_guard lock(mutex_);
    slot->rows.emplace(std::move(rows));
    slot->state = State::kDone;
    changed_.notify_all();
  }
  void Replace(Claimed slot, std::vector<PlannedRange> parts) {
    std::lock_guard lock(mutex_);
    for (PlannedRange& part : parts) {
      slots_.insert(slot, Slot{std::move(part), State::kWaiting, {}});
    }
    slots_.erase(slot);
    changed_.notify_all();
  }

  // The rows of the next range in order; nullopt after the last.
  Result<std::optional<Rows>> Take(const Context& context) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, context.stop(), [&] {
      if (!failure_.ok()) return true;
      return slots_.empty() ? complete_ : slots_.front().state == State::kDone;
    });
    AERIE_TRY(Stopped(context));
    if (slots_.empty()) return std::optional<Rows>();
    std::optional<Rows> rows = std::move(slots_.front().rows);
    slots_.pop_front();
    changed_.notify_all();
    return rows;
  }

  // The first failure stays.
  void Fail(const Status& failure) {
    std::lock_guard lock(mutex_);
    if (failure_.ok()) failure_ = failure;
    changed_.notify_all();
  }

 private:
  Status Stopped(const Context& context) const {
    AERIE_TRY(failure_);
    return context.Check("read key ranges");
  }
  // Among the window's slots, in order; end() if none waits there.
  Claimed FirstWaiting() {
    std::size_t seen = 0;
    for (Claimed slot = slots_.begin(); slot != slots_.end() && seen < window_; ++slot, ++seen) {
      if (slot->state == State::kWaiting) return slot;
    }
    return slots_.end();
  }
  // Whether a range is being read, and so may yet be replaced, or waits outside of the window.
  bool Reading() const {
    for (const Slot& slot : slots_) {
      if (slot.state != State::kDone) return true;
    }
    return false;
  }

  const std::size_t window_;
  const std::size_t max_planned_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::list<Slot> slots_;
  bool complete_ = false;
  Status failure_;
};

}  // namespace aerie::milvus
