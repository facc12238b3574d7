#include "app/kinds/restore_drill.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <sodium.h>

#include "app/result_json.h"
#include "base/bytes.h"
#include "base/log.h"
#include "milvus/collection_admin.h"
#include "transfer/endpoint.h"
#include "transfer/restore.h"

namespace aerie::app {
namespace {

constexpr char kInfix[] = "_aerie_test_";
constexpr std::size_t kMostHistory = 1000;  // jobs
constexpr Duration kDropPatience = std::chrono::minutes(2);

// What a run has made, or is about to.
struct Scratch {
  std::string cluster;  // as the spec names it
  rows::CollectionName name;
};

Json ToJson(const std::optional<Scratch>& scratch) {
  if (!scratch) return nullptr;
  return {{"cluster", scratch->cluster},
          {"database", scratch->name.database},
          {"name", scratch->name.collection}};
}

std::optional<Scratch> ScratchOf(const Json& checkpoint) {
  const Json json = checkpoint.value("scratch", Json());
  if (!json.is_object()) return std::nullopt;
  return Scratch{json.value("cluster", ""), {json.value("database", ""), json.value("name", "")}};
}

struct Reached {
  std::string snapshot;
  std::string collection;
  std::optional<Scratch> scratch;
  std::string Text() const {
    return Dump({{"snapshot", snapshot}, {"collection", collection}, {"scratch", ToJson(scratch)}});
  }
};

std::string ScratchName(const std::string& collection) {
  unsigned char bytes[4];
  randombytes_buf(bytes, sizeof bytes);
  // Milvus takes 255 characters, and the restore puts its own behind them.
  return collection.substr(0, 200) + kInfix + ToHex(bytes);
}

// Also while the job is being cancelled: what it made does not stay.
Status DropScratch(const Tools& tools, milvus::Client& client, const rows::CollectionName& name) {
  const Context context = Context(tools.context.clock()).WithTimeout(kDropPatience);
  for (const std::string& one : {name.collection, transfer::StagingName(name.collection)}) {
    const Status dropped = milvus::DropCollection(context, client, {name.database, one});
    if (!dropped.ok() && KindOf(dropped) != Kind::kNotFound) {
      return Annotate(dropped, "drop the scratch collection " + one);
    }
  }
  return Ok();
}

// When each collection was tested last, and what runs left that never went on.
struct History {
  std::map<std::string, std::int64_t> tested;
  std::vector<Scratch> left;
};

Result<History> HistoryOf(catalog::JobStore* store, std::int64_t me, const std::string& cluster) {
  History history;
  if (store == nullptr) return history;
  AERIE_ASSIGN(const auto jobs, store->List({.kind = "restore-test", .limit = kMostHistory}));
  for (const catalog::Job& job : jobs) {
    if (job.number == me) continue;
    const std::string collection = ObjectOf(job.result).value("collection", "");
    std::int64_t& time = history.tested[collection];
    time = std::max(time, job.ended_ms);
    if (job.standing.held) continue;
    const auto scratch = ScratchOf(ObjectOf(job.checkpoint));
    if (scratch && scratch->cluster == cluster) history.left.push_back(*scratch);
  }
  return history;
}

class RestoreTestKind : public RequestKind<RestoreTestRequest> {
 public:
  using RequestKind::RequestKind;

 private:
  void Read(SpecReader& spec, RestoreTestRequest& request) const override {
    spec.Repository("repository", SpecReader::Default::kConfigured, request.repo.text);
    spec.Cluster("cluster", SpecReader::Default::kConfigured, request.cluster);
    spec.Cluster("to", SpecReader::Default::kAny, request.to);
    spec.Selection(request.selection, SpecReader::Rows::kAll);
    spec.Text("database", request.database);
    spec.Number("max_bytes", std::uint64_t{1}, ~std::uint64_t{0}, request.max_bytes);
    if (request.cluster.empty()) request.cluster = spec.config().default_cluster;
    if (request.to.empty()) request.to = request.cluster;
  }

  std::string Describe(const RestoreTestRequest& request) const override {
    return "restore one of " + SelectionText(request.selection) + " of cluster " + request.cluster +
           " from repository " + NamedOr(request.repo.text, setup().config.default_repository) +
           " under a scratch name to cluster " + request.to + ", compare every row, drop it";
  }

