// Which snapshots a retention policy keeps, and why: a pure function.
//
// Snapshots are judged in groups of one cluster and one set of collections. A calendar rule keeps
// the newest snapshot of each of the last N hours, days, weeks (from Monday), months or years that
// have one, in UTC. Only complete snapshots count. Whatever the policy says, these stay: pinned
// and immutable ones; of every collection of a cluster the newest complete one and the newest
// complete one that was verified; those with a time in the future; and incomplete ones as long as a
// collection of theirs is in no newer complete one.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "repo/repository.h"

namespace aerie::repo {

struct RetentionPolicy {
  std::uint32_t keep_last = 0;
  std::uint32_t keep_hourly = 0;
  std::uint32_t keep_daily = 0;
  std::uint32_t keep_weekly = 0;
  std::uint32_t keep_monthly = 0;
  std::uint32_t keep_yearly = 0;
  std::optional<Duration> keep_within;  // of now
  std::vector<std::string> keep_tags;
  // A floor and no rule: so many of each group stay, whatever else is said.
  std::uint32_t min_redundancy = 0;

  // Nothing says what to keep: then everything stays.
  bool empty() const;
};

struct SnapshotMarks {
  std::set<SnapshotId> pins;
  std::set<SnapshotId> verified;
};

struct RetentionDecision {
  SnapshotId id;
  bool keep = true;
  std::vector<std::string> reasons;  // never empty
};

// In the order of `snapshots`. Deciding again about what was kept keeps all of it, and a policy
// that says more keeps no less.
std::vector<RetentionDecision> DecideRetention(const std::vector<Snapshot>& snapshots,
                                               const SnapshotMarks& marks,
                                               const RetentionPolicy& policy, WallTime now);

}  // namespace aerie::repo
