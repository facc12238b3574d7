// Time zones of the IANA list, as what a search for times needs: stretches of time in which local
// time is the instant plus one offset.
//
// A Zone is a small immutable value; any thread. This room's only place that knows where zones come
// from (docs/decisions/0023).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"

namespace aerie::jobs {

// Seconds since the Unix epoch; local seconds are these plus an offset, so that day n begins at the
// local second n * 86400.
struct Span {
  std::int64_t begin = 0;  // the first second of it
  std::int64_t end = 0;    // the first one after it
  std::int64_t offset = 0;
  std::int64_t offset_before = 0;  // right before `begin`
};

class Zone {
 public:
  Zone();  // UTC
  // A name such as "Europe/Berlin". kInvalid when there is none of that name, or when the system
  // has no zones at all, which names the package.
  static Result<Zone> Load(const std::string& name);

  const std::string& name() const { return name_; }
  Span SpanAt(std::int64_t second) const;

 private:
  struct Rules;
  Zone(std::string name, std::shared_ptr<const Rules> rules);

  std::string name_;
  std::shared_ptr<const Rules> rules_;
};

}  // namespace aerie::jobs
