// What repository.cc needs from the upper half of this room: rows to trees of blobs and back.
//
// Everything here works on a BlobSink or BlobSource given by reference, which must outlive the
// objects made from it. Free functions are thread-safe; objects follow the rules of rows/stream.h.
// docs/format.md, sections Leaves and Trees, is the specification.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/context.h"
#include "base/status.h"
#include "repo/blob.h"
#include "repo/repository.h"
#include "rows/schema.h"
#include "rows/stream.h"

namespace aerie::repo {

// ---- writing ----

struct LeafPoolOptions {
  std::size_t threads = 2;
  // Plain bytes of leaves that wait for a thread; a writer blocks above it. With the leaves being
  // encoded and collected it stays within about twice this.
  std::size_t queue_bytes = std::size_t{32} << 20;
  // Where the leaves of snapshots before are read from, to store changed ones as patches over them;
  // none: every leaf is stored whole. Must outlive the pool.
  BlobSource* before = nullptr;
  // Whether a pack has the blob, so that a patch may rest on it. Called from several threads.
  std::function<bool(const BlobRef&)> known = nullptr;
};

// The threads that digest, serialise and add leaves: one pool per snapshot writer, shared by its
// partition writers, which it must outlive. Destroying it drops what still waits.
class LeafPool {
 public:
  explicit LeafPool(BlobSink& sink, const LeafPoolOptions& options = {});
  ~LeafPool();
  LeafPool(const LeafPool&) = delete;
  LeafPool& operator=(const LeafPool&) = delete;

  class Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// A partition's writer as SnapshotWriter::OpenPartition promises it. Batches may have their columns
// in any order; kInvalid when one of spec.schema.Columns() is missing, kCorrupt when keys do not
// ascend.
Result<std::unique_ptr<SnapshotWriter::PartitionWriter>> OpenPartitionWriter(
    LeafPool& pool, const rows::CollectionSpec& spec, const std::string& partition,
    const std::optional<PartitionRoot>& before);

// Plain bytes of a collection manifest (BlobKind::kManifest). An empty `columns` stands for
// spec.schema.Columns(), which it must equal otherwise (kInternal).
Result<Bytes> EncodeManifest(const CollectionManifest& manifest);

// ---- reading ----

// kCorrupt for whatever EncodeManifest does not make.
Result<CollectionManifest> DecodeManifest(ByteSpan plain);

// Repository::OpenCollection. The reader's batches are the leaves; options.filter is kUnsupported.
std::unique_ptr<StoredCollection> OpenCollectionSource(BlobSource& source,
                                                       CollectionManifest manifest);

// Repository::LeafBoundaries.
Result<std::vector<rows::Key>> LeafBoundaries(const Context& context, BlobSource& source,
                                              const PartitionRoot& root, std::uint64_t apart = 0);

// ---- checking ----

// A blob that a leaf names, and the plain bytes that it must have, where that is known.
struct NeededBlob {
  BlobRef ref;
  std::optional<std::uint64_t> plain_bytes;
};

struct CheckTreesOptions {
  bool read_data = false;
  // Asked for every blob of a leaf when data are not read: what is wrong with it, in words that go
  // on after "blob 12ab…", or nothing. Called from several threads.
  std::function<std::string(const NeededBlob&)> fault;
  // Plain bytes done and in all, from several threads, never two calls at once.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
  std::size_t workers = 2;
};

// Manifests, pages and leaves of the given snapshots. Every distinct page and leaf is looked at
// once; a damaged one is reported for each snapshot, collection and partition that needs it.
// Damage is a finding; only cancel, timeout and a store that cannot be read are errors.
Result<std::vector<Finding>> CheckTrees(const Context& context, BlobSource& source,
                                        const std::vector<Snapshot>& snapshots,
                                        const CheckTreesOptions& options);

}  // namespace aerie::repo
