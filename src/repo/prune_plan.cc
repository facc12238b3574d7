#include "repo/prune_plan.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace aerie::repo {
namespace {

struct Place {
  std::uint32_t pack = 0;  // in the inventory
  std::uint32_t number = 0;
};

class Planner {
 public:
  Planner(const Inventory& inventory, const BlobSet& needed,
          const std::map<ObjectId, DoomAge>& dooms, const PlanOptions& options)
      : inventory_(inventory), needed_(needed), dooms_(dooms), options_(options) {}

  PrunePlan Make() {
    WeighPacks();
    ChooseKeepers();
    for (std::uint32_t i = 0; i < inventory_.packs.size(); ++i) plan_.packs.push_back(Begin(i));
    for (const auto& [name, place] : keepers_) {
      PackPlan& pack = plan_.packs[place.pack];
      pack.kept.push_back(place.number);
      pack.kept_bytes += Entry(place).sealed;
    }
    for (std::uint32_t i = 0; i < inventory_.packs.size(); ++i) Settle(i);
    for (const BlobName& name : needed_) {
      if (!keepers_.contains(name)) plan_.lost.push_back(name);
    }
    LimitRepacking();
    return std::move(plan_);
  }

 private:
  const PackEntry& Entry(const Place& place) const {
    return inventory_.packs[place.pack].record.entries[place.number];
  }
  DoomAge AgeOf(const ObjectId& id) const {
    const auto doom = dooms_.find(id);
    return doom == dooms_.end() ? DoomAge::kNone : doom->second;
  }

  // The share of each pack's bytes that is needed, whoever else has it too.
  void WeighPacks() {
    for (const StoredPack& pack : inventory_.packs) {
      std::uint64_t all = 0;
      std::uint64_t wanted = 0;
      for (const PackEntry& entry : pack.record.entries) {
        all += entry.sealed;
        if (needed_.contains(entry.name)) wanted += entry.sealed;
      }
      blob_bytes_.push_back(all);
      shares_.push_back(all == 0 ? 0 : static_cast<double>(wanted) / static_cast<double>(all));
    }
  }

  // Whether `a` rather keeps a blob than `b`: not damaged, not doomed, under the new key, of much
  // use, indexed. So a pack made by repacking goes before those that it was made from.
  bool Better(const Place& a, const Place& b) const {
    const auto rank = [&](const Place& place) {
      const StoredPack& pack = inventory_.packs[place.pack];
      return std::tuple(!pack.damaged, AgeOf(pack.record.id) == DoomAge::kNone, !pack.old_key,
                        shares_[place.pack], pack.indexed);
    };
    if (rank(a) != rank(b)) return rank(a) > rank(b);
    return std::tie(a.pack, a.number) < std::tie(b.pack, b.number);
  }

  void ChooseKeepers() {
    keepers_.reserve(needed_.size());
    for (std::uint32_t i = 0; i < inventory_.packs.size(); ++i) {
      const auto& entries = inventory_.packs[i].record.entries;
      for (std::uint32_t number = 0; number < entries.size(); ++number) {
        if (!needed_.contains(entries[number].name)) continue;
        const Place place{i, number};
        const auto [at, first] = keepers_.try_emplace(entries[number].name, place);
        if (!first && Better(place, at->second)) at->second = place;
      }
    }
  }

  PackPlan Begin(std::uint32_t i) const {
    const PackRecord& record = inventory_.packs[i].record;
    PackPlan pack;
    pack.id = record.id;
    pack.size = record.size;
    pack.immutable = options_.immutable != nullptr &&
                     std::ranges::any_of(record.entries, [&](const PackEntry& entry) {
                       return options_.immutable->contains(entry.name);
                     });
    return pack;
  }

  void Settle(std::uint32_t i) {
    PackPlan& pack = plan_.packs[i];
    pack.fate = FateOf(i);
    if (pack.fate == PackFate::kRepack) {
      std::ranges::sort(pack.kept);
    } else {
      pack.kept = {};
    }
    if (pack.fate != PackFate::kDoom && pack.fate != PackFate::kSweep) return;
    for (const PackEntry& entry : inventory_.packs[i].record.entries) {
      const auto keeper = keepers_.find(entry.name);
      if (keeper == keepers_.end()) continue;
      const Place& place = keeper->second;
      pack.replaced.push_back(BlobOfPack(inventory_.packs[place.pack].record, place.number));
    }
  }

  PackFate FateOf(std::uint32_t i) const {
    const StoredPack& stored = inventory_.packs[i];
    const PackPlan& pack = plan_.packs[i];
    const bool keeps = !pack.kept.empty();
    switch (AgeOf(stored.record.id)) {
      case DoomAge::kWaiting: return PackFate::kWaiting;
      case DoomAge::kRipe: return keeps || pack.immutable ? PackFate::kNeeded : PackFate::kSweep;
      case DoomAge::kMoved: return keeps || pack.immutable ? PackFate::kKeep : PackFate::kDoom;
      case DoomAge::kNone: break;
    }
    if (pack.immutable) return PackFate::kKeep;
    if (!keeps) {
      const bool young = options_.now_ms - stored.modified_ms < options_.margin_ms;
      return !stored.indexed && young ? PackFate::kYoung : PackFate::kDoom;
    }
    if (!options_.repack_above) return PackFate::kKeep;
    const std::uint64_t all = blob_bytes_[i];
    const double garbage = 1 - static_cast<double>(pack.kept_bytes) / static_cast<double>(all);
    const bool worth =
        pack.kept_bytes < all && (garbage > *options_.repack_above || ShedsDamage(i));
    return worth ? PackFate::kRepack : PackFate::kKeep;
  }

  // What is kept of the pack is sound, and what is damaged is elsewhere or not needed: without the
  // pack the damage is gone.
  bool ShedsDamage(std::uint32_t i) const {
    const PackRecord& record = inventory_.packs[i].record;
    const auto damaged = inventory_.damage.copies.find(record.id);
    if (damaged == inventory_.damage.copies.end()) return false;
    return std::ranges::none_of(plan_.packs[i].kept, [&](std::uint32_t number) {
      return damaged->second.contains(record.entries[number].name);
    });
  }

  // Those that free most for what they cost come first.
  void LimitRepacking() {
    std::vector<PackPlan*> repacked;
    for (PackPlan& pack : plan_.packs) {
      if (pack.fate == PackFate::kRepack) repacked.push_back(&pack);
    }
    std::ranges::stable_sort(repacked, {}, [](const PackPlan* pack) {
      return static_cast<double>(pack->kept_bytes) / static_cast<double>(pack->size);
    });
    std::uint64_t bytes = 0;
    for (PackPlan* const pack : repacked) {
      if (bytes + pack->kept_bytes <= options_.max_repack_bytes) {
        bytes += pack->kept_bytes;
      } else {
        pack->fate = PackFate::kKeep;
        pack->kept = {};
      }
    }
  }

  const Inventory& inventory_;
  const BlobSet& needed_;
  const std::map<ObjectId, DoomAge>& dooms_;
  const PlanOptions& options_;
  std::vector<std::uint64_t> blob_bytes_;  // sealed, of each pack
  std::vector<double> shares_;             // of them needed
  std::unordered_map<BlobName, Place, BlobNameHash> keepers_;
  PrunePlan plan_;
};

}  // namespace

PrunePlan MakePrunePlan(const Inventory& inventory, const BlobSet& needed,
                        const std::map<ObjectId, DoomAge>& dooms, const PlanOptions& options) {
  return Planner(inventory, needed, dooms, options).Make();
}

}  // namespace aerie::repo
