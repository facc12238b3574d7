#include "repo/store_new.h"

#include <algorithm>
#include <chrono>
#include <string>

namespace aerie::repo {
namespace {

constexpr std::chrono::seconds kSettleLimit{60};

Status InDoubt(const objects::ObjectKey& key, const Status& why) {
  return UnknownOutcomeError(
      "write " + key.text + ": whether it was stored could not be found out (" +
      std::string(why.message()) +
      "); when the store answers again, aerie backup list shows what is there");
}

Status Settle(const Context& context, objects::ObjectStore& store, const objects::ObjectKey& key,
              ByteSpan bytes, const Status& put) {
  const auto info = store.Stat(context, key);
  if (KindOf(info.status()) == Kind::kNotFound) {
    return FailedError("write " + key.text + ": it is not in the store (" +
                       std::string(put.message()) + "); run the command again");
  }
  if (!info.ok()) return InDoubt(key, info.status());
  if (info->size == bytes.size()) {
    const auto stored = store.Get(context, key);
    if (!stored.ok()) return InDoubt(key, stored.status());
    if (std::ranges::equal(*stored, bytes)) return Ok();
  }
  return MakeStatus(Kind::kExists, "write " + key.text +
                                       ": another object of that name is in the store; run the "
                                       "command again");
}

}  // namespace

Status StoreNew(const Context& context, objects::ObjectStore& store, const objects::ObjectKey& key,
                ByteSpan bytes) {
  const Status put = store.PutIfAbsent(context, key, bytes);
  const Kind kind = KindOf(put);
  if (kind != Kind::kUnknownOutcome && kind != Kind::kExists) return put;
  const Context settling = Context(context.clock()).WithTimeout(kSettleLimit);
  return Settle(settling, store, key, bytes, put);
}

}  // namespace aerie::repo
