// Copy: as `aerie copy`, and as a job.
#pragma once

#include <memory>

#include "app/kinds/request_kind.h"
#include "app/kinds/target.h"
#include "app/kinds/tools.h"

namespace aerie::app {

struct CopyRequest {
  FromToArgs clusters;
  TargetArgs target;
  bool dry_run = false;
};
CommandResult Copy(const Tools& tools, const CopyRequest& request);

std::shared_ptr<jobs::JobKind> MakeCopyKind(std::shared_ptr<const KindSetup> setup);

}  // namespace aerie::app
