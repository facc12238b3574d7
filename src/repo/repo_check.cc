#include "repo/repo_check.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <mutex>
#include <set>
#include <unordered_set>
#include <utility>

#include "base/task_group.h"
#include "repo/check_record.h"
#include "repo/damage.h"
#include "repo/damage_record.h"
#include "repo/locks.h"
#include "repo/object_check.h"
#include "repo/object_names.h"
#include "repo/pack_check.h"
#include "repo/repository_core.h"
#include "repo/tree_api.h"

namespace aerie::repo {
namespace {

// Time to write down what was read when the check itself was cancelled.
constexpr std::chrono::seconds kSaveLimit{60};

PackAge AgeOf(const CheckedPack& pack, const CheckedTimes& times) {
  const auto read = times.find(pack.id);
  std::uint32_t draw = 0;
  for (std::size_t i = 0; i < sizeof(draw); ++i) draw = draw << 8 | pack.id.bytes[i];
  return {.size = pack.size,
          .read_ms = read == times.end() ? std::nullopt : std::optional(read->second),
          .draw = draw};
}

// Reads packs and remembers those that were found right.
class DataReader {
 public:
  DataReader(const RepositoryCore& core, const CheckRepositoryOptions& options,
             const std::vector<CheckedPack>& packs, SteadyTime began)
      : core_(core), options_(options), packs_(packs), began_(began) {}

  Status Run(const Context& context) {
    saved_ = context.clock().Steady();
    stamp_ms_ = ToUnixMillis(context.clock().Now());
    AERIE_ASSIGN(memory_, ReadCheckMemory(context, core_.store, core_.keys, stamp_ms_));
    AERIE_ASSIGN(damage_, ReadDamageMemory(context, core_.store, core_.keys));
    copies_ = damage_.copies;
    std::vector<PackAge> ages;
    for (const CheckedPack& pack : packs_) ages.push_back(AgeOf(pack, memory_.times));
    const std::vector<std::size_t> order = SelectPacks(ages, *options_.data);
    for (const std::size_t i : order) data_.selected_bytes += packs_[i].size;
    data_.selected_packs = order.size();
    const Status read = ParallelFor(
        context, order.size(), std::max<std::size_t>(options_.streams, 1),
        [&](const Context& child, std::size_t i) { return Read(child, packs_[order[i]]); });
    if (data_.read_packs > 0) Save(Context(context.clock()).WithTimeout(kSaveLimit));
    Summarize();
    return read;
  }

  DataCheck& data() { return data_; }
  std::vector<Finding>& findings() { return findings_; }
  const std::set<BlobRef, bool (*)(const BlobRef&, const BlobRef&)>& damaged() const {
    return damaged_;
  }

 private:
  static bool ByName(const BlobRef& a, const BlobRef& b) { return a.name < b.name; }

  bool TimeIsUp(const Context& context) {
    std::lock_guard lock(mutex_);
    if (!options_.max_duration || !begun_) {
      begun_ = true;
      return false;
    }
    if (context.clock().Steady() - began_ < *options_.max_duration) return false;
    data_.stopped = true;
    return true;
  }

  Status Read(const Context& context, const CheckedPack& pack) {
    if (TimeIsUp(context)) return Ok();
    AERIE_TRY(context.Check("check data"));
    PackVerdict verdict;
    const auto record = RecordOf(context, core_.store, core_.keys, pack);
    if (KindOf(record.status()) == Kind::kCorrupt) {
      verdict.message = std::string(record.status().message());
    } else {
      AERIE_TRY(record.status());
      AERIE_ASSIGN(verdict, ReadWholePack(context, core_.store, core_.keys, *record));
    }
    std::lock_guard lock(mutex_);
    Note(pack, verdict);
    // By one thread at a time: the others wait, which is seldom and short.
    if (context.clock().Steady() - saved_ >= options_.remember_every) Save(context);
    return Ok();
  }

  void Note(const CheckedPack& pack, const PackVerdict& verdict) {
    ++data_.read_packs;
    data_.read_bytes += pack.size;
    if (verdict.message.empty() && pack.sound)
      memory_.times[pack.id] = stamp_ms_;
    else
      memory_.times.erase(pack.id);  // the next check begins with it
    if (verdict.message.empty()) copies_.erase(pack.id);
    for (const BlobRef& ref : verdict.damaged) copies_[pack.id].insert(ref.name);
    if (!verdict.message.empty()) {
      findings_.push_back(DamagedPackFinding(pack.id, verdict));
      damaged_.insert(verdict.damaged.begin(), verdict.damaged.end());
    }
    if (options_.progress) options_.progress(data_.read_bytes, data_.selected_bytes);
  }

