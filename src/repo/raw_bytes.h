// A growing byte buffer whose new bytes are left unset: for bytes that are about to be overwritten,
// where zeroing megabytes first would cost as much as the work itself.
//
// A movable value; no thread rule.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "base/bytes.h"

namespace aerie::repo {

class RawBytes {
 public:
  RawBytes() = default;
  explicit RawBytes(std::size_t size) { resize(size); }
  RawBytes(RawBytes&& other) noexcept { swap(other); }
  RawBytes& operator=(RawBytes&& other) noexcept {
    RawBytes(std::move(other)).swap(*this);
    return *this;
  }

  std::uint8_t* data() { return bytes_.get(); }
  const std::uint8_t* data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  std::uint8_t* begin() { return data(); }
  std::uint8_t* end() { return data() + size_; }
  const std::uint8_t* begin() const { return data(); }
  const std::uint8_t* end() const { return data() + size_; }
  std::uint8_t& operator[](std::size_t at) { return bytes_[at]; }

  void clear() { size_ = 0; }
  void resize(std::size_t size) {
    reserve(size);
    size_ = size;
  }
  void push_back(std::uint8_t byte) {
    resize(size_ + 1);
    bytes_[size_ - 1] = byte;
  }
  void append(ByteSpan bytes) {
    if (bytes.empty()) return;
    const std::size_t at = size_;
    resize(at + bytes.size());
    std::memcpy(data() + at, bytes.data(), bytes.size());
  }
  void reserve(std::size_t capacity) {
    if (capacity <= capacity_) return;
    capacity = std::max(capacity, capacity_ + capacity_ / 2);
    auto grown = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
    if (size_ != 0) std::memcpy(grown.get(), bytes_.get(), size_);
    bytes_ = std::move(grown);
    capacity_ = capacity;
  }
  void swap(RawBytes& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace aerie::repo
