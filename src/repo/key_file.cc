#include "repo/key_file.h"

#include <algorithm>
#include <cstring>

namespace aerie::repo {
namespace {

constexpr char kMagic[] = "AERIEKEY";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kCodeBytes = 11;

// Everything before the nonce.
Bytes EncodeHeader(const KeyFile& file) {
  Bytes out;
  ByteWriter writer(out);
  writer.Raw(AsBytes(kMagic));
  writer.Fixed(kVersion);
  writer.Fixed(file.kdf);
  writer.Fixed(std::uint8_t{0});
  writer.Fixed(file.cost.passes);
  writer.Fixed(file.cost.memory);
  writer.Fixed(file.created_ms);
  writer.Raw(file.salt);
  return out;
}

Bytes AssociatedData(const KeyFile& file, const ObjectId& id) {
  Bytes aad = EncodeHeader(file);
  ByteWriter(aad).Raw(id.bytes);
  return aad;
}

Result<SecretKey> WrappingKey(const KeyFile& file, const Secret& passphrase) {
  if (file.kdf == Kdf::kNone) return SecretKey();
  return StretchPassphrase(passphrase, file.salt, file.cost.passes, file.cost.memory);
}

template <std::size_t kSize>
Status Take(ByteReader& reader, std::array<std::uint8_t, kSize>& out) {
  ByteSpan bytes;
  AERIE_TRY(reader.Raw(kSize, bytes));
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return Ok();
}

}  // namespace

bool KdfCostAllowed(const KdfCost& cost) {
  return cost.passes >= 1 && cost.passes <= kMaxKdfPasses && cost.memory >= kMinKdfMemory &&
         cost.memory <= kMaxKdfMemory && cost.passes * cost.memory <= kMaxKdfWork;
}

Bytes EncodeKeyFile(const KeyFile& file) {
  Bytes out = EncodeHeader(file);
  ByteWriter writer(out);
  writer.Raw(file.nonce);
  writer.Raw(file.wrapped);
  writer.Raw(ByteSpan(PlainHash(out)).first(kCodeBytes));
  return out;
}

Result<KeyFile> DecodeKeyFile(ByteSpan bytes, const std::string& name) {
  const auto corrupt = [&](const std::string& what) {
    return CorruptError("read " + name + ": " + what +
                        "; copy this object back from another copy of the repository");
  };
  ByteReader reader(bytes, "key file");
  ByteSpan magic;
  std::uint16_t version = 0;
  std::uint8_t kdf = 0;
  std::uint8_t zero = 0;
  if (!reader.Raw(8, magic).ok() || AsText(magic) != kMagic || !reader.Fixed(version).ok()) {
    return corrupt("this is not a key file");
  }
  if (version > kVersion) {
    return UnsupportedError("read " + name + ": it is of version " + std::to_string(version) +
                            ", this program knows 1; a newer aerie is needed");
  }
  if (bytes.size() != kKeyFileBytes) return corrupt("it has not 131 bytes");
  const ByteSpan vouched = bytes.first(kKeyFileBytes - kCodeBytes);
  const auto code = PlainHash(vouched);
  if (std::memcmp(code.data(), bytes.data() + vouched.size(), kCodeBytes) != 0) {
    return corrupt("the bytes are damaged");
  }
  KeyFile file;
  AERIE_TRY(reader.Fixed(kdf));
  AERIE_TRY(reader.Fixed(zero));
  AERIE_TRY(reader.Fixed(file.cost.passes));
  AERIE_TRY(reader.Fixed(file.cost.memory));
  AERIE_TRY(reader.Fixed(file.created_ms));
  AERIE_TRY(Take(reader, file.salt));
  AERIE_TRY(Take(reader, file.nonce));
  AERIE_TRY(Take(reader, file.wrapped));
  file.kdf = static_cast<Kdf>(kdf);
  if (version == 0 || zero != 0) return corrupt("the bytes are damaged");
  if (file.kdf == Kdf::kNone) {
    if (file.cost.passes != 0 || file.cost.memory != 0) return corrupt("the bytes are damaged");
  } else if (file.kdf != Kdf::kArgon2id) {
    return UnsupportedError("read " + name +
                            ": it stretches the passphrase in a way unknown here (" +
                            std::to_string(kdf) + "); a newer aerie is needed");
  } else if (!KdfCostAllowed(file.cost)) {
    return corrupt("the cost of stretching the passphrase is outside the limits");
  }
  return file;
}

Result<KeyFile> WrapMasterKey(const SecretKey& master, const ObjectId& id, Kdf kdf,
                              const Secret& passphrase, KdfCost cost, std::int64_t created_ms) {
  KeyFile file;
  file.kdf = kdf;
  file.created_ms = created_ms;
  if (kdf == Kdf::kNone) {
    file.cost = {0, 0};
  } else {
    if (!KdfCostAllowed(cost)) {
      return InvalidError(
          "wrap the master key: Argon2id takes 1 to 64 passes and 8 KiB to 1 GiB of memory, 16 "
          "GiB in all passes together");
    }
    file.cost = cost;
    FillRandom(file.salt);
  }
  FillRandom(file.nonce);
  AERIE_ASSIGN(const SecretKey wrapping, WrappingKey(file, passphrase));
  const Bytes aad = AssociatedData(file, id);
  file.wrapped = WrapKey(wrapping, file.nonce, aad, master);
  return file;
}

Result<SecretKey> UnwrapMasterKey(const KeyFile& file, const ObjectId& id,
                                  const Secret& passphrase) {
  if (file.kdf != Kdf::kNone && passphrase.empty()) {
    return MakeStatus(Kind::kWrongKey,
                      "the repository is encrypted and no passphrase was given; set AERIE_PASSWORD "
                      "or use --password-file");
  }
  AERIE_ASSIGN(const SecretKey wrapping, WrappingKey(file, passphrase));
  const auto master = UnwrapKey(wrapping, file.nonce, AssociatedData(file, id), file.wrapped);
  if (!master) {
    return MakeStatus(Kind::kWrongKey,
                      "the passphrase does not fit; check AERIE_PASSWORD or --password-file");
  }
  return *master;
}

}  // namespace aerie::repo
