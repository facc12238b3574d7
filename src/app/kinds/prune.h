// Prune: as `aerie repo prune`, as a job, and as the retention after a backup.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "app/kinds/request_kind.h"
#include "app/kinds/tools.h"
#include "app/result_json.h"
#include "repo/prune.h"

namespace aerie::app {

struct PruneRequest {
  RepoArg repo;
  repo::RetentionPolicy policy;
  std::string keep_within;
  std::string margin = "24h";
  double repack_above = 50;  // percent
  std::uint64_t max_repack = ~std::uint64_t{0};
  std::function<bool(const repo::Snapshot&)> judges = {};  // none: the policy is for all
  bool apply = false;                                      // else only shown
};
// `keep` of the spec of a job.
void ReadKeep(SpecReader& spec, PruneRequest& request);

CommandResult Prune(const Tools& tools, const PruneRequest& request);
// The same with a repository that is open.
CommandResult PruneOpened(const Tools& tools, repo::Repository& repository,
                          const PruneRequest& request);

std::shared_ptr<jobs::JobKind> MakePruneKind(std::shared_ptr<const KindSetup> setup);

}  // namespace aerie::app
