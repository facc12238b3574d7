// Sums up what a job's progress events count, for whoever shows one line of all its collections.
//
// One thread at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/progress.h"

namespace aerie {

class ProgressTally {
 public:
  struct Counter {
    std::int64_t rows_done = 0;
    std::int64_t rows_total = -1;  // -1: not known
    std::int64_t bytes_done = 0;
    std::int64_t bytes_total = -1;  // -1: not known, or counted in rows
  };

  explicit ProgressTally(SteadyTime now) : started_(now) {}

  void Add(const ProgressEvent& event, SteadyTime now) {
    if (!event.phase.empty()) phase_ = event.phase;
    if (event.type != ProgressEvent::Type::kCounts) return;
    // A job goes from rows to files or back: what was counted before is of another kind.
    if (const bool files = event.bytes_total >= 0; files != counts_files_) {
      counters_.clear();
      started_ = now;
      counts_files_ = files;
    }
    counters_[event.collection] = {event.rows_done, event.rows_total, event.bytes_done,
                                   event.bytes_total};
  }

  // Rows in all are known when those of each are.
  Counter Sum() const {
    Counter sum;
    bool known = !counters_.empty();
    std::int64_t rows_total = 0;
    for (const auto& [name, counter] : counters_) {
      sum.rows_done += counter.rows_done;
      sum.bytes_done += counter.bytes_done;
      known = known && counter.rows_total >= 0;
      rows_total += counter.rows_total;
      // One job at a time counts bytes, those of files.
      sum.bytes_total = std::max(sum.bytes_total, counter.bytes_total);
    }
    if (known) sum.rows_total = rows_total;
    return sum;
  }
  const std::map<std::string, Counter>& collections() const { return counters_; }
  const std::string& phase() const { return phase_; }
  // Since counting began.
  double Seconds(SteadyTime now) const {
    return std::max(0.001, std::chrono::duration<double>(now - started_).count());
  }

 private:
  std::map<std::string, Counter> counters_;
  std::string phase_;
  SteadyTime started_;
  bool counts_files_ = false;  // and not rows
};

}  // namespace aerie
