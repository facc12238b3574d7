#include "catalog/schedule_store.h"

#include <algorithm>
#include <utility>

namespace aerie::catalog {
namespace {

constexpr char kScheduleColumns[] =
    "SELECT id, spec, created_ms, updated_ms, decided_ms, origin FROM schedules ";
constexpr char kRunColumns[] =
    "SELECT due_ms, last_due_ms, times, outcome, reason, waiting, job, at_ms FROM schedule_runs ";

Schedule ReadSchedule(const Row& row) {
  return {.id = row.Text(0),
          .spec = row.Text(1),
          .created_ms = row.Integer(2),
          .updated_ms = row.Integer(3),
          .decided_ms = row.Integer(4),
          .origin = row.Text(5)};
}

ScheduleRun ReadRun(const Row& row) {
  return {.due_ms = row.Integer(0),
          .last_due_ms = row.Integer(1),
          .times = row.Integer(2),
          .outcome = row.Text(3),
          .reason = row.Text(4),
          .waiting = row.Integer(5) != 0,
          .job = row.Integer(6),
          .at_ms = row.Integer(7)};
}

Result<Schedule> FindIn(Database& db, const std::string& id) {
  std::optional<Schedule> found;
  AERIE_TRY(db.Run(std::string(kScheduleColumns) + "WHERE id = ?", {id},
                   [&](const Row& row) { found = ReadSchedule(row); }));
  if (!found) return NotFoundError("schedule '" + id + "' is not in the catalog");
  return *std::move(found);
}

Result<ScheduleView> ViewIn(Database& db, const std::string& id, std::int64_t now_ms) {
  ScheduleView view;
  AERIE_ASSIGN(view.schedule, FindIn(db, id));
  AERIE_TRY(db.Run("SELECT 1 FROM jobs WHERE schedule = ? AND ended = 0 LIMIT 1", {id},
                   [&](const Row&) { view.active = true; }));
  AERIE_TRY(db.Run(std::string(kRunColumns) + "WHERE schedule = ? AND waiting = 1", {id},
                   [&](const Row& row) { view.waiting = ReadRun(row); }));
  AERIE_TRY(
      db.Run(std::string(kRunColumns) + "WHERE schedule = ? AND last_due_ms > ? ORDER BY due_ms",
             {id, std::min(view.schedule.decided_ms, now_ms)},
             [&](const Row& row) { view.later.push_back(ReadRun(row)); }));
  return view;
}

Status RecordIn(Database& db, const std::string& id, const ScheduleDecision::Record& record,
                std::int64_t now_ms, std::int64_t job) {
  const ScheduleRun& run = record.run;
  AERIE_TRY(db.Run("DELETE FROM schedule_runs WHERE schedule = ? AND due_ms = ? AND waiting = 1",
                   {id, run.due_ms}));
  bool exists = false;
  AERIE_TRY(db.Run("SELECT 1 FROM schedule_runs WHERE schedule = ? AND due_ms = ?",
                   {id, run.due_ms}, [&](const Row&) { exists = true; }));
  if (exists) {
    return InternalError("schedule '" + id + "': the time " +
                         FormatUtc(FromUnixMillis(run.due_ms)) +
                         " has its record already, and gets no other one");
  }
  return db.Run("INSERT INTO schedule_runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                {id, run.due_ms, run.last_due_ms, run.times, run.outcome, run.reason,
                 std::int64_t{run.waiting ? 1 : 0}, job, now_ms});
}

}  // namespace

Status ScheduleStore::Create(const std::string& id, const std::string& spec, std::int64_t now_ms,
                             const std::string& origin) {
  return catalog_.WithDatabase([&](Database& db) -> Status {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    const auto found = FindIn(db, id);
    if (found.ok()) {
      return MakeStatus(Kind::kExists, "schedule '" + id + "' is in the catalog already");
    }
    if (KindOf(found.status()) != Kind::kNotFound) return found.status();
    AERIE_TRY(
        db.Run("INSERT INTO schedules (id, spec, created_ms, updated_ms, decided_ms, origin) "
               "VALUES (?, ?, ?, ?, ?, ?)",
               {id, spec, now_ms, now_ms, now_ms, origin}));
    return transaction->Commit();
  });
}

Result<Schedule> ScheduleStore::Find(const std::string& id) {
  return catalog_.WithDatabase([&](Database& db) { return FindIn(db, id); });
}

Result<std::vector<Schedule>> ScheduleStore::List() {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::vector<Schedule>> {
    std::vector<Schedule> all;
    AERIE_TRY(db.Run(std::string(kScheduleColumns) + "ORDER BY id", {},
                     [&](const Row& row) { all.push_back(ReadSchedule(row)); }));
    return all;
  });
}

Result<std::vector<ScheduleRun>> ScheduleStore::Runs(const std::string& id, std::int64_t before_ms,
                                                     std::size_t limit) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::vector<ScheduleRun>> {
    std::vector<ScheduleRun> runs;
    AERIE_TRY(db.Run(std::string(kRunColumns) + "WHERE schedule = ?1 AND (?2 = 0 OR due_ms < ?2) "
                                                "ORDER BY due_ms DESC LIMIT ?3",
                     {id, before_ms, static_cast<std::int64_t>(limit)},
                     [&](const Row& row) { runs.push_back(ReadRun(row)); }));
    return runs;
  });
}

Status ScheduleStore::Decide(const std::string& id, std::int64_t now_ms,
                             const DecideSchedule& decide) {
  return catalog_.WithDatabase([&](Database& db) -> Status {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    AERIE_ASSIGN(const ScheduleView view, ViewIn(db, id, now_ms));
    AERIE_ASSIGN(const std::optional<ScheduleDecision> decision, decide(view));
    if (!decision) return Ok();
    if (decision->remove) {
      AERIE_TRY(db.Run("DELETE FROM schedules WHERE id = ?", {id}));
      return transaction->Commit();
    }
    if (decision->set_back) {
      AERIE_TRY(
          db.Run("DELETE FROM schedule_runs WHERE schedule = ? AND last_due_ms > ? AND job = 0",
                 {id, now_ms}));
    }
    for (const ScheduleDecision::Record& record : decision->records) {
      std::int64_t job = 0;
      if (record.job) {
        AERIE_ASSIGN(job, JobStore::CreateIn(db, *record.job, now_ms));
      }
      AERIE_TRY(RecordIn(db, id, record, now_ms, job));
    }
    AERIE_TRY(
        db.Run("UPDATE schedules SET decided_ms = ? WHERE id = ?", {decision->decided_ms, id}));
    if (decision->spec) {
      AERIE_TRY(db.Run("UPDATE schedules SET spec = ?, updated_ms = ? WHERE id = ?",
                       {*decision->spec, now_ms, id}));
    }
    return transaction->Commit();
  });
}

Result<std::int64_t> ScheduleStore::Forget(std::int64_t before_ms) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::int64_t> {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    std::int64_t count = 0;
    constexpr char kOld[] =
        "FROM schedule_runs WHERE last_due_ms < ?1 AND waiting = 0 AND last_due_ms <= "
        "(SELECT decided_ms FROM schedules WHERE id = schedule)";
    AERIE_TRY(db.Run(std::string("SELECT count(*) ") + kOld, {before_ms},
                     [&](const Row& row) { count = row.Integer(0); }));
    AERIE_TRY(db.Run(std::string("DELETE ") + kOld, {before_ms}));
    AERIE_TRY(transaction->Commit());
    return count;
  });
}

}  // namespace aerie::catalog
