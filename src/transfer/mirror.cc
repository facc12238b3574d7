#include "transfer/mirror.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "repo/pins.h"
#include "repo/snapshot_copy.h"

namespace aerie::transfer {
namespace {

using repo::Snapshot;
using repo::SnapshotCollection;
using repo::SnapshotOrigin;

const SnapshotCollection* Find(const Snapshot& snapshot, const rows::CollectionName& name) {
  const auto found = std::ranges::find(snapshot.collections, name, &SnapshotCollection::name);
  return found == snapshot.collections.end() ? nullptr : &*found;
}

bool HasTag(const Snapshot& snapshot, const std::string& tag) {
  return std::ranges::find(snapshot.tags, tag) != snapshot.tags.end();
}

// The snapshots of both repositories, and which are copies of which.
class Pairing {
 public:
  static Result<Pairing> Read(const Context& context, repo::Repository& from,
                              repo::Repository& to) {
    Pairing pairing(from, to);
    AERIE_ASSIGN(pairing.here_, from.ListSnapshots(context, &pairing.damaged_));
    std::vector<repo::Finding> damaged_there;
    AERIE_ASSIGN(pairing.there_, to.ListSnapshots(context, &damaged_there));
    return pairing;
  }

  // Newest first.
  const std::vector<Snapshot>& here() const { return here_; }
  // Snapshot objects of the source that cannot be read.
  const std::vector<repo::Finding>& damaged() const { return damaged_; }
  void Add(Snapshot copy) { there_.insert(there_.begin(), std::move(copy)); }

  // A copy of these collections of `snapshot`, row digest by row digest.
  std::optional<Snapshot> CopyOf(const Snapshot& snapshot,
                                 const std::vector<SnapshotCollection>& collections) const {
    const SnapshotOrigin origin = repo::OriginOf(from_, snapshot);
    for (const Snapshot& there : there_) {
      if (repo::OriginOf(to_, there) != origin) continue;
      const bool whole = std::ranges::all_of(collections, [&](const SnapshotCollection& wanted) {
        const SnapshotCollection* const found = Find(there, wanted.name);
        return found != nullptr && found->digest == wanted.digest;
      });
      if (whole) return there;
    }
    return std::nullopt;
  }

  std::optional<repo::SnapshotId> ParentOf(const Snapshot& snapshot) const {
    for (const Snapshot& here : here_) {
      if (here.id != snapshot.parent) continue;
      const auto there = CopyOf(here, {});
      return there ? std::optional(there->id) : std::nullopt;
    }
    return std::nullopt;
  }

  // What to compare the collection with: best the copy of the snapshot before, so the nearest in
  // time of those that both have; else whatever the target has of that name.
  repo::CollectionCopy Compare(const Snapshot& snapshot, const SnapshotCollection& wanted) const {
    repo::CollectionCopy copy{wanted, {}, {}};
    for (const Snapshot* here : ByDistance(snapshot)) {
      const SnapshotCollection* const original = Find(*here, wanted.name);
      if (original == nullptr) continue;
      const auto there = CopyOf(*here, {*original});
      if (!there) continue;
      copy.there = *Find(*there, wanted.name);
      copy.here = *original;
      return copy;
    }
    for (const Snapshot& there : there_) {
      const SnapshotCollection* const found = Find(there, wanted.name);
      if (found == nullptr) continue;
      copy.there = *found;
      break;
    }
    return copy;
  }

 private:
  Pairing(const repo::Repository& from, const repo::Repository& to) : from_(from), to_(to) {}

  // Parent, then older ones, the newest first, then newer ones, the oldest first.
  std::vector<const Snapshot*> ByDistance(const Snapshot& snapshot) const {
    std::vector<const Snapshot*> parent;
    std::vector<const Snapshot*> older;
    std::vector<const Snapshot*> newer;
    for (const Snapshot& here : here_) {
      if (here.id == snapshot.id) continue;
      auto& list = here.id == snapshot.parent              ? parent
                   : here.created_ms > snapshot.created_ms ? newer
                                                           : older;
      list.push_back(&here);
    }
    parent.insert(parent.end(), older.begin(), older.end());
    parent.insert(parent.end(), newer.rbegin(), newer.rend());
    return parent;
  }

