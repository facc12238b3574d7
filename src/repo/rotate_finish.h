// The end of a rotation: small objects get the new key, the former master key is dropped.
#pragma once

#include "base/context.h"
#include "repo/locks.h"
#include "repo/repository_core.h"

namespace aerie::repo {

// Under the exclusive lock, when no pack is sealed with the former key any more. Seals what is
// under index/, snapshots/, pins/, verified/ and prune/ with the new key, each object in its place
// (damaged ones stay as they are), then drops the former master key from the config. Done again
// after a crash it goes on.
Status FinishRotation(const Context& context, const RepositoryCore& core, Lease& lease);

}  // namespace aerie::repo
