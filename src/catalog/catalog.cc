#include "catalog/catalog.h"

#include <utility>

#include "catalog/schema.h"

namespace aerie::catalog {
namespace {

constexpr Duration kBusy = std::chrono::seconds(10);
// Of each migration; older ones go when new ones come.
constexpr std::int64_t kKeptSamples = 10'000;

constexpr char kMigrationColumns[] =
    "SELECT id, spec, state, phase, created_ms, updated_ms, ended_ms, held, machine, pid, started, "
    "host, renewed_ms, request, request_text FROM migrations ";

Migration ReadMigration(const Row& row) {
  Migration m{.id = row.Text(0),
              .spec = row.Text(1),
              .state = row.Text(2),
              .phase = row.Text(3),
              .created_ms = row.Integer(4),
              .updated_ms = row.Integer(5),
              .ended_ms = row.Integer(6)};
  if (row.Integer(7) != 0) {
    m.holder = Holder{
        .process = {.machine = row.Text(8), .pid = row.Integer(9), .started = row.Integer(10)},
        .host = row.Text(11),
        .renewed_ms = row.Integer(12)};
  }
  const std::string text = row.Text(14);
  if (!text.empty()) m.request = {.number = row.Integer(13), .text = text};
  return m;
}

constexpr char kAlertColumns[] =
    "SELECT number, incident, text, raised_ms, resolved_ms, raise_delivered_ms, "
    "resolve_delivered_ms FROM alerts ";

Alert ReadAlert(const Row& row) {
  return {.number = row.Integer(0),
          .incident = row.Text(1),
          .text = row.Text(2),
          .raised_ms = row.Integer(3),
          .resolved_ms = row.Integer(4),
          .raise_delivered = row.Integer(5) != 0,
          .resolve_delivered = row.Integer(6) != 0};
}

constexpr char kCommandColumns[] =
    "SELECT number, migration, verb, request, at_ms, answered_ms, refusal FROM commands ";

Command ReadCommand(const Row& row) {
  return {.number = row.Integer(0),
          .migration = row.Text(1),
          .verb = row.Text(2),
          .request = row.Integer(3),
          .at_ms = row.Integer(4),
          .answered = row.Integer(5) != 0,
          .refusal = row.Text(6)};
}

Status NoMigration(const std::string& id) {
  return NotFoundError("migration '" + id +
                       "' is not in the catalog; aerie migrate status lists those that are");
}

Result<Migration> FindIn(Database& db, const std::string& id) {
  std::optional<Migration> found;
  AERIE_TRY(db.Run(std::string(kMigrationColumns) + "WHERE id = ?", {id},
                   [&](const Row& row) { found = ReadMigration(row); }));
  if (!found) return NoMigration(id);
  return *std::move(found);
}

Status Log(Database& db, const std::string& id, const LogEntry& entry, std::int64_t now_ms) {
  return db.Run("INSERT INTO log (migration, at_ms, kind, text) VALUES (?, ?, ?, ?)",
                {id, now_ms, entry.kind, entry.text});
}

Status ChangeAlerts(Database& db, const std::string& id,
                    const std::vector<StepRecord::AlertChange>& changes, std::int64_t now_ms) {
  for (const auto& alert : changes) {
    // An incident that is open already stays the one that it is.
    AERIE_TRY(alert.raised
                  ? db.Run("INSERT OR IGNORE INTO alerts (migration, incident, text, raised_ms) "
                           "VALUES (?, ?, ?, ?)",
                           {id, alert.incident, alert.text, now_ms})
                  : db.Run("UPDATE alerts SET resolved_ms = ? WHERE migration = ? AND "
                           "incident = ? AND resolved_ms = 0",
                           {now_ms, id, alert.incident}));
  }
  return Ok();
}

Status AnswerCommand(Database& db, std::int64_t number, const std::string& refusal,
                     std::int64_t now_ms) {
  return db.Run("UPDATE commands SET answered_ms = ?, refusal = ? WHERE number = ?",
                {now_ms, refusal, number});
}

}  // namespace

bool MayTakeOver(const Holder& holder, const Holder& wanting, std::int64_t lost_after_ms) {
  if (HasEnded(holder.process)) return true;
  // On this machine a process that has not ended may only be slow.
  const bool same =
      holder.process.machine == wanting.process.machine && !wanting.process.machine.empty();
  return !same && wanting.renewed_ms - holder.renewed_ms > lost_after_ms;
}

Result<std::unique_ptr<Catalog>> Catalog::Open(const std::string& path) {
  AERIE_ASSIGN(auto db, Database::Open(path, kBusy));
  std::unique_ptr<Catalog> catalog(new Catalog(std::move(db)));
  AERIE_TRY(catalog->Upgrade());
  return catalog;
}

Status Catalog::Upgrade() {
  const auto version = [&]() -> Result<std::int64_t> {
    std::int64_t found = 0;
    AERIE_TRY(db_->Run("PRAGMA user_version", {}, [&](const Row& row) { found = row.Integer(0); }));
    return found;
  };
  const auto wanted = static_cast<std::int64_t>(kChanges.size());
  AERIE_ASSIGN(std::int64_t found, version());
  while (found < wanted) {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(*db_));
    AERIE_ASSIGN(found, version());  // another process may have been faster
    if (found >= wanted) break;
    AERIE_TRY(db_->RunScript(kChanges[static_cast<std::size_t>(found)]));
    AERIE_TRY(db_->Run("PRAGMA user_version = " + std::to_string(found + 1)));
    AERIE_TRY(transaction->Commit());
    ++found;
  }
  if (found > wanted) {
    return UnsupportedError("catalog " + db_->path() + ": a newer aerie has written it (version " +
                            std::to_string(found) + ", this program knows " +
                            std::to_string(wanted) + "); use that one");
  }
  return Ok();
}

