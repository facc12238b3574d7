#include "catalog/job_store.h"

#include <algorithm>
#include <utility>

namespace aerie::catalog {
namespace {

constexpr std::int64_t kKeptEntries = 10'000;  // of each log
constexpr std::int64_t kTrimEvery = 500;       // entries
constexpr std::size_t kLongestEntry = 16'384;  // bytes

constexpr char kColumns[] =
    "SELECT number, kind, spec, state, ended, held, turn, priority, schedule, due_ms, created_ms, "
    "queued_ms, started_ms, ended_ms, checkpoint, progress, result, error, error_kind, "
    "interruptions, logged, epoch, machine, pid, started, host, renewed_ms, rebuilt, "
    "traceparent, tracestate FROM jobs ";

Job ReadJob(const Row& row) {
  Job job{.number = row.Integer(0),
          .kind = row.Text(1),
          .spec = row.Text(2),
          .standing = {.state = row.Text(3),
                       .ended = row.Integer(4) != 0,
                       .held = row.Integer(5) != 0,
                       .turn = static_cast<int>(row.Integer(6))},
          .priority = static_cast<std::int32_t>(row.Integer(7)),
          .schedule = row.Text(8),
          .due_ms = row.Integer(9),
          .created_ms = row.Integer(10),
          .queued_ms = row.Integer(11),
          .started_ms = row.Integer(12),
          .ended_ms = row.Integer(13),
          .checkpoint = row.Text(14),
          .progress = row.Text(15),
          .result = row.Text(16),
          .error = row.Text(17),
          .error_kind = row.Text(18),
          .interruptions = row.Integer(19),
          .logged = row.Integer(20),
          .epoch = row.Integer(21),
          .traceparent = row.Text(28),
          .tracestate = row.Text(29),
          .rebuilt = row.Text(27)};
  if (job.standing.held) {
    job.holder = Holder{
        .process = {.machine = row.Text(22), .pid = row.Integer(23), .started = row.Integer(24)},
        .host = row.Text(25),
        .renewed_ms = row.Integer(26)};
  }
  return job;
}

std::string Named(std::int64_t number) { return "job " + std::to_string(number); }

Result<Job> FindIn(Database& db, std::int64_t number) {
  std::optional<Job> found;
  AERIE_TRY(db.Run(std::string(kColumns) + "WHERE number = ?", {number},
                   [&](const Row& row) { found = ReadJob(row); }));
  if (!found) return NotFoundError(Named(number) + " is not in the catalog");
  return *std::move(found);
}

// At most so long, and never cut within a character.
std::string Cut(const std::string& text) {
  if (text.size() <= kLongestEntry) return text;
  std::size_t end = kLongestEntry;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + " (cut)";
}

Status LogIn(Database& db, std::int64_t number, const LogEntry& entry, std::int64_t now_ms) {
  AERIE_TRY(db.Run("INSERT INTO job_log (job, at_ms, kind, text) VALUES (?, ?, ?, ?)",
                   {number, now_ms, entry.kind, Cut(entry.text)}));
  AERIE_TRY(db.Run("UPDATE jobs SET logged = logged + 1 WHERE number = ?", {number}));
  std::int64_t logged = 0;
  AERIE_TRY(db.Run("SELECT logged FROM jobs WHERE number = ?", {number},
                   [&](const Row& row) { logged = row.Integer(0); }));
  if (logged <= kKeptEntries || logged % kTrimEvery != 0) return Ok();
  return db.Run(
      "DELETE FROM job_log WHERE job = ? AND seq <= (SELECT seq FROM job_log WHERE job = ? "
      "ORDER BY seq DESC LIMIT 1 OFFSET ?)",
      {number, number, kKeptEntries});
}

std::int64_t Flag(bool value) { return value ? 1 : 0; }

// Stores where the job stands; ended and queued times follow from it.
Status StoreIn(Database& db, const Job& job, const JobChange& change, std::int64_t now_ms) {
  const JobStanding& next = change.standing;
  const bool queued = next.turn > 0 && job.standing.turn == 0;
  AERIE_TRY(db.Run(
      "UPDATE jobs SET state = ?, ended = ?, held = ?, turn = ?, queued_ms = ?, ended_ms = ? "
      "WHERE number = ?",
      {next.state, Flag(next.ended), Flag(next.held), std::int64_t{next.turn},
       queued ? now_ms : job.queued_ms, next.ended ? now_ms : std::int64_t{0}, job.number}));
  if (change.result) {
    AERIE_TRY(db.Run("UPDATE jobs SET result = ? WHERE number = ?", {*change.result, job.number}));
  }
  if (change.error) {
    const bool none = change.error->ok();
    AERIE_TRY(db.Run("UPDATE jobs SET error = ?, error_kind = ? WHERE number = ?",
                     {none ? std::string() : Cut(std::string(change.error->message())),
                      none ? "" : KindName(KindOf(*change.error)), job.number}));
  }
  if (change.interruptions) {
    AERIE_TRY(db.Run("UPDATE jobs SET interruptions = ? WHERE number = ?",
                     {*change.interruptions, job.number}));
  }
  for (const LogEntry& entry : change.log) AERIE_TRY(LogIn(db, job.number, entry, now_ms));
  return Ok();
}

Status CheckHeld(Database& db, const JobLease& lease) {
  bool mine = false;
  AERIE_TRY(db.Run("SELECT 1 FROM jobs WHERE number = ? AND epoch = ? AND held = 1",
                   {lease.job, lease.epoch}, [&](const Row&) { mine = true; }));
  if (mine) return Ok();
  return MakeStatus(Kind::kLocked, Named(lease.job) +
                                       " was taken over by another process, which goes on with "
                                       "it; this one stops");
}

// In a transaction.
Result<Job> ChangeIn(Database& db, std::int64_t number, const ChangeJob& change,
                     std::int64_t now_ms) {
  AERIE_ASSIGN(Job job, FindIn(db, number));
  AERIE_ASSIGN(const std::optional<JobChange> wanted, change(job));
  if (!wanted) return job;
  if (wanted->standing.held && !job.standing.held) {
    return InternalError(Named(number) + ": only a claim gives it to a process");
  }
  AERIE_TRY(StoreIn(db, job, *wanted, now_ms));
  return FindIn(db, number);
}

}  // namespace

Result<std::int64_t> JobStore::CreateIn(Database& db, const Job& job, std::int64_t now_ms) {
  if (job.standing.held) return InternalError("a new job: only a claim gives it to a process");
  const JobStanding& standing = job.standing;
  AERIE_TRY(
      db.Run("INSERT INTO jobs (kind, spec, state, ended, turn, priority, schedule, due_ms, "
             "created_ms, queued_ms, traceparent, tracestate) "
             "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
             {job.kind, job.spec, standing.state, Flag(standing.ended), std::int64_t{standing.turn},
              std::int64_t{job.priority}, job.schedule, job.due_ms, now_ms, now_ms, job.traceparent,
              job.tracestate}));
  const std::int64_t number = db.LastInsertId();
  AERIE_TRY(LogIn(db, number, {.kind = "event", .text = standing.state}, now_ms));
  return number;
}

Result<std::int64_t> JobStore::Create(const Job& job, std::int64_t now_ms) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::int64_t> {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    AERIE_ASSIGN(const std::int64_t number, CreateIn(db, job, now_ms));
    AERIE_TRY(transaction->Commit());
    return number;
  });
}

