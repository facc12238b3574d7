// Mirror: snapshots of one repository into another, each with every row, under its own key.
//
// Oldest first, so that each finds the one before it there. What the other has already is not sent
// again: snapshots by their origin, leaves by their rows, blobs by their name. A snapshot that
// cannot be read does not stop the others. Nothing is ever deleted in the target.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/progress.h"
#include "repo/repository.h"
#include "transfer/selection.h"

namespace aerie::transfer {

struct MirrorOptions {
  std::vector<std::string> snapshots = {};  // ids, prefixes, "latest"; empty: all
  std::string cluster = {};                 // only snapshots of this cluster; empty: of any
  std::vector<std::string> tags = {};       // only those with all of these
  Selection selection = {};                 // collections and database; rows cannot be chosen
  std::size_t last = 0;                     // the newest so many of those; 0: all
  bool pins = false;                        // pin the copies of what is pinned
  Duration immutable_for = {};              // of each new copy, as repo::SnapshotOptions has it
  std::uint64_t pack_bytes = repo::SnapshotOptions().pack_bytes;
};

struct MirrorItem {
  repo::Snapshot snapshot;                            // of the source
  std::vector<repo::SnapshotCollection> collections;  // of it, that are selected
  std::optional<repo::Snapshot> there;                // its copy, when the target has it already
};

// What RunMirror would do, oldest first. kRefused when both are one repository; kNotFound when a
// snapshot that was named is not there, or nothing is selected.
Result<std::vector<MirrorItem>> PlanMirror(const Context& context, repo::Repository& from,
                                           repo::Repository& to, const MirrorOptions& options);

struct MirrorOutcome {
  MirrorItem item;
  Status status;
  std::optional<repo::Snapshot> copy;  // the one that was there, or the new one
  std::uint64_t rows = 0;
  std::uint64_t leaves = 0;
  std::uint64_t leaves_known = 0;  // the target had them
  double seconds = 0;
};

struct MirrorResult {
  Status status;  // ok; kPartial; the error that ended it, or the only one
  std::vector<MirrorOutcome> snapshots;
};

// An error status only when the job could not begin.
Result<MirrorResult> RunMirror(const Context& context, repo::Repository& from, repo::Repository& to,
                               const MirrorOptions& options, ProgressSink& progress);

}  // namespace aerie::transfer
