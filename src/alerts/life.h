// The life of incidents: (policy, conditions, incidents, silences, time) -> (incidents, messages).
//
// Pure; any thread. docs/alerting.md says what each message is told for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "alerts/incident.h"
#include "alerts/policy.h"
#include "alerts/rules.h"
#include "base/clock.h"

namespace aerie::alerts {

struct Silence {
  std::string rule = "*";   // glob
  std::string about = "*";  // glob
  std::int64_t until_ms = 0;
};

struct LifeInput {
  // Those that are pending or open: at most one for each rule and what it is about.
  std::vector<Incident> incidents{};
  std::vector<Silence> silences{};
  std::int64_t next_number = 1;   // of an incident that begins
  std::string installation = "";  // in each key, so that receivers tell catalogs apart
  std::string link{};             // of the page; empty: there is none
};

struct LifeAnswer {
  // Each that is not as it was, whole; those that are over among them.
  std::vector<Incident> changed{};
  std::vector<std::int64_t> dropped{};  // that never opened
  std::vector<Message> messages{};      // of one incident in their order
};

LifeAnswer Advance(const Policy& policy, const std::vector<Condition>& conditions,
                   const LifeInput& input, WallTime now);

}  // namespace aerie::alerts
