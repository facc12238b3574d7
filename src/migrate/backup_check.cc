#include "migrate/backup_check.h"

#include <algorithm>

#include "base/duration.h"
#include "repo/pins.h"
#include "transfer/backup.h"

namespace aerie::migrate {
namespace {

using Verdict = Finding::Verdict;

std::string Age(std::int64_t ms) { return AgeText(std::chrono::milliseconds(ms)); }

bool Has(const repo::Snapshot& snapshot, const rows::CollectionName& name) {
  return std::any_of(snapshot.collections.begin(), snapshot.collections.end(),
                     [&](const auto& collection) { return collection.name == name; });
}

// Of a collection: the newest snapshot with all its rows, the newest of these that was verified,
// and the newest with some of its rows.
struct Newest {
  const repo::Snapshot* any = nullptr;
  const repo::Snapshot* verified = nullptr;
  const repo::Snapshot* selected = nullptr;
};

Newest NewestOf(const BackupWish& wish, const rows::CollectionName& name,
                const std::vector<repo::Snapshot>& snapshots,
                const std::set<repo::SnapshotId>& verified) {
  Newest found;
  const auto take = [](const repo::Snapshot*& best, const repo::Snapshot& one) {
    if (best == nullptr || one.created_ms > best->created_ms) best = &one;
  };
  for (const repo::Snapshot& snapshot : snapshots) {
    if (!wish.clusters.contains(snapshot.cluster) || snapshot.repaired_from) continue;
    if (!Has(snapshot, name)) continue;
    if (transfer::IsOfSelectedRows(snapshot)) {
      take(found.selected, snapshot);
      continue;
    }
    take(found.any, snapshot);
    if (verified.contains(snapshot.id)) take(found.verified, snapshot);
  }
  return found;
}

// Why a collection is not kept well enough; empty: it is.
std::string Lack(const Newest& newest, std::int64_t now_ms, std::int64_t max_age_ms) {
  const auto age = [&](const repo::Snapshot& s) { return now_ms - s.created_ms; };
  if (newest.any == nullptr && newest.selected != nullptr) {
    return "is with all its rows in no snapshot of the source (snapshot " +
           newest.selected->id.Short() + " has selected rows)";
  }
  if (newest.any == nullptr) return "is in no snapshot of the source";
  if (newest.verified != nullptr && age(*newest.verified) <= max_age_ms) return "";
  if (age(*newest.any) <= max_age_ms) {
    return "is in snapshot " + newest.any->id.Short() + ", which was not verified";
  }
  return "was backed up last " + Age(age(*newest.any)) + " ago, in snapshot " +
         newest.any->id.Short();
}

std::string OtherClusters(const BackupWish& wish, const std::vector<repo::Snapshot>& snapshots) {
  std::set<std::string> others;
  for (const auto& snapshot : snapshots) {
    if (wish.clusters.contains(snapshot.cluster)) return "";
    others.insert(snapshot.cluster);
  }
  std::string text;
  for (const auto& name : others) text += (text.empty() ? "" : ", ") + name;
  return others.empty() ? "" : " (its snapshots are of " + text + ")";
}

}  // namespace

Finding JudgeBackup(const BackupWish& wish, const std::vector<rows::CollectionName>& names,
                    const std::vector<repo::Snapshot>& snapshots,
                    const std::set<repo::SnapshotId>& verified, WallTime now) {
  constexpr std::size_t kNamed = 3;
  const std::int64_t now_ms = ToUnixMillis(now);
  const std::int64_t max_age_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(wish.max_age).count();
  std::size_t lacking = 0;
  std::string lacks;
  std::int64_t oldest_ms = 0;
  for (const rows::CollectionName& name : names) {
    const Newest newest = NewestOf(wish, name, snapshots, verified);
    const std::string lack = Lack(newest, now_ms, max_age_ms);
    if (lack.empty()) {
      oldest_ms = std::max(oldest_ms, now_ms - newest.verified->created_ms);
    } else if (++lacking <= kNamed) {
      lacks += (lacks.empty() ? "" : "; ") + name.ToString() + " " + lack;
    }
  }
  if (lacking == 0) {
    return {kBackupCheck, Verdict::kPass,
            "every collection is in a verified snapshot, at most " + Age(oldest_ms) + " old"};
  }
  if (lacking > kNamed) lacks += "; and " + std::to_string(lacking - kNamed) + " more";
  return {kBackupCheck, Verdict::kFail,
          "no verified backup of the last " + Age(max_age_ms) + ": " + lacks +
              OtherClusters(wish, snapshots) +
              "; aerie backup create, then aerie backup verify --read-data, or allow more with "
              "--max-backup-age"};
}

Finding CheckBackup(const Context& context, const BackupWish& wish,
                    const std::vector<rows::CollectionName>& names) {
  if (wish.repository == nullptr) {
    return {kBackupCheck, Verdict::kWarn,
            "no repository was named, so no verified backup was looked for: --repo REPO"};
  }
  const auto snapshots = wish.repository->ListSnapshots(context);
  if (!snapshots.ok())
    return {kBackupCheck, Verdict::kFail, std::string(snapshots.status().message())};
  const auto verified = repo::ListVerified(context, *wish.repository);
  if (!verified.ok())
    return {kBackupCheck, Verdict::kFail, std::string(verified.status().message())};
  return JudgeBackup(wish, names, *snapshots, *verified, context.clock().Now());
}

}  // namespace aerie::migrate
