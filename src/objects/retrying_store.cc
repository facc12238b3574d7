#include "objects/retrying_store.h"

#include <algorithm>
#include <optional>

namespace aerie::objects {
namespace {

Status AsTransient(const Status& status) {
  return MakeStatus(Kind::kTransient, std::string(status.message()));
}

Status AsUnknown(const Status& status) {
  return UnknownOutcomeError(std::string(status.message()) +
                             "; an earlier attempt may have been applied");
}

}  // namespace

std::string RetryingStore::Name(const char* verb, const std::string& text) const {
  return std::string(verb) + " " + inner_->Describe() + "/" + text;
}

Status RetryingStore::Repeat(const Context& context, const std::string& operation,
                             const std::function<Status()>& fn) const {
  return RetryCall(context, policy_, budget_.get(), operation, fn);
}

// For writes that may be done twice: repeats after an unknown outcome too, and remembers it, since
// the failure of a later attempt says nothing about the earlier one.
Status RetryingStore::RepeatIdempotent(const Context& context, const std::string& operation,
                                       const std::function<Status()>& fn) const {
  bool unknown = false;
  const Status status = Repeat(context, operation, [&] {
    Status attempt = fn();
    if (KindOf(attempt) != Kind::kUnknownOutcome) return attempt;
    unknown = true;
    return AsTransient(attempt);
  });
  return status.ok() || !unknown ? status : AsUnknown(status);
}

Status RetryingStore::Put(const Context& context, const ObjectKey& key, ByteSpan bytes) {
  return RepeatIdempotent(context, Name("write", key.text),
                          [&] { return inner_->Put(context, key, bytes); });
}

Status RetryingStore::PutIfAbsent(const Context& context, const ObjectKey& key, ByteSpan bytes) {
  bool unknown = false;
  // What stands under the key, once an attempt of ours may have written it: ok when it is ours,
  // kExists when it is not, kNotFound when nothing is there, else why it could not be read.
  const auto settle = [&]() -> Status {
    AERIE_ASSIGN(const Bytes found, inner_->Get(context, key, 0, kToEnd));
    if (std::equal(found.begin(), found.end(), bytes.begin(), bytes.end())) {
      unknown = false;
      return Ok();
    }
    unknown = false;
    return MakeStatus(Kind::kExists,
                      Name("create", key.text) + ": the object exists already, with other bytes");
  };
  const Status status = Repeat(context, Name("create", key.text), [&]() -> Status {
    if (unknown) {
      Status settled = settle();
      if (KindOf(settled) != Kind::kNotFound) return settled;
    }
    Status attempt = inner_->PutIfAbsent(context, key, bytes);
    // The earlier attempt may have landed between the two calls above.
    if (unknown && KindOf(attempt) == Kind::kExists) return settle();
    if (KindOf(attempt) != Kind::kUnknownOutcome) {
      if (attempt.ok()) unknown = false;
      return attempt;
    }
    unknown = true;
    return AsTransient(attempt);
  });
  return status.ok() || !unknown ? status : AsUnknown(status);
}

Result<Bytes> RetryingStore::Get(const Context& context, const ObjectKey& key, std::uint64_t offset,
                                 std::uint64_t length) {
  return RetryResult<Bytes>(context, policy_, budget_.get(), Name("read", key.text),
                            [&] { return inner_->Get(context, key, offset, length); });
}

Result<ObjectInfo> RetryingStore::Stat(const Context& context, const ObjectKey& key) {
  return RetryResult<ObjectInfo>(context, policy_, budget_.get(), Name("look up", key.text),
                                 [&] { return inner_->Stat(context, key); });
}

Status RetryingStore::List(const Context& context, const std::string& prefix,
                           const std::function<Status(const ObjectInfo&)>& visit) {
  std::optional<ObjectKey> last;
  Status refused;  // the visitor's error, which is not ours to repeat
  const Status status = Repeat(context, Name("list", prefix), [&] {
    const Status attempt = inner_->List(context, prefix, [&](const ObjectInfo& info) -> Status {
      if (last && info.key <= *last) return Ok();
      last = info.key;
      refused = visit(info);
      return refused;
    });
    return refused.ok() ? attempt : Ok();
  });
  return refused.ok() ? status : refused;
}

std::vector<RemoveResult> RetryingStore::Remove(const Context& context,
                                                const std::vector<ObjectKey>& keys) {
  std::vector<RemoveResult> results;
  results.reserve(keys.size());
  for (const ObjectKey& key : keys) {
    results.push_back({key, MakeStatus(Kind::kTransient, Name("remove", key.text))});
  }
  const auto again = [](const Status& s) {
    return IsRetryable(s) || KindOf(s) == Kind::kUnknownOutcome;
  };
  const Status status = Repeat(context, Name("remove from", ""), [&]() -> Status {
    std::vector<ObjectKey> left;
    std::vector<std::size_t> at;
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (!again(results[i].status)) continue;
      left.push_back(results[i].key);
      at.push_back(i);
    }
    auto attempt = inner_->Remove(context, left);
    Status first;
    for (std::size_t i = 0; i < at.size(); ++i) {
      Status one =
          i < attempt.size()
              ? attempt[i].status
              : InternalError(Name("remove", left[i].text) + ": the store gave no result for it");
      if (first.ok() && again(one)) first = AsTransient(one);
      results[at[i]].status = std::move(one);
    }
    return first;
  });
  // Cancelled or out of time before the first attempt: say so, not that it was transient.
  if (!status.ok() && !IsRetryable(status)) {
    for (RemoveResult& result : results) {
      if (IsRetryable(result.status)) result.status = status;
    }
  }
  return results;
}

Status RetryingStore::CheckRetention(const Context& context) {
  return Repeat(context, Name("look up the retention of", ""),
                [&] { return inner_->CheckRetention(context); });
}

Status RetryingStore::Retain(const Context& context, const ObjectKey& key, std::int64_t until_ms) {
  return RepeatIdempotent(context, Name("retain", key.text),
                          [&] { return inner_->Retain(context, key, until_ms); });
}

Result<std::int64_t> RetryingStore::RetainedUntil(const Context& context, const ObjectKey& key) {
  return RetryResult<std::int64_t>(context, policy_, budget_.get(),
                                   Name("look up the retention of", key.text),
                                   [&] { return inner_->RetainedUntil(context, key); });
}

Status RetryingStore::Copy(const Context& context, const ObjectKey& from, const ObjectKey& to) {
  return RepeatIdempotent(context, Name("copy", from.text),
                          [&] { return inner_->Copy(context, from, to); });
}

Result<std::optional<std::uint64_t>> RetryingStore::FreeBytes(const Context& context) {
  return RetryResult<std::optional<std::uint64_t>>(context, policy_, budget_.get(),
                                                   Name("look for space in", ""),
                                                   [&] { return inner_->FreeBytes(context); });
}

}  // namespace aerie::objects
