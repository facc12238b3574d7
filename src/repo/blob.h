// SEAM inside the repo room: between blobs in packs (below) and leaves, trees, snapshots (above).
//
// docs/format.md is the specification. All methods are thread-safe and block.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/context.h"
#include "base/status.h"

namespace aerie::repo {

enum class BlobKind : std::uint8_t {
  kColumn = 1,
  kRowDigests = 2,
  kTreePage = 3,
  kManifest = 4,
  kPatch = 5,
};

// Keyed hash of kind and plain bytes; equal names mean equal bytes.
struct BlobName {
  std::array<std::uint8_t, 32> bytes{};
  auto operator<=>(const BlobName&) const = default;
  std::string ToHex() const { return aerie::ToHex(bytes); }
};
struct BlobNameHash {
  std::size_t operator()(const BlobName& name) const;
};

// Where numbers stand in a blob's plain bytes, so that their planes can be compressed apart. A
// hint changes size and speed only, never the name.
struct EncodingHint {
  std::uint32_t element_width = 0;  // 2, 4 or 8; 0: compress as a whole
  std::uint32_t prefix = 0;         // plain bytes before the first element
};

struct AddResult {
  BlobName name;
  bool stored = false;             // false: the repository, or this writer, had it already
  std::uint64_t stored_bytes = 0;  // sealed size, 0 when not stored
};

// One blob to add. `plain` must stay valid during the call.
struct BlobItem {
  BlobKind kind = BlobKind::kColumn;
  ByteSpan plain;
  EncodingHint hint;
};

// Puts blobs into packs. Add returns once the blob is encoded, verified and buffered in a pack that
// will be uploaded. After an error every later call returns it.
class BlobSink {
 public:
  virtual ~BlobSink() = default;
  virtual Result<AddResult> Add(const Context& context, BlobKind kind, ByteSpan plain,
                                const EncodingHint& hint) = 0;

  // The blobs of one leaf: results in the order of `items`. A sink that packs encodes all of them
  // first and then puts the new ones next to each other into one pack, in this order, whatever
  // other threads add meanwhile: reading a leaf back then costs one ranged read.
  virtual Result<std::vector<AddResult>> AddMany(const Context& context,
                                                 std::span<const BlobItem> items) {
    std::vector<AddResult> results;
    results.reserve(items.size());
    for (const BlobItem& item : items) {
      AERIE_ASSIGN(AddResult result, Add(context, item.kind, item.plain, item.hint));
      results.push_back(result);
    }
    return results;
  }
};

struct BlobRef {
  BlobKind kind = BlobKind::kColumn;
  BlobName name;
};

// Gets verified plain bytes back. kCorrupt (naming pack and blob) when they are not what was
// stored, kNotFound when no index knows the blob.
class BlobSource {
 public:
  virtual ~BlobSource() = default;
  virtual Result<Bytes> Load(const Context& context, const BlobRef& ref) = 0;
  // In the order of `refs`; blobs that stand next to each other in a pack cost one read.
  virtual Result<std::vector<Bytes>> LoadMany(const Context& context,
                                              const std::vector<BlobRef>& refs) = 0;
};

}  // namespace aerie::repo
