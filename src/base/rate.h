// Rates and sizes as users write them: "20MB/s", "1.5MiB/s", "100/s", "200GB".
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace aerie {

// Bytes a second: a number and B, KB, MB, GB (powers of 1000) or KiB, MiB, GiB (of 1024), with or
// without "/s". "0" and "off" are 0, which stands for no limit. kInvalid, led by `what`, for
// anything else: also for a bare number, since programs do not agree on its unit.
Result<double> ParseByteRate(const std::string& text, const std::string& what);

// Bytes: a number and one of these units, or TB, TiB. "0" is 0. kInvalid as above.
Result<std::int64_t> ParseByteSize(const std::string& text, const std::string& what);

// Things a second: a number, with or without "/s", or with "/m". "0" and "off" are 0.
Result<double> ParseRate(const std::string& text, const std::string& what);

}  // namespace aerie
