#include "transfer/backup.h"

#include <algorithm>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "base/task_group.h"
#include "transfer/memory_share.h"

namespace aerie::transfer {
namespace {

// Damage of an earlier snapshot must not keep anybody from making a new one.
bool IsDamage(const Status& status) {
  return KindOf(status) == Kind::kCorrupt || KindOf(status) == Kind::kNotFound;
}

void Warn(ProgressSink& progress, const std::string& message) {
  progress.OnProgress({.type = ProgressEvent::Type::kWarning, .message = message});
}

// The newest earlier snapshot of a collection: where leaves were cut and how large they are. Only
// speed depends on it, so snapshots of the same cluster are preferred but not required.
class Ancestry {
 public:
  Ancestry(repo::Repository& repository, std::vector<repo::Snapshot> newest_first,
           std::string cluster)
      : repository_(repository),
        snapshots_(std::move(newest_first)),
        cluster_(std::move(cluster)) {}

  Result<std::optional<repo::CollectionManifest>> Find(const Context& context,
                                                       const rows::CollectionName& name) const {
    for (const bool same_cluster : {true, false}) {
      for (const repo::Snapshot& snapshot : snapshots_) {
        if ((snapshot.cluster == cluster_) != same_cluster) continue;
        for (const repo::SnapshotCollection& collection : snapshot.collections) {
          if (collection.name != name) continue;
          auto manifest = repository_.LoadManifest(context, collection);
          if (manifest.ok()) return std::optional(*std::move(manifest));
          if (!IsDamage(manifest.status())) return manifest.status();
        }
      }
    }
    return std::optional<repo::CollectionManifest>();
  }

  std::optional<repo::SnapshotId> newest() const {
    for (const repo::Snapshot& snapshot : snapshots_) {
      if (snapshot.cluster == cluster_) return snapshot.id;
    }
    return std::nullopt;
  }

 private:
  repo::Repository& repository_;
  const std::vector<repo::Snapshot> snapshots_;
  const std::string cluster_;
};

std::optional<repo::PartitionRoot> RootOf(const std::optional<repo::CollectionManifest>& manifest,
                                          const std::string& partition) {
  if (!manifest) return std::nullopt;
  for (const repo::PartitionRoot& root : manifest->partitions) {
    if (root.name == partition) return root;
  }
  return std::nullopt;
}

// Where the rows go.
struct Destination {
  repo::Repository& repository;
  Ancestry ancestry;
  std::unique_ptr<repo::SnapshotWriter> writer;
};

// A destination that is being opened by a thread of its own. Each may be asked by many.
class OpeningDestination {
 public:
  using IsEmpty = std::function<void()>;
  using Open = std::function<Result<std::unique_ptr<Destination>>(const IsEmpty&)>;

  explicit OpeningDestination(Open open)
      : result_(std::async(std::launch::async, [this, open = std::move(open)] {
                  auto result = open([this] { Tell(true); });
                  Tell(false);
                  return result;
                }).share()) {}

  // Whether it has no earlier snapshots; known before it is open, or when it is.
  bool IsKnownEmpty() const { return empty_.get(); }

  Result<Destination*> Get() const {
    const auto& result = result_.get();
    if (!result.ok()) return result.status();
    return result->get();
  }

 private:
  // The first word stands.
  void Tell(bool empty) {
    if (!std::exchange(told_, true)) tell_.set_value(empty);
  }

  bool told_ = false;  // of the opening thread
  std::promise<bool> tell_;
  std::shared_future<bool> empty_ = tell_.get_future().share();
  std::shared_future<Result<std::unique_ptr<Destination>>> result_;  // ends before the others
};

// One collection from a source into a snapshot under construction.
class CollectionBackup {
 public:
  CollectionBackup(Endpoint& from, const OpeningDestination& opening, const BackupOptions& options,
                   std::size_t batch_bytes, ProgressSink& progress)
      : from_(from),
        opening_(opening),
        options_(options),
        batch_bytes_(batch_bytes),
        progress_(progress) {}

  CollectionOutcome Run(const Context& context, const rows::CollectionName& name) {
    CollectionOutcome outcome;
    outcome.name = name;
    const SteadyTime start = context.clock().Steady();
    outcome.status = Annotate(Transfer(context, outcome), "back up " + name.ToString());
    outcome.seconds = std::chrono::duration<double>(context.clock().Steady() - start).count();
    progress_.OnProgress(
        {.type = ProgressEvent::Type::kItemDone,
         .collection = name.ToString(),
         .rows_done = static_cast<std::int64_t>(outcome.digest.rows),
         .bytes_done = static_cast<std::int64_t>(outcome.bytes),
         .message = outcome.status.ok() ? "done" : std::string(outcome.status.message())});
    return outcome;
  }

