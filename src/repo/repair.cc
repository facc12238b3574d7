#include "repo/repair.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "repo/leaf_access.h"
#include "repo/leaf_salvage.h"
#include "repo/leaf_writer.h"
#include "repo/locks.h"
#include "repo/object_check.h"
#include "repo/repository_core.h"
#include "repo/snapshot_delete.h"
#include "repo/tree_api.h"
#include "repo/tree_builder.h"
#include "repo/tree_cursor.h"

namespace aerie::repo {
namespace {

constexpr char kOperation[] = "repair";

bool IsDamage(const Status& status) {
  const Kind kind = KindOf(status);
  return kind == Kind::kCorrupt || kind == Kind::kNotFound;
}

using Damage = std::vector<RowPlace>;  // of one partition

bool Touches(const Damage& damage, const RowRange& range) {
  return std::ranges::any_of(damage, [&](const RowPlace& place) {
    return !place.keys || (place.keys->first <= range.last && place.keys->second >= range.first);
  });
}

// Repairs one partition of one collection: walks its tree and builds another one.
class PartitionRepair {
 public:
  // No writer: a preview.
  PartitionRepair(const RepositoryCore& core, SnapshotWriter* writer,
                  const CollectionManifest& manifest, const PartitionRoot& root,
                  const Damage& damage, SnapshotRepair& report)
      : core_(core),
        root_(root),
        damage_(damage),
        report_(report),
        where_(PartitionText(manifest.spec.name, root.name)),
        collection_(manifest.spec.name),
        shape_{where_, manifest.columns, 0},
        loader_(core.blobs, manifest.columns, root.name, where_),
        cursor_(core.blobs, root, where_) {
    for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
      if (shape_.columns[i].primary_key) shape_.key_column = i;
    }
    if (writer == nullptr) return;
    leaf_writer_.emplace(writer->sink(), pool_options_);
    builder_.emplace(writer->sink(), KeyTypeOf(shape_.columns[shape_.key_column]));
  }

  // The new root; in a preview that of the damaged tree.
  Result<PartitionRoot> Run(const Context& context) {
    const Status started = cursor_.Start(context);
    if (IsDamage(started)) {
      Lose({}, root_.digest.rows, started);
    } else {
      AERIE_TRY(started);
      AERIE_TRY(Walk(context));
    }
    if (!builder_) return root_;
    AERIE_ASSIGN(const TreeBuilder::Root tree, builder_->Finish(context));
    PartitionRoot root = root_;
    root.digest = tree.digest;
    root.bytes = tree.bytes;
    root.height = tree.height;
    root.root = tree.page;
    return root;
  }

 private:
  Status Walk(const Context& context) {
    while (!cursor_.AtEnd()) {
      AERIE_TRY(context.Check(kOperation));
      if (!cursor_.IsPage()) {
        const LeafEntry entry = cursor_.leaf();
        cursor_.Skip();
        AERIE_TRY(TakeLeaf(context, entry));
        continue;
      }
      const RowRange range = cursor_.range();
      const Status down = cursor_.Descend(context);
      if (down.ok()) continue;
      if (!IsDamage(down)) return down;
      Lose({{range.first, range.last}}, range.digest.rows, down);
      cursor_.Skip();
    }
    return Ok();
  }

  Status TakeLeaf(const Context& context, const LeafEntry& entry) {
    if (!Touches(damage_, entry.range)) return Keep(context, entry);
    const Status loaded = loader_.Load(context, entry).status();
    if (loaded.ok()) return Keep(context, entry);
    if (!IsDamage(loaded)) return loaded;
    if (!loader_.Check(entry).ok()) {
      Lose({{entry.range.first, entry.range.last}}, entry.range.digest.rows, loaded);
      return Ok();
    }
    AERIE_ASSIGN(SalvagedLeaf salvaged,
                 SalvageLeaf(context, core_.blobs, shape_.columns, root_.name, entry));
    for (const LostRange& lost : salvaged.lost) Lose({{lost.first, lost.last}}, lost.rows, loaded);
    report_.rows_kept += salvaged.rows.rows();
    ++report_.leaves_rescued;
    if (!builder_ || salvaged.rows.rows() == 0) return Ok();
    // What is stored again must not be taken for known: the known copies are the damaged ones.
    for (const BlobRef& ref : salvaged.damaged) core_.catalog.index().Distrust(ref.name);
    return Store(context, std::move(salvaged.rows));
  }

  Status Keep(const Context& context, const LeafEntry& entry) {
    report_.rows_kept += entry.range.digest.rows;
    return builder_ ? builder_->Add(context, entry) : Ok();
  }

  Status Store(const Context& context, rows::RowBatch rows) {
    auto batch = std::make_shared<SharedBatch>(std::move(rows));
    for (const rows::Column& column : batch->batch.columns()) batch->columns.push_back(&column);
    const std::size_t count = batch->batch.rows();
    const LeafRows leaf{{{std::move(batch), 0, count}}, {}, 0};
    AERIE_ASSIGN(const auto entries, leaf_writer_->Write(context, shape_, leaf));
    for (const LeafEntry& entry : entries) AERIE_TRY(builder_->Add(context, entry));
    return Ok();
  }

