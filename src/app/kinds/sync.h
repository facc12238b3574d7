// Sync: as `aerie sync`, and as a job of one round.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "app/kinds/request_kind.h"
#include "app/kinds/target.h"
#include "app/kinds/tools.h"
#include "transfer/sync.h"

namespace aerie::app {

struct SyncRequest {
  FromToArgs clusters;
  TargetArgs target;
  std::string audit_every = "7d";
  std::string state_dir;
  bool audit = false;
  bool adopt = false;
  bool prune_extra = false;
  bool rebuild_indexes = false;
  bool dry_run = false;
};
// kInvalid when its words do not fit together.
Status CheckSync(const SyncRequest& request);

// What a round works with.
struct SyncSetup {
  transfer::Endpoint& from;
  std::shared_ptr<milvus::Client> to;
  transfer::SyncOptions options;
  transfer::SyncState& state;
};

// Opens what the request names, calls `work`, and adds the names to its result.
CommandResult WithSync(const Tools& tools, const SyncRequest& request,
                       const std::function<CommandResult(const SyncSetup&)>& work);
CommandResult SyncRound(const Tools& tools, const SyncSetup& setup);
CommandResult PlanRound(const Tools& tools, const SyncSetup& setup);
// "2 inserted, 1 updated, 0 deleted".
std::string SyncCounts(std::uint64_t inserted, std::uint64_t updated, std::uint64_t deleted);

std::shared_ptr<jobs::JobKind> MakeSyncKind(std::shared_ptr<const KindSetup> setup);

}  // namespace aerie::app
