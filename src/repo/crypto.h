// Keys, sealing, names and randomness of a repository: docs/format.md, sections Keys and Sealing.
//
// Everything is a pure function of its arguments except the random source; all of it is safe from
// any thread. Key material is zeroed when its owner is destroyed.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/secret.h"
#include "base/status.h"
#include "repo/blob.h"

namespace aerie::repo {

enum class Suite : std::uint8_t { kNone, kAes256Gcm };

inline constexpr std::size_t kTagBytes = 16;

using Nonce = std::array<std::uint8_t, 12>;
using Salt = std::array<std::uint8_t, 16>;
using WrapNonce = std::array<std::uint8_t, 24>;
// A master key sealed by a wrapping key.
using WrappedKey = std::array<std::uint8_t, 48>;

// 16 random bytes that name a repository, key, pack, index or snapshot.
struct ObjectId {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const ObjectId&) const = default;
  std::string ToHex() const { return aerie::ToHex(bytes); }
  // Nothing unless `hex` is 32 lower-case hexadecimal digits.
  static std::optional<ObjectId> Parse(std::string_view hex);
};
struct ObjectIdHash {
  std::size_t operator()(const ObjectId& id) const;
};

// 32 bytes nobody else may see.
class SecretKey {
 public:
  SecretKey() = default;
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey();
  std::uint8_t* data() { return bytes_.data(); }
  const std::uint8_t* data() const { return bytes_.data(); }
  static constexpr std::size_t size() { return 32; }
  bool operator==(const SecretKey& other) const;

 private:
  std::array<std::uint8_t, 32> bytes_{};
};

// How a repository names its blobs.
struct BlobNaming {
  SecretKey key;
  bool trees = false;  // the feature `tree-names`: large ones by a tree, eight pieces at a time
};

// What the master key gives a repository to work with.
struct KeyRing {
  Suite suite = Suite::kAes256Gcm;
  ObjectId repository;
  BlobNaming names;
  SecretKey packs;   // parent of each pack's key
  SecretKey meta;    // parent of the keys of index and snapshot objects
  SecretKey config;  // of the config's code
  SecretKey carry;   // wraps the keys that outlive a master key
  // While a rotation of the master key is under way: parents of what was sealed before it.
  struct Former {
    SecretKey packs;
    SecretKey meta;
  };
  std::optional<Former> former = {};
};
// With the keys of the master key only: nothing carried over, nothing former.
KeyRing DeriveKeys(const SecretKey& master, Suite suite, const ObjectId& repository);

// The key of one object, from the parent key and its full key text.
SecretKey DeriveObjectKey(const SecretKey& parent, std::string_view object_key);
// Those that a pack, or another object, may be sealed with, the likeliest first. Which one it is
// only the object's code says.
std::vector<SecretKey> PackKeysToTry(const KeyRing& keys, std::string_view object_key);
std::vector<SecretKey> MetaKeysToTry(const KeyRing& keys, std::string_view object_key);

// docs/format.md, section Blobs and packs.
BlobName NameBlob(const BlobNaming& names, BlobKind kind, ByteSpan plain);

// BLAKE2b-256 with a key.
std::array<std::uint8_t, 32> KeyedHash(const SecretKey& key, ByteSpan bytes);
// BLAKE2b-128 without one: proof against damage, not against people.
std::array<std::uint8_t, 16> PlainHash(ByteSpan bytes);

// Writes plain.size() + kTagBytes bytes to `sealed`, which must have that size and may begin where
// `plain` does. kInternal when the library refuses.
Status Seal(Suite suite, const SecretKey& key, const Nonce& nonce, ByteSpan aad, ByteSpan plain,
            std::span<std::uint8_t> sealed);
// Writes sealed.size() - kTagBytes bytes to `plain`, which must have that size. kCorrupt when the
// bytes are not what was sealed with this key, nonce and aad; `plain` is then without meaning.
Status Unseal(Suite suite, const SecretKey& key, const Nonce& nonce, ByteSpan aad, ByteSpan sealed,
              std::span<std::uint8_t> plain);

// Argon2id. kFailed when there is not the memory for it.
Result<SecretKey> StretchPassphrase(const Secret& passphrase, const Salt& salt,
                                    std::uint32_t passes, std::uint64_t memory);
WrappedKey WrapKey(const SecretKey& wrapping, const WrapNonce& nonce, ByteSpan aad,
                   const SecretKey& master);
// Nothing when the wrapping key does not fit.
std::optional<SecretKey> UnwrapKey(const SecretKey& wrapping, const WrapNonce& nonce, ByteSpan aad,
                                   const WrappedKey& wrapped);

// The system's random source, unless a test replaced it.
void FillRandom(std::span<std::uint8_t> out);
ObjectId RandomId();

// While one lives, FillRandom gives a fixed sequence made from `seed`, so that golden objects can
// be compared to the byte. For tests only; one at a time.
class FixedRandomForTest {
 public:
  explicit FixedRandomForTest(std::uint64_t seed);
  ~FixedRandomForTest();
  FixedRandomForTest(const FixedRandomForTest&) = delete;
  FixedRandomForTest& operator=(const FixedRandomForTest&) = delete;
};

}  // namespace aerie::repo
