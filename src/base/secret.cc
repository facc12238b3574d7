#include "base/secret.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include <string.h>

namespace aerie {
namespace {

constexpr std::size_t kMaxFileBytes = 64 * 1024;

Status FileError(const std::string& path, int error) {
  Kind kind = Kind::kFailed;
  std::string remedy = "check the file";
  if (error == ENOENT || error == ENOTDIR) {
    kind = Kind::kNotFound;
    remedy = "write the secret there or name another file";
  } else if (error == EACCES || error == EPERM) {
    kind = Kind::kDenied;
    remedy = "make the file readable for this user";
  }
  return MakeStatus(kind, "read secret file " + path + ": " + ::strerror(error) + "; " + remedy);
}

Result<Secret> ReadSecretFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileError(path, errno);
  std::string text(kMaxFileBytes + 1, '\0');
  std::size_t size = 0;
  ssize_t got = 0;
  while (size < text.size()) {
    got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  const int error = got < 0 ? errno : 0;
  ::close(fd);
  std::size_t end = size;
  if (end > 0 && text[end - 1] == '\n') --end;
  if (end < size && end > 0 && text[end - 1] == '\r') --end;
  const Secret secret(std::string_view(text).substr(0, end));
  ::explicit_bzero(text.data(), text.size());
  if (error != 0) return FileError(path, error);
  if (size > kMaxFileBytes) {
    return InvalidError("read secret file " + path + ": longer than 64 KiB; name another file");
  }
  if (secret.empty()) {
    return InvalidError("read secret file " + path + ": it is empty; write the secret there");
  }
  return secret;
}

Result<Secret> ReadSecretVariable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') {
    return InvalidError("read secret from the environment: " + name + " is " +
                        (value == nullptr ? "not set" : "empty") + "; export it first");
  }
  return Secret(value);
}

}  // namespace

Secret::Secret(std::string_view text) : size_(text.size()) {
  if (text.empty()) return;
  bytes_ = std::make_unique<char[]>(size_);
  text.copy(bytes_.get(), size_);
}

Secret::Secret(Secret&& other) noexcept
    : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) *this = Secret(other);
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Wipe();
    bytes_ = std::move(other.bytes_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Secret Secret::TakeFrom(std::string& text) {
  Secret secret(text);
  ::explicit_bzero(text.data(), text.size());
  text.clear();
  return secret;
}

void Secret::Wipe() {
  if (bytes_ != nullptr) ::explicit_bzero(bytes_.get(), size_);
  bytes_.reset();
  size_ = 0;
}

bool operator==(const Secret& a, const Secret& b) {
  if (a.size_ != b.size_) return false;
  unsigned char different = 0;
  for (std::size_t i = 0; i < a.size_; ++i) {
    different |= static_cast<unsigned char>(a.bytes_[i] ^ b.bytes_[i]);
  }
  return different == 0;
}

Result<Secret> ResolveSecret(const std::string& text) {
  if (!text.starts_with("${")) return Secret(text);
  const auto inside = [&](std::string_view opening) {
    return text.substr(opening.size(), text.size() - opening.size() - 1);
  };
  constexpr std::string_view kEnv = "${env:";
  constexpr std::string_view kFile = "${file:";
  if (text.ends_with("}")) {
    if (text.starts_with(kEnv) && text.size() > kEnv.size() + 1) {
      return ReadSecretVariable(inside(kEnv));
    }
    if (text.starts_with(kFile) && text.size() > kFile.size() + 1) {
      return ReadSecretFile(inside(kFile));
    }
  }
  return InvalidError(
      "read secret: it opens with \"${\" but is neither ${env:NAME} nor ${file:PATH}; put a secret "
      "that begins so into a file");
}

}  // namespace aerie
