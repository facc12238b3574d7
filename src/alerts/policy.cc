#include "alerts/policy.h"

namespace aerie::alerts {
namespace {

constexpr std::array<const char*, kSeverities> kSeverityNames = {"info", "warning", "error",
                                                                 "critical"};

struct Default {
  const char* name;
  Severity severity;
  std::chrono::minutes hold{0};
  std::chrono::minutes clear{0};
  std::chrono::minutes limit{0};
};
constexpr std::chrono::minutes kDay = std::chrono::hours(24);
// In the order of Rule.
constexpr std::array<Default, kRules> kDefaults = {{
    {.name = "verified-backup-old", .severity = Severity::kCritical, .limit = kDay},
    {.name = "backup-failed", .severity = Severity::kError},
    {.name = "verification-failed", .severity = Severity::kCritical},
    {.name = "restore-test-failed", .severity = Severity::kCritical},
    {.name = "health-check-failed", .severity = Severity::kError},
    {.name = "job-failed", .severity = Severity::kError},
    {.name = "job-stuck", .severity = Severity::kError, .limit = kDay},
    {.name = "schedule-missed", .severity = Severity::kWarning},
    {.name = "sync-lag", .severity = Severity::kError},
    {.name = "storage-full", .severity = Severity::kCritical},
    {.name = "cluster-unreachable",
     .severity = Severity::kError,
     .hold = std::chrono::minutes(2),
     .clear = std::chrono::minutes(2)},
    {.name = "not-watched", .severity = Severity::kError, .hold = std::chrono::minutes(15)},
    {.name = "migration", .severity = Severity::kError},
    {.name = "delivery-failed", .severity = Severity::kError, .hold = std::chrono::minutes(15)},
}};

}  // namespace

Policy::Policy() {
  for (std::size_t i = 0; i < kRules; ++i) {
    rules[i] = {.severity = kDefaults[i].severity,
                .hold = kDefaults[i].hold,
                .clear = kDefaults[i].clear,
                .limit = kDefaults[i].limit};
  }
  remind = {std::chrono::hours(0), std::chrono::hours(24), std::chrono::hours(24),
            std::chrono::hours(4)};
}

const char* NameOf(Severity severity) { return kSeverityNames[static_cast<std::size_t>(severity)]; }
const char* NameOf(Rule rule) { return kDefaults[static_cast<std::size_t>(rule)].name; }

std::optional<Severity> SeverityOf(std::string_view name) {
  for (std::size_t i = 0; i < kSeverities; ++i) {
    if (name == kSeverityNames[i]) return static_cast<Severity>(i);
  }
  return std::nullopt;
}
std::optional<Rule> RuleOf(std::string_view name) {
  for (std::size_t i = 0; i < kRules; ++i) {
    if (name == kDefaults[i].name) return static_cast<Rule>(i);
  }
  return std::nullopt;
}
std::vector<std::string> RuleNames() {
  std::vector<std::string> names;
  for (const Default& each : kDefaults) names.emplace_back(each.name);
  return names;
}

}  // namespace aerie::alerts
