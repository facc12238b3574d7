// Lengths of time as people write and read them. Pure; any thread.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/status.h"

namespace aerie {

// "90s", "15m", "12h", "30d", "4w", "0", up to a hundred years; `what` names the option in the
// error (kInvalid).
Result<Duration> ParseDuration(const std::string& text, const std::string& what);

// For people, cut off: "3 days", "31 h", "12 min", "40 s"; days from the second on.
std::string AgeText(Duration age);

}  // namespace aerie
