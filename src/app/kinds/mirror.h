// Mirror: as `aerie repo mirror`, and as a job.
#pragma once

#include <memory>
#include <string>

#include "app/kinds/request_kind.h"
#include "app/kinds/tools.h"
#include "transfer/mirror.h"

namespace aerie::app {

inline constexpr const char* kMirrorPasswordStem = "--to-password";

struct MirrorRequest {
  RepoArg from;
  RepoArg to;
  transfer::MirrorOptions options;
  std::string immutable_for;
  bool init = false;
  bool dry_run = false;
};
CommandResult Mirror(const Tools& tools, const MirrorRequest& request);

std::shared_ptr<jobs::JobKind> MakeMirrorKind(std::shared_ptr<const KindSetup> setup);

}  // namespace aerie::app