  void Save(const Context& context) {
    std::unordered_set<ObjectId, ObjectIdHash> there;
    for (const CheckedPack& pack : packs_) there.insert(pack.id);
    const CheckRecord author{.created_ms = ToUnixMillis(context.clock().Now()),
                             .program = options_.program,
                             .host = options_.host,
                             .packs = {}};
    Status saved = SaveDamage(context, there);
    if (saved.ok()) {
      saved = SaveCheckMemory(context, core_.store, core_.keys, there, author, memory_);
    }
    data_.not_remembered = std::string(saved.message());
    saved_ = context.clock().Steady();
    stamp_ms_ = ToUnixMillis(context.clock().Now());
  }

  // Only when it is not what is stored.
  Status SaveDamage(const Context& context,
                    const std::unordered_set<ObjectId, ObjectIdHash>& there) {
    std::erase_if(copies_, [&](const auto& pack) { return !there.contains(pack.first); });
    const bool unreadable = std::ranges::any_of(
        damage_.objects, [](const auto& object) { return object.packs.empty(); });
    if (copies_ == damage_.copies && !unreadable) return Ok();
    const DamageRecord author{.created_ms = ToUnixMillis(context.clock().Now()),
                              .program = options_.program,
                              .host = options_.host,
                              .packs = {}};
    return SaveDamageMemory(context, core_.store, core_.keys, author, copies_, damage_);
  }

  void Summarize() {
    for (const CheckedPack& pack : packs_) {
      const auto read = memory_.times.find(pack.id);
      if (read == memory_.times.end())
        ++data_.never_read;
      else
        data_.oldest_ms = std::min(data_.oldest_ms.value_or(read->second), read->second);
    }
  }

  const RepositoryCore core_;
  const CheckRepositoryOptions& options_;
  const std::vector<CheckedPack>& packs_;
  const SteadyTime began_;

  std::mutex mutex_;
  bool begun_ = false;
  SteadyTime saved_;
  std::int64_t stamp_ms_ = 0;  // no later than any reading since the last writing
  CheckMemory memory_;
  DamageMemory damage_;   // as it is stored
  DamagedCopies copies_;  // as it is known now
  DataCheck data_;
  std::vector<Finding> findings_;
  std::set<BlobRef, bool (*)(const BlobRef&, const BlobRef&)> damaged_{ByName};
};

class RepositoryChecker {
 public:
  RepositoryChecker(Repository& repository, const CheckRepositoryOptions& options)
      : core_(repository.core()), options_(options) {}

  Result<RepositoryCheck> Run(const Context& context) {
    const SteadyTime began = context.clock().Steady();
    AERIE_TRY(core_.catalog.Reconcile(context).status());
    AERIE_ASSIGN(objects_, CheckObjects(context, core_.store, core_.keys));
    result_.findings = std::move(objects_.findings);
    result_.notes = std::move(objects_.notes);
    CountObjects();
    AERIE_TRY(WalkTrees(context));
    AERIE_TRY(NoteIndexes(context));
    if (options_.data) AERIE_TRY(ReadData(context, began));
    return std::move(result_);
  }

 private:
  void CountObjects() {
    result_.snapshots = objects_.snapshots.size();
    result_.indexes = objects_.indexes;
    result_.packs = objects_.packs.size();
    for (const CheckedPack& pack : objects_.packs) {
      result_.pack_bytes += pack.size;
      if (!pack.indexed) unindexed_.insert(pack.id);
    }
  }

  Status WalkTrees(const Context& context) {
    CheckTreesOptions trees;
    trees.fault = [this](const NeededBlob& blob) {
      if (damaged_.contains(blob.ref.name)) return std::string("is damaged");
      NoteNeeded(blob.ref.name);
      return BlobFault(core_.catalog.index(), blob);
    };
    AERIE_ASSIGN(auto found, CheckTrees(context, core_.blobs, objects_.snapshots, trees));
    // A second walk finds again what the first found.
    std::erase_if(result_.findings,
                  [](const Finding& finding) { return finding.place.has_value(); });
    std::ranges::move(found, std::back_inserter(result_.findings));
    return Ok();
  }

