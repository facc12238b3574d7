// Which distributed trace the work of a thread belongs to (W3C Trace Context, Level 1).
//
// A thread works for one task at a time: TraceScope says for which trace, TaskGroup hands it on to
// its threads. Log lines name its id, and calls to other servers pass it on. It is not part of
// Context because a log line takes none (docs/decisions/0032).
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace aerie {

struct Trace {
  std::string id{};      // 32 digits; empty: none
  std::string parent{};  // the traceparent that goes on; empty: the trace is ours, and goes nowhere
  std::string state{};   // its tracestate, as it came
};

// Of the two headers; nullopt: the first is missing or malformed. A state that is malformed or over
// 512 bytes is left out, as the recommendation wants it.
std::optional<Trace> ParseTrace(const std::string& traceparent, const std::string& tracestate);

// Of this thread; a reference that holds until the thread's scope changes.
const Trace& CurrentTrace();

// Until it ends, this thread works for `trace`; then again for the one before.
class TraceScope {
 public:
  explicit TraceScope(Trace trace);
  // The same as another thread has: see Share.
  explicit TraceScope(std::shared_ptr<const Trace> trace);
  ~TraceScope();
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

  // What this thread works for, to be given to one that it starts. Null: none.
  static std::shared_ptr<const Trace> Share();

 private:
  std::shared_ptr<const Trace> before_;
};

}  // namespace aerie
