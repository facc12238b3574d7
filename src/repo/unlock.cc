#include "repo/unlock.h"

#include <optional>
#include <utility>
#include <vector>

#include "repo/carried_keys.h"
#include "repo/key_file.h"
#include "repo/object_names.h"

namespace aerie::repo {
namespace {

// What trying the keys of a repository one after the other came to.
struct Tries {
  std::optional<Unlocked> found;
  std::size_t unlocked = 0;
  bool former = false;  // of them one of a master key that is used no more
  Status damage;        // of a key file
  Status wrong_key;     // of a passphrase
};

Status TryKey(const Context& context, objects::ObjectStore& store, const ObjectId& id,
              const Config& config, ByteSpan config_bytes, const Secret& passphrase, Tries& tries) {
  const objects::ObjectKey key = KeyFileKey(id);
  AERIE_ASSIGN(const Bytes bytes, store.Get(context, key));
  const auto file = DecodeKeyFile(bytes, key.text);
  if (!file.ok()) {
    tries.damage.Update(file.status());
    return Ok();
  }
  const auto master = UnwrapMasterKey(*file, id, passphrase);
  if (KindOf(master.status()) == Kind::kWrongKey) {
    tries.wrong_key.Update(master.status());
    return Ok();
  }
  AERIE_TRY(master.status());
  ++tries.unlocked;
  KeyRing keys = DeriveKeys(*master, config.suite, config.id);
  if (!ConfigCodeFits(config_bytes, keys.config)) {
    tries.former = tries.former || IsFormerMaster(config, keys);
    return Ok();
  }
  AERIE_TRY(TakeCarriedKeys(config, keys));
  keys.names.trees = config.tree_names;
  tries.found = Unlocked{*master, std::move(keys), id};
  return Ok();
}

}  // namespace

Result<Unlocked> UnlockMasterKey(const Context& context, objects::ObjectStore& store,
                                 const Config& config, ByteSpan config_bytes,
                                 const Secret& passphrase) {
  std::vector<ObjectId> ids;
  AERIE_TRY(store.List(context, kKeysPrefix, [&](const objects::ObjectInfo& info) {
    if (const auto id = IdOfKey(info.key, KeyFileKey)) ids.push_back(*id);
    return Ok();
  }));
  Tries tries;
  for (const ObjectId& id : ids) {
    AERIE_TRY(TryKey(context, store, id, config, config_bytes, passphrase, tries));
    if (tries.found) return *std::move(tries.found);
  }
  if (tries.former) {
    return MakeStatus(Kind::kWrongKey,
                      "the passphrase opens a key of before the master key was rotated; who "
                      "rotated it must add the passphrase again, with aerie repo key add");
  }
  // A key that unlocks but does not vouch for the config may be a leftover of an interrupted
  // create.
  if (!tries.wrong_key.ok()) return tries.wrong_key;
  if (tries.unlocked != 0) {
    return CorruptError(
        "the config's code does not fit its bytes; copy the object config back from another copy "
        "of the repository");
  }
  if (!tries.damage.ok()) return tries.damage;
  return CorruptError(
      "no key is there; copy the objects under keys/ back from another copy of the repository");
}

}  // namespace aerie::repo
