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

void HashOne(const std::uint8_t* data, std::size_t size, std::uint64_t* out) {
  std::uint8_t hash[16];
  crypto_generichash_blake2b(hash, sizeof(hash), data, size, nullptr, 0);
  std::memcpy(out, hash, sizeof(hash));
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
                     std::size_t count, std::uint64_t (*out)[2]) {
#if defined(AERIE_BLAKE2B_X86)
  // Vectors of one or two messages are slower than libsodium.
  if (engine == Blake2bEngine::kAvx512 && count > 2) {
    Blake2bAvx512(data, size, count, out);
    return;
  }
  if (engine == Blake2bEngine::kAvx2 && count > 2) {
    for (std::size_t at = 0; at < count; at += 4) {
      Blake2bAvx2(data + at, size + at, std::min<std::size_t>(4, count - at), out + at);
    }
    return;
  }
#else
  static_cast<void>(engine);
#endif
  InitSodium();
  for (std::size_t i = 0; i < count; ++i) HashOne(data[i], size[i], out[i]);
}

void Blake2bMany(const std::uint8_t* const* data, const std::size_t* size, std::size_t count,
                 std::uint64_t (*out)[2]) {
  Blake2bManyWith(BestBlake2bEngine(), data, size, count, out);
}

}  // namespace aerie::rows
