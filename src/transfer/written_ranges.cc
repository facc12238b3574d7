#include "transfer/written_ranges.h"

#include <algorithm>
#include <utility>

namespace aerie::transfer {

void WrittenRanges::Add(WrittenRange range) {
  std::lock_guard lock(mutex_);
  auto& waiting = partitions_[range.partition].waiting;
  waiting.push_back(std::move(range));
}

std::vector<WrittenRange> WrittenRanges::Take(const milvus::StoredRows& call) {
  std::lock_guard lock(mutex_);
  // The largest so far: the calls that carried a range are among those so far.
  ts_ = std::max(ts_, call.ts);
  Partition& partition = partitions_[call.partition];
  Advance(partition, call.range);
  std::vector<WrittenRange> taken;
  auto& waiting = partition.waiting;
  while (!waiting.empty() && waiting.front().range.to <= partition.stored_to) {
    waiting.front().ts = ts_;
    Join(std::move(waiting.front()), taken);
    waiting.pop_front();
  }
  return taken;
}

bool WrittenRanges::empty() const {
  std::lock_guard lock(mutex_);
  return std::all_of(partitions_.begin(), partitions_.end(),
                     [](const auto& one) { return one.second.waiting.empty(); });
}

// Each call begins where the one before it ends, so the calls without a gap are a chain.
void WrittenRanges::Advance(Partition& partition, const milvus::KeyRange& range) {
  partition.ahead.emplace(range.after, *range.to);
  for (auto next = partition.ahead.find(partition.stored_to); next != partition.ahead.end();
       next = partition.ahead.find(partition.stored_to)) {
    partition.stored_to = next->second;
    partition.ahead.erase(next);
  }
}

void WrittenRanges::Join(WrittenRange range, std::vector<WrittenRange>& into) const {
  if (into.empty() || into.back().range.to != range.range.after ||
      into.back().bytes + range.bytes > join_bytes_) {
    into.push_back(std::move(range));
    return;
  }
  WrittenRange& last = into.back();
  last.range.to = range.range.to;
  last.digest.Add(range.digest);
  last.bytes += range.bytes;
  last.keys.insert(last.keys.end(), range.keys.begin(), range.keys.end());
}

}  // namespace aerie::transfer
