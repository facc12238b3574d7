// So many at once, and of those that wait the one with the lowest number next; or each in the order
// of the numbers.
//
// For a stage of many jobs that must not be crowded, while the stages before it may run ahead. Any
// thread; must outlive the turns it gave.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/context.h"
#include "base/status.h"

namespace aerie {

class Turns {
 public:
  struct EndTurn {
    void operator()(Turns* turns) const { turns->End(); }
  };
  // Ends when it is destroyed or reset.
  using Turn = std::unique_ptr<Turns, EndTurn>;

  // kInOrder leaves room empty while a lower number has not come: all numbers from 0 on are taken,
  // or passed over, once.
  enum class Order { kWhoWaits, kInOrder };

  // `at_once` 0 counts as 1.
  explicit Turns(std::size_t at_once, Order order = Order::kWhoWaits)
      : free_(at_once == 0 ? 1 : at_once), order_(order) {}

  // Waits until there is room and nobody with a lower number waits, or with kInOrder will come.
  // Numbers are distinct. kCancelled, kTimeout, led by `operation`.
  Result<Turn> Take(const Context& context, std::size_t number, const std::string& operation) {
    std::unique_lock lock(mutex_);
    waiting_.insert(number);
    const Status waited =
        context.Wait(changed_, lock, operation, [&] { return free_ > 0 && IsNext(number); });
    waiting_.erase(number);
    if (waited.ok()) {
      --free_;
      Settle(number);
    }
    lock.unlock();
    changed_.notify_all();  // the next of those that wait may be another now
    AERIE_TRY(waited);
    return Turn(this);
  }

  // Nobody will take this number (any more). Only kInOrder wants to know.
  void PassOver(std::size_t number) {
    {
      std::lock_guard lock(mutex_);
      Settle(number);
    }
    changed_.notify_all();
  }

  // How many wait now.
  std::size_t waiting() const {
    std::lock_guard lock(mutex_);
    return waiting_.size();
  }

 private:
  void End() {
    {
      std::lock_guard lock(mutex_);
      ++free_;
    }
    changed_.notify_all();
  }

  bool IsNext(std::size_t number) const {
    return *waiting_.begin() == number && (order_ == Order::kWhoWaits || number <= next_);
  }
  void Settle(std::size_t number) {
    if (order_ == Order::kWhoWaits) return;
    settled_.insert(number);
    while (settled_.erase(next_) > 0) ++next_;
  }

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::set<std::size_t> waiting_;
  std::size_t free_;
  const Order order_;
  std::size_t next_ = 0;           // kInOrder: all below it are settled
  std::set<std::size_t> settled_;  // above it
};

}  // namespace aerie
