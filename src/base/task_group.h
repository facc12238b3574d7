// SEAM. Threads that belong together: the first error cancels the siblings, Join waits for all.
//
// Spawn and Join are called by the owner; tasks may Spawn siblings. The destructor cancels and
// joins, so no task outlives its group.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/context.h"

namespace aerie {

class TaskGroup {
 public:
  explicit TaskGroup(const Context& parent) : scope_(parent) {}
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // The context tasks run under; cancelled on the first error.
  const Context& context() const { return scope_.context(); }

  // Runs fn(context()) on a thread of its own. An exception that escapes becomes kInternal; a
  // thread that cannot be started is an error of the group as any other (kFailed).
  void Spawn(std::string name, std::function<Status(const Context&)> fn);

  // Waits for every task and returns the first error in time. Errors of siblings that were merely
  // cancelled by it are not reported.
  Status Join();

  void Cancel() { scope_.Cancel(); }

 private:
  void Finish(const Status& status);

  CancelScope scope_;
  std::mutex mutex_;
  std::vector<std::jthread> threads_;
  Status first_error_;
};

// Runs fn(context, i) for i in [0, count) on at most `workers` threads (0 counts as 1); first error
// wins and stops the rest.
Status ParallelFor(const Context& context, std::size_t count, std::size_t workers,
                   const std::function<Status(const Context&, std::size_t)>& fn);

}  // namespace aerie
