// Verify: as `aerie backup verify`, as a job that goes round all snapshots, and after a backup.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/kinds/request_kind.h"
#include "app/kinds/tools.h"
#include "app/result_json.h"

namespace aerie::app {

enum class VerifyRows { kStructure, kEveryRow };

// Of the snapshots `only`, or of every one, with what no snapshot needs. kCorrupt when there is
// damage; what is in `findings` then. Records what was found whole.
CommandResult VerifyOpened(const Tools& tools, repo::Repository& repository,
                           const std::vector<repo::SnapshotId>& only, VerifyRows rows);

struct VerifyRequest {
  RepoArg repo;
  std::vector<std::string> snapshots;  // ids, prefixes, "latest"; empty: all
  std::string cluster;
  std::vector<std::string> tags;
  bool read_data = true;
  std::string max_duration;
};

std::shared_ptr<jobs::JobKind> MakeVerifyKind(std::shared_ptr<const KindSetup> setup);

// Whether it is of that cluster (empty: any) and has all these tags.
bool IsOf(const repo::Snapshot& snapshot, const std::string& cluster,
          const std::vector<std::string>& tags);

}  // namespace aerie::app
