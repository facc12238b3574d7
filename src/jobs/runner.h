// Runs the jobs of a catalog: as many at once as there are places, by priority, each on a thread of
// its own; sees when one is to stop; takes over what a dead process left.
//
// Any number of runners, in any number of processes, may serve one catalog: each job has one of
// them at a time. Used by one thread; what it refers to outlives it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/process.h"
#include "catalog/job_store.h"
#include "jobs/kind.h"

namespace aerie::jobs {

struct RunnerOptions {
  std::size_t places = 2;                          // jobs at once
  Duration poll = std::chrono::milliseconds(500);  // for new jobs, and words to those that run
  Duration renew = std::chrono::seconds(10);       // of the leases
  Duration recover = std::chrono::seconds(30);     // looks for what dead processes left
  bool until_idle = false;                         // ends when nothing runs and nothing waits
  std::int64_t only = 0;                           // runs only the job of this number; 0: all
  ProcessIdentity process = ThisProcess();
  std::string host{};
};

class Runner {
 public:
  Runner(catalog::JobStore& store, const JobKinds& kinds, const RunnerOptions& options);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Blocks until the context is cancelled: then every job is stopped where it can go on, and Ok is
  // returned when they have stopped. Errors: the catalog's; then all runs were stopped, and the
  // catalog says of them what it would after a crash.
  Status Run(const Context& context);
  // That there may be something to start. Any thread.
  void Wake();

 private:
  class Held;

  Status Loop(const Context& context);
  Status Collect();
  Status Finish(Held& held);
  Status Watch();
  Status WatchOne(Held& held);
  Status RecoverAtTimes();
  Status StartWaiting(const Context& context);
  void Start(const catalog::Job& job);
  Result<bool> IsIdle();
  void Wait(const Context& context);
  catalog::Holder Me() const;
  std::int64_t NowMs() const;

  catalog::JobStore& store_;
  const JobKinds& kinds_;
  const RunnerOptions options_;
  Clock* clock_ = nullptr;
  SteadyTime recovered_{};
  bool recovered_once_ = false;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool woken_ = false;
  std::vector<std::unique_ptr<Held>> held_;
};

}  // namespace aerie::jobs
