// SEAM. A dumb object store: flat keys, whole objects, few verbs.
//
// Drivers: filesystem, memory, S3, SFTP. Retry, limits, cache and fault injection are decorators of
// this same interface. One conformance suite (object_store_conformance.h) runs on every driver and
// is the definition of what a driver must do. All methods are thread-safe and block; they honour
// the context's cancel and deadline where the medium allows.
//
// A key is 1 to 512 bytes of [A-Za-z0-9._/-], segments between slashes 1 to 255 bytes long, never
// "." or ".."; anything else is kInvalid. No key may be a folder of another ("a" and "a/b"): what a
// driver does then is its own affair. Objects are at most 4 GiB.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/context.h"
#include "base/status.h"

namespace aerie::objects {

struct ObjectKey {
  std::string text;
  auto operator<=>(const ObjectKey&) const = default;
};

struct ObjectInfo {
  ObjectKey key;
  std::uint64_t size = 0;
  std::int64_t modified_ms = 0;  // the store's clock, Unix milliseconds
};

struct RemoveResult {
  ObjectKey key;
  Status status;  // ok also when it was not there
};

struct Capabilities {
  bool server_side_copy = false;
  bool put_if_absent_atomic = false;  // false: emulated by stat then put
};

// Upper bound for `length` of Get: to the end of the object.
inline constexpr std::uint64_t kToEnd = ~std::uint64_t{0};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // "file:///backups/milvus", "memory:" ...; what a message calls this store.
  virtual std::string Describe() const = 0;
  virtual Capabilities capabilities() const = 0;

  // Durable and visible whole, or not at all, when it returns ok. Replaces an older object.
  // kUnknownOutcome when the store may or may not have it; kNoSpace when it is full.
  virtual Status Put(const Context& context, const ObjectKey& key, ByteSpan bytes) = 0;

  // As Put, but kExists (and nothing changed) when the key is taken.
  virtual Status PutIfAbsent(const Context& context, const ObjectKey& key, ByteSpan bytes) = 0;

  // `length` bytes from `offset`, or up to the end with kToEnd. kNotFound when there is no such
  // object; kCorrupt when the object ends before offset + length (before offset with kToEnd).
  virtual Result<Bytes> Get(const Context& context, const ObjectKey& key, std::uint64_t offset = 0,
                            std::uint64_t length = kToEnd) = 0;

  // kNotFound when there is no such object.
  virtual Result<ObjectInfo> Stat(const Context& context, const ObjectKey& key) = 0;

  // Every object whose key begins with `prefix`, in ascending order of keys, each once. A listing
  // that fails part way is an error, never a short list. `prefix` may be empty and need not end at
  // a slash. An error of `visit` ends the listing and is returned as it is; `visit` may call the
  // store.
  virtual Status List(const Context& context, const std::string& prefix,
                      const std::function<Status(const ObjectInfo&)>& visit) = 0;

  // A result per key, in order. Removing what is not there is ok.
  virtual std::vector<RemoveResult> Remove(const Context& context,
                                           const std::vector<ObjectKey>& keys) = 0;

  // ---- Retention: a promise of the store to keep bytes, whoever asks it to let them go. ----

  // Ok when Retain works here. Else kUnsupported, or kRefused with the remedy when the store could
  // and is not set up for it.
  virtual Status CheckRetention(const Context& context) = 0;

  // From now on nobody can destroy these bytes before `until_ms` (store's clock, Unix milliseconds,
  // in the future): a removal is kDenied, or hides the object and keeps its bytes, by store; so is
  // a Put over it. Never shortens: ok also when it is kept longer already. May be done twice.
  // kNotFound, kUnsupported, kUnknownOutcome.
  virtual Status Retain(const Context& context, const ObjectKey& key, std::int64_t until_ms) = 0;

  // Until when the object is retained, Unix milliseconds, perhaps in the past; 0: it never was.
  // kNotFound when there is no such object.
  virtual Result<std::int64_t> RetainedUntil(const Context& context, const ObjectKey& key) = 0;

  // Bytes that may still be written, where the medium can say: a folder, SFTP. Nothing elsewhere.
  virtual Result<std::optional<std::uint64_t>> FreeBytes(const Context& /*context*/) {
    return std::optional<std::uint64_t>();
  }

  // Server-side copy within the store; kUnsupported unless capabilities().server_side_copy.
  virtual Status Copy(const Context& context, const ObjectKey& from, const ObjectKey& to) = 0;
};

// kInvalid unless `key` follows the rule above.
Status CheckKey(const ObjectKey& key);
// kInvalid unless `prefix` can begin a key, or is empty.
Status CheckPrefix(const std::string& prefix);

// For drivers: turns kToEnd into the true length; kCorrupt when the object of `size` bytes does not
// reach offset + length.
Status ResolveRange(const std::string& store, const ObjectKey& key, std::uint64_t size,
                    std::uint64_t offset, std::uint64_t& length);

}  // namespace aerie::objects
