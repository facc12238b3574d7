// How one collection of a job went: backup, restore and copy alike. Plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "rows/digest.h"
#include "rows/stream.h"

namespace aerie::transfer {

struct CollectionOutcome {
  rows::CollectionName name;
  Status status;
  rows::RangeDigest digest;  // of the rows as they were read
  std::uint64_t bytes = 0;   // plain
  double seconds = 0;
  rows::ReadReport report;
  std::vector<std::string> warnings;
};

// Ok; the error, when all failed; else that some of `job` did.
template <class Outcome>
Status StatusOfAll(const std::vector<Outcome>& outcomes, const std::string& job) {
  Status first;
  std::size_t failed = 0;
  for (const Outcome& outcome : outcomes) {
    if (outcome.status.ok()) continue;
    ++failed;
    if (first.ok()) first = outcome.status;
  }
  if (failed == 0 || failed == outcomes.size()) return first;
  return MakeStatus(Kind::kPartial, job + ": " + std::to_string(failed) + " of " +
                                        std::to_string(outcomes.size()) +
                                        " collections failed: " + std::string(first.message()));
}

// Adds what the reader of one partition noticed to that of the whole collection.
void MergeReports(const rows::ReadReport& from, rows::ReadReport& into);

}  // namespace aerie::transfer
