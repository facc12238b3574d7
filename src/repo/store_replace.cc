#include "repo/store_replace.h"

#include <algorithm>
#include <chrono>
#include <string>

namespace aerie::repo {
namespace {

constexpr std::chrono::seconds kSettleLimit{60};

}  // namespace

Status ReplaceObject(const Context& context, objects::ObjectStore& store,
                     const objects::ObjectKey& key, ByteSpan bytes) {
  const Status put = store.Put(context, key, bytes);
  // Not given up when the context is cancelled: what came of it must be known.
  const Context settling = Context(context.clock()).WithTimeout(kSettleLimit);
  const auto stored = store.Get(settling, key);
  if (!stored.ok()) {
    return UnknownOutcomeError("write " + key.text + ": whether it was stored could not be found " +
                               "out (" + std::string(stored.status().message()) +
                               "); run the command again");
  }
  if (std::ranges::equal(*stored, bytes)) return Ok();
  if (!put.ok()) return put;
  return FailedError("write " + key.text +
                     ": the store said that it has it, and has another; run the command again");
}

}  // namespace aerie::repo