Status Catalog::Create(const Migration& m) {
  return WithDatabase([&](Database& db) -> Status {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    bool exists = false;
    AERIE_TRY(db.Run("SELECT 1 FROM migrations WHERE id = ?", {m.id},
                     [&](const Row&) { exists = true; }));
    if (exists)
      return MakeStatus(Kind::kExists, "migration '" + m.id + "' is in the catalog already");
    AERIE_TRY(
        db.Run("INSERT INTO migrations (id, spec, state, phase, created_ms, updated_ms) "
               "VALUES (?, ?, ?, ?, ?, ?)",
               {m.id, m.spec, m.state, m.phase, m.created_ms, m.created_ms}));
    return transaction->Commit();
  });
}

Result<Migration> Catalog::Find(const std::string& id) {
  return WithDatabase([&](Database& db) { return FindIn(db, id); });
}

Result<std::vector<Migration>> Catalog::List(bool open_only) {
  return WithDatabase([&](Database& db) -> Result<std::vector<Migration>> {
    std::vector<Migration> all;
    AERIE_TRY(db.Run(std::string(kMigrationColumns) + (open_only ? "WHERE ended_ms = 0 " : "") +
                         "ORDER BY created_ms DESC, id",
                     {}, [&](const Row& row) { all.push_back(ReadMigration(row)); }));
    return all;
  });
}

Result<std::vector<LogEntry>> Catalog::Log(const std::string& id, std::int64_t after_seq,
                                           std::size_t limit) {
  return WithDatabase([&](Database& db) -> Result<std::vector<LogEntry>> {
    std::vector<LogEntry> entries;
    AERIE_TRY(
        db.Run("SELECT seq, at_ms, kind, text FROM log WHERE migration = ? AND seq > ? "
               "ORDER BY seq LIMIT ?",
               {id, after_seq, static_cast<std::int64_t>(limit)}, [&](const Row& row) {
                 entries.push_back({.seq = row.Integer(0),
                                    .at_ms = row.Integer(1),
                                    .kind = row.Text(2),
                                    .text = row.Text(3)});
               }));
    return entries;
  });
}

