#include "api/http_message.h"

#include <algorithm>
#include <cstring>

namespace aerie::api {

std::function<void()> ByteStream::TakeReady(std::unique_lock<std::mutex>& lock) {
  std::function<void()> ready;
  if (wanted_) ready = ready_;
  wanted_ = false;
  lock.unlock();
  return ready;
}

bool ByteStream::Write(std::string_view bytes) {
  std::unique_lock lock(mutex_);
  if (ended_ || abandoned_) return false;
  if (pending_.size() - sent_ + bytes.size() > limit_) {
    abandoned_ = true;
  } else {
    if (sent_ > 0) pending_.erase(0, sent_);
    sent_ = 0;
    pending_ += bytes;
  }
  const bool good = !abandoned_;
  if (const auto ready = TakeReady(lock)) ready();
  return good;
}

void ByteStream::End() {
  std::unique_lock lock(mutex_);
  ended_ = true;
  if (const auto ready = TakeReady(lock)) ready();
}

bool ByteStream::ended() const {
  std::lock_guard lock(mutex_);
  return ended_ || abandoned_;
}

std::optional<std::size_t> ByteStream::Read(char* into, std::size_t most) {
  std::lock_guard lock(mutex_);
  if (abandoned_) return std::nullopt;
  const std::size_t size = std::min(most, pending_.size() - sent_);
  if (size == 0) {
    if (ended_) return std::nullopt;
    wanted_ = true;
    return 0;
  }
  std::memcpy(into, pending_.data() + sent_, size);
  sent_ += size;
  return size;
}

void ByteStream::OnReady(std::function<void()> ready) {
  std::lock_guard lock(mutex_);
  ready_ = std::move(ready);
}

void ByteStream::Abandon() {
  std::lock_guard lock(mutex_);
  abandoned_ = true;
  wanted_ = false;
  ready_ = nullptr;
  pending_.clear();
  sent_ = 0;
}

}  // namespace aerie::api
