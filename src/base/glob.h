// Globs, as users name collections and databases with them.
//
// Case-sensitive and byte by byte: * is any run of bytes, also none; ? is one byte; [abc], [a-z]
// one of them, [!a-z] or [^a-z] one of the others; \ takes the next byte as it is. A pattern
// matches the whole text. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace aerie {

// kInvalid for a "[" without its "]", a range that runs backwards, a \ at the end, and "" or "!".
// One leading "!" (see Matches) is allowed.
Status CheckGlob(const std::string& pattern);

// One pattern, in which "!" means nothing special. A malformed part matches nothing.
bool GlobMatches(std::string_view pattern, std::string_view text);

// Whether `patterns` choose `text`: at least one matches and none of those led by "!" does. No
// pattern at all, or only such with "!", chooses everything else. The order is of no account.
bool Matches(const std::vector<std::string>& patterns, std::string_view text);

}  // namespace aerie
