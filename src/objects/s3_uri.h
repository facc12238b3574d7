// s3://bucket/prefix, as users write it. Pure; any thread.
#pragma once

#include <string>

#include "base/status.h"

namespace aerie::objects {

struct S3Uri {
  std::string bucket;
  std::string prefix;  // without slashes at its ends; may be empty

  std::string ToString() const { return "s3://" + bucket + (prefix.empty() ? "" : "/" + prefix); }
};

// kInvalid unless the bucket's name follows the rules that all of S3 shares (3 to 63 of a-z, 0-9,
// '.', '-', a letter or digit at both ends) and the prefix those of an object key, with room for
// keys below it.
Result<S3Uri> ParseS3Uri(const std::string& text);

// RFC 3986 percent-encoding of everything but A-Z a-z 0-9 - . _ ~, which is what AWS signs.
std::string PercentEncode(const std::string& text);
// The same, with slashes left alone.
std::string PercentEncodePath(const std::string& text);
// The reverse of PercentEncode; kInvalid for a % that two hexadecimal digits do not follow.
Result<std::string> PercentDecode(const std::string& text);

}  // namespace aerie::objects
