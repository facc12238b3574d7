// The rules: what the facts mean. (policy, facts, time) -> conditions.
//
// Pure; any thread. What becomes of a condition is decided in life.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "alerts/facts.h"
#include "alerts/policy.h"
#include "base/clock.h"

namespace aerie::alerts {

// What one rule says of one thing. Of what no condition is said, the rule does not hold.
struct Condition {
  Rule rule{};
  std::string about{};
  // Not known, or between its beginning and its end: an incident stays as it is, and none begins.
  bool undecided = false;
  Severity severity{};
  std::string summary{};               // a line, without the severity
  std::vector<std::string> things{};   // what is concerned, where it is several
  std::vector<std::string> details{};  // a line for each, or for whatever else is to be said
  std::string remedy{};
};

// At most one for each rule and what it is about, ordered by both.
std::vector<Condition> Judge(const Policy& policy, const Facts& facts, WallTime now);

// When a storage will be full, at the median of the paces between all pairs of the samples of the
// last 7 days. nullopt: it does not grow, or fewer than 24 hours are known.
std::optional<WallTime> FullAt(const StorageFact& storage, WallTime now);

// The time since the last good run of a schedule of syncs began, or since it was made; nullopt: it
// is of another kind, or not enabled.
std::optional<Duration> LagOf(const ScheduleFact& schedule, WallTime now);

}  // namespace aerie::alerts
