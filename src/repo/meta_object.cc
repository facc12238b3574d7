#include "repo/meta_object.h"

#include <algorithm>

#include <zstd.h>

namespace aerie::repo {
namespace {

constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kMagicBytes = 8;
constexpr int kLevel = 3;

struct TypeText {
  const char* magic;
  const char* what;
};

TypeText TextOf(MetaType type) {
  switch (type) {
    case MetaType::kIndex: return {"AERIEIDX", "index"};
    case MetaType::kSnapshot: return {"AERIESNP", "snapshot"};
    case MetaType::kLock: return {"AERIELCK", "lock"};
    case MetaType::kPin: return {"AERIEPIN", "pin"};
    case MetaType::kPrune: return {"AERIEPRN", "prune"};
    case MetaType::kVerified: return {"AERIEVER", "verified"};
    case MetaType::kChecked: return {"AERIECHK", "checked"};
    case MetaType::kDamaged: return {"AERIEDMG", "damaged"};
  }
  return {"", ""};
}

const char* Magic(MetaType type) { return TextOf(type).magic; }
const char* What(MetaType type) { return TextOf(type).what; }

Bytes AssociatedData(const KeyRing& keys, MetaType type) {
  Bytes aad;
  ByteWriter writer(aad);
  writer.Raw(keys.repository.bytes);
  writer.Raw(AsBytes(Magic(type)));
  writer.Fixed(kVersion);
  return aad;
}

}  // namespace

Bytes CompressMeta(ByteSpan body) {
  Bytes out;
  ByteWriter(out).Fixed(static_cast<std::uint64_t>(body.size()));
  const std::size_t at = out.size();
  out.resize(at + ZSTD_compressBound(body.size()));
  const std::size_t size =
      ZSTD_compress(out.data() + at, out.size() - at, body.data(), body.size(), kLevel);
  out.resize(ZSTD_isError(size) != 0 ? 0 : at + size);
  return out;
}

Result<Bytes> DecompressMeta(ByteSpan compressed) {
  ByteReader reader(compressed, "decompress");
  std::uint64_t size = 0;
  AERIE_TRY(reader.Fixed(size));
  const ByteSpan frame = reader.rest();
  if (size > kMaxMetaBytes || ZSTD_getFrameContentSize(frame.data(), frame.size()) != size ||
      ZSTD_findFrameCompressedSize(frame.data(), frame.size()) != frame.size()) {
    return CorruptError("decompress: the length is wrong");
  }
  // zstd never gains more than this, so a lying length cannot make us reserve a gigabyte.
  constexpr std::uint64_t kMostGain = 1 << 17;
  if (size / kMostGain > frame.size()) return CorruptError("decompress: the length is wrong");
  Bytes body(static_cast<std::size_t>(size));
  const std::size_t got = ZSTD_decompress(body.data(), body.size(), frame.data(), frame.size());
  if (ZSTD_isError(got) != 0 || got != size) {
    return CorruptError("decompress: the frame is damaged");
  }
  return body;
}

Result<Bytes> SealMeta(const KeyRing& keys, MetaType type, const objects::ObjectKey& key,
                       ByteSpan body) {
  if (body.size() > kMaxMetaBytes) {
    return MakeStatus(Kind::kTooLarge, "write " + key.text + ": " + std::to_string(body.size()) +
                                           " bytes exceed the limit of 1 GiB; back up in parts");
  }
  const Bytes compressed = CompressMeta(body);
  if (compressed.empty()) {
    return FailedError("write " + key.text + ": no memory to compress; free some");
  }
  Nonce nonce;
  FillRandom(nonce);
  Bytes out;
  ByteWriter writer(out);
  writer.Raw(AsBytes(Magic(type)));
  writer.Fixed(kVersion);
  writer.Raw(nonce);
  const std::size_t at = out.size();
  out.resize(at + compressed.size() + kTagBytes);
  AERIE_TRY(Seal(keys.suite, DeriveObjectKey(keys.meta, key.text), nonce,
                 AssociatedData(keys, type), compressed, std::span(out).subspan(at)));
  return out;
}

Result<Bytes> UnsealMeta(const KeyRing& keys, MetaType type, const objects::ObjectKey& key,
                         ByteSpan object) {
  const auto damaged = [&](const std::string& what) {
    return CorruptError("read " + key.text + ": " + what +
                        "; copy this object back from another copy of the repository");
  };
  ByteReader reader(object, "envelope");
  ByteSpan magic;
  ByteSpan nonce_bytes;
  std::uint16_t version = 0;
  if (!reader.Raw(kMagicBytes, magic).ok() || AsText(magic) != Magic(type) ||
      !reader.Fixed(version).ok()) {
    return damaged(std::string("this is not the ") + What(type) + " object it should be");
  }
  if (version > kVersion) {
    return UnsupportedError("read " + key.text + ": it is of version " + std::to_string(version) +
                            ", this program knows 1; a newer aerie is needed");
  }
  Nonce nonce;
  if (version != kVersion || !reader.Raw(nonce.size(), nonce_bytes).ok() ||
      reader.remaining() < kTagBytes) {
    return damaged("it ends too soon");
  }
  std::copy(nonce_bytes.begin(), nonce_bytes.end(), nonce.begin());
  const ByteSpan sealed = reader.rest();
  Bytes compressed(sealed.size() - kTagBytes);
  const Bytes aad = AssociatedData(keys, type);
  const std::vector<SecretKey> tries = MetaKeysToTry(keys, key.text);
  if (std::ranges::none_of(tries, [&](const SecretKey& sealing) {
        return Unseal(keys.suite, sealing, nonce, aad, sealed, compressed).ok();
      })) {
    return damaged("the bytes are damaged");
  }
  Result<Bytes> body = DecompressMeta(compressed);
  if (!body.ok()) return damaged("the bytes are damaged");
  return body;
}

}  // namespace aerie::repo
