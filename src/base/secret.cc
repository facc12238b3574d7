#include "base/secret.h"

#include <utility>

#include <string.h>

namespace aerie {
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

}  // namespace aerie
