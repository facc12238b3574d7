#include "repo/blob_index.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace aerie::repo {
namespace {

constexpr std::size_t kFirstSlots = 1024;
constexpr std::uint32_t kNumberMask = 0xffffff;

}  // namespace

void BlobIndex::AddPack(const PackRecord& pack, bool indexed) {
  std::unique_lock lock(mutex_);
  if (!distrusted_.empty() && !pack_numbers_.contains(pack.id)) {
    for (const PackEntry& entry : pack.entries) distrusted_.erase(entry.name);
  }
  AddPackLocked(pack, indexed);
}

void BlobIndex::Distrust(const BlobName& name) {
  std::unique_lock lock(mutex_);
  distrusted_.insert(name);
}

void BlobIndex::Replace(const std::vector<PackRecord>& indexed) {
  std::unique_lock lock(mutex_);
  const auto unindexed = std::exchange(unindexed_, {});
  packs_.clear();
  pack_numbers_.clear();
  entries_.clear();
  copies_.clear();
  slots_.clear();
  plain_bytes_ = 0;
  for (const PackRecord& pack : indexed) AddPackLocked(pack, true);
  for (const auto& [id, pack] : unindexed) AddPackLocked(pack, false);
}

void BlobIndex::AddPackLocked(const PackRecord& pack, bool indexed) {
  const auto [at, added] =
      pack_numbers_.try_emplace(pack.id, static_cast<std::uint32_t>(packs_.size()));
  if (!added) {
    if (indexed) unindexed_.erase(pack.id);
    return;
  }
  packs_.push_back(
      {.id = pack.id, .size = pack.size, .missing = false, .doomed = doomed_.contains(pack.id)});
  if (!indexed) unindexed_.emplace(pack.id, pack);
  std::uint32_t number = 0;
  for (const PackEntry& entry : pack.entries) {
    Insert({.name = entry.name,
            .pack = at->second,
            .kind_and_number = static_cast<std::uint32_t>(entry.kind) << 24 | number,
            .offset = entry.offset,
            .sealed = entry.sealed,
            .plain = entry.plain});
    ++number;
  }
}

std::vector<BlobLocation> BlobIndex::Find(const BlobName& name) const {
  std::shared_lock lock(mutex_);
  const Entry* const entry = Lookup(name);
  if (entry == nullptr) return {};
  std::vector<BlobLocation> found = {LocationOf(*entry)};
  if (copies_.empty()) return found;
  std::vector<BlobLocation> missing;
  if (!IsSound(*entry)) missing.swap(found);
  const auto [begin, end] = copies_.equal_range(name);
  for (auto copy = begin; copy != end; ++copy) {
    (IsSound(copy->second) ? found : missing).push_back(LocationOf(copy->second));
  }
  found.insert(found.end(), missing.begin(), missing.end());
  return found;
}

bool BlobIndex::Has(const BlobName& name) const {
  std::shared_lock lock(mutex_);
  if (distrusted_.contains(name)) return false;
  return AnyCopy(name, [&](const Entry& copy) { return IsSound(copy); });
}

bool BlobIndex::Stands(const BlobName& name) const {
  std::shared_lock lock(mutex_);
  return AnyCopy(name, [&](const Entry& copy) { return Counts(copy); });
}

template <class Accept>
bool BlobIndex::AnyCopy(const BlobName& name, const Accept& accept) const {
  const Entry* const entry = Lookup(name);
  if (entry == nullptr) return false;
  if (accept(*entry)) return true;
  const auto [begin, end] = copies_.equal_range(name);
  return std::any_of(begin, end, [&](const auto& copy) { return accept(copy.second); });
}

bool BlobIndex::IsSound(const Entry& copy) const {
  const Pack& pack = packs_[copy.pack];
  if (!pack.Counts()) return false;
  if (damaged_.empty()) return true;
  const auto noted = damaged_.find(pack.id);
  return noted == damaged_.end() || !noted->second.contains(copy.name);
}

std::optional<std::uint64_t> BlobIndex::PackSize(const ObjectId& id) const {
  std::shared_lock lock(mutex_);
  const auto found = pack_numbers_.find(id);
  if (found == pack_numbers_.end()) return std::nullopt;
  return packs_[found->second].size;
}

std::vector<ObjectId> BlobIndex::Packs() const {
  std::shared_lock lock(mutex_);
  std::vector<ObjectId> ids;
  ids.reserve(packs_.size());
  for (const Pack& pack : packs_) ids.push_back(pack.id);
  return ids;
}

void BlobIndex::SetMissing(const ObjectId& id, bool missing) {
  std::unique_lock lock(mutex_);
  const auto found = pack_numbers_.find(id);
  if (found != pack_numbers_.end()) packs_[found->second].missing = missing;
}

void BlobIndex::SetDoomed(const std::set<ObjectId>& ids) {
  std::unique_lock lock(mutex_);
  doomed_ = ids;
  for (Pack& pack : packs_) pack.doomed = doomed_.contains(pack.id);
}

void BlobIndex::SetDamaged(DamagedCopies copies) {
  std::unique_lock lock(mutex_);
  damaged_ = std::move(copies);
}

std::vector<PackRecord> BlobIndex::Unindexed() const {
  std::shared_lock lock(mutex_);
  std::vector<PackRecord> packs;
  for (const auto& [id, pack] : unindexed_) {
    if (packs_[pack_numbers_.at(id)].Counts()) packs.push_back(pack);
  }
  return packs;
}

void BlobIndex::MarkIndexed(const std::vector<PackRecord>& packs) {
  std::unique_lock lock(mutex_);
  for (const PackRecord& pack : packs) unindexed_.erase(pack.id);
}

BlobIndex::Totals BlobIndex::totals() const {
  std::shared_lock lock(mutex_);
  return {
      .blobs = entries_.size(), .plain_bytes = plain_bytes_, .unindexed_packs = unindexed_.size()};
}

std::size_t BlobIndex::SlotOf(const BlobName& name) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = BlobNameHash()(name) & mask;
  while (slots_[slot] != 0 && entries_[slots_[slot] - 1].name != name) slot = (slot + 1) & mask;
  return slot;
}

const BlobIndex::Entry* BlobIndex::Lookup(const BlobName& name) const {
  if (slots_.empty()) return nullptr;
  const std::uint32_t place = slots_[SlotOf(name)];
  return place == 0 ? nullptr : &entries_[place - 1];
}

BlobLocation BlobIndex::LocationOf(const Entry& entry) const {
  return {.pack = packs_[entry.pack].id,
          .kind = static_cast<BlobKind>(entry.kind_and_number >> 24),
          .number = entry.kind_and_number & kNumberMask,
          .offset = entry.offset,
          .sealed = entry.sealed,
          .plain = entry.plain};
}

void BlobIndex::Insert(const Entry& entry) {
  if (4 * (entries_.size() + 1) > 3 * slots_.size()) Grow();
  const std::size_t slot = SlotOf(entry.name);
  if (slots_[slot] != 0) {
    copies_.emplace(entry.name, entry);
    return;
  }
  entries_.push_back(entry);
  slots_[slot] = static_cast<std::uint32_t>(entries_.size());
  plain_bytes_ += entry.plain;
}

void BlobIndex::Grow() {
  slots_.assign(slots_.empty() ? kFirstSlots : slots_.size() * 2, 0);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    slots_[SlotOf(entries_[i].name)] = static_cast<std::uint32_t>(i + 1);
  }
}

}  // namespace aerie::repo