Result<std::optional<std::int64_t>> JobStore::CreateRebuilt(const Job& job, std::int64_t now_ms) {
  if (!job.standing.ended || job.rebuilt.empty()) {
    return InternalError("a job that is made again has ended, and says of what it was made");
  }
  return catalog_.WithDatabase([&](Database& db) -> Result<std::optional<std::int64_t>> {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    bool there = false;
    AERIE_TRY(db.Run("SELECT 1 FROM jobs WHERE rebuilt = ?", {job.rebuilt},
                     [&](const Row&) { there = true; }));
    if (there) return std::optional<std::int64_t>();
    AERIE_ASSIGN(const std::int64_t number, CreateIn(db, job, now_ms));
    AERIE_TRY(
        db.Run("UPDATE jobs SET created_ms = ?, queued_ms = ?, started_ms = ?, ended_ms = ?, "
               "result = ?, rebuilt = ? WHERE number = ?",
               {job.created_ms, job.created_ms, job.started_ms, job.ended_ms, job.result,
                job.rebuilt, number}));
    AERIE_TRY(transaction->Commit());
    return std::optional(number);
  });
}

Result<Job> JobStore::Find(std::int64_t number) {
  return catalog_.WithDatabase([&](Database& db) { return FindIn(db, number); });
}

Result<std::vector<Job>> JobStore::List(const JobFilter& filter) {
  std::string where = "WHERE 1 = 1";
  std::vector<Value> values;
  if (filter.open_only) where += " AND ended = 0";
  const auto narrow = [&](const char* condition, Value value) {
    where += condition;
    values.push_back(std::move(value));
  };
  if (!filter.state.empty()) narrow(" AND state = ?", filter.state);
  if (!filter.kind.empty()) narrow(" AND kind = ?", filter.kind);
  if (!filter.schedule.empty()) narrow(" AND schedule = ?", filter.schedule);
  if (filter.before != 0) narrow(" AND number < ?", filter.before);
  narrow(" ORDER BY number DESC LIMIT ?", static_cast<std::int64_t>(filter.limit));
  return catalog_.WithDatabase([&](Database& db) -> Result<std::vector<Job>> {
    std::vector<Job> jobs;
    AERIE_TRY(
        db.Run(kColumns + where, values, [&](const Row& row) { jobs.push_back(ReadJob(row)); }));
    return jobs;
  });
}

