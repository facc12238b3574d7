// Whether a range was read whole: the rows that came against the rows that the server counts.
//
// A pure function of what was seen. Why the two can differ: a write came between (then another try
// agrees), the same key is stored several times (count(*) counts copies, Query gives one: the
// difference stays exactly the same), or the server does not return what it counts.
#pragma once

#include <cstdint>
#include <vector>

namespace aerie::milvus {

struct RangeTry {
  std::int64_t counted = 0;  // counted right after the rows were read, or before with equal result
  std::int64_t read = 0;
};

enum class RangeVerdict {
  kWhole,       // as many read as counted
  kReadAgain,   // a write may have come between
  kDuplicates,  // the surplus is copies, of keys that were read or of rows left out for them
  kUnsettled,   // writes kept coming between; the last rows are as good as any
};

inline constexpr std::size_t kMaxRangeTries = 5;

// `tries` in the order they were made, at least one.
RangeVerdict JudgeRange(const std::vector<RangeTry>& tries);

}  // namespace aerie::milvus
