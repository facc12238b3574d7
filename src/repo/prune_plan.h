// What a prune does with each pack: a pure function of what is stored and what is needed.
//
// Every needed blob has exactly one keeper, a pack that stays because of it. A pack that keeps
// nothing can go: each needed blob in it has its keeper elsewhere.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "repo/inventory.h"
#include "repo/pack_reader.h"
#include "repo/reachable.h"

namespace aerie::repo {

enum class PackFate {
  kKeep,     // as it is
  kYoung,    // keeps nothing, but no index names it yet: somebody may be writing it
  kRepack,   // mostly garbage: what it keeps is to be stored again
  kDoom,     // keeps nothing: a later prune may remove it
  kWaiting,  // doomed, the margin is not over
  kNeeded,   // doomed, and the keeper of something: it stays
  kSweep     // doomed, the margin is over, keeps nothing: to be removed now
};

struct PackPlan {
  ObjectId id;
  bool immutable = false;  // an immutable snapshot needs it
  std::uint64_t size = 0;
  PackFate fate = PackFate::kKeep;
  std::uint64_t kept_bytes = 0;      // sealed, of the blobs that it is the keeper of
  std::vector<std::uint32_t> kept;   // their numbers; with kRepack only
  std::vector<WantedBlob> replaced;  // keepers elsewhere of its needed blobs; kDoom and kSweep only
};

// Whether a pack is doomed. kMoved: not yet, but what it keeps was just stored again.
enum class DoomAge { kNone, kMoved, kWaiting, kRipe };

struct PlanOptions {
  std::int64_t now_ms = 0;     // store's clock
  std::int64_t margin_ms = 0;  // age at which a pack without an index is nobody's
  // A pack is repacked when more than this share of its blobs' bytes is garbage; none: never.
  std::optional<double> repack_above;
  std::uint64_t max_repack_bytes = ~std::uint64_t{0};  // kept bytes of all that are repacked
  // Blobs of immutable snapshots; may be null. A pack with one of them stays as it is, since a copy
  // elsewhere is not retained.
  const BlobSet* immutable = nullptr;
};

struct PrunePlan {
  std::vector<PackPlan> packs;  // one for each of the inventory's, in its order
  std::vector<BlobName> lost;   // needed, and in no pack: a damaged repository
};

PrunePlan MakePrunePlan(const Inventory& inventory, const BlobSet& needed,
                        const std::map<ObjectId, DoomAge>& dooms, const PlanOptions& options);

}  // namespace aerie::repo
