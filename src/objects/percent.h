// Percent escapes of addresses that users write (RFC 3986). Pure; any thread.
#pragma once

#include <string>

#include "base/status.h"

namespace aerie::objects {

// kInvalid, led by `operation`, when a % is not followed by two digits, or stands for a
// zero byte.
Result<std::string> DecodePercent(const std::string& text, const std::string& operation);

}  // namespace aerie::objects
