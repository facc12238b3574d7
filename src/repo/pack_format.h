// What a pack is made of besides blobs: magic, directory, trailer, and the nonces and associated
// data that tie each part to its place. docs/format.md, section "Blobs and packs".
//
// Pure functions, safe from any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "repo/blob.h"
#include "repo/blob_codec.h"
#include "repo/crypto.h"

namespace aerie::repo {

inline constexpr char kPackMagic[] = "AERIEPK1";
inline constexpr char kPackEndMagic[] = "AERIEPKE";
inline constexpr std::size_t kPackHeadBytes = 8;
inline constexpr std::size_t kPackTrailerBytes = 12;
inline constexpr std::uint64_t kMaxPackBytes = std::uint64_t{256} << 20;
// The smallest sealed blob: its method and its code.
inline constexpr std::uint32_t kMinSealedBytes = 1 + kTagBytes;
// The most that one blob adds to a directory.
inline constexpr std::size_t kMaxDirectoryEntryBytes = 1 + 32 + 5 + 5;

struct PackEntry {
  BlobKind kind = BlobKind::kColumn;
  BlobName name;
  std::uint32_t offset = 0;  // of the sealed blob in the pack; follows from the lengths before
  std::uint32_t sealed = 0;  // bytes
  std::uint32_t plain = 0;   // bytes, decoded
  bool operator==(const PackEntry&) const = default;
};

// Directory entries in plain, also inside an index. Offsets are not written.
void EncodeEntries(const std::vector<PackEntry>& entries, Bytes& out);
// Reads a count and the entries, and works out offsets from 8. kCorrupt, or kUnsupported for an
// unknown kind.
Result<std::vector<PackEntry>> DecodeEntries(ByteReader& reader);
// Where the directory of a pack with these blobs begins.
std::uint64_t DirectoryOffset(const std::vector<PackEntry>& entries);
// The size of the whole pack.
std::uint64_t PackBytes(const std::vector<PackEntry>& entries);

// The sealed directory and the trailer of a pack whose directory begins at `offset`.
Result<Bytes> SealDirectory(const KeyRing& keys, const SecretKey& pack_key,
                            const std::vector<PackEntry>& entries);
// The length of the sealed directory, from the last 12 bytes of a pack of `pack_bytes` bytes.
Result<std::uint32_t> ReadTrailer(ByteSpan trailer, std::uint64_t pack_bytes);
// The entries of a sealed directory that begins at `offset`; the blobs before it must fill the pack
// from byte 8 to there exactly.
Result<std::vector<PackEntry>> UnsealDirectory(const KeyRing& keys, const SecretKey& pack_key,
                                               ByteSpan sealed, std::uint64_t offset);

Nonce BlobNonce(std::uint32_t number);
// Blob number `number` of a pack. `out` has encoded.size() + kTagBytes bytes.
Status SealBlob(const KeyRing& keys, const SecretKey& pack_key, std::uint32_t number, BlobKind kind,
                const BlobName& name, ByteSpan encoded, std::span<std::uint8_t> out);
// `out` has sealed.size() - kTagBytes bytes.
Status UnsealBlob(const KeyRing& keys, const SecretKey& pack_key, std::uint32_t number,
                  BlobKind kind, const BlobName& name, ByteSpan sealed,
                  std::span<std::uint8_t> out);

}  // namespace aerie::repo
