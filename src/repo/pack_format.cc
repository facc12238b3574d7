#include "repo/pack_format.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace aerie::repo {
namespace {

constexpr std::uint32_t kDirectoryNumber = 0xffffffff;
constexpr char kDirectoryWord[] = "directory";
constexpr std::size_t kMinEntryBytes = 1 + 32 + 1 + 1;

Bytes DirectoryAad(const KeyRing& keys, std::uint64_t offset) {
  Bytes aad;
  ByteWriter writer(aad);
  writer.Raw(keys.repository.bytes);
  writer.Raw(AsBytes(kDirectoryWord));
  writer.Fixed(offset);
  return aad;
}

using BlobAad = std::array<std::uint8_t, sizeof(ObjectId) + 1 + sizeof(BlobName)>;

BlobAad MakeBlobAad(const KeyRing& keys, BlobKind kind, const BlobName& name) {
  BlobAad aad;
  std::copy(keys.repository.bytes.begin(), keys.repository.bytes.end(), aad.begin());
  aad[sizeof(ObjectId)] = static_cast<std::uint8_t>(kind);
  std::copy(name.bytes.begin(), name.bytes.end(), aad.begin() + sizeof(ObjectId) + 1);
  return aad;
}

Result<PackEntry> DecodeEntry(ByteReader& reader) {
  PackEntry entry;
  std::uint8_t kind = 0;
  ByteSpan name;
  std::uint64_t sealed = 0;
  std::uint64_t plain = 0;
  AERIE_TRY(reader.Fixed(kind));
  AERIE_TRY(reader.Raw(entry.name.bytes.size(), name));
  AERIE_TRY(reader.VarintUpTo(kMaxPackBytes, sealed));
  AERIE_TRY(reader.VarintUpTo(kMaxBlobBytes, plain));
  if (kind == 0 || kind > static_cast<std::uint8_t>(BlobKind::kPatch)) {
    return UnsupportedError("directory: unknown kind of blob " + std::to_string(kind) +
                            "; a newer aerie is needed");
  }
  if (sealed < kMinSealedBytes) return CorruptError("directory: a blob is too short");
  entry.kind = static_cast<BlobKind>(kind);
  std::copy(name.begin(), name.end(), entry.name.bytes.begin());
  entry.sealed = static_cast<std::uint32_t>(sealed);
  entry.plain = static_cast<std::uint32_t>(plain);
  return entry;
}

}  // namespace

void EncodeEntries(const std::vector<PackEntry>& entries, Bytes& out) {
  ByteWriter writer(out);
  writer.Varint(entries.size());
  for (const PackEntry& entry : entries) {
    writer.Fixed(entry.kind);
    writer.Raw(entry.name.bytes);
    writer.Varint(entry.sealed);
    writer.Varint(entry.plain);
  }
}

Result<std::vector<PackEntry>> DecodeEntries(ByteReader& reader) {
  std::uint64_t count = 0;
  AERIE_TRY(reader.VarintUpTo(reader.remaining() / kMinEntryBytes, count));
  std::vector<PackEntry> entries;
  entries.reserve(static_cast<std::size_t>(count));
  std::uint64_t offset = kPackHeadBytes;
  for (std::uint64_t i = 0; i < count; ++i) {
    AERIE_ASSIGN(PackEntry entry, DecodeEntry(reader));
    entry.offset = static_cast<std::uint32_t>(offset);
    offset += entry.sealed;
    if (offset > kMaxPackBytes) return CorruptError("directory: the blobs exceed a pack");
    entries.push_back(entry);
  }
  return entries;
}

std::uint64_t DirectoryOffset(const std::vector<PackEntry>& entries) {
  return entries.empty() ? kPackHeadBytes
                         : std::uint64_t{entries.back().offset} + entries.back().sealed;
}

std::uint64_t PackBytes(const std::vector<PackEntry>& entries) {
  Bytes directory;
  EncodeEntries(entries, directory);
  return DirectoryOffset(entries) + directory.size() + kTagBytes + kPackTrailerBytes;
}

Nonce BlobNonce(std::uint32_t number) {
  Nonce nonce{};
  std::memcpy(nonce.data(), &number, sizeof(number));
  return nonce;
}

Result<Bytes> SealDirectory(const KeyRing& keys, const SecretKey& pack_key,
                            const std::vector<PackEntry>& entries) {
  Bytes plain;
  EncodeEntries(entries, plain);
  Bytes out(plain.size() + kTagBytes);
  AERIE_TRY(Seal(keys.suite, pack_key, BlobNonce(kDirectoryNumber),
                 DirectoryAad(keys, DirectoryOffset(entries)), plain, out));
  ByteWriter writer(out);
  const auto length = static_cast<std::uint32_t>(out.size());
  writer.Fixed(length);
  writer.Raw(AsBytes(kPackEndMagic));
  return out;
}

Result<std::uint32_t> ReadTrailer(ByteSpan trailer, std::uint64_t pack_bytes) {
  ByteReader reader(trailer, "pack trailer");
  std::uint32_t length = 0;
  AERIE_TRY(reader.Fixed(length));
  if (AsText(reader.rest()) != kPackEndMagic) return CorruptError("it does not end as a pack does");
  if (length <= kTagBytes || pack_bytes > kMaxPackBytes ||
      length + kPackHeadBytes + kPackTrailerBytes > pack_bytes) {
    return CorruptError("the length of its directory is wrong");
  }
  return length;
}

Result<std::vector<PackEntry>> UnsealDirectory(const KeyRing& keys, const SecretKey& pack_key,
                                               ByteSpan sealed, std::uint64_t offset) {
  if (sealed.size() < kTagBytes) return CorruptError("its directory is too short");
  Bytes plain(sealed.size() - kTagBytes);
  if (!Unseal(keys.suite, pack_key, BlobNonce(kDirectoryNumber), DirectoryAad(keys, offset), sealed,
              plain)
           .ok()) {
    return CorruptError("its directory is damaged");
  }
  ByteReader reader(plain, "directory");
  AERIE_ASSIGN(std::vector<PackEntry> entries, DecodeEntries(reader));
  AERIE_TRY(reader.ExpectEnd());
  if (DirectoryOffset(entries) != offset) {
    return CorruptError("its blobs do not meet its directory");
  }
  return entries;
}

Status SealBlob(const KeyRing& keys, const SecretKey& pack_key, std::uint32_t number, BlobKind kind,
                const BlobName& name, ByteSpan encoded, std::span<std::uint8_t> out) {
  return Seal(keys.suite, pack_key, BlobNonce(number), MakeBlobAad(keys, kind, name), encoded, out);
}

Status UnsealBlob(const KeyRing& keys, const SecretKey& pack_key, std::uint32_t number,
                  BlobKind kind, const BlobName& name, ByteSpan sealed,
                  std::span<std::uint8_t> out) {
  return Unseal(keys.suite, pack_key, BlobNonce(number), MakeBlobAad(keys, kind, name), sealed,
                out);
}

}  // namespace aerie::repo
