// An object store in a folder of a file system: one file an object, the key is the path below it.
//
// A put writes a temporary beside its target, syncs it, renames it and syncs the folder, so that an
// object is there whole or not at all after any crash, a power cut included. The root folder is
// made at the first put. Nothing is followed through symbolic links below the root: reading through
// one is kRefused, and so is a listing that meets one, since it would otherwise be short.
//
// Temporaries carry a name that no key can have. A crashed put leaves one behind; SweepTemporaries
// removes those. Files get mode 0600 and folders 0700, since a repository may hold plain data.
//
// A store lives as long as its user likes and holds no open files. Thread-safe, also between
// processes.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "objects/object_store.h"

namespace aerie::objects {

struct SweptFiles {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

class FilesystemStore : public ObjectStore {
 public:
  // A relative `root` is taken from the working folder of this moment. Touches nothing yet.
  explicit FilesystemStore(const std::string& root);

  std::string Describe() const override { return "file://" + root_; }
  Capabilities capabilities() const override {
    return {.server_side_copy = false, .put_if_absent_atomic = true};
  }
  // kUnknownOutcome only when the folder could not be synced after the rename: the object is seen
  // now, but a power cut may take it away.
  Status Put(const Context& context, const ObjectKey& key, ByteSpan bytes) override;
  // kUnsupported where the file system has neither an exclusive rename nor hard links.
  Status PutIfAbsent(const Context& context, const ObjectKey& key, ByteSpan bytes) override;
  Result<Bytes> Get(const Context& context, const ObjectKey& key, std::uint64_t offset,
                    std::uint64_t length) override;
  Result<ObjectInfo> Stat(const Context& context, const ObjectKey& key) override;
  // Empty when the root was never there; an error when this store has seen it and it is gone (a
  // disk unmounted, for one). Files whose names cannot be keys are passed over.
  Status List(const Context& context, const std::string& prefix,
              const std::function<Status(const ObjectInfo&)>& visit) override;
  std::vector<RemoveResult> Remove(const Context& context,
                                   const std::vector<ObjectKey>& keys) override;
  // kUnsupported; nothing here is ever retained.
  Status CheckRetention(const Context& context) override;
  Status Retain(const Context& context, const ObjectKey& key, std::int64_t until_ms) override;
  Result<std::int64_t> RetainedUntil(const Context& context, const ObjectKey& key) override;
  // kUnsupported.
  Status Copy(const Context& context, const ObjectKey& from, const ObjectKey& to) override;
  Result<std::optional<std::uint64_t>> FreeBytes(const Context& context) override;

  // The store that describes itself so, whatever it is wrapped in; null when that is of another
  // kind.
  static std::unique_ptr<FilesystemStore> FromDescription(const std::string& description);

  // Removes temporaries last written more than `age` before the context's clock. A put that takes
  // as long loses its file, and fails.
  Result<SweptFiles> SweepTemporaries(const Context& context,
                                      Duration age = std::chrono::hours(24));

  const std::string& root() const { return root_; }

 private:
  class Fd;
  struct Entry;
  struct Scan;
  enum class Commit { kReplace, kExclusive };

  std::string PathOf(const std::string& key) const { return root_ + "/" + key; }
  Result<Fd> OpenRoot(const std::string& operation);
  Result<Fd> OpenFolder(const std::string& folder, const std::string& operation);
  Result<Fd> OpenObject(const ObjectKey& key, const std::string& operation);
  Result<Fd> MakeFolder(const std::string& folder);
  Status Write(const Context& context, const ObjectKey& key, ByteSpan bytes, Commit commit);
  Status WriteTemporary(const Context& context, int folder, const std::string& name,
                        const std::string& path, ByteSpan bytes);
  Status Walk(const Context& context, const std::string& folder, const Scan& scan);
  Result<std::vector<Entry>> ReadFolder(const std::string& folder, const std::string& operation);

  std::string root_;
  std::mutex mutex_;
  // Folders (below the root; "" is the root) known to be synced in their parents by this store.
  std::set<std::string> durable_folders_;
  bool root_seen_ = false;
};

}  // namespace aerie::objects
