#include "app/kinds/request_kind.h"

#include <mutex>
#include <sstream>

#include "base/log.h"
#include "base/progress_tally.h"

namespace aerie::app {
namespace {

constexpr std::size_t kMostLines = 60;  // of a result, in the job's log
constexpr std::size_t kMostWarnings = 200;
// With a lock that somebody else has.
constexpr Duration kPatience = std::chrono::hours(1);
constexpr Duration kLookAgain = std::chrono::seconds(10);

// A lost lease ends the run by its context; here it is only that nobody reads the line any more.
void Note(jobs::JobRun& run, const char* kind, const std::string& text) {
  const Status logged = run.Log(kind, text);
  if (!logged.ok()) log::Debug("job's log", {{"why", std::string(logged.message())}});
}

class JobProgress : public ProgressSink {
 public:
  JobProgress(Clock& clock, jobs::JobRun& run) : clock_(clock), run_(run), tally_(clock.Steady()) {}

  void OnProgress(const ProgressEvent& event) override {
    using Type = ProgressEvent::Type;
    {
      std::lock_guard lock(mutex_);
      const SteadyTime now = clock_.Steady();
      tally_.Add(event, now);
      // A small batch is no news.
      if (event.type == Type::kCounts && now - shown_ < std::chrono::milliseconds(200)) return;
      shown_ = now;
    }
    Show();
    if (event.type == Type::kWarning) {
      Note(run_, "warning", event.message);
    } else if (event.type == Type::kRetrying || event.type == Type::kItemDone) {
      const std::string led = event.collection.empty() ? "" : event.collection + ": ";
      if (!event.message.empty()) Note(run_, "info", led + event.message);
    }
  }

  void Show() {
    std::lock_guard lock(mutex_);
    run_.SetProgress(Dump(Shown(clock_.Steady())));
  }

 private:
  static Json Known(std::int64_t value) { return value < 0 ? Json(nullptr) : Json(value); }
  Json Shown(SteadyTime now) const {
    const ProgressTally::Counter sum = tally_.Sum();
    Json json = {{"phase", tally_.phase()},
                 {"rows", sum.rows_done},
                 {"rows_total", Known(sum.rows_total)},
                 {"bytes", sum.bytes_done},
                 {"bytes_total", Known(sum.bytes_total)},
                 {"seconds", tally_.Seconds(now)},
                 {"collections", Json::array()}};
    for (const auto& [name, counter] : tally_.collections()) {
      if (name.empty()) continue;
      json["collections"].push_back({{"name", name},
                                     {"rows", counter.rows_done},
                                     {"rows_total", Known(counter.rows_total)},
                                     {"bytes", counter.bytes_done}});
    }
    return json;
  }

  Clock& clock_;
  jobs::JobRun& run_;
  std::mutex mutex_;
  ProgressTally tally_;
  SteadyTime shown_{};
};

// A run that is none: nothing of it is kept.
class NoRun : public jobs::JobRun {
 public:
  explicit NoRun(const std::string& spec) : spec_(spec) {}
  std::int64_t number() const override { return 0; }
  const std::string& schedule() const override { return empty_; }
  const std::string& spec() const override { return spec_; }
  const std::string& checkpoint() const override { return empty_; }
  Status SaveCheckpoint(const std::string&) override { return Ok(); }
  void SetProgress(const std::string&) override {}
  Status Log(const std::string&, const std::string&) override { return Ok(); }

 private:
  const std::string spec_, empty_;
};

void NoteResult(jobs::JobRun& run, const CommandResult& result) {
  std::istringstream lines(result.text);
  std::string line;
  for (std::size_t i = 0; std::getline(lines, line); ++i) {
    if (i == kMostLines) {
      Note(run, "info", "(more is in the result)");
      break;
    }
    if (!line.empty()) Note(run, "info", line);
  }
  for (std::size_t i = 0; i < result.warnings.size() && i < kMostWarnings; ++i) {
    Note(run, "warning", result.warnings[i]);
  }
}

}  // namespace

Json ObjectOf(const std::string& text) {
  Json json = text.empty() ? Json::object() : Json::parse(text, nullptr, false);
  return json.is_object() ? json : Json::object();
}

jobs::JobResult RunAsJob(const Context& context, const Config& config, jobs::JobRun& run,
                         const std::function<CommandResult(const Tools&)>& work) {
  JobProgress progress(context.clock(), run);
  const Session session(config, progress, Session::Asking::kNever);
  CommandResult result = work({context, session, progress});
  // Another job may have the repository for itself for a while: a prune, a key rotation.
  const SteadyTime since = context.clock().Steady();
  while (KindOf(result.status) == Kind::kLocked && context.clock().Steady() - since < kPatience) {
    // It may be this job's own lease that was lost: then it is another process's now.
    if (!run.Log("info", "waits: " + std::string(result.status.message())).ok()) break;
    if (!context.Sleep(kLookAgain, "wait for a lock").ok()) break;
    result = work({context, session, progress});
  }
  progress.Show();
  NoteResult(run, result);
  return {.status = result.status, .result = Dump(ToJson(result))};
}

Result<std::string> PreviewText(
    const Context& context, const Config& config, const std::string& spec,
    const std::function<CommandResult(const Tools&, jobs::JobRun&)>& work) {
  NoRun run(spec);
  const Session session(config, NoProgress(), Session::Asking::kNever);
  CommandResult result = work({context, session, NoProgress()}, run);
  AERIE_TRY(result.status);
  for (const std::string& warning : result.warnings) result.text += "warning: " + warning + "\n";
  return result.text;
}

std::string NamedOr(const std::string& name, const std::string& configured) {
  return name.empty() ? configured : name;
}

std::string SelectionText(const transfer::Selection& selection) {
  std::string text;
  for (const std::string& glob : selection.collections) text += (text.empty() ? "" : ", ") + glob;
  if (text.empty()) text = "all collections";
  if (!selection.database.empty()) text += " of database " + selection.database;
  return text;
}

}  // namespace aerie::app
