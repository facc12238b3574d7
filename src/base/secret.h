// A password, key or token: a string that never prints and whose memory is zeroed when it goes.
//
// Plain value; copies are zeroed each by itself. Streams, gtest and logs see "***". Whoever calls
// Reveal passes the view straight to the library that needs it and keeps no copy.
#pragma once

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>

namespace aerie {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text);
  Secret(const Secret& other) : Secret(other.Reveal()) {}
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { Wipe(); }

  // Takes the text and zeroes the string it came in.
  static Secret TakeFrom(std::string& text);

  std::string_view Reveal() const { return {bytes_.get(), size_}; }
  bool empty() const { return size_ == 0; }
  // In constant time for texts of one length.
  friend bool operator==(const Secret& a, const Secret& b);
  friend std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

 private:
  void Wipe();

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

}  // namespace aerie
