// What the operator decided about alerts: rules, reminders, and which channel wants to hear what.
// Plain values; docs/alerting.md has every default.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace aerie::alerts {

enum class Severity { kInfo, kWarning, kError, kCritical };
inline constexpr std::size_t kSeverities = 4;

enum class Rule {
  kVerifiedBackupOld,
  kBackupFailed,
  kVerificationFailed,
  kRestoreTestFailed,
  kHealthCheckFailed,
  kJobFailed,
  kJobStuck,
  kScheduleMissed,
  kSyncLag,
  kStorageFull,
  kClusterUnreachable,
  kNotWatched,
  kMigration,
  kDeliveryFailed,
};
inline constexpr std::size_t kRules = static_cast<std::size_t>(Rule::kDeliveryFailed) + 1;

// Names as in docs, configuration, JSON and metrics; nullopt for other words.
const char* NameOf(Severity severity);
const char* NameOf(Rule rule);
std::optional<Severity> SeverityOf(std::string_view name);
std::optional<Rule> RuleOf(std::string_view name);
std::vector<std::string> RuleNames();

struct RulePolicy {
  bool enabled = true;
  Severity severity = Severity::kError;
  Duration hold{};                   // it must hold for so long before it is told
  Duration clear{};                  // and be over for so long
  std::optional<Duration> remind{};  // zero: never; none: by severity
  Duration limit{};                  // of the rules that have one; zero: see docs
};

// A channel, as far as it matters who is told.
struct Audience {
  std::string channel{};
  Severity min_severity = Severity::kInfo;
  std::vector<std::string> rules{};  // globs; empty: all
  bool wants_acknowledged = false;
};

struct Policy {
  Policy();

  RulePolicy& of(Rule rule) { return rules[static_cast<std::size_t>(rule)]; }
  const RulePolicy& of(Rule rule) const { return rules[static_cast<std::size_t>(rule)]; }

  std::array<RulePolicy, kRules> rules{};
  std::array<Duration, kSeverities> remind{};
  // Of kStorageFull, in percent of the limit, and how far ahead it looks.
  double storage_limit = 90;
  double storage_warn = 80;
  Duration storage_forecast = std::chrono::hours(24 * 7);
  std::vector<std::string> exclude{};  // globs of cluster/database.collection
  std::vector<Audience> audiences{};
};

}  // namespace aerie::alerts
