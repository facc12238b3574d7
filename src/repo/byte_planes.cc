#include "repo/byte_planes.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace aerie::repo {
namespace {

#if defined(__SSE2__)

constexpr std::size_t kVector = sizeof(__m128i);

template <std::size_t kVectors>
struct Registers {
  __m128i at[kVectors];
};

// Bytes of v.at[0..2n) at even and at odd places: to v.at[0..n) and v.at[n..2n).
template <std::size_t kVectors>
void Deal(Registers<kVectors>& v) {
  const __m128i low = _mm_set1_epi16(0x00ff);
  Registers<kVectors> out;
  for (std::size_t i = 0; i < kVectors / 2; ++i) {
    const __m128i a = v.at[2 * i];
    const __m128i b = v.at[2 * i + 1];
    out.at[i] = _mm_packus_epi16(_mm_and_si128(a, low), _mm_and_si128(b, low));
    out.at[kVectors / 2 + i] = _mm_packus_epi16(_mm_srli_epi16(a, 8), _mm_srli_epi16(b, 8));
  }
  v = out;
}

// The inverse of Deal.
template <std::size_t kVectors>
void Shuffle(Registers<kVectors>& v) {
  Registers<kVectors> out;
  for (std::size_t i = 0; i < kVectors / 2; ++i) {
    out.at[2 * i] = _mm_unpacklo_epi8(v.at[i], v.at[kVectors / 2 + i]);
    out.at[2 * i + 1] = _mm_unpackhi_epi8(v.at[i], v.at[kVectors / 2 + i]);
  }
  v = out;
}

// Each deal sorts by one more bit of a byte's place in its number, lowest first, so that after
// log2(width) of them vector j is plane j. Returns how many numbers were done.
template <std::size_t kWidth>
std::size_t SplitVectors(const std::uint8_t* numbers, std::size_t count,
                         const std::array<std::uint8_t*, kMaxPlanes>& planes) {
  std::size_t done = 0;
  for (; done + kVector <= count; done += kVector) {
    Registers<kWidth> v;
    for (std::size_t i = 0; i < kWidth; ++i) {
      v.at[i] =
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(numbers + done * kWidth + i * kVector));
    }
    for (std::size_t step = 1; step < kWidth; step *= 2) Deal(v);
    for (std::size_t i = 0; i < kWidth; ++i) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(planes[i] + done), v.at[i]);
    }
  }
  return done;
}

template <std::size_t kWidth>
std::size_t JoinVectors(const std::array<const std::uint8_t*, kMaxPlanes>& planes,
                        std::size_t count, std::uint8_t* numbers) {
  std::size_t done = 0;
  for (; done + kVector <= count; done += kVector) {
    Registers<kWidth> v;
    for (std::size_t i = 0; i < kWidth; ++i) {
      v.at[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(planes[i] + done));
    }
    for (std::size_t step = 1; step < kWidth; step *= 2) Shuffle(v);
    for (std::size_t i = 0; i < kWidth; ++i) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(numbers + done * kWidth + i * kVector), v.at[i]);
    }
  }
  return done;
}

#else

template <std::size_t kWidth>
std::size_t SplitVectors(const std::uint8_t*, std::size_t,
                         const std::array<std::uint8_t*, kMaxPlanes>&) {
  return 0;
}

template <std::size_t kWidth>
std::size_t JoinVectors(const std::array<const std::uint8_t*, kMaxPlanes>&, std::size_t,
                        std::uint8_t*) {
  return 0;
}

#endif

template <std::size_t kWidth>
void Split(const std::uint8_t* numbers, std::size_t count,
           const std::array<std::uint8_t*, kMaxPlanes>& planes) {
  for (std::size_t i = SplitVectors<kWidth>(numbers, count, planes); i < count; ++i) {
    for (std::size_t j = 0; j < kWidth; ++j) planes[j][i] = numbers[i * kWidth + j];
  }
}

template <std::size_t kWidth>
void Join(const std::array<const std::uint8_t*, kMaxPlanes>& planes, std::size_t count,
          std::uint8_t* numbers) {
  for (std::size_t i = JoinVectors<kWidth>(planes, count, numbers); i < count; ++i) {
    for (std::size_t j = 0; j < kWidth; ++j) numbers[i * kWidth + j] = planes[j][i];
  }
}

}  // namespace

void SplitPlanes(const std::uint8_t* numbers, std::size_t count, std::size_t width,
                 const std::array<std::uint8_t*, kMaxPlanes>& planes) {
  if (width == 2) Split<2>(numbers, count, planes);
  if (width == 4) Split<4>(numbers, count, planes);
  if (width == 8) Split<8>(numbers, count, planes);
}

void JoinPlanes(const std::array<const std::uint8_t*, kMaxPlanes>& planes, std::size_t count,
                std::size_t width, std::uint8_t* numbers) {
  if (width == 2) Join<2>(planes, count, numbers);
  if (width == 4) Join<4>(planes, count, numbers);
  if (width == 8) Join<8>(planes, count, numbers);
}

}  // namespace aerie::repo
