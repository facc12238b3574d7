#include "objects/percent.h"

#include "base/bytes.h"

namespace aerie::objects {

Result<std::string> DecodePercent(const std::string& text, const std::string& operation) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const auto byte = FromHex(text.substr(i + 1, 2));
    if (!byte.ok() || byte->size() != 1 || byte->front() == 0) {
      return InvalidError(operation +
                          ": a % must be followed by two hexadecimal digits; write %25 for itself");
    }
    out.push_back(static_cast<char>(byte->front()));
    i += 2;
  }
  return out;
}

}  // namespace aerie::objects
