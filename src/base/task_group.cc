#include "base/task_group.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <utility>

#include "base/trace.h"

namespace aerie {

TaskGroup::~TaskGroup() {
  Cancel();
  (void)Join();
}

void TaskGroup::Spawn(std::string name, std::function<Status(const Context&)> fn) {
  const std::string label = name;
  try {
    std::lock_guard lock(mutex_);
    threads_.emplace_back(
        [this, name = std::move(name), fn = std::move(fn), trace = TraceScope::Share()] {
          const TraceScope scope(trace);
          Status status;
          // Libraries below us may throw (allocation, for one); a thread must not die of it.
          try {
            status = fn(context());
          } catch (const std::exception& e) {
            status = InternalError(name + ": " + e.what());
          } catch (...) {
            status = InternalError(name + ": an exception of unknown type");
          }
          Finish(status);
        });
  } catch (const std::exception& e) {
    Finish(FailedError("start a thread for " + label + ": " + e.what() +
                       "; raise the limit of processes (ulimit -u) or use fewer workers"));
  }
}

Status TaskGroup::Join() {
  for (;;) {
    std::vector<std::jthread> batch;
    {
      std::lock_guard lock(mutex_);
      batch.swap(threads_);
    }
    if (batch.empty()) break;
    batch.clear();  // joins
  }
  std::lock_guard lock(mutex_);
  return first_error_;
}

void TaskGroup::Finish(const Status& status) {
  if (status.ok()) return;
  {
    std::lock_guard lock(mutex_);
    if (first_error_.ok()) first_error_ = status;
  }
  scope_.Cancel();
}

Status ParallelFor(const Context& context, std::size_t count, std::size_t workers,
                   const std::function<Status(const Context&, std::size_t)>& fn) {
  std::atomic<std::size_t> next{0};
  TaskGroup group(context);
  for (std::size_t w = 0; w < std::min(std::max<std::size_t>(workers, 1), count); ++w) {
    group.Spawn("parallel worker", [&](const Context& task) -> Status {
      for (std::size_t i = next++; i < count; i = next++) {
        AERIE_TRY(task.Check("parallel task"));
        AERIE_TRY(fn(task, i));
      }
      return Ok();
    });
  }
  return group.Join();
}

}  // namespace aerie
