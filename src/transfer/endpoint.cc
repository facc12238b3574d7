#include "transfer/endpoint.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <map>
#include <mutex>
#include <utility>

#include "milvus/collection_admin.h"
#include "milvus/collection_source.h"
#include "milvus/latency_probe.h"
#include "milvus/scratch_index.h"
#include "milvus/server_version.h"
#include "milvus/spec_reader.h"

namespace aerie::transfer {
namespace {

class ClusterEndpoint : public Endpoint {
 public:
  ClusterEndpoint(std::shared_ptr<milvus::Client> client, ClusterEndpointOptions options)
      : client_(std::move(client)), options_(std::move(options)) {}

  std::string Describe() const override { return "cluster " + client_->cluster(); }

  Result<std::vector<rows::CollectionName>> List(const Context& context) override {
    // Newer servers answer one instant for a collection, which is worth waiting for (2.4).
    const milvus::ServerVersion version = milvus::ParseServerVersion(client_->server_version());
    if (options_.as_of_list && !version.lite && version.major == 2 && version.minor < 4) {
      AERIE_ASSIGN(since_, milvus::TakeTimestamp(context, *client_));
    }
    std::vector<std::string> databases;
    if (!options_.database.empty()) databases.push_back(options_.database);
    return milvus::ListCollections(context, *client_, databases);
  }

  Result<std::unique_ptr<rows::CollectionSource>> Open(const Context& context,
                                                       const rows::CollectionName& name) override {
    milvus::SourceOptions open;
    open.when_not_loaded =
        options_.load_if_needed ? milvus::WhenNotLoaded::kLoad : milvus::WhenNotLoaded::kRefuse;
    open.since = since_;
    AERIE_ASSIGN(auto source, milvus::OpenCollectionSource(context, client_, name, open));
    return Paced(context, std::move(source));
  }

  std::optional<ThrottleReport> Throttled() const override {
    if (!options_.throttle) return std::nullopt;
    return options_.throttle->report();
  }

  Result<Seen> Inspect(const Context& context, const rows::CollectionName& name) override {
    AERIE_ASSIGN(auto reading, milvus::ReadCollectionSpec(context, *client_, name));
    milvus::ForgetScratchIndexes(reading.spec);
    Seen seen;
    seen.spec = std::move(reading.spec);
    seen.created_ts = reading.created_ts;
    // Only what is loaded whole can be counted.
    const auto& parts = seen.spec.partitions;
    const bool countable =
        seen.spec.load_state == rows::LoadState::kLoaded &&
        std::all_of(parts.begin(), parts.end(), [&](const rows::PartitionSpec& part) {
          return seen.spec.has_partition_key() || part.load_state == rows::LoadState::kLoaded;
        });
    if (countable) {
      milvus::CountOptions count;
      // All that is counted waits for one time tick.
      if (since_ > 0) count.guarantee_ts = since_;
      AERIE_ASSIGN(seen.rows, milvus::CountRows(context, *client_, seen.spec.name, count));
      seen.rows_about = seen.rows;
    } else {
      AERIE_ASSIGN(seen.rows_about, StoredRows(context, seen.spec.name));
    }
    return seen;
  }

  std::shared_ptr<milvus::Client> cluster() const override { return client_; }

 private:
  // What statistics say: rows deleted since are among them, the newest are not.
  Result<std::int64_t> StoredRows(const Context& context, const rows::CollectionName& name) {
    milvus::pb::GetCollectionStatisticsRequest request;
    request.set_db_name(name.database);
    request.set_collection_name(name.collection);
    const auto answer = client_->GetCollectionStatistics(context, request);
    if (KindOf(answer.status()) == Kind::kUnsupported) return -1;
    AERIE_TRY(answer.status());
    for (const auto& pair : answer->stats()) {
      if (pair.key() != "row_count") continue;
      const std::string& text = pair.value();
      std::int64_t rows = -1;
      const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), rows);
      if (error == std::errc() && at == text.data() + text.size()) return rows;
    }
    return -1;
  }

