// Blobs and directories out of packs, verified.
//
// A PackReader must not outlive the catalog that it was made with. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/context.h"
#include "objects/object_store.h"
#include "repo/blob.h"
#include "repo/blob_index.h"
#include "repo/crypto.h"
#include "repo/index_file.h"

namespace aerie::repo {

// Reads the directory at the end of a pack of `size` bytes. kCorrupt naming the pack.
Result<PackRecord> ReadPackDirectory(const Context& context, objects::ObjectStore& store,
                                     const KeyRing& keys, const ObjectId& id, std::uint64_t size);

// A blob that a caller wants and where it is.
struct WantedBlob {
  BlobName name;
  BlobLocation location;
};
// Blob number `number` of a pack.
WantedBlob BlobOfPack(const PackRecord& pack, std::uint32_t number);

// Reads the wanted blobs, neighbours in one ranged get, unseals, decodes and verifies them, and
// calls `visit` for each with its place in `wanted` and either its plain bytes or what is wrong
// with it; an error of `visit` ends the reading. Errors of the store that say nothing about the
// bytes (cancelled, timeout, transient) end it too.
Status ReadBlobs(const Context& context, objects::ObjectStore& store, const KeyRing& keys,
                 const std::vector<WantedBlob>& wanted,
                 const std::function<Status(std::size_t, Result<Bytes>)>& visit);

// As ReadBlobs, but gives the encoded form, which is decoded and compared with its name all the
// same; it is valid during the call of `visit`. A damaged blob ends the reading: kCorrupt.
Status ReadEncodedBlobs(const Context& context, objects::ObjectStore& store, const KeyRing& keys,
                        const std::vector<WantedBlob>& wanted,
                        const std::function<Status(std::size_t, ByteSpan encoded)>& visit);

// Takes a second copy of a blob, where there is one, when the first is damaged.
class PackReader : public BlobSource {
 public:
  // All places of a blob, looking at the store again when it has to; kNotFound.
  using Locate = std::function<Result<std::vector<BlobLocation>>(const Context&, const BlobName&)>;
  // Called with every blob that was read and found right.
  using Observer = std::function<void(const BlobLocation&)>;

  PackReader(objects::ObjectStore& store, const KeyRing& keys, Locate locate,
             Observer observer = nullptr)
      : store_(store), keys_(keys), locate_(std::move(locate)), observer_(std::move(observer)) {}

  Result<Bytes> Load(const Context& context, const BlobRef& ref) override;
  Result<std::vector<Bytes>> LoadMany(const Context& context,
                                      const std::vector<BlobRef>& refs) override;

 private:
  Result<Bytes> LoadCopy(const Context& context, const BlobName& name,
                         const std::vector<BlobLocation>& places, const Status& first);

  objects::ObjectStore& store_;
  const KeyRing& keys_;
  const Locate locate_;
  const Observer observer_;
};

}  // namespace aerie::repo
