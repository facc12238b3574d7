// Four messages in the lanes of AVX2 registers; compiled for AVX2, called where it is there.
#include <cstddef>
#include <cstdint>

#include "rows/blake2b_many.h"

namespace aerie::rows {
namespace {

#define AERIE_LANES 4
typedef std::uint64_t Vec __attribute__((vector_size(32)));

// out[i][j] = in[j][i].
static inline __attribute__((always_inline)) void Transpose(const Vec* in, Vec* out) {
  Vec a[4];
  for (int i = 0; i < 4; i += 2) {
    a[i] = __builtin_shufflevector(in[i], in[i + 1], 0, 4, 2, 6);
    a[i + 1] = __builtin_shufflevector(in[i], in[i + 1], 1, 5, 3, 7);
  }
  for (int i = 0; i < 2; ++i) {
    out[i] = __builtin_shufflevector(a[i], a[i + 2], 0, 1, 4, 5);
    out[i + 2] = __builtin_shufflevector(a[i], a[i + 2], 2, 3, 6, 7);
  }
}

#include "rows/blake2b_lanes.inc"

}  // namespace

void Blake2bAvx2(const std::uint8_t* const* data, const std::size_t* size, std::size_t count,
                 const LaneOptions& options, std::uint64_t* out) {
  HashLanes(data, size, count, options, out);
}

}  // namespace aerie::rows
