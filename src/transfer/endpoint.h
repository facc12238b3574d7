// A set of collections that can be read: a snapshot in a repository, or a live cluster.
//
// Backup, restore, copy, diff and verify are compositions over endpoints, so each works from
// either. Thread-safe: several collections are opened and read at once. An endpoint refers to the
// repository or client it was made from, which must outlive it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "milvus/client.h"
#include "repo/repository.h"
#include "rows/stream.h"
#include "transfer/cluster_throttle.h"

namespace aerie::transfer {

class Endpoint {
 public:
  virtual ~Endpoint() = default;
  // "snapshot 1f2e3d4c" or "cluster http://127.0.0.1:19530", for messages.
  virtual std::string Describe() const = 0;
  // All collections, sorted by name.
  virtual Result<std::vector<rows::CollectionName>> List(const Context& context) = 0;
  // kNotFound when it is not there. The source's Close must be called.
  virtual Result<std::unique_ptr<rows::CollectionSource>> Open(
      const Context& context, const rows::CollectionName& name) = 0;
  // The same where rows are stored with digests of ranges, for comparisons; null elsewhere.
  virtual Result<std::unique_ptr<repo::StoredCollection>> OpenStored(
      const Context& /*context*/, const rows::CollectionName& /*name*/) {
    return std::unique_ptr<repo::StoredCollection>();
  }
  // What a plan needs to know, without changing anything (opening may load a collection).
  struct Seen {
    rows::CollectionSpec spec;
    std::int64_t rows = -1;        // -1: not known
    std::int64_t rows_about = -1;  // the same, or what statistics say; -1: not known
    std::uint64_t created_ts = 0;  // the cluster's time; 0: of a snapshot
  };
  virtual Result<Seen> Inspect(const Context& context, const rows::CollectionName& name) = 0;
  // The live cluster that is read; null: a snapshot.
  virtual std::shared_ptr<milvus::Client> cluster() const { return nullptr; }
  // What held its readers back; nullopt where nothing can.
  virtual std::optional<ThrottleReport> Throttled() const { return std::nullopt; }
  // The digest of a partition where it is known without reading rows; nullopt otherwise.
  virtual std::optional<rows::RangeDigest> KnownDigest(const rows::CollectionName& /*name*/,
                                                       const std::string& /*partition*/) {
    return std::nullopt;
  }
};

struct ClusterEndpointOptions {
  bool load_if_needed = true;  // load what is not loaded for the time of reading
  std::string database = {};   // list only this database; empty: all
  // What is opened shows at least what was there when List was called, so that all collections
  // together wait for one time tick. Not for a cluster that is written to after that.
  bool as_of_list = false;
  std::shared_ptr<ClusterThrottle> throttle = nullptr;  // none: as fast as it goes
};

std::unique_ptr<Endpoint> MakeClusterEndpoint(std::shared_ptr<milvus::Client> client,
                                              ClusterEndpointOptions options);
std::unique_ptr<Endpoint> MakeSnapshotEndpoint(repo::Repository& repository,
                                               repo::Snapshot snapshot);

}  // namespace aerie::transfer
