// Puts blobs into packs and packs into the store.
//
// Add encodes, decodes again and compares in the caller's thread, then seals into the open pack. A
// full pack is unsealed and compared once more and uploaded by a background thread; when it has
// arrived its blobs enter the index. One writer a snapshot; it must not outlive store, keys or
// index. Thread-safe. Destroying it without Flush drops what was not uploaded.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/context.h"
#include "objects/object_store.h"
#include "repo/blob.h"
#include "repo/blob_index.h"
#include "repo/crypto.h"
#include "repo/repository.h"

namespace aerie::repo {

struct PackWriterOptions {
  std::uint64_t pack_bytes = SnapshotOptions().pack_bytes;
  // Packs being uploaded at once. Memory: these and the open one.
  std::size_t uploads = 2;
};

class PackWriter : public BlobSink {
 public:
  // Uploads run under a child of `context`.
  PackWriter(const Context& context, objects::ObjectStore& store, const KeyRing& keys,
             BlobIndex& index, const PackWriterOptions& options = {});
  ~PackWriter() override;

  Result<AddResult> Add(const Context& context, BlobKind kind, ByteSpan plain,
                        const EncodingHint& hint) override;
  Result<std::vector<AddResult>> AddMany(const Context& context,
                                         std::span<const BlobItem> blobs) override;

  // A blob that is encoded already, as ReadEncodedBlobs gives it, and known to be right.
  Result<AddResult> AddEncoded(const Context& context, BlobKind kind, const BlobName& name,
                               std::uint32_t plain_bytes, ByteSpan encoded);

  // Ok when every blob added so far is durable.
  Status Flush(const Context& context);

  // stored_bytes: of the packs that have arrived.
  SnapshotStats stats() const;

 private:
  struct OpenPack;
  // A blob that has to be stored: encoded, and not yet in a pack.
  struct Fresh;
  using Lock = std::unique_lock<std::mutex>;

  // False when it is known, or somebody adds it right now.
  Result<bool> Claim(const BlobName& name, std::size_t plain_bytes);
  Status Store(const Context& context, ByteSpan encoded, std::vector<Fresh>& blobs);
  Result<std::shared_ptr<OpenPack>> Reserve(const Context& context, std::span<Fresh> blobs);
  Status SealReserved(OpenPack& pack, ByteSpan encoded, std::span<const Fresh> blobs);
  Status CloseOpenPack(const Context& context, Lock& lock);
  void Upload();
  Status UploadPack(OpenPack& pack);
  Status VerifyPack(const OpenPack& pack) const;
  Status Fail(Status status);

  objects::ObjectStore& store_;
  const KeyRing& keys_;
  BlobIndex& index_;
  const PackWriterOptions options_;
  CancelScope scope_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  Status failure_;
  bool closing_ = false;
  std::unordered_set<BlobName, BlobNameHash> claimed_;  // not yet in the index
  std::shared_ptr<OpenPack> open_;
  std::deque<std::shared_ptr<OpenPack>> full_;  // waiting for an uploader
  std::size_t in_flight_ = 0;                   // waiting or being uploaded
  // Memory of uploaded packs, for the next ones: fresh pages cost more than what is done in them.
  std::vector<std::unique_ptr<std::uint8_t[]>> spare_;
  SnapshotStats stats_;
  std::vector<std::jthread> uploaders_;  // last: they use everything above
};

}  // namespace aerie::repo
