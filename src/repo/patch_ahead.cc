#include "repo/patch_ahead.h"

#include <utility>

namespace aerie::repo {
namespace {

constexpr std::uint64_t kMaxLeafBytesAhead = std::uint64_t{16} << 20;

}  // namespace

void PatchAhead::Prepare(const Context& context, const LeafEntry& leaf,
                         std::span<const LeafEntry> next) {
  if (leaf.patches.empty() || prepared_.contains(leaf.patches.back())) return;
  prepared_.clear();
  std::vector<BlobRef> refs;
  std::uint64_t bytes = 0;
  const auto add = [&](const LeafEntry& entry) {
    bytes += entry.range.bytes;
    if (entry.patches.empty()) return;
    prepared_.insert(entry.patches.back());
    for (const BlobName& patch : entry.patches) refs.push_back({BlobKind::kPatch, patch});
  };
  add(leaf);
  for (const LeafEntry& entry : next) {
    if (bytes + entry.range.bytes > kMaxLeafBytesAhead) break;
    add(entry);
  }
  auto blobs = source_.LoadMany(context, refs);
  std::lock_guard lock(mutex_);
  earlier_ = std::exchange(ready_, {});
  for (std::size_t i = 0; blobs.ok() && i < blobs->size(); ++i) {
    ready_.emplace(refs[i].name, std::move((*blobs)[i]));
  }
}

bool PatchAhead::Take(const BlobRef& ref, Bytes& plain) {
  if (ref.kind != BlobKind::kPatch) return false;
  std::lock_guard lock(mutex_);
  for (Blobs* blobs : {&ready_, &earlier_}) {
    const auto found = blobs->extract(ref.name);
    if (found.empty()) continue;
    plain = std::move(found.mapped());
    return true;
  }
  return false;
}

Result<Bytes> PatchAhead::Load(const Context& context, const BlobRef& ref) {
  Bytes plain;
  if (Take(ref, plain)) return plain;
  return source_.Load(context, ref);
}

Result<std::vector<Bytes>> PatchAhead::LoadMany(const Context& context,
                                                const std::vector<BlobRef>& refs) {
  std::vector<Bytes> plains(refs.size());
  std::vector<BlobRef> missing;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < refs.size(); ++i) {
    if (Take(refs[i], plains[i])) continue;
    missing.push_back(refs[i]);
    places.push_back(i);
  }
  AERIE_ASSIGN(std::vector<Bytes> loaded, source_.LoadMany(context, missing));
  for (std::size_t i = 0; i < loaded.size(); ++i) plains[places[i]] = std::move(loaded[i]);
  return plains;
}

}  // namespace aerie::repo
