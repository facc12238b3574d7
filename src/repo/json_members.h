// Reads members of one JSON object; the first that is missing or of the wrong type sticks.
//
// Belongs to one function; must not outlive the JSON.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/status.h"

namespace aerie::repo {

class JsonMembers {
 public:
  using Json = nlohmann::ordered_json;

  JsonMembers(const Json& json, const char* what) : json_(json), what_(what) {
    if (!json.is_object()) status_ = CorruptError(std::string(what) + " is not an object");
  }

  void Get(const char* name, std::string& out) {
    const Json* const member = Find(name, [](const Json& j) { return j.is_string(); });
    if (member != nullptr) out = member->get_ref<const std::string&>();
  }
  void Get(const char* name, bool& out) {
    const Json* const member = Find(name, [](const Json& j) { return j.is_boolean(); });
    if (member != nullptr) out = member->get<bool>();
  }
  void Get(const char* name, std::uint64_t& out) {
    const Json* const member = Find(name, [](const Json& j) { return j.is_number_unsigned(); });
    if (member != nullptr) out = member->get<std::uint64_t>();
  }
  void Get(const char* name, std::int64_t& out) {
    const Json* const member = Find(name, [](const Json& j) { return j.is_number_integer(); });
    if (member != nullptr) out = member->get<std::int64_t>();
  }
  void Get(const char* name, std::vector<std::string>& out) {
    const Json* const member = Find(name, [](const Json& j) {
      return j.is_array() &&
             std::all_of(j.begin(), j.end(), [](const Json& item) { return item.is_string(); });
    });
    if (member != nullptr) out = member->get<std::vector<std::string>>();
  }
  template <std::size_t kSize>
  void GetHex(const char* name, std::array<std::uint8_t, kSize>& out) {
    std::string hex;
    Get(name, hex);
    if (!status_.ok()) return;
    const Result<Bytes> bytes = FromHex(hex);
    if (!bytes.ok() || bytes->size() != kSize) return Fail(name);
    std::copy(bytes->begin(), bytes->end(), out.begin());
  }
  const Json* Object(const char* name) {
    return Find(name, [](const Json& j) { return j.is_object(); });
  }
  const Json* Array(const char* name) {
    return Find(name, [](const Json& j) { return j.is_array(); });
  }
  // Nothing to say when the member is null.
  bool IsNull(const char* name) {
    const auto member = json_.find(name);
    return member != json_.end() && member->is_null();
  }
  const Status& status() const { return status_; }

 private:
  template <class Accept>
  const Json* Find(const char* name, const Accept& accept) {
    if (!status_.ok()) return nullptr;
    const auto member = json_.find(name);
    if (member == json_.end() || !accept(*member)) {
      Fail(name);
      return nullptr;
    }
    return &*member;
  }
  void Fail(const char* name) {
    status_ = CorruptError(std::string(what_) + ": member \"" + name + "\" is missing or wrong");
  }

  const Json& json_;
  const char* what_;
  Status status_;
};

}  // namespace aerie::repo
