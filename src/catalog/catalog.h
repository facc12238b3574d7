// The catalog: what must survive the process that wrote it. Migrations, their log, the words that
// other processes leave for their driver, their alerts, and what their monitor saw; jobs and
// schedules are in job_store.h and schedule_store.h.
//
// One SQLite file (docs/decisions/0020), which several processes may have open. Thread-safe. Every
// call that writes is one transaction and is on the disk when it returns. The texts `spec` and
// `state` are JSON of those who store them: this room does not look inside. Times are milliseconds
// since the Unix epoch.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/process.h"
#include "base/status.h"
#include "catalog/sqlite.h"

namespace aerie::catalog {

// Who drives a migration.
struct Holder {
  ProcessIdentity process;
  std::string host;
  std::int64_t renewed_ms = 0;
};

// What a human is asked to do; his `approve` names the number.
struct Request {
  std::int64_t number = 0;  // 0: nothing is asked
  std::string text;
};

struct Migration {
  std::string id;
  std::string spec;
  std::string state;
  std::string phase;  // of the state, for listings
  std::int64_t created_ms = 0;
  std::int64_t updated_ms = 0;
  std::int64_t ended_ms = 0;  // 0: under way
  std::optional<Holder> holder{};
  Request request{};
};

struct LogEntry {
  std::int64_t seq = 0;
  std::int64_t at_ms = 0;
  std::string kind;  // "event", "action", "hook", "alert", "warning", ...
  std::string text;  // may have several lines
};

// A word for the driver.
struct Command {
  std::int64_t number = 0;
  std::string migration;
  std::string verb;          // "cutover", "approve", ...
  std::int64_t request = 0;  // of approve
  std::int64_t at_ms = 0;
  bool answered = false;
  std::string refusal;  // of an answered one: why not; empty: it was obeyed
};

struct Alert {
  std::int64_t number = 0;
  std::string incident{};
  std::string text{};
  std::int64_t raised_ms = 0;
  std::int64_t resolved_ms = 0;  // 0: open
  bool raise_delivered = false;
  bool resolve_delivered = false;
};

// What the monitor saw; negative: not known.
struct Sample {
  std::int64_t at_ms = 0;
  std::int64_t source_rows = -1;
  std::int64_t target_rows = -1;
  double error_rate = 0;  // part of the questions to the clusters that failed
  std::int64_t latency_ms = -1;
  std::int64_t round = 0;
};

// All that one step of a driver changes, stored whole or not at all.
struct StepRecord {
  std::string state;
  std::string phase;
  bool ended = false;
  std::vector<LogEntry> log{};  // `seq` and `at_ms` are given by the catalog and the call
  struct AlertChange {
    std::string incident;
    std::string text;
    bool raised = true;  // else resolved
  };
  std::vector<AlertChange> alerts{};
  std::int64_t answered = 0;  // number of the command that this step obeyed or refused; 0: none
  std::string refusal{};
};

// Times of a lease; see Catalog::Take.
struct LeaseTimes {
  std::int64_t lost_after_ms = 60'000;  // a holder of which nothing else is known
};

// Whether `wanting` may take what `holder` holds: it has certainly ended, or runs elsewhere and has
// not renewed for `lost_after_ms`.
bool MayTakeOver(const Holder& holder, const Holder& wanting, std::int64_t lost_after_ms);

class Lease;

class Catalog {
 public:
  // Makes the file, or brings its tables up to date. Errors as Database::Open; kUnsupported when a
  // newer aerie has written it.
  static Result<std::unique_ptr<Catalog>> Open(const std::string& path);

  // kExists when there is one of that id.
  Status Create(const Migration& migration);
  // kNotFound.
  Result<Migration> Find(const std::string& id);
  // Newest first. `open_only`: those that have not ended.
  Result<std::vector<Migration>> List(bool open_only);
  Result<std::vector<LogEntry>> Log(const std::string& id, std::int64_t after_seq,
                                    std::size_t limit);
  // The newest alerts first. `open_only`: those that are not resolved.
  Result<std::vector<Alert>> Alerts(const std::string& id, bool open_only);
  Result<std::optional<Sample>> LastSample(const std::string& id);
  // What Lease::Keep left under that key; "" when nothing did.
  Result<std::string> Kept(const std::string& id, const std::string& key);

