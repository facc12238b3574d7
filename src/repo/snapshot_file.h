// The object snapshots/<id>: one committed backup. docs/format.md, section Trees.
//
// Pure functions, safe from any thread.
#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "repo/repository.h"

namespace aerie::repo {

// The body of a snapshot object, JSON; SealMeta makes the object of it.
Bytes EncodeSnapshot(const Snapshot& snapshot);
// kCorrupt when a member is missing or of the wrong type. Members that are not known are passed
// over: later versions may say more about a snapshot.
Result<Snapshot> DecodeSnapshot(ByteSpan body);

}  // namespace aerie::repo
