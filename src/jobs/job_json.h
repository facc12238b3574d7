// A job and a schedule as everybody shows them: docs/jobs.md says what each member means.
//
// Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/status.h"
#include "catalog/job_store.h"
#include "catalog/schedule_store.h"

namespace aerie::jobs {

nlohmann::ordered_json ToJson(const catalog::Job& job);
nlohmann::ordered_json ToJson(const catalog::LogEntry& entry);
// With its next times and what it means in words.
nlohmann::ordered_json ToJson(const catalog::Schedule& schedule, WallTime now);
nlohmann::ordered_json ToJson(const catalog::ScheduleRun& run);

// Why a job that ended did not complete: its error, with its kind. Ok: it did, or has not ended.
Status StatusOf(const catalog::Job& job);

}  // namespace aerie::jobs
