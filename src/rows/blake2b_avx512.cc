// Eight messages in the lanes of AVX-512 registers; compiled for AVX-512F, called where it is
// there.
#include <cstddef>
#include <cstdint>

#include "rows/blake2b_many.h"

namespace aerie::rows {
namespace {

#define AERIE_LANES 8
typedef std::uint64_t Vec __attribute__((vector_size(64)));

// out[i][j] = in[j][i].
static inline __attribute__((always_inline)) void Transpose(const Vec* in, Vec* out) {
  Vec a[8];
  Vec b[8];
  for (int i = 0; i < 8; i += 2) {
    a[i] = __builtin_shufflevector(in[i], in[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    a[i + 1] = __builtin_shufflevector(in[i], in[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 2; ++j) {
      b[i + j] = __builtin_shufflevector(a[i + j], a[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      b[i + j + 2] = __builtin_shufflevector(a[i + j], a[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int i = 0; i < 4; ++i) {
    out[i] = __builtin_shufflevector(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    out[i + 4] = __builtin_shufflevector(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

#include "rows/blake2b_lanes.inc"

}  // namespace

void Blake2bAvx512(const std::uint8_t* const* data, const std::size_t* size, std::size_t count,
                   const LaneOptions& options, std::uint64_t* out) {
  HashLanes(data, size, count, options, out);
}

}  // namespace aerie::rows
