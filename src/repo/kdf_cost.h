// How dear opening a repository is made: what Argon2id costs unasked, and what may be asked for
// (docs/decisions/0033-one-cost-of-argon2id.md).
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "repo/key_file.h"

namespace aerie::repo {

// Unasked: the second recommended option of RFC 9106, section 4 (3 passes over 64 MiB), with one
// lane, as libsodium does it. About 0.1 s of a processor of 2020 or later.
inline constexpr KdfCost kUsualKdfCost = {.passes = 3, .memory = std::uint64_t{64} << 20};
// The least that may be asked for: OWASP's Password Storage Cheat Sheet, 19 MiB with 2 passes and
// its equals.
inline constexpr std::uint64_t kLeastKdfMemory = std::uint64_t{19} << 20;
inline constexpr std::uint64_t kLeastKdfWork = 2 * kLeastKdfMemory;  // passes times memory

// What a user asked for.
struct KdfRequest {
  std::optional<std::uint64_t> memory;
  std::optional<std::uint32_t> passes;
};

// The usual cost where nothing is asked for; with less memory than usual, and no word of passes, as
// many more of them as make up for it. kInvalid for a request below the least or above what readers
// accept.
Result<KdfCost> ChooseKdfCost(const KdfRequest& request);

}  // namespace aerie::repo