Result<std::vector<Alert>> Catalog::Alerts(const std::string& id, bool open_only) {
  return WithDatabase([&](Database& db) -> Result<std::vector<Alert>> {
    std::vector<Alert> alerts;
    AERIE_TRY(db.Run(std::string(kAlertColumns) + "WHERE migration = ? " +
                         (open_only ? "AND resolved_ms = 0 " : "") + "ORDER BY number DESC",
                     {id}, [&](const Row& row) { alerts.push_back(ReadAlert(row)); }));
    return alerts;
  });
}

Result<std::optional<Sample>> Catalog::LastSample(const std::string& id) {
  return WithDatabase([&](Database& db) -> Result<std::optional<Sample>> {
    std::optional<Sample> sample;
    AERIE_TRY(
        db.Run("SELECT at_ms, source_rows, target_rows, error_rate, latency_ms, round "
               "FROM samples WHERE migration = ? ORDER BY at_ms DESC LIMIT 1",
               {id}, [&](const Row& row) {
                 sample = Sample{.at_ms = row.Integer(0),
                                 .source_rows = row.Integer(1),
                                 .target_rows = row.Integer(2),
                                 .error_rate = row.Real(3),
                                 .latency_ms = row.Integer(4),
                                 .round = row.Integer(5)};
               }));
    return sample;
  });
}

Result<std::string> Catalog::Kept(const std::string& id, const std::string& key) {
  return WithDatabase([&](Database& db) -> Result<std::string> {
    std::string text;
    AERIE_TRY(db.Run("SELECT text FROM kept WHERE migration = ? AND key = ?", {id, key},
                     [&](const Row& row) { text = row.Text(0); }));
    return text;
  });
}

Result<std::int64_t> Catalog::Say(const std::string& id, const std::string& verb,
                                  std::int64_t request, std::int64_t now_ms) {
  return WithDatabase([&](Database& db) -> Result<std::int64_t> {
    AERIE_TRY(FindIn(db, id).status());
    AERIE_TRY(db.Run("INSERT INTO commands (migration, verb, request, at_ms) VALUES (?, ?, ?, ?)",
                     {id, verb, request, now_ms}));
    return db.LastInsertId();
  });
}

Result<Command> Catalog::FindCommand(std::int64_t number) {
  return WithDatabase([&](Database& db) -> Result<Command> {
    std::optional<Command> found;
    AERIE_TRY(db.Run(std::string(kCommandColumns) + "WHERE number = ?", {number},
                     [&](const Row& row) { found = ReadCommand(row); }));
    if (!found)
      return NotFoundError("command " + std::to_string(number) + " is not in the catalog");
    return *std::move(found);
  });
}

Result<std::vector<Command>> Catalog::Waiting(const std::string& id) {
  return WithDatabase([&](Database& db) -> Result<std::vector<Command>> {
    std::vector<Command> commands;
    AERIE_TRY(db.Run(
        std::string(kCommandColumns) + "WHERE migration = ? AND answered_ms = 0 ORDER BY number",
        {id}, [&](const Row& row) { commands.push_back(ReadCommand(row)); }));
    return commands;
  });
}

Result<std::unique_ptr<Lease>> Catalog::Take(const std::string& id, const Holder& holder,
                                             const LeaseTimes& times) {
  return WithDatabase([&](Database& db) -> Result<std::unique_ptr<Lease>> {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    AERIE_ASSIGN(const Migration found, FindIn(db, id));
    if (found.holder && !MayTakeOver(*found.holder, holder, times.lost_after_ms)) {
      return MakeStatus(Kind::kLocked,
                        "migration '" + id + "' is driven by process " +
                            std::to_string(found.holder->process.pid) + " on " +
                            found.holder->host +
                            "; tell that one what to do by aerie migrate pause, cutover, ...");
    }
    const ProcessIdentity& p = holder.process;
    AERIE_TRY(
        db.Run("UPDATE migrations SET held = 1, epoch = epoch + 1, machine = ?, pid = ?, "
               "started = ?, host = ?, renewed_ms = ? WHERE id = ?",
               {p.machine, p.pid, p.started, holder.host, holder.renewed_ms, id}));
    std::int64_t epoch = 0;
    AERIE_TRY(db.Run("SELECT epoch FROM migrations WHERE id = ?", {id},
                     [&](const Row& row) { epoch = row.Integer(0); }));
    AERIE_TRY(transaction->Commit());
    return std::unique_ptr<Lease>(new Lease(*this, id, epoch));
  });
}