  // Leaves a word for the driver; its number.
  Result<std::int64_t> Say(const std::string& id, const std::string& verb, std::int64_t request,
                           std::int64_t now_ms);
  Result<Command> FindCommand(std::int64_t number);
  // Words that are not answered yet, oldest first.
  Result<std::vector<Command>> Waiting(const std::string& id);

  // Makes this process the driver. kLocked, naming the holder, unless there is none, it has
  // certainly ended, or it has not renewed for `lost_after_ms`.
  // The lease must not outlive the catalog.
  Result<std::unique_ptr<Lease>> Take(const std::string& id, const Holder& holder,
                                      const LeaseTimes& times = {});

  // For tests: called before and after each call has the file. Whatever it returns but Ok is the
  // answer of that call, as if the process had ended there.
  void FailCalls(std::function<Status()> fault) { fault_ = std::move(fault); }

 private:
  friend class Lease;
  friend class AccessStore;
  friend class AlertStore;
  friend class AuditStore;
  friend class JobStore;
  friend class RequestStore;
  friend class ScheduleStore;
  explicit Catalog(std::unique_ptr<Database> db) : db_(std::move(db)) {}
  Status Upgrade();
  // One call at a time has the connection.
  template <class Work>
  auto WithDatabase(Work work) -> decltype(work(std::declval<Database&>())) {
    std::lock_guard lock(mutex_);
    if (!fault_) return work(*db_);
    AERIE_TRY(fault_());
    auto answer = work(*db_);
    AERIE_TRY(fault_());
    return answer;
  }

  std::mutex mutex_;
  const std::unique_ptr<Database> db_;
  std::function<Status()> fault_;
};

// The right to drive one migration. Each write holds only while the lease does: kLocked once
// another process took over. Given back when destroyed. Thread-safe.
class Lease {
 public:
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  const std::string& id() const { return id_; }
  Status Renew(std::int64_t now_ms);
  // A step that ends the migration ends all its incidents.
  Status Store(const StepRecord& step, std::int64_t now_ms);
  Status Append(const LogEntry& entry, std::int64_t now_ms);
  // With what it means for alerts; nothing once the migration has ended.
  Status Append(const Sample& sample, const std::vector<StepRecord::AlertChange>& alerts = {});
  // Keeps a text under a key, in place of an earlier one: what whoever comes later must know of
  // this one's work. "": nothing is kept any more.
  Status Keep(const std::string& key, const std::string& text);
  // Key and text of all that is kept under keys that begin so.
  Result<std::map<std::string, std::string>> KeptUnder(const std::string& prefix);
  // Makes its own what migrations that have ended keep under such keys.
  Status Inherit(const std::string& prefix);
  // Asks a human; the text "" takes the request back. Returns its number.
  Result<std::int64_t> Ask(const std::string& text, std::int64_t now_ms);
  // As Catalog::Waiting.
  Result<std::vector<Command>> Commands() { return catalog_.Waiting(id_); }
  Status Answer(std::int64_t command, const std::string& refusal, std::int64_t now_ms);
  // Alerts whose beginning or end was not delivered yet, oldest first.
  Result<std::vector<Alert>> Undelivered();
  Status Delivered(const Alert& alert, std::int64_t now_ms);
  // The child that runs a hook, so that a later driver can wait for its end; nullopt: none.
  Status NoteChild(const std::optional<ProcessIdentity>& child);
  Result<std::optional<ProcessIdentity>> Child();

 private:
  friend class Catalog;
  Lease(Catalog& catalog, std::string id, std::int64_t epoch)
      : catalog_(catalog), id_(std::move(id)), epoch_(epoch) {}
  // In a transaction: that this is still the holder.
  Status Check(Database& db);
  Status Write(const std::function<Status(Database&)>& work);

  Catalog& catalog_;
  const std::string id_;
  const std::int64_t epoch_;
};

}  // namespace aerie::catalog
