// Deleting snapshots that somebody named: as `aerie backup delete`, and as a job.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "app/kinds/request_kind.h"
#include "app/kinds/tools.h"
#include "repo/repository.h"

namespace aerie::app {

// The ids of what the user named, each once. A damaged snapshot is known by its whole id only.
Result<std::vector<repo::SnapshotId>> ResolveSnapshots(const Context& context,
                                                       repo::Repository& repository,
                                                       const std::vector<std::string>& names);
// What would be deleted, and in its warnings what would be lost by it.
CommandResult PlanDeletion(const Tools& tools, repo::Repository& repository,
                           const std::vector<repo::SnapshotId>& ids);
CommandResult DeleteResolved(const Tools& tools, repo::Repository& repository,
                             const std::vector<repo::SnapshotId>& ids);
// "2 snapshots".
std::string SnapshotCount(std::size_t count);

struct DeleteRequest {
  RepoArg repo;
  std::vector<std::string> snapshots;
  bool dry_run = false;
};
std::shared_ptr<jobs::JobKind> MakeDeleteKind(std::shared_ptr<const KindSetup> setup);

}  // namespace aerie::app
