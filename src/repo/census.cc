#include "repo/census.h"

#include <algorithm>
#include <string>

#include "base/task_group.h"
#include "repo/object_names.h"
#include "repo/pins.h"
#include "repo/repository_core.h"

namespace aerie::repo {
namespace {

constexpr std::size_t kReaders = 4;

Status NotTrusted(const Repository& repository, const std::string& why) {
  return RefusedError("list snapshots of " + repository.Describe() + ": " + why +
                      "; the listing cannot be trusted, so nothing is deleted; run the command "
                      "again");
}

// Snapshots that somebody knows of and that are not among those listed.
std::set<SnapshotId> Unlisted(const Census& census) {
  std::set<SnapshotId> unlisted = census.marks.pins;
  for (const Snapshot& snapshot : census.snapshots) {
    if (snapshot.parent) unlisted.insert(*snapshot.parent);
  }
  for (const Doom& doom : census.dooms.readable) {
    for (const ObjectId& id : doom.record.snapshots) unlisted.insert({id.ToHex()});
  }
  for (const Snapshot& snapshot : census.snapshots) unlisted.erase(snapshot.id);
  return unlisted;
}

// That they are deleted indeed, each asked for by name.
Status ExpectGone(const Context& context, Repository& repository,
                  const std::set<SnapshotId>& unlisted) {
  const std::vector<SnapshotId> ids(unlisted.begin(), unlisted.end());
  objects::ObjectStore& store = repository.core().store;
  const auto ask = [&](const Context& child, std::size_t i) -> Status {
    const objects::ObjectKey key = SnapshotKey(*ObjectId::Parse(ids[i].hex));
    const Status there = store.Stat(child, key).status();
    if (KindOf(there) == Kind::kNotFound) return Ok();
    AERIE_TRY(there);
    return NotTrusted(repository, key.text + " is there and was not listed");
  };
  return ParallelFor(context, ids.size(), kReaders, ask);
}

}  // namespace

Result<Census> TakeCensus(const Context& context, Repository& repository) {
  const RepositoryCore core = repository.core();
  Census census;
  AERIE_ASSIGN(census.snapshots, repository.ListSnapshots(context));
  AERIE_ASSIGN(census.marks.pins, ListPins(context, repository));
  AERIE_ASSIGN(census.marks.verified, ListVerified(context, repository));
  AERIE_ASSIGN(census.dooms, ReadDooms(context, core.store, core.keys));
  AERIE_ASSIGN(const std::vector<Snapshot> again, repository.ListSnapshots(context));
  if (!std::ranges::equal(again, census.snapshots, {}, &Snapshot::id, &Snapshot::id)) {
    return NotTrusted(repository, "two listings, one right after the other, differ");
  }
  AERIE_TRY(ExpectGone(context, repository, Unlisted(census)));
  return census;
}

}  // namespace aerie::repo