  void Lose(std::optional<std::pair<rows::Key, rows::Key>> keys, std::uint64_t rows,
            const Status& why) {
    report_.rows_lost += rows;
    report_.lost.push_back(
        {collection_, root_.name, std::move(keys), rows, std::string(why.message())});
  }

  const RepositoryCore core_;
  const PartitionRoot& root_;
  const Damage& damage_;
  SnapshotRepair& report_;
  const std::string where_;
  const rows::CollectionName collection_;
  PartitionShape shape_;
  const LeafPoolOptions pool_options_;
  LeafLoader loader_;
  TreeCursor cursor_;
  std::optional<LeafWriter> leaf_writer_;
  std::optional<TreeBuilder> builder_;
};

// Repairs one snapshot.
class Repairer {
 public:
  Repairer(Repository& repository, const RepairOptions& options, const Snapshot& damaged,
           std::vector<RowPlace> places)
      : repository_(repository),
        core_(repository.core()),
        options_(options),
        places_(std::move(places)) {
    report_.damaged = damaged;
  }

  Result<SnapshotRepair> Plan(const Context& context) {
    for (const SnapshotCollection& collection : report_.damaged.collections) {
      AERIE_TRY(Take(context, collection, nullptr).status());
    }
    return std::move(report_);
  }

  Result<SnapshotRepair> Run(const Context& context) {
    AERIE_ASSIGN(const auto writer, repository_.BeginSnapshot(context, Info()));
    std::size_t taken = 0;
    for (const SnapshotCollection& collection : report_.damaged.collections) {
      AERIE_ASSIGN(const bool some, Take(context, collection, writer.get()));
      taken += some ? 1 : 0;
    }
    if (taken == 0 || report_.rows_kept == 0) return std::move(report_);
    // What an earlier one of this run stored again made this one whole.
    report_.whole = report_.lost.empty() && report_.leaves_rescued == 0;
    if (report_.whole) return std::move(report_);
    const bool complete = report_.damaged.complete && report_.lost.empty();
    AERIE_ASSIGN(report_.repaired, writer->Commit(context, complete));
    AERIE_TRY(LookThrough(context, *report_.repaired));
    return std::move(report_);
  }

 private:
  // It is the state of then, so it has the time of then.
  Snapshot Info() const {
    Snapshot info;
    info.created_ms = report_.damaged.created_ms;
    info.program = options_.program;
    info.host = options_.host;
    info.cluster = report_.damaged.cluster;
    info.server_version = report_.damaged.server_version;
    info.tags = report_.damaged.tags;
    info.parent = report_.damaged.parent;
    info.repaired_from = report_.damaged.id;
    return info;
  }

  // False when nothing of the collection is left.
  Result<bool> Take(const Context& context, const SnapshotCollection& collection,
                    SnapshotWriter* writer) {
    auto manifest = repository_.LoadManifest(context, collection);
    if (IsDamage(manifest.status())) {
      LoseCollection(collection, std::string(manifest.status().message()));
      return false;
    }
    AERIE_TRY(manifest.status());
    if (Damaged(collection.name, nullptr)) {
      LoseCollection(collection, "the manifest is not the one that the snapshot describes");
      return false;
    }
    const std::size_t lost_before = report_.lost.size();
    for (PartitionRoot& root : manifest->partitions) {
      const Damage damage = DamageOf(collection.name, root.name);
      if (damage.empty()) {
        report_.rows_kept += root.digest.rows;
        continue;
      }
      PartitionRepair repair(core_, writer, *manifest, root, damage, report_);
      AERIE_ASSIGN(PartitionRoot repaired, repair.Run(context));
      root = std::move(repaired);
    }
    if (writer == nullptr) return true;
    rows::ReadReport report = collection.report;
    for (std::size_t i = lost_before; i < report_.lost.size(); ++i) {
      report.warnings.push_back(report_.lost[i].Text());
    }
    AERIE_TRY(writer->AddCollection(context, *std::move(manifest), std::move(report)));
    return true;
  }

  void LoseCollection(const SnapshotCollection& collection, std::string why) {
    report_.rows_lost += collection.digest.rows;
    report_.lost.push_back({collection.name, {}, {}, collection.digest.rows, std::move(why)});
  }

  bool Damaged(const rows::CollectionName& collection, const std::string* partition) const {
    return std::ranges::any_of(places_, [&](const RowPlace& place) {
      return place.collection == collection &&
             (partition == nullptr ? !place.partition : place.partition == *partition);
    });
  }

  Damage DamageOf(const rows::CollectionName& collection, const std::string& partition) const {
    Damage damage;
    std::ranges::copy_if(places_, std::back_inserter(damage), [&](const RowPlace& place) {
      return place.collection == collection && place.partition == partition;
    });
    return damage;
  }

