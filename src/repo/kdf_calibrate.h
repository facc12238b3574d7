// How dear opening a repository is made: Argon2id's cost, fitted to this machine.
//
// What it costs here it costs an attacker, too, for every passphrase that he tries. Backups open
// the repository while the cluster is asked what it has, which hides about the target time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/context.h"
#include "repo/key_file.h"

namespace aerie::repo {

// The least that is chosen unasked, however slow the machine: the second recommended option of RFC
// 9106, section 4 (3 passes over 64 MiB), with one lane, as libsodium does it.
inline constexpr KdfCost kLeastKdfCost = {.passes = 3, .memory = std::uint64_t{64} << 20};
// The least that may be asked for: OWASP's Password Storage Cheat Sheet, 19 MiB with 2 passes and
// its equals.
inline constexpr std::uint64_t kLeastKdfMemory = std::uint64_t{19} << 20;
inline constexpr std::uint64_t kLeastKdfWork = 2 * kLeastKdfMemory;  // passes times memory

struct KdfTarget {
  Duration time = std::chrono::milliseconds(200);
  // A quarter gigabyte fits beside a small container's other work.
  std::uint64_t memory = std::uint64_t{256} << 20;
};

// What a user asked for; the rest is fitted.
struct KdfRequest {
  std::optional<std::uint64_t> memory;
  std::optional<std::uint32_t> passes;
};

// Pure: the cost that takes about the target's time where kLeastKdfCost took `measured`. Memory
// goes before passes, in powers of two. kInvalid for a request below the least or above what
// readers accept.
Result<KdfCost> FitKdfCost(Duration measured, const KdfRequest& request = {},
                           const KdfTarget& target = {});

// Measures kLeastKdfCost once by the context's clock, and fits; the memory it may take is a
// quarter of what this machine or container has, at most the target's.
Result<KdfCost> CalibrateKdf(const Context& context, const KdfRequest& request = {});

}  // namespace aerie::repo
