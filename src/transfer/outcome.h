// How one collection of a job went: backup, restore and copy alike. Plain value.
#pragma once

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

// Adds what the reader of one partition noticed to that of the whole collection.
void MergeReports(const rows::ReadReport& from, rows::ReadReport& into);

}  // namespace aerie::transfer