Result<std::map<std::pair<std::string, std::string>, std::int64_t>> JobStore::Counts() {
  using Counted = std::map<std::pair<std::string, std::string>, std::int64_t>;
  return catalog_.WithDatabase([&](Database& db) -> Result<Counted> {
    Counted counts;
    AERIE_TRY(db.Run("SELECT kind, state, count(*) FROM jobs GROUP BY kind, state", {},
                     [&](const Row& row) {
                       counts[{row.Text(0), row.Text(1)}] = row.Integer(2);
                     }));
    return counts;
  });
}

Result<std::vector<JobStore::EndedCount>> JobStore::CountEnded(std::int64_t since_ms) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::vector<EndedCount>> {
    std::vector<EndedCount> counts;
    AERIE_TRY(db.Run(
        "SELECT ended_ms / 86400000, state, count(*) FROM jobs WHERE ended = 1 AND "
        "ended_ms >= ? GROUP BY 1, 2 ORDER BY 1, 2",
        {since_ms}, [&](const Row& row) {
          counts.push_back({.day = row.Integer(0), .state = row.Text(1), .count = row.Integer(2)});
        }));
    return counts;
  });
}

Result<std::int64_t> JobStore::EndedMark() {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::int64_t> {
    std::int64_t mark = 0;
    // Several may end in one millisecond.
    AERIE_TRY(
        db.Run("SELECT ended_ms * 1000 + count(*) FROM jobs WHERE ended = 1 AND ended_ms = "
               "(SELECT max(ended_ms) FROM jobs WHERE ended = 1) GROUP BY ended_ms",
               {}, [&](const Row& row) { mark = row.Integer(0); }));
    return mark;
  });
}

Result<std::vector<LogEntry>> JobStore::Log(std::int64_t number, std::int64_t after_seq,
                                            std::size_t limit) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::vector<LogEntry>> {
    std::vector<LogEntry> entries;
    AERIE_TRY(
        db.Run("SELECT seq, at_ms, kind, text FROM job_log WHERE job = ? AND seq > ? "
               "ORDER BY seq LIMIT ?",
               {number, after_seq, static_cast<std::int64_t>(limit)}, [&](const Row& row) {
                 entries.push_back({.seq = row.Integer(0),
                                    .at_ms = row.Integer(1),
                                    .kind = row.Text(2),
                                    .text = row.Text(3)});
               }));
    return entries;
  });
}

Result<Job> JobStore::Change(std::int64_t number, const ChangeJob& change, std::int64_t now_ms) {
  return catalog_.WithDatabase([&](Database& db) -> Result<Job> {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    AERIE_ASSIGN(Job job, ChangeIn(db, number, change, now_ms));
    AERIE_TRY(transaction->Commit());
    return job;
  });
}

Result<Job> JobStore::Change(const JobLease& lease, const ChangeJob& change, std::int64_t now_ms) {
  return catalog_.WithDatabase([&](Database& db) -> Result<Job> {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    AERIE_TRY(CheckHeld(db, lease));
    AERIE_ASSIGN(Job job, ChangeIn(db, lease.job, change, now_ms));
    AERIE_TRY(transaction->Commit());
    return job;
  });
}

