// What one call may carry, so that all calls of a job together stay within its memory.
//
// A budget that is shared out beforehand cannot deadlock, unlike leases from a common pool: results
// are taken in key order, so a call that waits for memory could be the one that all others wait
// for.
#pragma once

#include <algorithm>
#include <cstddef>

namespace aerie::transfer {

// The ceiling of what a job holds of rows, besides what the program itself and its packs take.
inline constexpr std::size_t kJobBytes = std::size_t{256} << 20;

// Plain bytes that one call should carry when `collections` are under work, each with `calls` in
// flight. A call's rows are held up to eight times over: as they wait in a queue, as a message, as
// bytes on the wire, as columns, and the same for what is read back.
inline std::size_t CallBytes(std::size_t collections, int calls,
                             std::size_t job_bytes = kJobBytes) {
  constexpr std::size_t kHeld = 8;
  constexpr std::size_t kLeast = std::size_t{256} << 10;
  constexpr std::size_t kMost = std::size_t{4} << 20;
  const std::size_t in_flight =
      std::max<std::size_t>(1, collections) * static_cast<std::size_t>(std::max(1, calls));
  return std::clamp(job_bytes / (in_flight * kHeld), kLeast, kMost);
}

}  // namespace aerie::transfer
