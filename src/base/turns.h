// So many at once, and of those that wait the one with the lowest number next.
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

  // `at_once` 0 counts as 1.
  explicit Turns(std::size_t at_once) : free_(at_once == 0 ? 1 : at_once) {}

  // Waits until there is room and nobody with a lower number waits. Numbers are distinct.
  // kCancelled, kTimeout, led by `operation`.
  Result<Turn> Take(const Context& context, std::size_t number, const std::string& operation) {
    std::unique_lock lock(mutex_);
    waiting_.insert(number);
    const Status waited = context.Wait(changed_, lock, operation,
                                       [&] { return free_ > 0 && *waiting_.begin() == number; });
    waiting_.erase(number);
    if (waited.ok()) --free_;
    lock.unlock();
    changed_.notify_all();  // the next of those that wait may be another now
    AERIE_TRY(waited);
    return Turn(this);
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

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::set<std::size_t> waiting_;
  std::size_t free_;
};

}  // namespace aerie
