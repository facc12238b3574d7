// Key ranges in order, between the one thread that plans them, several that read them, and the one
// that takes their rows in order of their keys.
//
// Memory is bounded by a window: a range is handed out for reading only when it is among the first
// few that were not taken yet. A range that proves too large is replaced by its parts in place.
// Ranges that were counted together (RangeGroup) are read one by one and finished together.
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
  enum class State { kWaiting, kReading, kRead, kDone };
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
  // Of a claimed slot with a group: its rows are kept, and checked together with those of its
  // group by whoever reads the last of them. That one is given all slots of the group, and
  // finishes or replaces each; everybody else is given none.
  std::vector<Claimed> Read(Claimed slot, Rows rows) {
    std::lock_guard lock(mutex_);
    slot->rows.emplace(std::move(rows));
    slot->state = State::kRead;
    return GroupIfRead(slot->planned.group);
  }
  static Rows& RowsOf(Claimed slot) { return *slot->rows; }
  void FinishRead(const std::vector<Claimed>& slots) {
    std::lock_guard lock(mutex_);
    for (const Claimed slot : slots) slot->state = State::kDone;
    changed_.notify_all();
  }
  // What is returned is as from Read, and none when the slot was in no group.
  std::vector<Claimed> Replace(Claimed slot, std::vector<PlannedRange> parts) {
    std::lock_guard lock(mutex_);
    const std::shared_ptr<RangeGroup> group =
        slot->state == State::kReading ? slot->planned.group : nullptr;
    for (PlannedRange& part : parts) {
      slots_.insert(slot, Slot{std::move(part), State::kWaiting, {}});
    }
    slots_.erase(slot);
    changed_.notify_all();
    if (group) group->split = true;
    return GroupIfRead(group);
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
  // Among the window's slots, in order; end() if none waits there. The first slot's group always
  // goes on: parts that one of it was replaced by may fill the window.
  Claimed FirstWaiting() {
    std::size_t seen = 0;
    for (Claimed slot = slots_.begin(); slot != slots_.end(); ++slot, ++seen) {
      const auto& group = slot->planned.group;
      if (seen >= window_ && (!group || group != slots_.front().planned.group)) continue;
      if (slot->state == State::kWaiting) return slot;
    }
    return slots_.end();
  }
  // One more of the group was read or is gone.
  std::vector<Claimed> GroupIfRead(const std::shared_ptr<RangeGroup>& group) {
    std::vector<Claimed> read;
    if (!group || --group->unread > 0) return read;
    for (Claimed slot = slots_.begin(); slot != slots_.end(); ++slot) {
      if (slot->planned.group == group) read.push_back(slot);
    }
    return read;
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
