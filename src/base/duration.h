// Lengths of time as people write them. Pure; any thread.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/status.h"

namespace aerie {

// "90s", "15m", "12h", "30d", "4w", "0", up to a hundred years; `what` names the option in the
// error (kInvalid).
Result<Duration> ParseDuration(const std::string& text, const std::string& what);

}  // namespace aerie
