// Restore: collections of an endpoint (a snapshot, or a live cluster) into a cluster, each compared
// row by row before it is called restored.
//
// A collection is made under a staging name beside its final one, indexed and loaded while it is
// empty, written, read back and compared while other rows are still being written, and renamed only
// when every row digest agrees: the final name appears whole or not at all. Large collections come
// first. A run that was
// interrupted leaves the staging collection; the same command finds it, compares what is there,
// writes what is missing, and goes on. docs/restoring.md argues the order of steps.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/progress.h"
#include "milvus/client.h"
#include "rows/schema.h"
#include "transfer/endpoint.h"
#include "transfer/layout.h"
#include "transfer/outcome.h"
#include "transfer/selection.h"

namespace aerie::transfer {

enum class OnConflict {
  kFail,     // a collection of the final name is refused
  kReplace,  // it is dropped once the restored one is whole and compared
  kMerge,    // rows are upserted into it; other rows stay
};

struct RestoreOptions {
  Selection selection;
  std::map<std::string, std::string> rename;  // collection -> collection
  std::string suffix;                         // appended to every name that is not renamed
  std::string database;                       // put all collections there; empty: as they were
  OnConflict on_conflict = OnConflict::kFail;
  bool create_indexes = true;
  bool aliases = true;    // put those of the source on it that point nowhere else
  bool load = true;       // put the load state back; false: leave it not loaded
  Layout layout;          // of collections that are made
  bool new_keys = false;  // accept that the server generates new keys where it cannot keep them
  // A collection that is refused, or whose name is taken, is a failure of its own, and one that is
  // there with every row the same counts as done. Else any of these refuses the whole job.
  bool each_for_itself = false;
  std::size_t parallel_collections = 4;
  int writers = 2;               // requests in flight for each collection
  int streams = 2;               // the same, reading a live source
  std::string verb = "restore";  // what messages call the job
};

struct RestorePlan {
  struct Item {
    rows::CollectionName from;
    rows::CollectionName to;
    rows::CollectionSpec spec;             // of the source
    std::int64_t rows = -1;                // -1: not known
    std::int64_t bytes_about = 0;          // reckoned from rows and schema, to compare with others
    bool exists = false;                   // a collection of the final name is there
    bool resumes = false;                  // a staging collection of an earlier run is there
    std::vector<std::string> cannot_keep;  // one line each
    std::string refused;                   // why it cannot be restored at all; empty: it can
  };
  std::vector<Item> items;
};

struct RestoreOutcome : CollectionOutcome {
  rows::CollectionName to;
  bool resumed = false;
  bool was_there = false;          // it was there already; every row was compared
  bool new_keys = false;           // made by the server: rows were counted, not compared
  std::uint64_t rows_written = 0;  // less than digest.rows when an earlier run had written some
};

struct RestoreResult {
  Status status;  // ok; kPartial; kDifferent when a comparison failed; or the only error
  std::vector<RestoreOutcome> collections;
};

// kRefused when a live source and `to` are one cluster and a collection that is read would be
// written; what else stands in the way is in the plan.
Result<RestorePlan> PlanRestore(const Context& context, Endpoint& from,
                                std::shared_ptr<milvus::Client> to, const RestoreOptions& options);

// An error status only when the job could not begin; everything later is in the result.
Result<RestoreResult> RunRestore(const Context& context, Endpoint& from,
                                 std::shared_ptr<milvus::Client> to, const RestoreOptions& options,
                                 ProgressSink& progress);

// The name a collection has while it is being restored.
std::string StagingName(const std::string& final_name);

}  // namespace aerie::transfer
