#include "rows/blake2b_many.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sodium.h>

namespace aerie::rows {
namespace {

// libsodium chooses its SIMD code in sodium_init; without it BLAKE2b runs at half the speed.
void InitSodium() {
  static const int result = sodium_init();
  if (result >= 0) return;
  std::fputs("aerie: libsodium cannot start: no source of randomness\n", stderr);
  std::abort();
}

void HashOne(const std::uint8_t* data, std::size_t size, const LaneOptions& options,
             std::uint64_t* out) {
  std::uint8_t hash[32];
  const std::size_t bytes = options.words * sizeof(*out);
  crypto_generichash_blake2b(hash, bytes, data, size, options.key,
                             options.key == nullptr ? 0 : kBlake2bKeyBytes);
  std::memcpy(out, hash, bytes);
}

#if !defined(AERIE_BLAKE2B_X86)
Blake2bEngine Detect() { return Blake2bEngine::kLibsodium; }
#else
Blake2bEngine Detect() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) return Blake2bEngine::kAvx512;
  if (__builtin_cpu_supports("avx2")) return Blake2bEngine::kAvx2;
  return Blake2bEngine::kLibsodium;
}
#endif

}  // namespace

Blake2bEngine BestBlake2bEngine() {
  static const Blake2bEngine best = Detect();
  return best;
}

void Blake2bManyWith(Blake2bEngine engine, const std::uint8_t* const* data, const std::size_t* size,
                     std::size_t count, const LaneOptions& options, std::uint64_t* out) {
#if defined(AERIE_BLAKE2B_X86)
  // Vectors of one or two messages are slower than libsodium.
  if (engine == Blake2bEngine::kAvx512 && count > 2) {
    Blake2bAvx512(data, size, count, options, out);
    return;
  }
  if (engine == Blake2bEngine::kAvx2 && count > 2) {
    for (std::size_t at = 0; at < count; at += 4) {
      Blake2bAvx2(data + at, size + at, std::min<std::size_t>(4, count - at), options,
                  out + at * options.words);
    }
    return;
  }
#else
  static_cast<void>(engine);
#endif
  InitSodium();
  for (std::size_t i = 0; i < count; ++i) {
    HashOne(data[i], size[i], options, out + i * options.words);
  }
}

void Blake2bMany(const std::uint8_t* const* data, const std::size_t* size, std::size_t count,
                 std::uint64_t (*out)[2]) {
  Blake2bManyWith(BestBlake2bEngine(), data, size, count, {}, out[0]);
}

void KeyedBlake2bMany(const std::uint8_t* key, const std::uint8_t* const* data,
                      const std::size_t* size, std::size_t count, std::uint64_t (*out)[4]) {
  Blake2bManyWith(BestBlake2bEngine(), data, size, count, {.words = 4, .key = key}, out[0]);
}

}  // namespace aerie::rows