  // What was taken over was read before, what was stored was read back: that all of it is there.
  Status LookThrough(const Context& context, const Snapshot& snapshot) {
    CheckTreesOptions trees;
    trees.fault = [this](const NeededBlob& blob) {
      return core_.catalog.index().Find(blob.ref.name).empty() ? std::string("is in no pack")
                                                               : std::string();
    };
    AERIE_ASSIGN(const auto findings, CheckTrees(context, core_.blobs, {snapshot}, trees));
    if (findings.empty()) return Ok();
    return CorruptError("snapshot " + snapshot.id.Short() + ", made of " +
                        report_.damaged.id.Short() + ", is damaged as well: " + findings[0].where +
                        ": " + findings[0].message + "; delete it, and run the command again");
  }

  Repository& repository_;
  const RepositoryCore core_;
  const RepairOptions& options_;
  const std::vector<RowPlace> places_;
  SnapshotRepair report_;
};

// Which snapshots are damaged and where.
struct Survey {
  RepairReport report;
  std::vector<std::pair<Snapshot, std::vector<RowPlace>>> damaged;  // newest first
  std::vector<Snapshot> all;
};

Result<Survey> LookForDamage(const Context& context, Repository& repository,
                             const RepairOptions& options) {
  const RepositoryCore core = repository.core();
  Survey survey;
  AERIE_TRY(core.catalog.Reconcile(context).status());
  AERIE_ASSIGN(survey.all, repository.ListSnapshots(context, &survey.report.unreadable));
  std::vector<Snapshot> wanted;
  std::ranges::copy_if(survey.all, std::back_inserter(wanted), [&](const Snapshot& snapshot) {
    return options.only.empty() || std::ranges::count(options.only, snapshot.id) != 0;
  });
  survey.report.looked_at = wanted.size();
  CheckTreesOptions trees;
  trees.read_data = options.read_data;
  trees.progress = options.progress;
  trees.fault = [&](const NeededBlob& blob) { return BlobFault(core.catalog.index(), blob); };
  AERIE_ASSIGN(const auto findings, CheckTrees(context, core.blobs, wanted, trees));
  for (const Snapshot& snapshot : wanted) {
    std::vector<RowPlace> places;
    for (const Finding& finding : findings) {
      if (finding.place && finding.place->snapshot == snapshot.id) places.push_back(*finding.place);
    }
    if (!places.empty()) survey.damaged.emplace_back(snapshot, std::move(places));
  }
  return survey;
}

std::optional<SnapshotId> EarlierRepair(const Survey& survey, const SnapshotId& id) {
  for (const Snapshot& snapshot : survey.all) {
    if (snapshot.repaired_from == id) return snapshot.id;
  }
  return std::nullopt;
}

// Alone, since it takes a lock of its own.
void Replace(const Context& context, Repository& repository, SnapshotRepair& repair) {
  const auto deleted = DeleteSnapshots(context, repository, {repair.damaged.id});
  const Status status = deleted.ok() ? deleted->front().status : deleted.status();
  repair.replaced = status.ok();
  if (!status.ok()) repair.not_replaced = std::string(status.message());
}

enum class Act { kPlan, kRun };

Result<RepairReport> Repair(const Context& context, Repository& repository,
                            const RepairOptions& options, Act act) {
  AERIE_ASSIGN(const auto lease, AcquireForReading(context, repository.core().locks, kOperation));
  AERIE_ASSIGN(Survey survey, LookForDamage(context, repository, options));
  for (auto& [snapshot, places] : survey.damaged) {
    if (const auto earlier = EarlierRepair(survey, snapshot.id)) {
      SnapshotRepair known;
      known.damaged = snapshot;
      known.earlier = earlier;
      survey.report.snapshots.push_back(std::move(known));
      continue;
    }
    Repairer repairer(repository, options, snapshot, std::move(places));
    AERIE_ASSIGN(SnapshotRepair repair,
                 act == Act::kPlan ? repairer.Plan(context) : repairer.Run(context));
    survey.report.snapshots.push_back(std::move(repair));
  }
  return std::move(survey.report);
}

Status AtRepository(const Repository& repository, const Status& status) {
  return Annotate(status, std::string(kOperation) + " " + repository.Describe());
}

}  // namespace

std::string LostRows::Text() const {
  std::string text = "collection " + collection.ToString();
  if (partition) text += ", partition \"" + *partition + "\"";
  if (keys) text += ", keys " + RangeText(keys->first, keys->second);
  if (partition && !keys) text += ", all keys";
  return text + ": " + std::to_string(rows) + (rows == 1 ? " row is gone" : " rows are gone");
}

Result<RepairReport> PlanRepair(const Context& context, Repository& repository,
                                const RepairOptions& options) {
  auto report = Repair(context, repository, options, Act::kPlan);
  AERIE_TRY(AtRepository(repository, report.status()));
  return report;
}

Result<RepairReport> RunRepair(const Context& context, Repository& repository,
                               const RepairOptions& options) {
  auto report = Repair(context, repository, options, Act::kRun);
  AERIE_TRY(AtRepository(repository, report.status()));
  if (!options.replace) return report;
  for (SnapshotRepair& repair : report->snapshots) {
    if (repair.repaired || repair.earlier) Replace(context, repository, repair);
  }
  return report;
}

}  // namespace aerie::repo