  const repo::Repository& from_;
  const repo::Repository& to_;
  std::vector<Snapshot> here_;
  std::vector<Snapshot> there_;
  std::vector<repo::Finding> damaged_;
};

Result<std::vector<Snapshot>> Named(const Context& context, repo::Repository& from,
                                    const MirrorOptions& options) {
  std::vector<Snapshot> found;
  std::set<repo::SnapshotId> seen;
  for (const std::string& name : options.snapshots) {
    AERIE_ASSIGN(Snapshot snapshot, from.FindSnapshot(context, name));
    if (seen.insert(snapshot.id).second) found.push_back(std::move(snapshot));
  }
  return found;
}

std::vector<SnapshotCollection> SelectedOf(const Snapshot& snapshot, const Selection& selection) {
  std::vector<SnapshotCollection> selected;
  for (const SnapshotCollection& collection : snapshot.collections) {
    if (Selects(selection, collection.name)) selected.push_back(collection);
  }
  return selected;
}

bool Wanted(const Snapshot& snapshot, const MirrorOptions& options) {
  if (!options.cluster.empty() && snapshot.cluster != options.cluster) return false;
  return std::ranges::all_of(options.tags,
                             [&](const std::string& tag) { return HasTag(snapshot, tag); });
}

// Newest first.
Result<std::vector<Snapshot>> Choose(const Context& context, repo::Repository& from,
                                     const Pairing& pairing, const MirrorOptions& options) {
  std::vector<Snapshot> chosen = pairing.here();
  if (!options.snapshots.empty()) {
    AERIE_ASSIGN(chosen, Named(context, from, options));
  }
  std::erase_if(chosen, [&](const Snapshot& one) {
    return !Wanted(one, options) || (SelectedOf(one, options.selection).empty() &&
                                     !(options.selection.empty() && one.collections.empty()));
  });
  std::ranges::sort(chosen, [](const Snapshot& a, const Snapshot& b) {
    return std::tie(b.created_ms, b.id) < std::tie(a.created_ms, a.id);
  });
  if (options.last != 0 && chosen.size() > options.last) chosen.resize(options.last);
  return chosen;
}

Status CheckApart(const repo::Repository& from, const repo::Repository& to) {
  if (from.id() != to.id()) return Ok();
  return RefusedError("mirror " + from.Describe() + " to " + to.Describe() +
                      ": both are the same repository, " + from.id().substr(0, 8) +
                      "; give another one, or make it with --init");
}

Result<std::vector<MirrorItem>> Plan(const Context& context, repo::Repository& from,
                                     const Pairing& pairing, const MirrorOptions& options) {
  AERIE_ASSIGN(std::vector<Snapshot> chosen, Choose(context, from, pairing, options));
  const bool narrowed =
      !options.selection.empty() || !options.tags.empty() || !options.cluster.empty();
  if (chosen.empty() && narrowed) {
    return NotFoundError("mirror " + from.Describe() +
                         ": no snapshot is what was asked for; aerie backup list shows what there "
                         "is");
  }
  std::vector<MirrorItem> items;
  for (auto snapshot = chosen.rbegin(); snapshot != chosen.rend(); ++snapshot) {
    MirrorItem item{*snapshot, SelectedOf(*snapshot, options.selection), {}};
    item.there = pairing.CopyOf(*snapshot, item.collections);
    items.push_back(std::move(item));
  }
  return items;
}

// Of the snapshot, not of the job: the others may be whole.
bool ConcernsOne(const Status& status) {
  const Kind kind = KindOf(status);
  return kind == Kind::kCorrupt || kind == Kind::kNotFound || kind == Kind::kUnsupported;
}

class Mirror {
 public:
  Mirror(repo::Repository& from, repo::Repository& to, Pairing& pairing,
         const MirrorOptions& options, ProgressSink& progress)
      : from_(from), to_(to), pairing_(pairing), options_(options), progress_(progress) {}

  MirrorOutcome Run(const Context& context, const MirrorItem& item) {
    MirrorOutcome outcome;
    outcome.item = item;
    const SteadyTime start = context.clock().Steady();
    outcome.copy = item.there;
    if (!item.there) outcome.status = Copy(context, item, outcome);
    outcome.seconds = std::chrono::duration<double>(context.clock().Steady() - start).count();
    if (outcome.status.ok() && options_.pins) outcome.status = CopyPin(context, outcome);
    return outcome;
  }

