// Schedules in the catalog, and what became of each time at which one was due.
//
// What is due and what becomes of it is not known here: Decide calls a function with what is
// recorded, inside the transaction that stores its answer with the jobs that it makes, so that two
// processes cannot decide one time twice. Thread-safe. Times are milliseconds since the Unix epoch.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "catalog/catalog.h"
#include "catalog/job_store.h"

namespace aerie::catalog {

struct Schedule {
  std::string id{};
  std::string spec{};
  std::int64_t created_ms = 0;
  std::int64_t updated_ms = 0;
  std::int64_t decided_ms = 0;  // each time up to it has its record
  std::string origin{};         // who made it; empty: a person
};

// What became of one time, or of several in a row.
struct ScheduleRun {
  std::int64_t due_ms = 0;
  std::int64_t last_due_ms = 0;  // the same where it is one
  std::int64_t times = 1;
  std::string outcome{};
  std::string reason{};
  bool waiting = false;    // it is still to be started: one of a schedule at most
  std::int64_t job = 0;    // 0: none was made
  std::int64_t at_ms = 0;  // when this was recorded; given by the call
};

// What is recorded of one schedule, as far as a decision needs it.
struct ScheduleView {
  Schedule schedule{};
  bool active = false;  // a job of it has not ended
  std::optional<ScheduleRun> waiting{};
  // Those whose last time is later than the earlier of `decided_ms` and now, by time.
  std::vector<ScheduleRun> later{};
};

struct ScheduleDecision {
  std::int64_t decided_ms = 0;
  // The clock was set back: records of times later than now of which no job was made are deleted.
  bool set_back = false;
  struct Record {
    ScheduleRun run;           // in the place of the one that waited, where it has its time
    std::optional<Job> job{};  // is made with it
  };
  std::vector<Record> records{};
  std::optional<std::string> spec{};  // the new one
  bool remove = false;                // the schedule, with its records
};
// nullopt: nothing is to be stored. An error ends the call, and nothing is changed.
using DecideSchedule = std::function<Result<std::optional<ScheduleDecision>>(const ScheduleView&)>;

class ScheduleStore {
 public:
  // The catalog outlives it.
  explicit ScheduleStore(Catalog& catalog) : catalog_(catalog) {}

  // Due from then on. kExists.
  Status Create(const std::string& id, const std::string& spec, std::int64_t now_ms,
                const std::string& origin = {});
  // kNotFound.
  Result<Schedule> Find(const std::string& id);
  // By id.
  Result<std::vector<Schedule>> List();
  // The newest first; `before_ms`: only earlier times, 0: all.
  Result<std::vector<ScheduleRun>> Runs(const std::string& id, std::int64_t before_ms,
                                        std::size_t limit);

  // kNotFound; kInternal when a time would be recorded twice, and then nothing is stored.
  Status Decide(const std::string& id, std::int64_t now_ms, const DecideSchedule& decide);

  // Deletes records of times before that, but the one that waits. How many.
  Result<std::int64_t> Forget(std::int64_t before_ms);

 private:
  Catalog& catalog_;
};

}  // namespace aerie::catalog
