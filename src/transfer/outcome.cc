#include "transfer/outcome.h"

#include <algorithm>

namespace aerie::transfer {

void MergeReports(const rows::ReadReport& from, rows::ReadReport& into) {
  into.rows += from.rows;
  into.counted += from.counted;
  into.duplicate_keys += from.duplicate_keys;
  into.unreadable_keys += from.unreadable_keys;
  into.reread_ranges += from.reread_ranges;
  into.fuzzy = into.fuzzy || from.fuzzy;
  if (into.started_ms == 0 || from.started_ms < into.started_ms) into.started_ms = from.started_ms;
  into.finished_ms = std::max(into.finished_ms, from.finished_ms);
  into.read_ts = std::max(into.read_ts, from.read_ts);
  into.warnings.insert(into.warnings.end(), from.warnings.begin(), from.warnings.end());
}

}  // namespace aerie::transfer
