#include "objects/open_store.h"

#include <utility>

#include "objects/filesystem_store.h"
#include "objects/memory_store.h"
#include "objects/percent.h"
#include "objects/s3_store.h"
#include "objects/sftp_store.h"

namespace aerie::objects {
namespace {

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

RetryPolicy RetryPolicyFor(const std::string& location) {
  RetryPolicy policy;
  if (const std::string scheme = SchemeOf(location); scheme == "s3" || scheme == "sftp") {
    policy.max_attempts = 15;  // together 34 to 69 s: a network that is gone for 30 s is survived
    policy.first_delay = std::chrono::milliseconds(100);
  }
  return policy;
}

Result<std::shared_ptr<ObjectStore>> OpenStore(const std::string& location, const S3Options& s3,
                                               const SftpOptions* sftp) {
  constexpr char kForms[] = "; give a folder, file:///FOLDER or s3://BUCKET/PREFIX";
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
    AERIE_ASSIGN(auto store, S3Store::Open(location, s3, ProcessEnvironment()));
    return store;
  }
  if (scheme == "sftp") {
    AERIE_ASSIGN(SftpUri uri, ParseSftpUri(location));
    if (sftp == nullptr) {
      return InvalidError("open " + uri.ToString() +
                          ": only aerie bundle send and verify work over SFTP" + kForms);
    }
    return std::make_shared<SftpStore>(std::move(uri), *sftp);
  }
  if (scheme != "file") {
    return InvalidError("open store " + location + ": unknown kind \"" + scheme + "\"" + kForms);
  }
  AERIE_ASSIGN(std::string path,
               DecodePercent(location.substr(sizeof("file://") - 1), "open store " + location));
  if (path.starts_with("localhost/")) path.erase(0, sizeof("localhost") - 1);
  if (!path.starts_with("/")) {
    return InvalidError("open store " + location +
                        ": a file URI has three slashes, file:///FOLDER, and an absolute path");
  }
  return std::make_shared<FilesystemStore>(path);
}

}  // namespace aerie::objects
