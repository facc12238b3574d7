// SEAM. A bounded queue between two pipeline stages: bounded by items and by bytes, closable,
// failable, cancellable.
//
// Any number of producers and consumers. One item is always admitted into an empty queue, however
// large, so that an oversized item cannot wedge the pipeline. Where a failure of the queue and a
// cancel of the context meet, both sides report the failure: it is the cause.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "base/context.h"
#include "base/status.h"

namespace aerie {

template <class T>
class BoundedQueue {
 public:
  BoundedQueue(std::size_t max_items, std::size_t max_bytes)
      : max_items_(max_items), max_bytes_(max_bytes) {}

  // Blocks while full. After Fail: that status; after Close: kInternal (a producer's bug).
  Status Push(const Context& context, T item, std::size_t bytes) {
    std::unique_lock lock(mutex_);
    AERIE_TRY(context.Wait(space_, lock, "queue push",
                           [&] { return !failure_.ok() || closed_ || Fits(bytes); }));
    AERIE_TRY(failure_);
    AERIE_TRY(context.Check("queue push"));
    if (closed_) return InternalError("queue push: the queue is closed");
    items_.emplace_back(std::move(item), bytes);
    bytes_ += bytes;
    // All, not one: the one woken may be a consumer that was cancelled meanwhile and takes nothing.
    lock.unlock();
    data_.notify_all();
    return Ok();
  }

  // Blocks while empty and open. nullopt: closed and drained. After Fail: that status at once.
  Result<std::optional<T>> Pop(const Context& context) {
    std::unique_lock lock(mutex_);
    AERIE_TRY(context.Wait(data_, lock, "queue pop",
                           [&] { return !failure_.ok() || closed_ || !items_.empty(); }));
    AERIE_TRY(failure_);
    AERIE_TRY(context.Check("queue pop"));
    if (items_.empty()) return std::optional<T>();
    std::optional<T> item(std::move(items_.front().first));
    bytes_ -= items_.front().second;
    items_.pop_front();
    lock.unlock();
    space_.notify_all();
    return item;
  }

  // No more pushes; consumers drain what is there, then see the end.
  void Close() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    data_.notify_all();
    space_.notify_all();
  }

  // Both sides see `failure` from now on; queued items are dropped. The first failure stays.
  void Fail(Status failure) {
    {
      std::lock_guard lock(mutex_);
      if (failure_.ok()) failure_ = std::move(failure);
      items_.clear();
      bytes_ = 0;
    }
    data_.notify_all();
    space_.notify_all();
  }

 private:
  bool Fits(std::size_t bytes) const {
    return items_.empty() ||
           (items_.size() < max_items_ && bytes_ <= max_bytes_ && bytes <= max_bytes_ - bytes_);
  }

  const std::size_t max_items_;
  const std::size_t max_bytes_;
  std::mutex mutex_;
  std::condition_variable_any space_;
  std::condition_variable_any data_;
  std::deque<std::pair<T, std::size_t>> items_;
  std::size_t bytes_ = 0;
  bool closed_ = false;
  Status failure_;
};

}  // namespace aerie
