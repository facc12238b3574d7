// An object store in a bucket of S3, or of anything that speaks its protocol. docs/s3.md says what
// a server must be able to do.
//
// Objects up to a threshold are one PUT, whose body the server checks against its SHA-256; larger
// ones are uploaded in parts, and appear whole when the last request of them succeeds. What is
// under way is aborted on failure; parts of a process that died stay invisible until the bucket's
// lifecycle rule for incomplete uploads removes them.
//
// PutIfAbsent is atomic by `If-None-Match: *` on AWS. At other endpoints the first one finds out
// whether the server honours it (an empty object beside the keys, "aerie~conditional", is asked to
// be made twice). Where it does not, this is said once in the log and capabilities(), and the store
// looks before it writes: two writers in the same moment then do not notice each other, so that
// nothing may depend on it but names nobody else chooses.
//
// Nothing is repeated here: RetryingStore does. Thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "objects/object_store.h"
#include "objects/s3_client.h"
#include "objects/s3_options.h"

namespace aerie::objects {

struct S3Limits {
  std::uint64_t single_put_bytes = std::uint64_t{64} << 20;  // above: in parts
  std::uint64_t part_bytes = std::uint64_t{16} << 20;        // S3 wants 5 MiB at least
  std::size_t remove_keys = 1000;                            // in one request; S3's own limit
};

class S3Store : public ObjectStore {
 public:
  // `location` is s3://bucket/prefix. Nothing is asked of the server yet.
  static Result<std::shared_ptr<S3Store>> Open(const std::string& location,
                                               const S3Options& options,
                                               const Environment& environment,
                                               const S3Limits& limits = {});

  std::string Describe() const override { return uri_.ToString(); }
  Capabilities capabilities() const override;
  Status Put(const Context& context, const ObjectKey& key, ByteSpan bytes) override;
  Status PutIfAbsent(const Context& context, const ObjectKey& key, ByteSpan bytes) override;
  Result<Bytes> Get(const Context& context, const ObjectKey& key, std::uint64_t offset,
                    std::uint64_t length) override;
  Result<ObjectInfo> Stat(const Context& context, const ObjectKey& key) override;
  // Objects whose names cannot be keys are passed over. kUnsupported when the server does not list
  // in the order of keys (directory buckets).
  Status List(const Context& context, const std::string& prefix,
              const std::function<Status(const ObjectInfo&)>& visit) override;
  std::vector<RemoveResult> Remove(const Context& context,
                                   const std::vector<ObjectKey>& keys) override;
  Status CheckRetention(const Context& context) override;
  Status Retain(const Context& context, const ObjectKey& key, std::int64_t until_ms) override;
  Result<std::int64_t> RetainedUntil(const Context& context, const ObjectKey& key) override;
  Status Copy(const Context& context, const ObjectKey& from, const ObjectKey& to) override;

 private:
  enum class Condition { kNone, kAbsent };
  enum class Conditional { kUnknown, kHonoured, kIgnored };

  S3Store(S3Uri uri, std::unique_ptr<S3Client> client, const S3Limits& limits);

  std::string PathOf(const std::string& key) const;
  std::string Operation(const char* verb, const std::string& key) const;
  Status Write(const Context& context, const ObjectKey& key, ByteSpan bytes, Condition condition);
  Result<Conditional> FindConditional(const Context& context);
  Result<bool> TryConditional(const Context& context);

  Result<Bytes> GetRange(const Context& context, const ObjectKey& key, std::uint64_t offset,
                         std::uint64_t length);
  Result<Bytes> GetNothing(const Context& context, const ObjectKey& key, std::uint64_t offset,
                           std::uint64_t length);
  struct Retention {
    std::string mode;  // empty: none
    std::int64_t until_ms = 0;
  };
  Result<HttpAnswer> Head(const Context& context, const ObjectKey& key);
  Result<Retention> ReadRetention(const Context& context, const ObjectKey& key);
  Status PutRetention(const Context& context, const ObjectKey& key, const Retention& retention);
  Status ExplainStat(const Context& context, const ObjectKey& key);

  Status ListPage(const Context& context, const std::string& prefix, S3Page& page);
  Status RemoveOne(const Context& context, const ObjectKey& key);
  void RemoveBatch(const Context& context, const std::vector<std::size_t>& at,
                   std::vector<RemoveResult>& results);
  Result<std::vector<S3Removed>> AskRemove(const Context& context,
                                           const std::vector<std::string>& paths,
                                           const std::string& operation);

  const S3Uri uri_;
  const std::unique_ptr<S3Client> client_;
  const S3Limits limits_;
  std::atomic<bool> bucket_seen_{false};
  std::atomic<Conditional> conditional_{Conditional::kUnknown};
  std::mutex finding_;  // of conditional_
};

}  // namespace aerie::objects
