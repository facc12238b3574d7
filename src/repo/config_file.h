// The object `config`: identity, version and features of a repository. docs/format.md, section
// Keys.
//
// Pure functions, safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "repo/crypto.h"

namespace aerie::repo {

// A 32-byte key, wrapped by a key that comes from the master key.
struct CarriedKey {
  WrapNonce nonce{};
  WrappedKey wrapped{};
  bool operator==(const CarriedKey&) const = default;
};

// What a rotation of the master key leaves in the config: the feature "rotated".
struct RotationRecord {
  std::uint32_t generation = 0;  // rotations that were begun
  CarriedKey names;              // the key of blob names, which is never rotated
  std::optional<CarriedKey> former =
      {};  // the master key before, while something is sealed with it
  // Of each master key before: tells a key object of then from a damaged one.
  std::vector<std::array<std::uint8_t, 16>> marks;
  std::vector<ObjectId> retired;  // key objects of the former master key, to be removed
  bool operator==(const RotationRecord&) const = default;
};

struct Config {
  ObjectId id;
  Suite suite = Suite::kAes256Gcm;
  bool patches = false;     // the feature of that name
  bool tree_names = false;  // the feature `tree-names`
  std::int64_t created_ms = 0;
  std::optional<RotationRecord> rotation = {};
  bool operator==(const Config&) const = default;
};

Bytes EncodeConfig(const Config& config, const SecretKey& config_key);

// What the object says, before anybody vouches for it. kUnsupported for a newer version, an unknown
// feature or way of encryption; kCorrupt for anything else that EncodeConfig does not make.
Result<Config> ParseConfig(ByteSpan bytes);
// Whether the object's code fits its bytes. False also when `config_key` is another repository's.
bool ConfigCodeFits(ByteSpan bytes, const SecretKey& config_key);

}  // namespace aerie::repo
