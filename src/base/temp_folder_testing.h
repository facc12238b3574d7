// A folder of its own for a test, gone with all that is in it when the object is.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace aerie {

class TempFolder {
 public:
  TempFolder() {
    // mkdtemp puts its own six letters in the place of these.
    std::string name = (std::filesystem::temp_directory_path() / "aerie-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;  // a leftover of a test is no reason to fail another
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace aerie
