#include "migrate/plan.h"

#include <algorithm>
#include <cstdio>

#include "transfer/copy.h"

namespace aerie::migrate {
namespace {

// A thousandth of the rows within one reading of them all.
constexpr double kConstantly = 0.001;
// The last round, and the proof: of the source alone where an audit came before.
constexpr double kReadingsInPause = 2;
constexpr double kReadingsInColdPause = 3;
constexpr double kReadingsOfAudit = 2;

std::string Gigabytes(std::int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GB", static_cast<double>(bytes) / 1e9);
  return text;
}

double ReadingSeconds(const Measured& m) {
  return m.read_bytes_second > 0 ? static_cast<double>(m.bytes) / m.read_bytes_second : -1;
}

std::optional<std::string> WhyConstantly(const Measured& m, const Wishes& wishes) {
  if (wishes.constantly_updated) return "it is constantly updated, as you say";
  const double reading = ReadingSeconds(m);
  if (reading < 0 || m.changed_rows_second < 0) return std::nullopt;
  const double changed = m.changed_rows_second * reading;
  if (changed < kConstantly * static_cast<double>(std::max<std::int64_t>(m.rows, 1))) {
    return std::nullopt;
  }
  char text[160];
  std::snprintf(text, sizeof text,
                "about %.0f rows change while all are read once (%.0f s): that is a "
                "thousandth or more",
                changed, reading);
  return text;
}

void Estimate(const Measured& m, Recommendation& r) {
  const double reading = ReadingSeconds(m);
  if (reading < 0) {
    r.reasons.push_back("nothing was loaded to be sampled, so no time is estimated");
    return;
  }
  const double copy = reading * transfer::kCopyPerReading;
  if (r.strategy == Strategy::kCold) {
    r.total_seconds = r.pause_seconds = copy + reading * kReadingsInColdPause;
    return;
  }
  r.total_seconds = copy + reading * (1 + kReadingsOfAudit);
  r.pause_seconds = reading * kReadingsInPause;
}

}  // namespace

Recommendation Recommend(const Measured& m, const Wishes& wishes) {
  Recommendation r;
  const std::string size = Gigabytes(m.bytes);
  const auto constantly = WhyConstantly(m, wishes);
  if (m.bytes < kSmallBytes) {
    r.strategy = Strategy::kCold;
    r.reasons.push_back(size + " is below 1 GB: the simplest is fast enough");
  } else if (m.bytes > kLargeBytes && wishes.downtime_allowed) {
    r.strategy = Strategy::kCold;
    r.reasons.push_back(size +
                        " is above 100 GB and writes may stop: all of it at once, "
                        "collections in parallel (--workers)");
  } else if (constantly) {
    r.strategy = Strategy::kIncremental;
    r.reasons.push_back(size + ", and " + *constantly);
  } else {
    r.strategy = Strategy::kHot;
    r.dual_write = m.bytes > kLargeBytes;
    r.reasons.push_back(r.dual_write
                            ? size +
                                  " is above 100 GB and writes may not stop: dual write would "
                                  "fit, which this version cannot run yet; hot is the best "
                                  "that it can"
                            : size +
                                  " is between 1 and 100 GB: writes stop only for the last "
                                  "round and the proof");
  }
  if (m.changed_rows_second < 0 && !wishes.constantly_updated) {
    r.reasons.push_back("how much is written was not measured");
  }
  Estimate(m, r);
  return r;
}

}  // namespace aerie::migrate
