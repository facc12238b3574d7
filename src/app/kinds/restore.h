// Restore: as `aerie restore`, and as a job.
#pragma once

#include <memory>
#include <string>

#include "app/kinds/request_kind.h"
#include "app/kinds/target.h"
#include "app/kinds/tools.h"

namespace aerie::app {

struct RestoreRequest {
  std::string snapshot = "latest";
  std::string cluster;  // only snapshots of it; empty: of any
  RepoArg repo;
  ClusterArg to;
  TargetArgs target;
  bool dry_run = false;
  // After a run that ended somewhere: what is there with the same rows is done.
  bool goes_on = false;
};
CommandResult Restore(const Tools& tools, const RestoreRequest& request);

std::shared_ptr<jobs::JobKind> MakeRestoreKind(std::shared_ptr<const KindSetup> setup);

}  // namespace aerie::app
