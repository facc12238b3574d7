// Which strategy fits, and what it will cost: a pure function over what was measured, the decision
// table of docs/migrating.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "migrate/machine.h"

namespace aerie::migrate {

inline constexpr std::int64_t kSmallBytes = 1'000'000'000;    // below: cold
inline constexpr std::int64_t kLargeBytes = 100'000'000'000;  // above: no longer hot

struct Measured {
  std::int64_t rows = 0;
  std::int64_t bytes = 0;           // plain
  double read_bytes_second = 0;     // 0: not known
  double changed_rows_second = -1;  // added, updated, deleted; -1: not measured
};

struct Wishes {
  bool downtime_allowed = false;
  bool constantly_updated = false;  // the user knows
};

struct Recommendation {
  Strategy strategy = Strategy::kHot;  // that this version can run
  bool dual_write = false;             // what would fit better, and it cannot run
  std::vector<std::string> reasons;
  double total_seconds = -1;  // until the cutover can begin; cold: all of it; -1: not known
  double pause_seconds = -1;
};

Recommendation Recommend(const Measured& measured, const Wishes& wishes);

}  // namespace aerie::migrate
