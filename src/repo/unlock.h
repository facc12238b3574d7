// From a passphrase to the master key, by trying the objects under keys/ one after the other.
#pragma once

#include "base/bytes.h"
#include "base/context.h"
#include "base/secret.h"
#include "objects/object_store.h"
#include "repo/config_file.h"
#include "repo/crypto.h"

namespace aerie::repo {

struct Unlocked {
  SecretKey master;
  KeyRing keys;
  ObjectId key_id;  // of the key object that the passphrase opened
};

// `config_bytes` is the config object, which the right master key vouches for. kWrongKey when the
// passphrase opens none; kCorrupt when the config or the keys are damaged. Safe from any thread.
Result<Unlocked> UnlockMasterKey(const Context& context, objects::ObjectStore& store,
                                 const Config& config, ByteSpan config_bytes,
                                 const Secret& passphrase);

}  // namespace aerie::repo
