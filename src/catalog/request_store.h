// Requests that bring a key, so that the same one twice is done once.
//
// A key is taken before the request is worked on, and its answer is stored after it: what a crash
// leaves between the two has no answer, and is never begun again under that key. Thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "catalog/catalog.h"

namespace aerie::catalog {

struct KeyedAnswer {
  int status = 0;
  std::string location{};
  std::string body{};
};

struct KeyedRequest {
  enum class State {
    kFresh,     // it is the caller's to work on; then Answer or Drop
    kAnswered,  // `answer` was given to it
    kOther,     // the key was used for another request
    kOpen,      // somebody works on it, or died with it
  };
  State state = State::kFresh;
  KeyedAnswer answer{};
};

class RequestStore {
 public:
  // The catalog outlives it.
  explicit RequestStore(Catalog& catalog) : catalog_(catalog) {}

  // `request` stands for all of it, such as a hash. Keys from before `forget_before_ms` are
  // forgotten.
  Result<KeyedRequest> Take(const std::string& actor, const std::string& key,
                            const std::string& request, std::int64_t now_ms,
                            std::int64_t forget_before_ms);
  Status Answer(const std::string& actor, const std::string& key, const KeyedAnswer& answer);
  // Nothing was done: the key is free again.
  Status Drop(const std::string& actor, const std::string& key);

 private:
  Catalog& catalog_;
};

}  // namespace aerie::catalog