Lease::~Lease() {
  Write([&](Database& db) {
    return db.Run("UPDATE migrations SET held = 0 WHERE id = ?", {id_});
  }).IgnoreError();
}

Status Lease::Check(Database& db) {
  bool mine = false;
  AERIE_TRY(db.Run("SELECT 1 FROM migrations WHERE id = ? AND epoch = ? AND held = 1",
                   {id_, epoch_}, [&](const Row&) { mine = true; }));
  if (mine) return Ok();
  return MakeStatus(Kind::kLocked, "migration '" + id_ +
                                       "' was taken over by another process, which goes on with "
                                       "it; this one stops");
}

Status Lease::Write(const std::function<Status(Database&)>& work) {
  return catalog_.WithDatabase([&](Database& db) -> Status {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    AERIE_TRY(Check(db));
    AERIE_TRY(work(db));
    return transaction->Commit();
  });
}

Status Lease::Renew(std::int64_t now_ms) {
  return Write([&](Database& db) {
    return db.Run("UPDATE migrations SET renewed_ms = ? WHERE id = ?", {now_ms, id_});
  });
}

Status Lease::Store(const StepRecord& step, std::int64_t now_ms) {
  return Write([&](Database& db) -> Status {
    AERIE_TRY(db.Run(
        "UPDATE migrations SET state = ?, phase = ?, updated_ms = ?, renewed_ms = ?, "
        "ended_ms = ? WHERE id = ?",
        {step.state, step.phase, now_ms, now_ms, step.ended ? now_ms : std::int64_t{0}, id_}));
    for (const LogEntry& entry : step.log) AERIE_TRY(catalog::Log(db, id_, entry, now_ms));
    AERIE_TRY(ChangeAlerts(db, id_, step.alerts, now_ms));
    if (step.ended) {
      AERIE_TRY(db.Run("UPDATE alerts SET resolved_ms = ? WHERE migration = ? AND resolved_ms = 0",
                       {now_ms, id_}));
    }
    if (step.answered == 0) return Ok();
    return AnswerCommand(db, step.answered, step.refusal, now_ms);
  });
}

Status Lease::Append(const LogEntry& entry, std::int64_t now_ms) {
  return Write([&](Database& db) { return catalog::Log(db, id_, entry, now_ms); });
}

Status Lease::Append(const Sample& s, const std::vector<StepRecord::AlertChange>& alerts) {
  return Write([&](Database& db) -> Status {
    bool ended = false;
    AERIE_TRY(db.Run("SELECT 1 FROM migrations WHERE id = ? AND ended_ms <> 0", {id_},
                     [&](const Row&) { ended = true; }));
    if (ended) return Ok();
    AERIE_TRY(
        db.Run("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?)",
               {id_, s.at_ms, s.source_rows, s.target_rows, s.error_rate, s.latency_ms, s.round}));
    AERIE_TRY(ChangeAlerts(db, id_, alerts, s.at_ms));
    return db.Run(
        "DELETE FROM samples WHERE migration = ? AND at_ms < (SELECT at_ms FROM samples "
        "WHERE migration = ? ORDER BY at_ms DESC LIMIT 1 OFFSET ?)",
        {id_, id_, kKeptSamples});
  });
}