  CommandResult Work(const Tools& tools, RestoreTestRequest& request,
                     jobs::JobRun& run) const override {
    if (sodium_init() < 0) return Failure(InternalError("start libsodium"));
    auto opened = tools.session.Repository(tools.context, request.repo.text, {}, IfAbsent::kFail);
    if (!opened.ok()) return Failure(opened.status());
    auto to = tools.session.Cluster(tools.context, request.to, {});
    if (!to.ok()) return Failure(to.status());
    const auto history = HistoryOf(setup().history, run.number(), request.to);
    if (!history.ok()) return Failure(history.status());
    const Json kept = ObjectOf(run.checkpoint());
    if (const auto mine = ScratchOf(kept)) {
      const Status dropped = DropScratch(tools, *to->client, mine->name);
      if (!dropped.ok()) return Failure(dropped);
    }
    for (const Scratch& left : history->left) {
      const Status dropped = DropScratch(tools, *to->client, left.name);
      if (!dropped.ok())
        log::Warn("leftover of a restore test", {{"why", std::string(dropped.message())}});
    }
    const auto snapshot = SnapshotOf(tools, *opened->repository, request, kept);
    if (!snapshot.ok()) return Failure(snapshot.status());
    const auto collection = Choose(*snapshot, request, *history, kept.value("collection", ""));
    if (!collection.ok()) return Failure(collection.status());
    Reached reached{
        snapshot->id.hex, collection->name.ToString(),
        Scratch{request.to,
                {request.database.empty() ? collection->name.database : request.database,
                 ScratchName(collection->name.collection)}}};
    if (const Status saved = run.SaveCheckpoint(reached.Text()); !saved.ok()) return Failure(saved);
    CommandResult result =
        Try(tools, *opened->repository, *snapshot, collection->name, *to, *reached.scratch);
    const Status dropped = DropScratch(tools, *to->client, reached.scratch->name);
    result.json["dropped"] = dropped.ok();
    if (!dropped.ok()) {
      if (result.status.ok()) result.status = dropped;
      return result;
    }
    reached.scratch.reset();
    // It is gone all the same where this cannot be stored.
    const Status saved = run.SaveCheckpoint(reached.Text());
    if (result.status.ok()) result.status = saved;
    return result;
  }

  // The one of an earlier run while it is there; else the newest complete one.
  static Result<repo::Snapshot> SnapshotOf(const Tools& tools, repo::Repository& repository,
                                           const RestoreTestRequest& request, const Json& kept) {
    if (const std::string id = kept.value("snapshot", ""); !id.empty()) {
      auto found = repository.FindSnapshot(tools.context, id);
      if (KindOf(found.status()) != Kind::kNotFound) return found;
    }
    return repository.FindSnapshot(tools.context, "latest", [&](const repo::Snapshot& candidate) {
      return candidate.complete && candidate.cluster == request.cluster;
    });
  }

  static Result<repo::SnapshotCollection> Choose(const repo::Snapshot& snapshot,
                                                 const RestoreTestRequest& request,
                                                 const History& history, const std::string& kept) {
    const repo::SnapshotCollection* best = nullptr;
    std::int64_t best_time = 0;
    for (const repo::SnapshotCollection& one : snapshot.collections) {
      const std::string name = one.name.ToString();
      if (name == kept) return one;
      if (!transfer::Selects(request.selection, one.name) || one.bytes > request.max_bytes)
        continue;
      const auto tested = history.tested.find(name);
      const std::int64_t time = tested == history.tested.end() ? 0 : tested->second;
      if (best != nullptr && time >= best_time) continue;
      best = &one;
      best_time = time;
    }
    if (best != nullptr) return *best;
    return NotFoundError("restore test: snapshot " + snapshot.id.Short() +
                         " has no collection that is selected and small enough");
  }

  static CommandResult Try(const Tools& tools, repo::Repository& repository,
                           const repo::Snapshot& snapshot, const rows::CollectionName& name,
                           const OpenCluster& to, const Scratch& scratch) {
    transfer::RestoreOptions options;
    options.selection.collections = {name.ToString()};
    options.rename[name.collection] = scratch.name.collection;
    options.database = scratch.name.database;
    options.new_keys = true;  // where the server cannot keep them, rows are counted
    options.aliases = false;
    options.verb = "restore test";
    const auto from = transfer::MakeSnapshotEndpoint(repository, snapshot);
    const SteadyTime start = tools.context.clock().Steady();
    const auto run = transfer::RunRestore(tools.context, *from, to.client, options, tools.progress);
    CommandResult result;
    result.json["snapshot"] = snapshot.id.hex;
    result.json["created"] = FormatUtc(FromUnixMillis(snapshot.created_ms));
    result.json["cluster"] = snapshot.cluster;
    result.json["to"] = to.label;
    result.json["collection"] = name.ToString();
    result.json["scratch"] = scratch.name.ToString();
    result.json["seconds"] = SecondsSince(tools.context, start);
    result.status = run.ok() ? run->status : run.status();
    if (!run.ok() || run->collections.empty()) return result;
    const transfer::RestoreOutcome& outcome = run->collections.front();
    result.json["rows"] = outcome.digest.rows;
    result.json["bytes"] = outcome.bytes;
    result.json["digest"] = outcome.digest.sum.ToHex();
    result.json["compared"] = outcome.status.ok() && !outcome.new_keys;
    result.warnings = outcome.warnings;
    if (!outcome.status.ok()) return result;
    result.text = "restored " + name.ToString() + " of snapshot " + snapshot.id.Short() + ": " +
                  Thousands(outcome.digest.rows) + " rows, " +
                  (outcome.new_keys ? "counted" : "every one compared by digest") + ", " +
                  HumanSeconds(result.json["seconds"].get<double>()) + "\n";
    return result;
  }
};

}  // namespace

std::shared_ptr<jobs::JobKind> MakeRestoreTestKind(std::shared_ptr<const KindSetup> setup) {
  return std::make_shared<RestoreTestKind>("restore-test", std::move(setup));
}

}  // namespace aerie::app
