// Keeps what can be read of damaged snapshots, as new snapshots beside them.
//
// A leaf with damage gives the rows that are proven right (leaf_salvage.h); what is below a lost
// tree page, and a collection whose manifest is lost, is gone. Everything else is taken over as it
// stands. The new snapshot says which one it is of, has its time, and is incomplete where rows are
// gone, so that nobody takes it for `latest`. Free functions, safe from any thread and process.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/context.h"
#include "repo/repository.h"

namespace aerie::repo {

struct RepairOptions {
  std::vector<SnapshotId> only;  // empty: every snapshot
  // Without it only what is missing, and not what is damaged, is found out before.
  bool read_data = true;
  // Delete the damaged snapshot once what is left of it is stored; a pinned one stays.
  bool replace = false;
  std::string program;  // "aerie 0.1.0"
  std::string host;
  // Plain bytes looked at and in all, never two calls at once.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

// Rows that cannot be read any more.
struct LostRows {
  rows::CollectionName collection;
  std::optional<std::string> partition;                 // none: the whole collection
  std::optional<std::pair<rows::Key, rows::Key>> keys;  // none: the whole partition
  std::uint64_t rows = 0;
  std::string reason;

  // "collection default.docs, partition \"a\", keys 1..99: 40 rows are gone"
  std::string Text() const;
};

struct SnapshotRepair {
  Snapshot damaged;
  std::vector<LostRows> lost;
  std::uint64_t rows_kept = 0, rows_lost = 0;
  std::uint64_t leaves_rescued = 0;   // in part or, from what else proves them, whole
  bool whole = false;                 // it became so by the repair of another one
  std::optional<SnapshotId> earlier;  // what an earlier repair made of it: nothing is to be done
  std::optional<Snapshot> repaired;   // none in a preview, and where nothing can be kept
  bool replaced = false;              // the damaged one is deleted
  std::string not_replaced;           // why, when it was to be
};

struct RepairReport {
  std::uint64_t looked_at = 0;            // snapshots
  std::vector<Finding> unreadable;        // snapshot objects of which nothing is known
  std::vector<SnapshotRepair> snapshots;  // the damaged ones, newest first
};

// What RunRepair would do now. Reads as much, and writes nothing.
Result<RepairReport> PlanRepair(const Context& context, Repository& repository,
                                const RepairOptions& options);

// Every new snapshot is looked through before it is reported. After any error or crash the damaged
// snapshots are as they were; run again: those that were repaired are not repaired twice. kLocked.
// Memory: that of a check, and a leaf three times.
Result<RepairReport> RunRepair(const Context& context, Repository& repository,
                               const RepairOptions& options);

}  // namespace aerie::repo
