// Prune: removes snapshots that a policy does not keep, and what no snapshot needs.
//
// docs/format.md, section Deletion, is the protocol; docs/retention.md is for operators. Garbage is
// doomed by one run and removed by a later one, so a run both sweeps what earlier ones doomed and
// dooms what it finds. Free functions, safe from any thread and process: they take locks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "repo/repository.h"
#include "repo/retention.h"

namespace aerie::repo {

// Files that are no objects, which killed runs left in a folder.
struct Leftovers {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

struct PruneOptions {
  RetentionPolicy policy;
  // The snapshots that the policy is about; all others stay, and do not count in it. None: all.
  std::function<bool(const Snapshot&)> judges = {};
  // Between dooming and removing.
  Duration margin = std::chrono::hours(24);
  // Packs of which more than this share is garbage are repacked; none: none is.
  std::optional<double> repack_above = 0.5;
  std::uint64_t max_repack_bytes = ~std::uint64_t{0};
  std::string program;  // "aerie 0.1.0"
  // Removes the leftovers last written longer ago than `age`, at least an hour. Called by RunPrune
  // under the exclusive lock; its error makes the result kPartial. None: the store has none.
  std::function<Result<Leftovers>(const Context&, Duration age)> sweep_leftovers;
};

struct PackTally {
  std::uint64_t packs = 0;
  std::uint64_t bytes = 0;
};

struct PruneReport {
  std::vector<Snapshot> snapshots;           // before, newest first
  std::vector<RetentionDecision> decisions;  // one for each
  PackTally removed;                         // doomed by an earlier run
  PackTally doomed;                          // now; a later run removes them
  PackTally waiting;                         // doomed by an earlier run, the margin is not over
  PackTally needed;                 // doomed by an earlier run, and needed again: they stay
  PackTally repacked;               // packs of which the rest was stored again; bytes: of that rest
  PackTally young;                  // of an interrupted backup, which may come back for them
  PackTally unreadable;             // damaged, and left alone
  PackTally kept;                   // all that stay, doomed or not
  PackTally immutable;              // of those kept: immutable snapshots need them
  PackTally retained;               // to be removed, and the store keeps them for now
  std::uint64_t garbage_bytes = 0;  // in kept packs
  Leftovers leftovers;              // removed
};

// What RunPrune would do now. Changes nothing and takes no lock.
Result<PruneReport> PlanPrune(const Context& context, Repository& repository,
                              const PruneOptions& options);

// kLocked; kRefused when clocks differ or a listing cannot be trusted; kCorrupt when something that
// a snapshot to keep needs is missing or cannot be read: nothing is removed from then on. kPartial:
// some packs could not be removed; they stay doomed. Run again after any error or crash, it goes
// on.
Result<PruneReport> RunPrune(const Context& context, Repository& repository,
                             const PruneOptions& options);

}  // namespace aerie::repo
