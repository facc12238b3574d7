// Byte transposition: numbers of w bytes to w planes and back. Plane j has byte j of each number.
//
// Pure functions, safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace aerie::repo {

inline constexpr std::size_t kMaxPlanes = 8;

// `width` is 2, 4 or 8; `numbers` has count * width bytes; planes[j] has room for `count`.
void SplitPlanes(const std::uint8_t* numbers, std::size_t count, std::size_t width,
                 const std::array<std::uint8_t*, kMaxPlanes>& planes);
void JoinPlanes(const std::array<const std::uint8_t*, kMaxPlanes>& planes, std::size_t count,
                std::size_t width, std::uint8_t* numbers);

}  // namespace aerie::repo
