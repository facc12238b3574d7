// Keeps what is asked of a store within limits: bytes a second up and down, requests a second,
// requests at a time.
//
// Stands below RetryingStore, so that a repeated call counts again. A call waits before it begins,
// until what was sent or fetched before it is paid for (base/token_bucket.h). Calls of up to 64
// KiB, and those of whole objects whose size is not known beforehand, do not wait behind large
// ones: they have a bucket of the same rate for themselves and what they take is charged to the
// large ones, so that locks are renewed in time, and yet all together stay within the rate.
// Requests at a time are let in in the order in which they came; a listing gives up its place while
// its visitor is called. A listing counts as one request for each thousand entries, everything else
// as one.
//
// Shares the inner store; thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/token_bucket.h"
#include "objects/object_store.h"

namespace aerie::objects {

// 0: no limit.
struct StoreLimits {
  double upload = 0;    // bytes a second
  double download = 0;  // bytes a second
  double requests = 0;  // a second
  int connections = 0;  // requests at a time
  bool any() const { return upload > 0 || download > 0 || requests > 0 || connections > 0; }
};

class LimitedStore : public ObjectStore {
 public:
  LimitedStore(std::shared_ptr<ObjectStore> inner, const StoreLimits& limits);
  ~LimitedStore() override;

  std::string Describe() const override { return inner_->Describe(); }
  Capabilities capabilities() const override { return inner_->capabilities(); }
  Status Put(const Context& context, const ObjectKey& key, ByteSpan bytes) override;
  Status PutIfAbsent(const Context& context, const ObjectKey& key, ByteSpan bytes) override;
  Result<Bytes> Get(const Context& context, const ObjectKey& key, std::uint64_t offset,
                    std::uint64_t length) override;
  Result<ObjectInfo> Stat(const Context& context, const ObjectKey& key) override;
  Status List(const Context& context, const std::string& prefix,
              const std::function<Status(const ObjectInfo&)>& visit) override;
  std::vector<RemoveResult> Remove(const Context& context,
                                   const std::vector<ObjectKey>& keys) override;
  Status CheckRetention(const Context& context) override;
  Status Retain(const Context& context, const ObjectKey& key, std::int64_t until_ms) override;
  Result<std::int64_t> RetainedUntil(const Context& context, const ObjectKey& key) override;
  Status Copy(const Context& context, const ObjectKey& from, const ObjectKey& to) override;
  Result<std::optional<std::uint64_t>> FreeBytes(const Context& context) override;

 private:
  class Places;
  class Place;
  // Bytes in one direction.
  struct Flow {
    explicit Flow(double rate) : small(rate), all(rate) {}
    TokenBucket small;
    TokenBucket all;
  };

  Status Ask(const Context& context, const std::string& operation);
  Status Pass(const Context& context, Flow* flow, std::uint64_t bytes,
              const std::string& operation) const;
  Status Write(const Context& context, const ObjectKey& key, ByteSpan bytes, const char* verb,
               Status (ObjectStore::*call)(const Context&, const ObjectKey&, ByteSpan));
  std::string Name(const char* verb, const std::string& text) const;

  const std::shared_ptr<ObjectStore> inner_;
  const std::unique_ptr<Flow> up_;
  const std::unique_ptr<Flow> down_;
  const std::unique_ptr<TokenBucket> requests_;
  const std::unique_ptr<Places> places_;
};

}  // namespace aerie::objects
