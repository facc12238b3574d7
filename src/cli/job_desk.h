// What the commands about jobs and schedules share: the catalog of the daemon, whether it runs or
// not, and the words that specs are made of.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/daemon_place.h"
#include "catalog/catalog.h"
#include "catalog/job_store.h"
#include "catalog/schedule_store.h"
#include "cli/commands.h"
#include "cli/place_option.h"
#include "jobs/jobs.h"
#include "jobs/scheduler.h"

namespace aerie::cli {

// Lives as long as the command.
class JobDesk {
 public:
  static Result<std::unique_ptr<JobDesk>> Open(Environment& env, const PlaceArg& arg);

  const app::Config& config() const { return config_; }
  catalog::JobStore& jobs() { return jobs_; }
  catalog::ScheduleStore& schedules() { return schedules_; }
  jobs::Scheduler& scheduler() { return scheduler_; }
  const jobs::JobKinds& kinds() const { return kinds_; }
  // The daemon that serves the same folder, when one runs.
  std::optional<ProcessIdentity> daemon() const;
  // Whether somebody has the job, or would take it as far as can be seen from here: a process that
  // has not ended, the daemon of the folder, or, of a catalog that is not the folder's, any other.
  bool IsTended(const catalog::Job& job) const;
  const std::string& folder() const { return folder_; }
  catalog::Holder Me() const;
  std::int64_t NowMs() const;

 private:
  JobDesk(Environment& env, app::Config config, std::string folder, bool own_catalog,
          std::unique_ptr<catalog::Catalog> catalog);

  Environment& env_;
  const app::Config config_;
  const std::string folder_;
  const bool own_catalog_;  // that of the folder
  const std::unique_ptr<catalog::Catalog> catalog_;
  catalog::JobStore jobs_;
  catalog::ScheduleStore schedules_;
  jobs::Scheduler scheduler_;
  const jobs::JobKinds kinds_;
};

// Members said as KEY=VALUE, laid over `spec`, JSON: `keep.daily=7` is one of a member, `KEY=`
// takes one away; a value that begins with [ or { is JSON. kInvalid.
Result<std::string> WithWords(const std::string& spec, const std::vector<std::string>& words);

// Shows a job while it runs, and its log, until it has ended or waits to be resumed.
// kCancelled when the context is; kTransient when the daemon that had it, or was to have it, has
// ended and none came in its place: the job is then marked as interrupted.
Result<catalog::Job> Follow(Environment& env, JobDesk& desk, std::int64_t number);
// Runs it here, and shows it. Whoever has it keeps it.
Result<catalog::Job> RunHere(Environment& env, JobDesk& desk, std::int64_t number);
// The last word on a job.
CommandResult ResultOf(const catalog::Job& job);
// What a command does with a job that it has made or told to go on: with a daemon it is its, and
// followed when `wait` says so; else it is run here.
enum class Waiting { kNo, kYes };
CommandResult HandOver(Environment& env, JobDesk& desk, std::int64_t number, Waiting waiting);

}  // namespace aerie::cli
