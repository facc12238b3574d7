#include "objects/memory_store.h"

#include <algorithm>

namespace aerie::objects {

std::shared_ptr<MemoryStore> MemoryStore::Named(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<MemoryStore>> stores;
  std::lock_guard lock(mutex);
  auto& store = stores[name];
  if (store == nullptr) store = std::make_shared<MemoryStore>(name);
  return store;
}

Status MemoryStore::NotThere(const char* operation, const ObjectKey& key) const {
  return NotFoundError(std::string(operation) + " " + Describe() + "/" + key.text +
                       ": no such object");
}

// kDenied while the object is retained. Under the mutex.
Status MemoryStore::CheckFree(const Context& context, const char* operation,
                              const ObjectKey& key) const {
  const auto it = objects_.find(key);
  if (it == objects_.end()) return Ok();
  const std::int64_t until = it->second.retained_until_ms;
  if (until <= ToUnixMillis(context.clock().Now())) return Ok();
  return MakeStatus(Kind::kDenied, std::string(operation) + " " + Describe() + "/" + key.text +
                                       ": it is retained until " +
                                       FormatUtc(FromUnixMillis(until)));
}

Status MemoryStore::Put(const Context& context, const ObjectKey& key, ByteSpan bytes) {
  AERIE_TRY(CheckKey(key));
  AERIE_TRY(context.Check("write " + Describe() + "/" + key.text));
  auto copy = std::make_shared<const Bytes>(bytes.begin(), bytes.end());
  std::lock_guard lock(mutex_);
  AERIE_TRY(CheckFree(context, "write", key));
  objects_[key] = {std::move(copy), ToUnixMillis(context.clock().Now())};
  return Ok();
}

Status MemoryStore::PutIfAbsent(const Context& context, const ObjectKey& key, ByteSpan bytes) {
  AERIE_TRY(CheckKey(key));
  AERIE_TRY(context.Check("write " + Describe() + "/" + key.text));
  auto copy = std::make_shared<const Bytes>(bytes.begin(), bytes.end());
  std::lock_guard lock(mutex_);
  if (objects_.contains(key)) {
    return MakeStatus(Kind::kExists,
                      "create " + Describe() + "/" + key.text + ": the object exists already");
  }
  objects_[key] = {std::move(copy), ToUnixMillis(context.clock().Now())};
  return Ok();
}

Result<Bytes> MemoryStore::Get(const Context& context, const ObjectKey& key, std::uint64_t offset,
                               std::uint64_t length) {
  AERIE_TRY(CheckKey(key));
  AERIE_TRY(context.Check("read " + Describe() + "/" + key.text));
  std::shared_ptr<const Bytes> bytes;
  {
    std::lock_guard lock(mutex_);
    const auto it = objects_.find(key);
    if (it == objects_.end()) return NotThere("read", key);
    bytes = it->second.bytes;
  }
  AERIE_TRY(ResolveRange(Describe(), key, bytes->size(), offset, length));
  const ByteSpan part = ByteSpan(*bytes).subspan(offset, length);
  return Bytes(part.begin(), part.end());
}

Result<ObjectInfo> MemoryStore::Stat(const Context& context, const ObjectKey& key) {
  AERIE_TRY(CheckKey(key));
  AERIE_TRY(context.Check("look up " + Describe() + "/" + key.text));
  std::lock_guard lock(mutex_);
  const auto it = objects_.find(key);
  if (it == objects_.end()) return NotThere("look up", key);
  return ObjectInfo{key, it->second.bytes->size(), it->second.modified_ms};
}

Status MemoryStore::List(const Context& context, const std::string& prefix,
                         const std::function<Status(const ObjectInfo&)>& visit) {
  AERIE_TRY(CheckPrefix(prefix));
  const std::string operation = "list " + Describe() + "/" + prefix;
  AERIE_TRY(context.Check(operation));
  // A copy, since `visit` may call the store.
  std::vector<ObjectInfo> found;
  {
    std::lock_guard lock(mutex_);
    for (auto it = objects_.lower_bound(ObjectKey{prefix});
         it != objects_.end() && it->first.text.starts_with(prefix); ++it) {
      found.push_back({it->first, it->second.bytes->size(), it->second.modified_ms});
    }
  }
  for (const auto& info : found) {
    AERIE_TRY(context.Check(operation));
    AERIE_TRY(visit(info));
  }
  return Ok();
}

std::vector<RemoveResult> MemoryStore::Remove(const Context& context,
                                              const std::vector<ObjectKey>& keys) {
  std::vector<RemoveResult> results;
  for (const auto& key : keys) {
    Status status = CheckKey(key);
    if (status.ok()) status = context.Check("remove " + Describe() + "/" + key.text);
    if (status.ok()) {
      std::lock_guard lock(mutex_);
      status = CheckFree(context, "remove", key);
      if (status.ok()) objects_.erase(key);
    }
    results.push_back({key, std::move(status)});
  }
  return results;
}

Status MemoryStore::CheckRetention(const Context& context) {
  return context.Check("look up whether " + Describe() + " retains objects");
}

Status MemoryStore::Retain(const Context& context, const ObjectKey& key, std::int64_t until_ms) {
  AERIE_TRY(CheckKey(key));
  const std::string operation = "retain " + Describe() + "/" + key.text;
  AERIE_TRY(context.Check(operation));
  if (until_ms <= ToUnixMillis(context.clock().Now())) {
    return InvalidError(operation + ": " + FormatUtc(FromUnixMillis(until_ms)) + " is over");
  }
  std::lock_guard lock(mutex_);
  const auto it = objects_.find(key);
  if (it == objects_.end()) return NotThere("retain", key);
  it->second.retained_until_ms = std::max(it->second.retained_until_ms, until_ms);
  return Ok();
}

Result<std::int64_t> MemoryStore::RetainedUntil(const Context& context, const ObjectKey& key) {
  AERIE_TRY(CheckKey(key));
  AERIE_TRY(context.Check("look up the retention of " + Describe() + "/" + key.text));
  std::lock_guard lock(mutex_);
  const auto it = objects_.find(key);
  if (it == objects_.end()) return NotThere("look up the retention of", key);
  return it->second.retained_until_ms;
}

Status MemoryStore::Copy(const Context& context, const ObjectKey& from, const ObjectKey& to) {
  AERIE_TRY(CheckKey(from));
  AERIE_TRY(CheckKey(to));
  AERIE_TRY(context.Check("copy " + Describe() + "/" + from.text));
  std::lock_guard lock(mutex_);
  const auto it = objects_.find(from);
  if (it == objects_.end()) return NotThere("copy", from);
  AERIE_TRY(CheckFree(context, "copy to", to));
  // Copied first: the insertion below may be of the same key.
  const Object object{it->second.bytes, ToUnixMillis(context.clock().Now())};
  objects_[to] = object;
  return Ok();
}

}  // namespace aerie::objects
