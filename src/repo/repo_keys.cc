#include "repo/repo_keys.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "repo/key_access.h"
#include "repo/locks.h"
#include "repo/object_names.h"
#include "repo/retain.h"
#include "repo/store_remove.h"

namespace aerie::repo {
namespace {

constexpr std::size_t kLeastPrefix = 4;

Result<std::vector<KeyEntry>> Entries(const Context& context, objects::ObjectStore& store,
                                      const ObjectId& in_use) {
  std::vector<KeyEntry> entries;
  std::vector<ObjectId> ids;
  AERIE_TRY(store.List(context, kKeysPrefix, [&](const objects::ObjectInfo& info) {
    if (const auto id = IdOfKey(info.key, KeyFileKey)) ids.push_back(*id);
    return Ok();
  }));
  for (const ObjectId& id : ids) {
    const objects::ObjectKey key = KeyFileKey(id);
    AERIE_ASSIGN(const Bytes bytes, store.Get(context, key));
    KeyEntry entry;
    entry.id = id.ToHex();
    entry.in_use = id == in_use;
    if (const auto file = DecodeKeyFile(bytes, key.text); file.ok()) {
      entry.created_ms = file->created_ms;
      entry.cost = file->cost;
    } else {
      entry.damage = std::string(file.status().message());
    }
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const KeyEntry& a, const KeyEntry& b) {
    return std::tuple(!a.damage.empty(), a.created_ms, a.id) <
           std::tuple(!b.damage.empty(), b.created_ms, b.id);
  });
  return entries;
}

// Under a shared lock: whoever rotates the master key then knows all key objects.
Result<ObjectId> Add(const Context& context, objects::ObjectStore& store, const OpenedKeys& opened,
                     const Secret& added, KdfCost cost) {
  if (opened.config.suite == Suite::kNone) {
    return RefusedError(
        "the repository is not encrypted, so it has no passphrase; make an encrypted one with "
        "aerie repo init and copy the snapshots there");
  }
  LockTable locks = LocksOf(context, store, opened);
  AERIE_ASSIGN(const auto lease, locks.Acquire(context, LockMode::kShared, "add a key"));
  AERIE_ASSIGN(const std::int64_t retained, ConfigRetention(context, store));
  AERIE_ASSIGN(const ObjectId id,
               StoreKey(lease->Limit(context), store, opened.unlocked.master, added, cost));
  if (retained > 0) {
    AERIE_TRY(Annotate(RetainObject(context, store, KeyFileKey(id), retained),
                       "the new passphrase opens it, but its key is not retained as immutable "
                       "snapshots need it"));
  }
  return id;
}

Result<ObjectId> Find(const std::vector<KeyEntry>& entries, const std::string& prefix) {
  if (prefix.size() < kLeastPrefix) {
    return InvalidError("\"" + prefix + "\" is too short; give 4 or more digits of the key's id");
  }
  std::vector<const KeyEntry*> found;
  for (const KeyEntry& entry : entries) {
    if (entry.id.starts_with(prefix)) found.push_back(&entry);
  }
  if (found.empty()) {
    return NotFoundError("no key begins with " + prefix + "; aerie repo key list shows them");
  }
  if (found.size() > 1) {
    return InvalidError(std::to_string(found.size()) + " keys begin with " + prefix +
                        "; give more digits");
  }
  return *ObjectId::Parse(found.front()->id);
}

// Under the exclusive lock: whoever else removes keys then sees this removal.
Status Remove(const Context& context, objects::ObjectStore& store, const OpenedKeys& opened,
              const ObjectId& id) {
  LockTable locks = LocksOf(context, store, opened);
  AERIE_ASSIGN(const auto lease, locks.Acquire(context, LockMode::kExclusive, "remove a key"));
  // The key that stays must still be there.
  AERIE_TRY(Annotate(store.Stat(context, KeyFileKey(opened.unlocked.key_id)).status(),
                     "the key in use is gone"));
  WarnOfKept(context, store, {KeyFileKey(id)});
  AERIE_TRY(lease->Check("remove a key"));
  return RemoveAndLook(lease->Limit(context), store, KeyFileKey(id));
}

// Every key that `passphrase` opens, but `except`. Usually one; two, when a change to it was cut
// off and done again.
Result<std::vector<ObjectId>> OpenedBy(const Context& context, objects::ObjectStore& store,
                                       const Secret& passphrase, const ObjectId& except) {
  AERIE_ASSIGN(const auto entries, Entries(context, store, except));
  std::vector<ObjectId> opened;
  for (const KeyEntry& entry : entries) {
    if (entry.in_use || !entry.damage.empty()) continue;
    const ObjectId id = *ObjectId::Parse(entry.id);
    const objects::ObjectKey key = KeyFileKey(id);
    AERIE_ASSIGN(const Bytes bytes, store.Get(context, key));
    AERIE_ASSIGN(const KeyFile file, DecodeKeyFile(bytes, key.text));
    const Status unwrapped = UnwrapMasterKey(file, id, passphrase).status();
    if (unwrapped.ok()) opened.push_back(id);
    if (!unwrapped.ok() && KindOf(unwrapped) != Kind::kWrongKey) return unwrapped;
  }
  return opened;
}

std::string At(const objects::ObjectStore& store, const char* what) {
  return std::string(what) + " of repository " + store.Describe();
}

}  // namespace

