#include "objects/limited_store.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace aerie::objects {
namespace {

constexpr std::uint64_t kSmall = std::uint64_t{64} << 10;
// What an S3 answers to one request of a listing.
constexpr std::uint64_t kListPage = 1000;

}  // namespace

// Places for calls under way; who waits longest is next.
class LimitedStore::Places {
 public:
  explicit Places(int count) : free_(count) {}

  Status Enter(const Context& context, const std::string& operation) {
    std::unique_lock lock(mutex_);
    const std::uint64_t ticket = next_ticket_++;
    waiting_.push_back(ticket);
    const Status entered = context.Wait(changed_, lock, operation,
                                        [&] { return free_ > 0 && waiting_.front() == ticket; });
    std::erase(waiting_, ticket);
    if (entered.ok()) --free_;
    lock.unlock();
    changed_.notify_all();
    return entered;
  }

  void Leave() {
    {
      std::lock_guard lock(mutex_);
      ++free_;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  int free_;
  std::uint64_t next_ticket_ = 0;
  std::deque<std::uint64_t> waiting_;
};

// One call's place, given back at the end of its scope.
class LimitedStore::Place {
 public:
  explicit Place(Places* places) : places_(places) {}
  ~Place() { Leave(); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  Status Enter(const Context& context, const std::string& operation) {
    if (places_ == nullptr) return Ok();
    AERIE_TRY(places_->Enter(context, operation));
    held_ = true;
    return Ok();
  }
  void Leave() {
    if (std::exchange(held_, false)) places_->Leave();
  }

 private:
  Places* const places_;
  bool held_ = false;
};

LimitedStore::LimitedStore(std::shared_ptr<ObjectStore> inner, const StoreLimits& limits)
    : inner_(std::move(inner)),
      up_(limits.upload > 0 ? std::make_unique<Flow>(limits.upload) : nullptr),
      down_(limits.download > 0 ? std::make_unique<Flow>(limits.download) : nullptr),
      requests_(limits.requests > 0 ? std::make_unique<TokenBucket>(limits.requests) : nullptr),
      places_(limits.connections > 0 ? std::make_unique<Places>(limits.connections) : nullptr) {}

LimitedStore::~LimitedStore() = default;

std::string LimitedStore::Name(const char* verb, const std::string& text) const {
  return std::string(verb) + " " + inner_->Describe() + "/" + text;
}

Status LimitedStore::Ask(const Context& context, const std::string& operation) {
  return requests_ ? requests_->Take(context, 1, operation) : Ok();
}

Status LimitedStore::Pass(const Context& context, Flow* flow, std::uint64_t bytes,
                          const std::string& operation) const {
  if (flow == nullptr) return Ok();
  const auto amount = static_cast<double>(bytes);
  if (bytes > kSmall) return flow->all.Take(context, amount, operation);
  AERIE_TRY(flow->small.Take(context, amount, operation));
  flow->all.Charge(context, amount);
  return Ok();
}

Status LimitedStore::Write(const Context& context, const ObjectKey& key, ByteSpan bytes,
                           const char* verb,
                           Status (ObjectStore::*call)(const Context&, const ObjectKey&,
                                                       ByteSpan)) {
  const std::string operation = Name(verb, key.text);
  AERIE_TRY(Ask(context, operation));
  AERIE_TRY(Pass(context, up_.get(), bytes.size(), operation));
  Place place(places_.get());
  AERIE_TRY(place.Enter(context, operation));
  return ((*inner_).*call)(context, key, bytes);
}

Status LimitedStore::Put(const Context& context, const ObjectKey& key, ByteSpan bytes) {
  return Write(context, key, bytes, "write", &ObjectStore::Put);
}

Status LimitedStore::PutIfAbsent(const Context& context, const ObjectKey& key, ByteSpan bytes) {
  return Write(context, key, bytes, "create", &ObjectStore::PutIfAbsent);
}

Result<Bytes> LimitedStore::Get(const Context& context, const ObjectKey& key, std::uint64_t offset,
                                std::uint64_t length) {
  const std::string operation = Name("read", key.text);
  const bool unknown = length == kToEnd;
  AERIE_TRY(Ask(context, operation));
  AERIE_TRY(Pass(context, down_.get(), unknown ? 0 : length, operation));
  Place place(places_.get());
  AERIE_TRY(place.Enter(context, operation));
  Result<Bytes> bytes = inner_->Get(context, key, offset, length);
  if (unknown && down_ != nullptr && bytes.ok()) {
    const auto amount = static_cast<double>(bytes->size());
    down_->small.Charge(context, amount);
    down_->all.Charge(context, amount);
  }
  return bytes;
}

Result<ObjectInfo> LimitedStore::Stat(const Context& context, const ObjectKey& key) {
  const std::string operation = Name("look up", key.text);
  AERIE_TRY(Ask(context, operation));
  Place place(places_.get());
  AERIE_TRY(place.Enter(context, operation));
  return inner_->Stat(context, key);
}

Status LimitedStore::List(const Context& context, const std::string& prefix,
                          const std::function<Status(const ObjectInfo&)>& visit) {
  const std::string operation = Name("list", prefix);
  AERIE_TRY(Ask(context, operation));
  Place place(places_.get());
  AERIE_TRY(place.Enter(context, operation));
  std::uint64_t visited = 0;
  return inner_->List(context, prefix, [&](const ObjectInfo& info) -> Status {
    place.Leave();  // the visitor may call the store
    AERIE_TRY(visit(info));
    if (++visited % kListPage == 0) AERIE_TRY(Ask(context, operation));
    return place.Enter(context, operation);
  });
}

std::vector<RemoveResult> LimitedStore::Remove(const Context& context,
                                               const std::vector<ObjectKey>& keys) {
  const std::string operation = Name("remove", keys.empty() ? "" : keys.front().text);
  Status ready = Ask(context, operation);
  Place place(places_.get());
  if (ready.ok()) ready = place.Enter(context, operation);
  if (ready.ok()) return inner_->Remove(context, keys);
  std::vector<RemoveResult> results;
  results.reserve(keys.size());
  for (const ObjectKey& key : keys) results.push_back({key, ready});
  return results;
}

Status LimitedStore::CheckRetention(const Context& context) {
  const std::string operation = Name("look up the retention of", "");
  AERIE_TRY(Ask(context, operation));
  Place place(places_.get());
  AERIE_TRY(place.Enter(context, operation));
  return inner_->CheckRetention(context);
}

Status LimitedStore::Retain(const Context& context, const ObjectKey& key, std::int64_t until_ms) {
  const std::string operation = Name("retain", key.text);
  AERIE_TRY(Ask(context, operation));
  Place place(places_.get());
  AERIE_TRY(place.Enter(context, operation));
  return inner_->Retain(context, key, until_ms);
}

Result<std::int64_t> LimitedStore::RetainedUntil(const Context& context, const ObjectKey& key) {
  const std::string operation = Name("look up the retention of", key.text);
  AERIE_TRY(Ask(context, operation));
  Place place(places_.get());
  AERIE_TRY(place.Enter(context, operation));
  return inner_->RetainedUntil(context, key);
}

Status LimitedStore::Copy(const Context& context, const ObjectKey& from, const ObjectKey& to) {
  const std::string operation = Name("copy", from.text);
  AERIE_TRY(Ask(context, operation));
  Place place(places_.get());
  AERIE_TRY(place.Enter(context, operation));
  return inner_->Copy(context, from, to);
}

Result<std::optional<std::uint64_t>> LimitedStore::FreeBytes(const Context& context) {
  const std::string operation = Name("look for space in", "");
  AERIE_TRY(Ask(context, operation));
  Place place(places_.get());
  AERIE_TRY(place.Enter(context, operation));
  return inner_->FreeBytes(context);
}

}  // namespace aerie::objects
