// The kind of job that proves that a backup can be restored (docs/jobs.md): one collection of the
// newest snapshot under a scratch name, compared row by row, and dropped again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "app/kinds/request_kind.h"
#include "app/kinds/tools.h"

namespace aerie::app {

struct RestoreTestRequest {
  RepoArg repo;
  std::string cluster;
  std::string to;
  transfer::Selection selection;
  std::string database;
  std::uint64_t max_bytes = ~std::uint64_t{0};
};
std::shared_ptr<jobs::JobKind> MakeRestoreTestKind(std::shared_ptr<const KindSetup> setup);

}  // namespace aerie::app