Result<std::vector<KeyEntry>> ListKeys(const Context& context, objects::ObjectStore& store,
                                       const Secret& passphrase) {
  const auto opened = OpenKeys(context, store, passphrase);
  if (!opened.ok()) return Annotate(opened.status(), At(store, "list keys"));
  return Entries(context, store, opened->unlocked.key_id);
}

Result<std::string> AddKey(const Context& context, objects::ObjectStore& store,
                           const Secret& passphrase, const Secret& added, KdfCost cost) {
  const auto opened = OpenKeys(context, store, passphrase);
  if (!opened.ok()) return Annotate(opened.status(), At(store, "add key"));
  const auto id = Add(context, store, *opened, added, cost);
  if (!id.ok()) return Annotate(id.status(), At(store, "add key"));
  return id->ToHex();
}

Status RemoveKey(const Context& context, objects::ObjectStore& store, const Secret& passphrase,
                 const std::string& id) {
  const auto removed = [&]() -> Status {
    AERIE_ASSIGN(const OpenedKeys opened, OpenKeys(context, store, passphrase));
    AERIE_ASSIGN(const auto entries, Entries(context, store, opened.unlocked.key_id));
    AERIE_ASSIGN(const ObjectId which, Find(entries, id));
    if (which == opened.unlocked.key_id) {
      return RefusedError("key " + which.ToHex().substr(0, 8) +
                          " is the one that the given passphrase opens; use another passphrase, or "
                          "change this one with aerie repo key passwd");
    }
    return Remove(context, store, opened, which);
  };
  return Annotate(removed(), At(store, "remove key"));
}

Result<std::string> ChangePassphrase(const Context& context, objects::ObjectStore& store,
                                     const Secret& passphrase, const Secret& changed,
                                     KdfCost cost) {
  const auto change = [&]() -> Result<std::string> {
    AERIE_ASSIGN(OpenedKeys opened, OpenKeys(context, store, passphrase));
    AERIE_ASSIGN(opened.unlocked.key_id, Add(context, store, opened, changed, cost));
    AERIE_ASSIGN(const auto old, OpenedBy(context, store, passphrase, opened.unlocked.key_id));
    for (const ObjectId& key : old) {
      AERIE_TRY(Annotate(Remove(context, store, opened, key),
                         "both passphrases open it now, the old key could not be removed"));
    }
    return opened.unlocked.key_id.ToHex();
  };
  auto id = change();
  if (!id.ok()) return Annotate(id.status(), At(store, "change passphrase"));
  return id;
}

}  // namespace aerie::repo