  // A pack that a snapshot needs was named by an index before the snapshot came.
  void NoteNeeded(const BlobName& name) {
    if (unindexed_.empty()) return;
    const auto places = core_.catalog.index().Find(name);
    if (places.empty() || !unindexed_.contains(places.front().pack)) return;
    std::lock_guard lock(mutex_);
    needed_unindexed_.insert(places.front().pack);
  }

  Status NoteIndexes(const Context& context) {
    if (unindexed_.empty()) return Ok();
    // Its index may have come since, with a backup beside this check.
    AERIE_TRY(core_.catalog.Refresh(context));
    std::set<ObjectId> still;
    for (const PackRecord& pack : core_.catalog.index().Unindexed()) still.insert(pack.id);
    std::erase_if(unindexed_, [&](const ObjectId& id) { return !still.contains(id); });
    std::erase_if(needed_unindexed_, [&](const ObjectId& id) { return !still.contains(id); });
    for (const ObjectId& id : needed_unindexed_) {
      result_.findings.push_back({.object = PackKey(id).text,
                                  .where = "",
                                  .message = "a snapshot needs this pack, and no index names it: "
                                             "an index is missing or damaged",
                                  .remedy = kRebuildRemedy});
    }
    const std::size_t left = unindexed_.size() - needed_unindexed_.size();
    if (left == 0) return Ok();
    result_.notes.push_back({.object = kPacksPrefix,
                             .where = "",
                             .message = std::to_string(left) +
                                        " packs are of interrupted backups; the next backup takes "
                                        "them over, or aerie repo prune removes them"});
    return Ok();
  }

  Status ReadData(const Context& context, SteadyTime began) {
    DataReader reader(core_, options_, objects_.packs, began);
    AERIE_TRY(reader.Run(context));
    result_.data = std::move(reader.data());
    std::ranges::move(reader.findings(), std::back_inserter(result_.findings));
    for (const BlobRef& ref : reader.damaged()) {
      const Status copy = core_.blobs.Load(context, ref).status();
      const Kind kind = KindOf(copy);
      if (kind == Kind::kCorrupt || kind == Kind::kNotFound)
        damaged_.insert(ref.name);
      else
        AERIE_TRY(copy);
    }
    return damaged_.empty() ? Ok() : WalkTrees(context);
  }

  const RepositoryCore core_;
  const CheckRepositoryOptions& options_;
  RepositoryCheck result_;
  ObjectCheck objects_;
  BlobNames damaged_;  // no copy of them can be read
  std::unordered_set<ObjectId, ObjectIdHash> unindexed_;
  std::mutex mutex_;
  std::set<ObjectId> needed_unindexed_;
};

}  // namespace

std::vector<std::size_t> SelectPacks(const std::vector<PackAge>& packs,
                                     const DataSelection& selection) {
  const std::uint32_t parts = std::max<std::uint32_t>(selection.parts, 1);
  std::vector<std::size_t> order;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < packs.size(); ++i) {
    if (packs[i].draw % parts + 1 != selection.part && parts > 1) continue;
    order.push_back(i);
    bytes += packs[i].size;
  }
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return packs[a].read_ms < packs[b].read_ms;  // none is the least
  });
  const auto share = static_cast<std::uint64_t>(
      std::ceil(static_cast<double>(bytes) * std::clamp(selection.fraction, 0.0, 1.0)));
  const std::uint64_t wanted =
      std::min(selection.max_bytes, selection.fraction >= 1 ? bytes : share);
  std::uint64_t taken = 0;
  std::size_t count = 0;
  while (count < order.size() && (count == 0 || taken < wanted))
    taken += packs[order[count++]].size;
  order.resize(count);
  return order;
}

Result<RepositoryCheck> CheckRepository(const Context& context, Repository& repository,
                                        const CheckRepositoryOptions& options) {
  const std::string operation = "check repository " + repository.Describe();
  auto lease = AcquireForReading(context, repository.core().locks, "check");
  AERIE_TRY(Annotate(lease.status(), operation));
  auto checked = RepositoryChecker(repository, options).Run(context);
  if (!checked.ok()) return Annotate(checked.status(), operation);
  return checked;
}

}  // namespace aerie::repo
