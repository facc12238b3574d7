// The envelope of index, snapshot, lock, pin, prune, verified and checked objects: docs/format.md,
// section Sealing.
//
// Pure functions but for the random nonce of SealMeta; safe from any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "objects/object_store.h"
#include "repo/crypto.h"

namespace aerie::repo {

enum class MetaType { kIndex, kSnapshot, kLock, kPin, kPrune, kVerified, kChecked, kDamaged };

// More plain bytes than this nobody writes, and no reader makes room for.
inline constexpr std::uint64_t kMaxMetaBytes = std::uint64_t{1} << 30;

Result<Bytes> SealMeta(const KeyRing& keys, MetaType type, const objects::ObjectKey& key,
                       ByteSpan body);
// The body. kCorrupt naming the object, kUnsupported for a newer version.
Result<Bytes> UnsealMeta(const KeyRing& keys, MetaType type, const objects::ObjectKey& key,
                         ByteSpan object);

// A body as the sealed part carries it: u64 plain length and one zstd frame. Exposed for fuzzing.
Bytes CompressMeta(ByteSpan body);
Result<Bytes> DecompressMeta(ByteSpan compressed);

}  // namespace aerie::repo