Status Lease::Keep(const std::string& key, const std::string& text) {
  return Write([&](Database& db) {
    if (text.empty()) return db.Run("DELETE FROM kept WHERE migration = ? AND key = ?", {id_, key});
    return db.Run(
        "INSERT INTO kept (migration, key, text) VALUES (?, ?, ?) "
        "ON CONFLICT (migration, key) DO UPDATE SET text = excluded.text",
        {id_, key, text});
  });
}

Result<std::map<std::string, std::string>> Lease::KeptUnder(const std::string& prefix) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::map<std::string, std::string>> {
    std::map<std::string, std::string> kept;
    AERIE_TRY(
        db.Run("SELECT key, text FROM kept WHERE migration = ? AND substr(key, 1, length(?)) = ?",
               {id_, prefix, prefix}, [&](const Row& row) { kept[row.Text(0)] = row.Text(1); }));
    return kept;
  });
}

Status Lease::Inherit(const std::string& prefix) {
  return Write([&](Database& db) {
    return db.Run(
        "UPDATE kept SET migration = ? WHERE substr(key, 1, length(?)) = ? AND migration IN "
        "(SELECT id FROM migrations WHERE ended_ms <> 0)",
        {id_, prefix, prefix});
  });
}

Result<std::int64_t> Lease::Ask(const std::string& text, std::int64_t now_ms) {
  std::int64_t number = 0;
  const Status written = Write([&](Database& db) -> Status {
    AERIE_TRY(db.Run("UPDATE migrations SET request = request + ?, request_text = ? WHERE id = ?",
                     {std::int64_t{text.empty() ? 0 : 1}, text, id_}));
    if (!text.empty()) {
      AERIE_TRY(catalog::Log(db, id_, {.kind = "request", .text = text}, now_ms));
    }
    return db.Run("SELECT request FROM migrations WHERE id = ?", {id_},
                  [&](const Row& row) { number = row.Integer(0); });
  });
  AERIE_TRY(written);
  return number;
}

Status Lease::Answer(std::int64_t command, const std::string& refusal, std::int64_t now_ms) {
  return Write([&](Database& db) { return AnswerCommand(db, command, refusal, now_ms); });
}

Result<std::vector<Alert>> Lease::Undelivered() {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::vector<Alert>> {
    std::vector<Alert> alerts;
    AERIE_TRY(db.Run(std::string(kAlertColumns) +
                         "WHERE migration = ? AND (raise_delivered_ms = 0 OR "
                         "(resolved_ms <> 0 AND resolve_delivered_ms = 0)) ORDER BY number",
                     {id_}, [&](const Row& row) { alerts.push_back(ReadAlert(row)); }));
    return alerts;
  });
}

Status Lease::Delivered(const Alert& alert, std::int64_t now_ms) {
  const Value at(now_ms);
  return Write([&](Database& db) {
    // What was resolved meanwhile is still to be told.
    return db.Run(
        "UPDATE alerts SET raise_delivered_ms = ?, resolve_delivered_ms = ? "
        "WHERE number = ?",
        {at, alert.resolved_ms != 0 ? at : Value(std::int64_t{0}), alert.number});
  });
}

Status Lease::NoteChild(const std::optional<ProcessIdentity>& child) {
  const ProcessIdentity noted = child.value_or(ProcessIdentity{});
  return Write([&](Database& db) {
    return db.Run(
        "UPDATE migrations SET child_machine = ?, child_pid = ?, child_started = ? "
        "WHERE id = ?",
        {noted.machine, noted.pid, noted.started, id_});
  });
}

Result<std::optional<ProcessIdentity>> Lease::Child() {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::optional<ProcessIdentity>> {
    std::optional<ProcessIdentity> child;
    AERIE_TRY(db.Run("SELECT child_machine, child_pid, child_started FROM migrations WHERE id = ?",
                     {id_}, [&](const Row& row) {
                       if (row.Integer(1) == 0) return;
                       child = ProcessIdentity{.machine = row.Text(0),
                                               .pid = row.Integer(1),
                                               .started = row.Integer(2)};
                     }));
    return child;
  });
}

}  // namespace aerie::catalog
