// Makes the jobs of the schedules in a catalog, and records what became of each time that was due.
//
// Any number of schedulers, in any number of processes, may serve one catalog: each time is decided
// in a transaction of its own (docs/decisions/0024). Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/status.h"
#include "catalog/schedule_store.h"
#include "jobs/planner.h"
#include "jobs/schedule.h"

namespace aerie::jobs {

struct SchedulerOptions {
  PlanOptions plan{};
  // Looks again after so long at the latest: schedules change, jobs end, and clocks are set.
  Duration longest_sleep = std::chrono::seconds(20);
};

// Who may change a schedule: whoever made it.
enum class ScheduleAuthor { kPerson, kConfiguration };
// As the catalog has it, see catalog::Schedule::origin.
const char* NameOf(ScheduleAuthor author);

class Scheduler {
 public:
  // The store outlives it.
  explicit Scheduler(catalog::ScheduleStore& store, const SchedulerOptions& options = {})
      : store_(store), options_(options) {}

  // Decides all that is due by now. When it is to be called again at the latest; nullopt: nothing
  // waits for time. A schedule that cannot be read is told in the log, and stops no other.
  // Errors: the catalog's.
  Result<std::optional<WallTime>> Tick(WallTime now);
  // Ticks until the context is cancelled.
  Status Run(const Context& context);

  // Makes a schedule, or changes it from the next time on; what was due before by the old one is
  // decided first. Nothing happens where it says the same already. kInvalid as Check; kRefused for
  // one that somebody else has made.
  Status Put(const ScheduleSpec& spec, WallTime now,
             ScheduleAuthor author = ScheduleAuthor::kPerson);
  // kNotFound; kRefused likewise.
  Status Remove(const std::string& id, WallTime now,
                ScheduleAuthor author = ScheduleAuthor::kPerson);
  // Makes those of the configuration what it says: new, changed, removed. The first error, with
  // the others done.
  Status PutConfigured(const std::vector<ScheduleSpec>& specs, WallTime now);

 private:
  Result<std::optional<WallTime>> DecideOne(const std::string& id, WallTime now);
  Status CheckAuthor(const std::string& id, ScheduleAuthor author);
  Status Replace(const std::string& id, const std::string& spec, WallTime now);

  catalog::ScheduleStore& store_;
  const SchedulerOptions options_;
};

}  // namespace aerie::jobs
