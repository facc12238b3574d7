// An object store in this process's memory, for tests and dry runs.
//
// Objects live as long as the store. A retained one can be neither removed nor replaced until the
// context's clock has come to its time. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "objects/object_store.h"

namespace aerie::objects {

class MemoryStore : public ObjectStore {
 public:
  explicit MemoryStore(std::string name = "") : name_(std::move(name)) {}

  // The process-wide store of that name, made at the first call and kept to the end: what one part
  // of a test writes to memory:NAME, another reads.
  static std::shared_ptr<MemoryStore> Named(const std::string& name);

  std::string Describe() const override { return "memory:" + name_; }
  Capabilities capabilities() const override {
    return {.server_side_copy = true, .put_if_absent_atomic = true};
  }
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

 private:
  struct Object {
    std::shared_ptr<const Bytes> bytes;
    std::int64_t modified_ms = 0;
    std::int64_t retained_until_ms = 0;
  };
  Status CheckFree(const Context& context, const char* operation, const ObjectKey& key) const;
  Status NotThere(const char* operation, const ObjectKey& key) const;

  const std::string name_;
  std::mutex mutex_;
  std::map<ObjectKey, Object> objects_;
};

}  // namespace aerie::objects
