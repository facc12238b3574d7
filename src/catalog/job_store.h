// Jobs in the catalog: what each is, where it stands, its log, and who runs it.
//
// Where a job may go from its state is not known here: whoever changes one gives a function that is
// called with the job as it is, inside the transaction (docs/decisions/0024). Thread-safe; each
// call that writes is on the disk when it returns. Texts are JSON of those who store them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "catalog/catalog.h"

namespace aerie::catalog {

// Where a job stands.
struct JobStanding {
  std::string state;
  bool ended = false;
  bool held = false;  // a process runs it
  int turn = 0;       // 0: not to be started; of one priority, higher ones start first
};

struct Job {
  std::int64_t number = 0;
  std::string kind{};
  std::string spec{};
  JobStanding standing{};
  std::int32_t priority = 0;
  std::string schedule{};  // empty: of none
  std::int64_t due_ms = 0;
  std::int64_t created_ms = 0;
  std::int64_t queued_ms = 0;
  std::int64_t started_ms = 0;  // the last time; 0: never
  std::int64_t ended_ms = 0;
  std::string checkpoint{};  // what it goes on from; empty: from its beginning
  std::string progress{};    // the last that was said
  std::string result{};
  std::string error{};             // why it failed, in a line
  std::string error_kind{};        // KindName
  std::int64_t interruptions = 0;  // in a row, without a new checkpoint
  std::int64_t logged = 0;         // entries of its log, those that were dropped too
  std::int64_t epoch = 0;
  std::optional<Holder> holder{};
  std::string traceparent{};  // of the request that made it; empty: it carried none
  std::string tracestate{};
  std::string rebuilt{};  // what it was made from after the catalog was lost; empty: it was run
};

// The right to run one job. It holds until another process has taken over.
struct JobLease {
  std::int64_t job = 0;
  std::int64_t epoch = 0;
};

// What changes a job, whole or not at all.
struct JobChange {
  JobStanding standing;
  std::optional<std::string> result{};
  std::optional<Status> error{};  // Ok: none any more
  std::optional<std::int64_t> interruptions{};
  std::vector<LogEntry> log{};  // `seq` and `at_ms` are given by the catalog and the call
};
// nullopt: it stays as it is. An error ends the call, and nothing is changed.
using ChangeJob = std::function<Result<std::optional<JobChange>>(const Job&)>;

struct JobFilter {
  bool open_only = false;
  std::string state{};      // empty: any
  std::string kind{};       // empty: any
  std::string schedule{};   // empty: any
  std::int64_t before = 0;  // only smaller numbers; 0: from the newest
  std::size_t limit = 1000;
};

class JobStore {
 public:
  // The catalog outlives it.
  explicit JobStore(Catalog& catalog) : catalog_(catalog) {}

  // Its number. The standing must be one that nobody holds.
  Result<std::int64_t> Create(const Job& job, std::int64_t now_ms);
  // One that ended, with its times and its result, made from `job.rebuilt`. Its number; nullopt:
  // there is one of that already.
  Result<std::optional<std::int64_t>> CreateRebuilt(const Job& job, std::int64_t now_ms);
  // kNotFound.
  Result<Job> Find(std::int64_t number);
  // Newest first.
  Result<std::vector<Job>> List(const JobFilter& filter);
  // How many there are, by kind and state.
  Result<std::map<std::pair<std::string, std::string>, std::int64_t>> Counts();
  // Of those that ended since then, how many on which day (since 1970-01-01) in which state.
  struct EndedCount {
    std::int64_t day = 0;
    std::string state{};
    std::int64_t count = 0;
  };
  Result<std::vector<EndedCount>> CountEnded(std::int64_t since_ms);
  // Another number than before once a job has ended: what was read of the world before is old.
  Result<std::int64_t> EndedMark();
  // The newest 10,000 of each are kept, or a few more; `seq` grows.
  Result<std::vector<LogEntry>> Log(std::int64_t number, std::int64_t after_seq, std::size_t limit);

  // Changes a job that anybody may change, or, with a lease, that only its holder may.
  // Returns the job as it is then. kNotFound; kLocked when the lease was lost.
  Result<Job> Change(std::int64_t number, const ChangeJob& change, std::int64_t now_ms);
  Result<Job> Change(const JobLease& lease, const ChangeJob& change, std::int64_t now_ms);

  // Gives `holder` the job of one of `kinds` whose turn it is: highest priority, then turn, then
  // the one that waits longest. `change` must lead to a held standing. nullopt: there is none.
  // `only`: none but the job of this number; 0: any.
  Result<std::optional<Job>> Claim(const std::vector<std::string>& kinds, const Holder& holder,
                                   const ChangeJob& change, std::int64_t only = 0);
  static JobLease LeaseOf(const Job& job) { return {.job = job.number, .epoch = job.epoch}; }

  // --- Of the holder: kLocked when the lease was lost ---
  Status Renew(const JobLease& lease, std::int64_t now_ms);
  // A checkpoint that differs from the one before ends the count of interruptions.
  Status Checkpoint(const JobLease& lease, const std::string& checkpoint, std::int64_t now_ms);
  Status Progress(const JobLease& lease, const std::string& progress, std::int64_t now_ms);
  Status Append(const JobLease& lease, const LogEntry& entry, std::int64_t now_ms);

  // Jobs whose holder may be taken over from by `me`, for Change with the lease that it has.
  Result<std::vector<Job>> Lost(const Holder& me, const LeaseTimes& times = {});

  // Deletes jobs that ended before that, with their logs. How many.
  Result<std::int64_t> Forget(std::int64_t before_ms);

 private:
  friend class ScheduleStore;
  static Result<std::int64_t> CreateIn(Database& db, const Job& job, std::int64_t now_ms);
  Status WriteHeld(const JobLease& lease, const std::function<Status(Database&)>& work);

  Catalog& catalog_;
};

}  // namespace aerie::catalog
