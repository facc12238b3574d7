#include "milvus/range_judge.h"

namespace aerie::milvus {

RangeVerdict JudgeRange(const std::vector<RangeTry>& tries) {
  const RangeTry& last = tries.back();
  if (last.counted == last.read) return RangeVerdict::kWhole;
  if (tries.size() > 1) {
    const RangeTry& before = tries[tries.size() - 2];
    // A write between one pair of calls and not between the next would change either number.
    const bool same = before.counted == last.counted && before.read == last.read;
    if (same && last.counted > last.read) return RangeVerdict::kDuplicates;
  }
  return tries.size() < kMaxRangeTries ? RangeVerdict::kReadAgain : RangeVerdict::kUnsettled;
}

}  // namespace aerie::milvus