  std::unique_ptr<rows::CollectionSource> Paced(const Context& context,
                                                std::unique_ptr<rows::CollectionSource> source) {
    if (!options_.throttle || !options_.throttle->active()) return source;
    const auto probe = [client = client_, spec = source->spec()](const Context& ctx) {
      return milvus::ProbeLatency(ctx, *client, spec);
    };
    return rows::MakePacedSource(std::move(source), options_.throttle->PacerFor(context, probe));
  }

  const std::shared_ptr<milvus::Client> client_;
  const ClusterEndpointOptions options_;
  std::atomic<std::uint64_t> since_ = 0;
};

class SnapshotEndpoint : public Endpoint {
 public:
  SnapshotEndpoint(repo::Repository& repository, repo::Snapshot snapshot)
      : repository_(repository), snapshot_(std::move(snapshot)) {}

  std::string Describe() const override { return "snapshot " + snapshot_.id.Short(); }

  Result<std::vector<rows::CollectionName>> List(const Context&) override {
    std::vector<rows::CollectionName> names;
    for (const auto& collection : snapshot_.collections) names.push_back(collection.name);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<std::unique_ptr<rows::CollectionSource>> Open(const Context& context,
                                                       const rows::CollectionName& name) override {
    AERIE_ASSIGN(auto stored, OpenStored(context, name));
    return std::unique_ptr<rows::CollectionSource>(std::move(stored));
  }

  Result<std::unique_ptr<repo::StoredCollection>> OpenStored(
      const Context& context, const rows::CollectionName& name) override {
    AERIE_ASSIGN(const repo::SnapshotCollection* entry, Find(name));
    AERIE_ASSIGN(auto stored, repository_.OpenCollection(context, *entry));
    std::lock_guard lock(mutex_);
    auto& digests = digests_[name];
    for (const auto& one : stored->manifest().partitions) digests[one.name] = one.digest;
    return stored;
  }

  Result<Seen> Inspect(const Context& context, const rows::CollectionName& name) override {
    AERIE_ASSIGN(const repo::SnapshotCollection* entry, Find(name));
    AERIE_ASSIGN(auto manifest, repository_.LoadManifest(context, *entry));
    Seen seen;
    seen.spec = std::move(manifest.spec);
    seen.rows = seen.rows_about = static_cast<std::int64_t>(entry->digest.rows);
    return seen;
  }

  // Known once the collection was opened.
  std::optional<rows::RangeDigest> KnownDigest(const rows::CollectionName& name,
                                               const std::string& partition) override {
    std::lock_guard lock(mutex_);
    const auto collection = digests_.find(name);
    if (collection == digests_.end()) return std::nullopt;
    const auto digest = collection->second.find(partition);
    if (digest == collection->second.end()) return std::nullopt;
    return digest->second;
  }

 private:
  Result<const repo::SnapshotCollection*> Find(const rows::CollectionName& name) const {
    for (const auto& collection : snapshot_.collections) {
      if (collection.name == name) return &collection;
    }
    return NotFoundError("open collection " + name.ToString() + ": it is not in " + Describe());
  }

  repo::Repository& repository_;
  const repo::Snapshot snapshot_;
  std::mutex mutex_;
  std::map<rows::CollectionName, std::map<std::string, rows::RangeDigest>> digests_;
};

}  // namespace

std::unique_ptr<Endpoint> MakeClusterEndpoint(std::shared_ptr<milvus::Client> client,
                                              ClusterEndpointOptions options) {
  return std::make_unique<ClusterEndpoint>(std::move(client), std::move(options));
}

std::unique_ptr<Endpoint> MakeSnapshotEndpoint(repo::Repository& repository,
                                               repo::Snapshot snapshot) {
  return std::make_unique<SnapshotEndpoint>(repository, std::move(snapshot));
}

}  // namespace aerie::transfer
