#include "objects/open_store.h"

#include "base/bytes.h"
#include "objects/filesystem_store.h"
#include "objects/memory_store.h"

namespace aerie::objects {
namespace {

// RFC 3986 percent-decoding of a file URI's path.
Result<std::string> DecodePercent(const std::string& text, const std::string& location) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const auto byte = FromHex(text.substr(i + 1, 2));
    if (!byte.ok() || byte->size() != 1 || byte->front() == 0) {
      return InvalidError("open store " + location +
                          ": a % must be followed by two hexadecimal digits; write %25 for itself");
    }
    out.push_back(static_cast<char>(byte->front()));
    i += 2;
  }
  return out;
}

// The scheme of "scheme://..." in lower case, or empty.
std::string SchemeOf(const std::string& location) {
  const std::size_t end = location.find("://");
  if (end == std::string::npos || end == 0) return "";
  std::string scheme = location.substr(0, end);
  for (char& c : scheme) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '+' && c != '-' && c != '.') return "";
  }
  return scheme;
}

}  // namespace

Result<std::shared_ptr<ObjectStore>> OpenStore(const std::string& location) {
  constexpr char kForms[] = "; give a folder, file:///FOLDER or memory:NAME";
  if (location.empty()) return InvalidError(std::string("open store: no location") + kForms);
  if (location.find('\0') != std::string::npos) {
    return InvalidError(std::string("open store: a zero byte in the location") + kForms);
  }
  constexpr std::size_t kMemory = sizeof("memory:") - 1;
  if (location.starts_with("memory:")) {
    return std::shared_ptr<ObjectStore>(MemoryStore::Named(location.substr(kMemory)));
  }
  const std::string scheme = SchemeOf(location);
  if (scheme.empty()) return std::make_shared<FilesystemStore>(location);
  if (scheme == "s3") {
    return UnsupportedError("open store " + location +
                            ": S3 comes with a later version of Aerie; use a folder for now");
  }
  if (scheme != "file") {
    return InvalidError("open store " + location + ": unknown kind \"" + scheme + "\"" + kForms);
  }
  AERIE_ASSIGN(std::string path, DecodePercent(location.substr(sizeof("file://") - 1), location));
  if (path.starts_with("localhost/")) path.erase(0, sizeof("localhost") - 1);
  if (!path.starts_with("/")) {
    return InvalidError("open store " + location +
                        ": a file URI has three slashes, file:///FOLDER, and an absolute path");
  }
  return std::make_shared<FilesystemStore>(path);
}

}  // namespace aerie::objects
