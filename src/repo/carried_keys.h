// What outlives a master key: kept in the config, wrapped by the master key after it.
// docs/format.md, section Rotation.
//
// Pure functions but for the random nonce of WrapCarried; safe from any thread.
#pragma once

#include <array>
#include <cstdint>

#include "base/status.h"
#include "repo/config_file.h"
#include "repo/crypto.h"

namespace aerie::repo {

enum class Carried { kNames, kFormerMaster };

CarriedKey WrapCarried(const KeyRing& keys, Carried what, std::uint32_t generation,
                       const SecretKey& key);

// Completes the keys of a master key that vouches for `config`: the key of names that came from the
// first one, and what was sealed before the rotation that is under way. kCorrupt when something in
// the config was wrapped by another key.
Status TakeCarriedKeys(const Config& config, KeyRing& keys);

// Says nothing of a master key but whether it is this one. From its config key.
std::array<std::uint8_t, 16> MarkOf(const KeyRing& keys);
// Whether these are the keys of a master key that was rotated away.
bool IsFormerMaster(const Config& config, const KeyRing& keys);

}  // namespace aerie::repo
