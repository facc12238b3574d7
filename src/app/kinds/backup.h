// Backup: as `aerie backup create`, and as a job, with verification and retention after it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/kinds/prune.h"
#include "app/kinds/request_kind.h"
#include "app/kinds/tools.h"
#include "app/result_json.h"
#include "transfer/backup.h"

namespace aerie::app {

struct BackupRequest {
  ClusterArg cluster;
  RepoArg repo;
  transfer::Selection selection;
  std::vector<std::string> tags;
  std::size_t parallel = 2;
  int streams = 2;
  std::string immutable_for;
  bool no_load = false;
  bool dry_run = false;
};

struct BackupRun {
  CommandResult result;
  // As far as it came.
  std::optional<OpenedRepository> opened = {};
  std::optional<repo::Snapshot> snapshot = {};
};
BackupRun RunBackupRequest(const Tools& tools, const BackupRequest& request);

// The members of a backup's result that its snapshot knows.
Json BackupJsonOf(const repo::Snapshot& snapshot);

// Tag of the snapshots of a schedule: "schedule:nightly"; and the schedule of such a tag, or "".
std::string ScheduleTag(const std::string& schedule);
std::string ScheduleOf(const repo::Snapshot& snapshot);

std::shared_ptr<jobs::JobKind> MakeBackupKind(std::shared_ptr<const KindSetup> setup);

}  // namespace aerie::app
