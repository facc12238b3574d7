#include "repo/key_access.h"

#include "base/clock.h"
#include "repo/object_names.h"
#include "repo/store_new.h"

namespace aerie::repo {

Result<OpenedKeys> OpenKeys(const Context& context, objects::ObjectStore& store,
                            const Secret& passphrase) {
  OpenedKeys opened;
  AERIE_ASSIGN(opened.config_bytes, store.Get(context, ConfigKey()));
  AERIE_ASSIGN(opened.config, ParseConfig(opened.config_bytes));
  AERIE_ASSIGN(opened.unlocked,
               UnlockMasterKey(context, store, opened.config, opened.config_bytes, passphrase));
  return opened;
}

LockTable LocksOf(const Context& context, objects::ObjectStore& store, const OpenedKeys& opened) {
  return LockTable(store, opened.unlocked.keys, context.clock(), opened.config_bytes);
}

Result<ObjectId> StoreKey(const Context& context, objects::ObjectStore& store,
                          const SecretKey& master, const Secret& passphrase, KdfCost cost) {
  if (passphrase.empty()) return InvalidError("the new passphrase is empty");
  const ObjectId id = RandomId();
  AERIE_ASSIGN(const KeyFile file, WrapMasterKey(master, id, Kdf::kArgon2id, passphrase, cost,
                                                 ToUnixMillis(context.clock().Now())));
  const objects::ObjectKey key = KeyFileKey(id);
  AERIE_TRY(StoreNew(context, store, key, EncodeKeyFile(file)));
  AERIE_ASSIGN(const Bytes bytes, store.Get(context, key));
  AERIE_ASSIGN(const KeyFile there, DecodeKeyFile(bytes, key.text));
  AERIE_ASSIGN(const SecretKey opened, UnwrapMasterKey(there, id, passphrase));
  if (!(opened == master)) {
    return CorruptError(key.text + " gives another master key than it was made from");
  }
  return id;
}

}  // namespace aerie::repo
