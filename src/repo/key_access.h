// What everything begins with that is done to the keys of a repository, not to its data.
//
// Free functions, safe from any thread.
#pragma once

#include "base/context.h"
#include "base/secret.h"
#include "objects/object_store.h"
#include "repo/config_file.h"
#include "repo/key_file.h"
#include "repo/locks.h"
#include "repo/unlock.h"

namespace aerie::repo {

struct OpenedKeys {
  Config config;
  Bytes config_bytes;
  Unlocked unlocked;
};

Result<OpenedKeys> OpenKeys(const Context& context, objects::ObjectStore& store,
                            const Secret& passphrase);

// A lock table whose locks are not given once the master key was rotated meanwhile.
LockTable LocksOf(const Context& context, objects::ObjectStore& store, const OpenedKeys& opened);

// Writes a key object with which `passphrase` opens `master`, reads it back and opens it, since a
// passphrase may be forgotten on the strength of it. kInvalid for an empty passphrase or a cost
// outside the limits.
Result<ObjectId> StoreKey(const Context& context, objects::ObjectStore& store,
                          const SecretKey& master, const Secret& passphrase, KdfCost cost);

}  // namespace aerie::repo
