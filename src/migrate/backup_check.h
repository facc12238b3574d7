// Whether a repository holds a verified backup, not too old, of what is about to be migrated.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/context.h"
#include "migrate/finding.h"
#include "repo/repository.h"
#include "rows/schema.h"

namespace aerie::migrate {

struct BackupWish {
  repo::Repository* repository = nullptr;     // none: none was named, which is worth a warning only
  Duration max_age = std::chrono::hours(24);  // since the backup began
  // What snapshots may call the source: its configured name, its address.
  std::set<std::string> clusters = {};
};

// Reads the list of snapshots and the marks of verification, no rows.
Finding CheckBackup(const Context& context, const BackupWish& wish,
                    const std::vector<rows::CollectionName>& names);

// The same of what was read: a pure function. A collection counts as kept when some snapshot of the
// source has it, was verified, and is not older than max_age at `now`. One that a repair made of
// what was readable never counts, nor one of selected rows (transfer::kSelectedRowsTag).
Finding JudgeBackup(const BackupWish& wish, const std::vector<rows::CollectionName>& names,
                    const std::vector<repo::Snapshot>& snapshots,
                    const std::set<repo::SnapshotId>& verified, WallTime now);

}  // namespace aerie::migrate