 private:
  Status Copy(const Context& context, const MirrorItem& item, MirrorOutcome& outcome) {
    repo::SnapshotCopyOptions copy;
    copy.parent = pairing_.ParentOf(item.snapshot);
    copy.snapshot.immutable_for = options_.immutable_for;
    copy.snapshot.pack_bytes = options_.pack_bytes;
    for (const SnapshotCollection& collection : item.collections) {
      copy.collections.push_back(pairing_.Compare(item.snapshot, collection));
    }
    std::map<rows::CollectionName, repo::CopyCounts> counts;
    copy.progress = [&](const SnapshotCollection& collection, const repo::CopyCounts& now) {
      counts[collection.name] = now;
      progress_.OnProgress(
          {.type = ProgressEvent::Type::kCounts,
           .phase = "mirror " + item.snapshot.id.Short(),
           .collection = item.snapshot.id.Short() + " " + collection.name.ToString(),
           .rows_done = static_cast<std::int64_t>(now.rows),
           .rows_total = static_cast<std::int64_t>(collection.digest.rows),
           .bytes_done = static_cast<std::int64_t>(now.bytes)});
    };
    AERIE_ASSIGN(Snapshot done, repo::CopySnapshot(context, from_, item.snapshot, to_, copy));
    for (const auto& [name, one] : counts) {
      outcome.rows += one.rows;
      outcome.leaves += one.leaves;
      outcome.leaves_known += one.leaves_known;
    }
    AERIE_TRY(Compare(item, done));
    pairing_.Add(done);
    outcome.copy = std::move(done);
    return Ok();
  }

  // What the target's snapshot says of its rows, against the source's.
  static Status Compare(const MirrorItem& item, const Snapshot& copy) {
    for (const SnapshotCollection& collection : item.collections) {
      const SnapshotCollection* const found = Find(copy, collection.name);
      if (found != nullptr && found->digest == collection.digest) continue;
      return MakeStatus(Kind::kDifferent,
                        "mirror snapshot " + item.snapshot.id.Short() + ": " +
                            collection.name.ToString() + " of its copy " + copy.id.Short() +
                            " has other rows; delete the copy, and run aerie backup verify "
                            "--read-data on the source");
    }
    return Ok();
  }

  Status CopyPin(const Context& context, const MirrorOutcome& outcome) {
    if (!pins_) {
      AERIE_ASSIGN(pins_, repo::ListPins(context, from_));
    }
    if (!pins_->contains(outcome.item.snapshot.id)) return Ok();
    if (!pins_there_) {
      AERIE_ASSIGN(pins_there_, repo::ListPins(context, to_));
    }
    if (!pins_there_->insert(outcome.copy->id).second) return Ok();
    return repo::PinSnapshot(context, to_, outcome.copy->id);
  }

  repo::Repository& from_;
  repo::Repository& to_;
  Pairing& pairing_;
  const MirrorOptions& options_;
  ProgressSink& progress_;
  std::optional<std::set<repo::SnapshotId>> pins_;
  std::optional<std::set<repo::SnapshotId>> pins_there_;
};

Status Summarize(const repo::Repository& from, const std::vector<MirrorOutcome>& outcomes,
                 const std::vector<repo::Finding>& damaged) {
  std::size_t failed = damaged.size();
  Status first;
  if (!damaged.empty()) {
    first = CorruptError("mirror " + damaged.front().object + ": " + damaged.front().message);
  }
  for (const MirrorOutcome& outcome : outcomes) {
    if (outcome.status.ok()) continue;
    ++failed;
    if (first.ok()) first = outcome.status;
  }
  const std::size_t all = outcomes.size() + damaged.size();
  if (failed == 0 || failed == all) return first;
  return MakeStatus(Kind::kPartial, "mirror " + from.Describe() + ": " + std::to_string(failed) +
                                        " of " + std::to_string(all) +
                                        " snapshots failed; the others are mirrored");
}

}  // namespace

Result<std::vector<MirrorItem>> PlanMirror(const Context& context, repo::Repository& from,
                                           repo::Repository& to, const MirrorOptions& options) {
  AERIE_TRY(CheckApart(from, to));
  AERIE_ASSIGN(const Pairing pairing, Pairing::Read(context, from, to));
  return Plan(context, from, pairing, options);
}

Result<MirrorResult> RunMirror(const Context& context, repo::Repository& from, repo::Repository& to,
                               const MirrorOptions& options, ProgressSink& progress) {
  AERIE_TRY(CheckApart(from, to));
  AERIE_ASSIGN(Pairing pairing, Pairing::Read(context, from, to));
  AERIE_ASSIGN(const std::vector<MirrorItem> items, Plan(context, from, pairing, options));
  std::vector<repo::Finding> damaged;
  if (options.snapshots.empty()) damaged = pairing.damaged();
  for (const repo::Finding& finding : damaged) {
    progress.OnProgress({.type = ProgressEvent::Type::kWarning,
                         .message = finding.object + ": " + finding.message});
  }
  Mirror mirror(from, to, pairing, options, progress);
  MirrorResult result;
  for (const MirrorItem& item : items) {
    result.snapshots.push_back(mirror.Run(context, item));
    const MirrorOutcome& outcome = result.snapshots.back();
    if (outcome.status.ok() || ConcernsOne(outcome.status)) continue;
    result.status = outcome.status;
    return result;
  }
  result.status = Summarize(from, result.snapshots, damaged);
  return result;
}

}  // namespace aerie::transfer