Result<std::optional<Job>> JobStore::Claim(const std::vector<std::string>& kinds,
                                           const Holder& holder, const ChangeJob& change,
                                           std::int64_t only) {
  std::string marks;
  std::vector<Value> values;
  for (const std::string& kind : kinds) {
    marks += marks.empty() ? "?" : ", ?";
    values.emplace_back(kind);
  }
  std::string which = "WHERE turn > 0 AND kind IN (" + marks + ")";
  if (only != 0) {
    which += " AND number = ?";
    values.emplace_back(only);
  }
  const std::string next =
      kColumns + which + " ORDER BY priority DESC, turn DESC, queued_ms, number LIMIT 1";
  return catalog_.WithDatabase([&](Database& db) -> Result<std::optional<Job>> {
    const auto find = [&]() -> Result<std::optional<Job>> {
      std::optional<Job> found;
      AERIE_TRY(db.Run(next, values, [&](const Row& row) { found = ReadJob(row); }));
      return found;
    };
    // Most of the time there is none, and nothing is to be written.
    AERIE_ASSIGN(std::optional<Job> job, find());
    if (!job) return job;
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    AERIE_ASSIGN(job, find());
    if (!job) return job;
    AERIE_ASSIGN(const std::optional<JobChange> wanted, change(*job));
    if (!wanted || !wanted->standing.held) {
      return InternalError(Named(job->number) + ": its turn has come, and it cannot be started");
    }
    AERIE_TRY(StoreIn(db, *job, *wanted, holder.renewed_ms));
    const ProcessIdentity& p = holder.process;
    AERIE_TRY(
        db.Run("UPDATE jobs SET epoch = epoch + 1, machine = ?, pid = ?, started = ?, host = ?, "
               "renewed_ms = ?, started_ms = ? WHERE number = ?",
               {p.machine, p.pid, p.started, holder.host, holder.renewed_ms, holder.renewed_ms,
                job->number}));
    AERIE_ASSIGN(job, FindIn(db, job->number));
    AERIE_TRY(transaction->Commit());
    return job;
  });
}

Status JobStore::WriteHeld(const JobLease& lease, const std::function<Status(Database&)>& work) {
  return catalog_.WithDatabase([&](Database& db) -> Status {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    AERIE_TRY(CheckHeld(db, lease));
    AERIE_TRY(work(db));
    return transaction->Commit();
  });
}

Status JobStore::Renew(const JobLease& lease, std::int64_t now_ms) {
  return WriteHeld(lease, [&](Database& db) {
    return db.Run("UPDATE jobs SET renewed_ms = ? WHERE number = ?", {now_ms, lease.job});
  });
}

Status JobStore::Checkpoint(const JobLease& lease, const std::string& checkpoint,
                            std::int64_t now_ms) {
  return WriteHeld(lease, [&](Database& db) {
    return db.Run(
        "UPDATE jobs SET interruptions = CASE WHEN checkpoint = ?1 THEN interruptions ELSE 0 END, "
        "checkpoint = ?1, renewed_ms = ?2 WHERE number = ?3",
        {checkpoint, now_ms, lease.job});
  });
}

Status JobStore::Progress(const JobLease& lease, const std::string& progress, std::int64_t now_ms) {
  return WriteHeld(lease, [&](Database& db) {
    return db.Run("UPDATE jobs SET progress = ?, renewed_ms = ? WHERE number = ?",
                  {progress, now_ms, lease.job});
  });
}

Status JobStore::Append(const JobLease& lease, const LogEntry& entry, std::int64_t now_ms) {
  return WriteHeld(lease, [&](Database& db) { return LogIn(db, lease.job, entry, now_ms); });
}

Result<std::vector<Job>> JobStore::Lost(const Holder& me, const LeaseTimes& times) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::vector<Job>> {
    std::vector<Job> jobs;
    AERIE_TRY(db.Run(std::string(kColumns) + "WHERE held = 1 ORDER BY number", {},
                     [&](const Row& row) { jobs.push_back(ReadJob(row)); }));
    std::erase_if(
        jobs, [&](const Job& job) { return !MayTakeOver(*job.holder, me, times.lost_after_ms); });
    return jobs;
  });
}

Result<std::int64_t> JobStore::Forget(std::int64_t before_ms) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::int64_t> {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    std::int64_t count = 0;
    AERIE_TRY(db.Run("SELECT count(*) FROM jobs WHERE ended = 1 AND ended_ms < ?", {before_ms},
                     [&](const Row& row) { count = row.Integer(0); }));
    AERIE_TRY(db.Run("DELETE FROM jobs WHERE ended = 1 AND ended_ms < ?", {before_ms}));
    AERIE_TRY(transaction->Commit());
    return count;
  });
}

}  // namespace aerie::catalog