 private:
  Status Transfer(const Context& context, CollectionOutcome& outcome) {
    AERIE_ASSIGN(auto source, from_.Open(context, outcome.name));
    rows_total_ = source->EstimatedRows();
    repo::CollectionManifest manifest;
    manifest.spec = source->spec();
    manifest.columns = manifest.spec.schema.Columns();
    Status status = ReadPartitions(context, *source, manifest, outcome);
    // Close puts the load state back, so it runs even after a cancel, with a time limit of its own.
    const Context closing = Context(context.clock()).WithTimeout(std::chrono::minutes(2));
    const Status closed = source->Close(closing);
    if (status.ok()) status = closed;
    AERIE_TRY(status);
    outcome.warnings = outcome.report.warnings;
    AERIE_ASSIGN(Destination* const to, opening_.Get());
    return to->writer->AddCollection(context, std::move(manifest), outcome.report);
  }

  Status ReadPartitions(const Context& context, rows::CollectionSource& source,
                        repo::CollectionManifest& manifest, CollectionOutcome& outcome) {
    AERIE_ASSIGN(const auto partitions, PartitionsOf(options_.selection, source));
    AERIE_ASSIGN(const auto before, Before(context, outcome.name));
    for (const std::string& partition : partitions) {
      const auto earlier = RootOf(before, partition);
      rows::ReadOptions read;
      read.filter = options_.selection.filter;
      read.streams = options_.streams;
      read.batch_bytes = batch_bytes_;
      if (earlier) {
        AERIE_ASSIGN(read.boundaries, Boundaries(context, *earlier));
      }
      AERIE_ASSIGN(auto reader, source.OpenReader(context, partition, read));
      AERIE_ASSIGN(Destination* const to, opening_.Get());
      AERIE_ASSIGN(auto sink,
                   to->writer->OpenPartition(context, manifest.spec, partition, earlier));
      Status status = Pump(context, *reader, *sink, outcome);
      if (!status.ok()) {
        sink->Abort();
        return status;
      }
      AERIE_TRY(sink->Commit(context).status());
      manifest.partitions.push_back(sink->root());
      outcome.digest.Add(sink->root().digest);
      MergeReports(reader->report(), outcome.report);
    }
    return Ok();
  }

  Result<std::optional<repo::CollectionManifest>> Before(const Context& context,
                                                         const rows::CollectionName& name) {
    if (opening_.IsKnownEmpty()) return std::optional<repo::CollectionManifest>();
    AERIE_ASSIGN(Destination* const to, opening_.Get());
    return to->ancestry.Find(context, name);
  }

  Result<std::vector<rows::Key>> Boundaries(const Context& context,
                                            const repo::PartitionRoot& earlier) {
    AERIE_ASSIGN(Destination* const to, opening_.Get());
    // Leaves are smaller than what is best read in one call.
    auto boundaries = to->repository.LeafBoundaries(context, earlier, batch_bytes_ / 4 * 3);
    if (boundaries.ok() || !IsDamage(boundaries.status())) return boundaries;
    Warn(progress_, "backup: an earlier snapshot is damaged; run aerie backup verify --all (" +
                        std::string(boundaries.status().message()) + ")");
    return std::vector<rows::Key>();
  }

  Status Pump(const Context& context, rows::RowReader& reader, rows::RowWriter& sink,
              CollectionOutcome& outcome) {
    for (;;) {
      AERIE_ASSIGN(auto batch, reader.Next(context));
      if (!batch) return Ok();
      rows_done_ += static_cast<std::int64_t>(batch->rows());
      outcome.bytes += batch->ByteSize();
      AERIE_TRY(sink.Write(context, std::move(*batch)));
      progress_.OnProgress({.type = ProgressEvent::Type::kCounts,
                            .phase = "read",
                            .collection = outcome.name.ToString(),
                            .rows_done = rows_done_,
                            .rows_total = rows_total_,
                            .bytes_done = static_cast<std::int64_t>(outcome.bytes),
                            .message = {}});
    }
  }

