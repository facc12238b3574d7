// The one layer that repeats store calls. Everything above it sees only final answers.
//
// Reads, listings and removals are repeated when the error is retryable; a listing goes on after
// the last key that was visited. A put is idempotent, so it is also repeated after an unknown
// outcome. A put-if-absent after an unknown outcome is settled by reading: the same bytes mean that
// it was ours, others that somebody was there first. What stays in doubt at the end is
// kUnknownOutcome.
//
// Shares the inner store; thread-safe.
#pragma once

#include <memory>

#include "base/retry.h"
#include "objects/object_store.h"

namespace aerie::objects {

class RetryingStore : public ObjectStore {
 public:
  // `budget` may be null; several stores of one job may share it.
  explicit RetryingStore(std::shared_ptr<ObjectStore> inner, RetryPolicy policy = {},
                         std::shared_ptr<RetryBudget> budget = nullptr)
      : inner_(std::move(inner)), policy_(policy), budget_(std::move(budget)) {}

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
  std::string Name(const char* verb, const std::string& text) const;
  Status Repeat(const Context& context, const std::string& operation,
                const std::function<Status()>& fn) const;
  Status RepeatIdempotent(const Context& context, const std::string& operation,
                          const std::function<Status()>& fn) const;

  const std::shared_ptr<ObjectStore> inner_;
  const RetryPolicy policy_;
  const std::shared_ptr<RetryBudget> budget_;
};

}  // namespace aerie::objects
