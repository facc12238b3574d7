// What is done with jobs that this process may or may not run: made, told what to do, found to be
// left by a process that ended. Everything goes through the machine, in one transaction each.
//
// Any thread, any process.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "base/trace.h"
#include "catalog/job_store.h"
#include "jobs/kind.h"
#include "jobs/machine.h"
#include "jobs/schedule.h"

namespace aerie::jobs {

// The row's standing of a state.
catalog::JobStanding StandingOf(JobState state);
// kCorrupt when the catalog has a state that this version does not know.
Result<JobState> StateOf(const catalog::Job& job);

// The trace of the request that made it; one without an id: none did, or it came without.
Trace TraceOf(const catalog::Job& job);

// A queued job, of the trace that this thread works for; its number. kInvalid when there is no such
// kind.
Result<std::int64_t> Submit(catalog::JobStore& store, const JobKinds& kinds,
                            const catalog::Job& job, std::int64_t now_ms);

// A job of a schedule at once, besides its times; its number.
Result<std::int64_t> SubmitOf(catalog::JobStore& store, const JobKinds& kinds,
                              const ScheduleSpec& schedule, std::int64_t now_ms);

// Cancel, pause or resume: the job as it is then. If a process runs it, that one stops it as soon
// as it looks. kRefused, saying why, when its state does not allow it; kNotFound.
// `me`: who asks, to see whether the process that ran it has ended.
Result<catalog::Job> Tell(catalog::JobStore& store, const JobKinds& kinds, std::int64_t number,
                          JobEvent event, const catalog::Holder& me);

// Finds the jobs whose process has ended, and moves each to where it goes on, or ends: how many.
// One that was lost `kMostInterruptions` times in a row without a new checkpoint has failed.
inline constexpr std::int64_t kMostInterruptions = 5;
Result<std::int64_t> Recover(catalog::JobStore& store, const JobKinds& kinds,
                             const catalog::Holder& me);

// One transition as a change of the row; nullopt: the event changes nothing. `note` goes into the
// job's log.
Result<std::optional<catalog::JobChange>> ChangeOf(const JobKinds& kinds, const catalog::Job& job,
                                                   JobEvent event, const std::string& note);

}  // namespace aerie::jobs
