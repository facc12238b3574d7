// Whether clusters and repositories are well: as `aerie cluster check`, and as a job that asks all.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/kinds/request_kind.h"
#include "app/kinds/tools.h"

namespace aerie::app {

CommandResult CheckCluster(const Tools& tools, const ClusterArg& cluster);

struct HealthRequest {
  std::vector<std::string> clusters;
  std::vector<std::string> repositories;
};
std::shared_ptr<jobs::JobKind> MakeHealthCheckKind(std::shared_ptr<const KindSetup> setup);

}  // namespace aerie::app
