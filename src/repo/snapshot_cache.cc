#include "repo/snapshot_cache.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

#include "base/log.h"

namespace aerie::repo {
namespace {

// The file: this line, then of each object its id, its size in 4 bytes, little-endian, and itself.
constexpr std::string_view kHead = "aerie snapshots 1\n";
constexpr std::size_t kIdBytes = sizeof(ObjectId::bytes);
constexpr std::size_t kSizeBytes = 4;

void Append(Bytes& out, ByteSpan bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

Bytes Encode(const SnapshotCache::Objects& objects) {
  Bytes out;
  Append(out, AsBytes(kHead));
  for (const auto& [id, object] : objects) {
    Append(out, id.bytes);
    for (std::size_t i = 0; i < kSizeBytes; ++i) {
      out.push_back(static_cast<std::uint8_t>(object.size() >> (8 * i)));
    }
    Append(out, object);
  }
  return out;
}

SnapshotCache::Objects Decode(ByteSpan left) {
  SnapshotCache::Objects objects;
  if (left.size() < kHead.size() || !std::ranges::equal(left.first(kHead.size()), AsBytes(kHead))) {
    return objects;
  }
  left = left.subspan(kHead.size());
  while (left.size() >= kIdBytes + kSizeBytes) {
    ObjectId id;
    std::copy_n(left.begin(), kIdBytes, id.bytes.begin());
    std::size_t size = 0;
    for (std::size_t i = 0; i < kSizeBytes; ++i) {
      size |= static_cast<std::size_t>(left[kIdBytes + i]) << (8 * i);
    }
    left = left.subspan(kIdBytes + kSizeBytes);
    if (size > left.size()) break;
    objects.emplace(id, Bytes(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(size)));
    left = left.subspan(size);
  }
  return objects;
}

}  // namespace

SnapshotCache::SnapshotCache(const std::string& folder, const ObjectId& repository)
    : folder_(folder), path_(folder.empty() ? "" : folder + "/" + repository.ToHex()) {}

SnapshotCache::Objects SnapshotCache::Load() const {
  if (path_.empty()) return {};
  std::ifstream file(path_, std::ios::binary);
  if (!file) return {};
  const Bytes bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return Decode(bytes);
}

void SnapshotCache::Save(const Objects& objects) const {
  if (path_.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  const std::string fresh = path_ + "." + std::to_string(getpid());
  const Bytes bytes = Encode(objects);
  std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (file) std::filesystem::rename(fresh, path_, error);
  if (!file || error) {
    std::filesystem::remove(fresh, error);
    log::Info("the list of snapshots could not be kept for the next time", {{"file", path_}});
  }
}

}  // namespace aerie::repo
