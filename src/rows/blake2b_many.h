// BLAKE2b (RFC 7693) of many messages at once.
//
// One message keeps a processor's vector units mostly idle; eight side by side take about a quarter
// of the time. The instruction set is chosen at run time; without AVX2 libsodium hashes one at a
// time. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>

namespace aerie::rows {

// As many messages as one call takes.
inline constexpr std::size_t kBlake2bLanes = 8;
inline constexpr std::size_t kBlake2bKeyBytes = 32;

// BLAKE2b-128 without a key of `count` (at most kBlake2bLanes) messages: `size[i]` bytes at
// `data[i]`, lengths may differ. out[i] gets the 16 bytes as two little-endian numbers, low half
// first.
void Blake2bMany(const std::uint8_t* const* data, const std::size_t* size, std::size_t count,
                 std::uint64_t (*out)[2]);
// BLAKE2b-256 with a key of kBlake2bKeyBytes, of messages of at least one byte; out[i] gets the 32
// bytes as four little-endian numbers.
void KeyedBlake2bMany(const std::uint8_t* key, const std::uint8_t* const* data,
                      const std::size_t* size, std::size_t count, std::uint64_t (*out)[4]);

enum class Blake2bEngine { kLibsodium, kAvx2, kAvx512 };
// The fastest that this machine has.
Blake2bEngine BestBlake2bEngine();

struct LaneOptions {
  std::size_t words = 2;              // of output: 2 or 4
  const std::uint8_t* key = nullptr;  // kBlake2bKeyBytes, or none; with one no message is empty
};
// Both of the above by an engine of one's choice, for tests; it must be there.
void Blake2bManyWith(Blake2bEngine engine, const std::uint8_t* const* data, const std::size_t* size,
                     std::size_t count, const LaneOptions& options, std::uint64_t* out);

// The engines; `count` at most 4 and 8.
void Blake2bAvx2(const std::uint8_t* const* data, const std::size_t* size, std::size_t count,
                 const LaneOptions& options, std::uint64_t* out);
void Blake2bAvx512(const std::uint8_t* const* data, const std::size_t* size, std::size_t count,
                   const LaneOptions& options, std::uint64_t* out);

}  // namespace aerie::rows
