// What a bundle consists of: its bundle.json (docs/bundles.md). A bundle is a repository, and this
// is the list of its objects, for those who carry it and may not read it.
//
// Plain values and free functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace aerie::files {

inline constexpr std::uint64_t kBundleVersion = 1;
inline constexpr char kBundlePath[] = "bundle.json";

struct BundlePart {
  std::string name;  // the object's key
  std::uint64_t bytes = 0;
  std::string sha256;  // 64 hexadecimal digits
  bool operator==(const BundlePart&) const = default;
};

struct BundleManifest {
  bool finished = false;
  std::string bundle;   // the repository's id; empty before it was made
  std::string program;  // "aerie 0.1.0"
  std::int64_t created_ms = 0;
  bool encrypted = false;
  std::string snapshot;  // id of what was packed last
  std::uint64_t rows = 0;
  std::uint64_t plain_bytes = 0;  // of all cells
  std::vector<BundlePart> parts;  // in the order of sending

  std::uint64_t packed_bytes() const;
  bool operator==(const BundleManifest&) const = default;
};

// Indented JSON, with its own SHA-256 as the last member.
std::string EncodeBundleManifest(const BundleManifest& manifest);
// kUnsupported when it is of a later version; kCorrupt when it is not such a manifest, or damaged.
Result<BundleManifest> DecodeBundleManifest(std::string_view text);

}  // namespace aerie::files