  Endpoint& from_;
  const OpeningDestination& opening_;
  const BackupOptions& options_;
  const std::size_t batch_bytes_;
  ProgressSink& progress_;
  std::int64_t rows_done_ = 0;
  std::int64_t rows_total_ = -1;
};

bool TakesAllRows(const BackupOptions& options) {
  return options.selection.filter.empty() && options.selection.partitions.empty();
}

Result<std::unique_ptr<Destination>> OpenDestination(const Context& context,
                                                     const OpenRepositoryCall& open,
                                                     const OpeningDestination::IsEmpty& is_empty,
                                                     const BackupOptions& options,
                                                     ProgressSink& progress) {
  AERIE_ASSIGN(repo::Repository* const repository, open(context, is_empty));
  std::vector<repo::Finding> damaged;
  AERIE_ASSIGN(auto snapshots, repository->ListSnapshots(context, &damaged));
  for (const repo::Finding& finding : damaged) {
    Warn(progress, "backup: an earlier snapshot cannot be read; run aerie backup verify --all (" +
                       finding.object + ": " + finding.message + ")");
  }
  auto to = std::make_unique<Destination>(Destination{
      *repository, Ancestry(*repository, std::move(snapshots), options.cluster_label), nullptr});
  repo::Snapshot info;
  info.created_ms = ToUnixMillis(context.clock().Now());
  info.program = options.program;
  info.host = options.host;
  info.cluster = options.cluster_label;
  info.server_version = options.server_version;
  info.tags = options.tags;
  if (!TakesAllRows(options)) info.tags.emplace_back(kSelectedRowsTag);
  info.parent = to->ancestry.newest();
  AERIE_ASSIGN(to->writer, repository->BeginSnapshot(context, std::move(info),
                                                     {.immutable_for = options.immutable_for,
                                                      .pack_bytes = options.pack_bytes}));
  return to;
}

}  // namespace

bool IsOfSelectedRows(const repo::Snapshot& snapshot) {
  return std::find(snapshot.tags.begin(), snapshot.tags.end(), kSelectedRowsTag) !=
         snapshot.tags.end();
}

bool EndsTheJob(const Status& status) {
  switch (KindOf(status)) {
    case Kind::kTransient:
    case Kind::kCancelled:
    case Kind::kTimeout:
    case Kind::kNoSpace:
    case Kind::kInternal: return true;
    default: return false;
  }
}

Result<BackupPlan> PlanBackup(const Context& context, Endpoint& from,
                              const BackupOptions& options) {
  AERIE_ASSIGN(auto all, from.List(context));
  AERIE_ASSIGN(auto names, Select(options.selection, all, from.Describe()));
  BackupPlan plan;
  for (const rows::CollectionName& name : names) {
    AERIE_ASSIGN(const Endpoint::Seen seen, from.Inspect(context, name));
    BackupPlan::Item item;
    item.name = name;
    item.rows = seen.rows;
    item.loaded = seen.spec.load_state == rows::LoadState::kLoaded;
    item.partitions = seen.spec.partitions.size();
    plan.items.push_back(std::move(item));
  }
  return plan;
}

Result<BackupResult> RunBackup(const Context& context, Endpoint& from, repo::Repository& repository,
                               const BackupOptions& options, ProgressSink& progress) {
  const auto open = [&](const Context&, const auto&) -> Result<repo::Repository*> {
    return &repository;
  };
  return RunBackup(context, from, open, options, progress);
}

Result<BackupResult> RunBackup(const Context& context, Endpoint& from,
                               const OpenRepositoryCall& open, const BackupOptions& options,
                               ProgressSink& progress) {
  AERIE_ASSIGN(auto all, from.List(context));
  AERIE_ASSIGN(auto names, Select(options.selection, all, from.Describe()));
  const OpeningDestination opening([&](const OpeningDestination::IsEmpty& is_empty) {
    return OpenDestination(context, open, is_empty, options, progress);
  });

  const std::size_t batch_bytes =
      CallBytes(std::min(names.size(), options.parallel_collections), options.streams);
  BackupResult result;
  result.collections.resize(names.size());
  std::mutex fatal_mutex;
  Status fatal;
  const Status pool =
      ParallelFor(context, names.size(), options.parallel_collections,
                  [&](const Context& task, std::size_t i) -> Status {
                    CollectionBackup one(from, opening, options, batch_bytes, progress);
                    result.collections[i] = one.Run(task, names[i]);
                    const Status& status = result.collections[i].status;
                    if (status.ok()) return status;
                    AERIE_TRY(opening.Get().status());
                    if (!EndsTheJob(status)) return Ok();
                    std::lock_guard lock(fatal_mutex);
                    if (fatal.ok()) fatal = status;
                    return status;
                  });
  AERIE_ASSIGN(Destination* const to, opening.Get());
  if (!fatal.ok() || !pool.ok()) {
    result.status = fatal.ok() ? pool : fatal;
    return result;
  }

  const auto failed = static_cast<std::size_t>(
      std::count_if(result.collections.begin(), result.collections.end(),
                    [](const CollectionOutcome& outcome) { return !outcome.status.ok(); }));
  if (failed > 0 && failed == names.size()) {
    result.status = failed == 1 ? result.collections.front().status
                                : FailedError("back up " + from.Describe() + ": all " +
                                              std::to_string(failed) + " collections failed");
    return result;
  }
  AERIE_ASSIGN(result.snapshot, to->writer->Commit(context, failed == 0 && TakesAllRows(options)));
  if (failed > 0) {
    result.status =
        MakeStatus(Kind::kPartial, "back up " + from.Describe() + ": " + std::to_string(failed) +
                                       " of " + std::to_string(names.size()) +
                                       " collections failed; the snapshot has the rest");
  }
  return result;
}

}  // namespace aerie::transfer
