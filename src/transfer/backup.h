// Backup: every selected collection of an endpoint into one new snapshot.
//
// A collection that fails does not stop the others: the snapshot is then committed as incomplete
// (BackupResult.status is kPartial), so that what succeeded is kept. When nothing succeeded, or the
// cluster went away, nothing is committed. Run again, a backup stores nothing that arrived.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/progress.h"
#include "repo/repository.h"
#include "rows/stream.h"
#include "transfer/endpoint.h"
#include "transfer/outcome.h"
#include "transfer/selection.h"

namespace aerie::transfer {

// Tag of a snapshot that was given a filter or partitions. It is never complete, so that "latest"
// does not mean it and a restore by habit does not lose the other rows.
inline constexpr char kSelectedRowsTag[] = "selected-rows";
bool IsOfSelectedRows(const repo::Snapshot& snapshot);

struct BackupOptions {
  std::string cluster_label;  // configured name or redacted URI; stored in the snapshot
  std::string server_version;
  std::string program;  // "aerie 0.1.0"
  std::string host;
  std::vector<std::string> tags;
  Duration immutable_for = {};  // as repo::SnapshotOptions has it
  std::uint64_t pack_bytes = repo::SnapshotOptions().pack_bytes;
  Selection selection;
  std::size_t parallel_collections = 2;
  int streams = 2;  // requests in flight for each collection
};

// Whether the remaining collections would meet this error as well, so that going on would only
// repeat it.
bool EndsTheJob(const Status& status);

struct BackupResult {
  Status status;  // ok; kPartial; the error when nothing was committed
  std::optional<repo::Snapshot> snapshot;
  std::vector<CollectionOutcome> collections;
};

// What RunBackup would do.
struct BackupPlan {
  struct Item {
    rows::CollectionName name;
    std::int64_t rows = -1;  // -1: not known
    bool loaded = true;
    std::size_t partitions = 0;
  };
  std::vector<Item> items;
};

Result<BackupPlan> PlanBackup(const Context& context, Endpoint& from, const BackupOptions& options);

// Opens or makes the repository; it must outlive the backup. `is_empty` may be called, before a key
// is derived, when no snapshot is stored there: reading then does not wait for the key.
using OpenRepositoryCall =
    std::function<Result<repo::Repository*>(const Context&, const std::function<void()>& is_empty)>;

// An error status only when the job could not begin; everything later is in the result.
//
// `open` is called once, from another thread, when the selection is known to name something, so
// that a mistaken name leaves no new repository behind. Deriving a key takes about as long as a
// cluster needs to give a timestamp; therefore both happen at the same time.
Result<BackupResult> RunBackup(const Context& context, Endpoint& from,
                               const OpenRepositoryCall& open, const BackupOptions& options,
                               ProgressSink& progress);
// Into a repository that is open.
Result<BackupResult> RunBackup(const Context& context, Endpoint& from, repo::Repository& repository,
                               const BackupOptions& options, ProgressSink& progress);

}  // namespace aerie::transfer
