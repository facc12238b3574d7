// The version that a server tells of itself, as numbers.
//
// Plain values; any thread.
#pragma once

#include <string>

namespace aerie::milvus {

struct ServerVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;
  bool lite = false;  // milvus-lite counts its versions by itself
  bool known() const { return major != 0; }
  auto operator<=>(const ServerVersion&) const = default;
};

// From texts such as "v2.3.5-lite", "milvus_lite-3.2.2", "2.6-dev" or "Zilliz Cloud Vector
// Database(Compatible with Milvus 2.6)"; an exact x.y.z is preferred to x.y.
ServerVersion ParseServerVersion(const std::string& text);

}  // namespace aerie::milvus
