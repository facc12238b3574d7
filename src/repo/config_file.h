// The object `config`: identity, version and features of a repository. docs/format.md, section
// Keys.
//
// Pure functions, safe from any thread.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/status.h"
#include "repo/crypto.h"

namespace aerie::repo {

struct Config {
  ObjectId id;
  Suite suite = Suite::kAes256Gcm;
  bool patches = false;  // the feature of that name
  std::int64_t created_ms = 0;
  bool operator==(const Config&) const = default;
};

Bytes EncodeConfig(const Config& config, const SecretKey& config_key);

// What the object says, before anybody vouches for it. kUnsupported for a newer version, an unknown
// feature or way of encryption; kCorrupt for anything else that EncodeConfig does not make.
Result<Config> ParseConfig(ByteSpan bytes);
// Whether the object's code fits its bytes. False also when `config_key` is another repository's.
bool ConfigCodeFits(ByteSpan bytes, const SecretKey& config_key);

}  // namespace aerie::repo
