// The object keys/<id>: the master key wrapped by one passphrase. docs/format.md, section Keys.
//
// Pure functions but for the random salt and nonce of WrapMasterKey; safe from any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/secret.h"
#include "base/status.h"
#include "repo/crypto.h"

namespace aerie::repo {

inline constexpr std::size_t kKeyFileBytes = 131;
inline constexpr std::uint32_t kMaxKdfPasses = 64;
inline constexpr std::uint64_t kMinKdfMemory = std::uint64_t{8} << 10;
// The store is not trusted, and what it says here is paid before anything is proven.
inline constexpr std::uint64_t kMaxKdfMemory = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kMaxKdfWork = std::uint64_t{16} << 30;  // passes times memory

enum class Kdf : std::uint8_t { kNone = 0, kArgon2id = 1 };

struct KdfCost {
  std::uint32_t passes = 3;
  std::uint64_t memory = std::uint64_t{64} << 20;  // bytes
};

// Whether a reader accepts it.
bool KdfCostAllowed(const KdfCost& cost);

struct KeyFile {
  Kdf kdf = Kdf::kArgon2id;
  KdfCost cost;  // zero with kNone, and so is the salt
  std::int64_t created_ms = 0;
  Salt salt{};
  WrapNonce nonce{};
  WrappedKey wrapped{};
};

Bytes EncodeKeyFile(const KeyFile& file);
// kCorrupt, kUnsupported for a newer version or an unknown way to stretch the passphrase; `name` is
// the object's key, for messages.
Result<KeyFile> DecodeKeyFile(ByteSpan bytes, const std::string& name);

// A key file for `master`. kInvalid when the cost is outside the limits.
Result<KeyFile> WrapMasterKey(const SecretKey& master, const ObjectId& id, Kdf kdf,
                              const Secret& passphrase, KdfCost cost, std::int64_t created_ms);
// kWrongKey when the passphrase is missing or does not fit.
Result<SecretKey> UnwrapMasterKey(const KeyFile& file, const ObjectId& id,
                                  const Secret& passphrase);

}  // namespace aerie::repo
