#include "objects/percent.h"

#include "objects/s3_uri.h"

namespace aerie::objects {

Result<std::string> DecodePercent(const std::string& text, const std::string& operation) {
  auto decoded = PercentDecode(text);
  if (decoded.ok() && decoded->find('\0') == std::string::npos) return decoded;
  return InvalidError(operation +
                      ": a % must be followed by two hexadecimal digits; write %25 for itself");
}

}  // namespace aerie::objects
