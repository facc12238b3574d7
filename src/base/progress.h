// SEAM. What a running job tells whoever watches: a bar, JSON lines, the page.
//
// Sinks are called from worker threads, possibly many at once, must not block for long, and must
// outlive the job.
#pragma once

#include <cstdint>
#include <string>

namespace aerie {

struct ProgressEvent {
  enum class Type {
    kPhase,     // a phase began: `phase` and `message` are set
    kCounts,    // counters moved
    kItemDone,  // one collection finished; `message` says how
    kRetrying,  // a call failed and is made again after a wait; `message` is one line
    kWarning,   // something the user should know; `message` is one line
  };
  Type type = Type::kCounts;
  std::string phase{};       // "read", "write", "compare", ... empty: unchanged
  std::string collection{};  // "database.collection" or empty for the whole job
  std::int64_t rows_done = 0;
  std::int64_t rows_total = -1;   // -1: not known
  std::int64_t bytes_done = 0;    // plain bytes of rows, or of files where there are no rows
  std::int64_t bytes_total = -1;  // -1: not known, or counted in rows
  std::string message{};
};

class ProgressSink {
 public:
  virtual ~ProgressSink() = default;
  virtual void OnProgress(const ProgressEvent& event) = 0;
};

// Drops everything. Process-wide singleton.
ProgressSink& NoProgress();

}  // namespace aerie
