#include "repo/store_remove.h"

#include <string>

namespace aerie::repo {
namespace {

Status Look(const Context& context, objects::ObjectStore& store, const objects::ObjectKey& key,
            const Status& removed) {
  const Status there = store.Stat(context, key).status();
  if (KindOf(there) == Kind::kNotFound) return Ok();
  if (!there.ok()) {
    return UnknownOutcomeError("remove " + key.text + ": whether it is gone could not be found " +
                               "out (" + std::string(there.message()) + "); run the command again");
  }
  if (!removed.ok()) return removed;
  return FailedError("remove " + key.text +
                     ": the store said that it did, and the object is still there; check the "
                     "store's retention rules, then run the command again");
}

}  // namespace

std::vector<objects::RemoveResult> RemoveAndLook(const Context& context,
                                                 objects::ObjectStore& store,
                                                 const std::vector<objects::ObjectKey>& keys) {
  std::vector<objects::RemoveResult> results = store.Remove(context, keys);
  for (objects::RemoveResult& result : results) {
    result.status = Look(context, store, result.key, result.status);
  }
  return results;
}

Status RemoveAndLook(const Context& context, objects::ObjectStore& store,
                     const objects::ObjectKey& key) {
  return RemoveAndLook(context, store, std::vector{key}).front().status;
}

}  // namespace aerie::repo
