#include "milvus/collection_source.h"

#include <algorithm>

#include "base/log.h"
#include "milvus/collection_admin.h"
#include "milvus/errors.h"
#include "milvus/partition_reader.h"
#include "milvus/scratch_index.h"

namespace aerie::milvus {
namespace {

constexpr auto kPutBackTimeout = std::chrono::seconds(120);

// What was opened must be put back also when the job was cancelled.
Context CleanupContext(const Context& context) {
  return Context(context.clock()).WithTimeout(kPutBackTimeout);
}

std::vector<std::string> PartitionsNotLoaded(const rows::CollectionSpec& spec) {
  std::vector<std::string> names;
  for (const rows::PartitionSpec& partition : spec.partitions) {
    if (partition.load_state != rows::LoadState::kLoaded) names.push_back(partition.name);
  }
  return names;
}

bool IsThere(const Context& context, Client& client, const rows::CollectionSpec& pinned) {
  const Result<SpecReading> now = DescribeCollection(context, client, pinned.name);
  return now.ok() && now->spec.id == pinned.id;
}

std::string JoinNames(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

MilvusSource::MilvusSource(std::shared_ptr<Client> client, SpecReading reading)
    : client_(std::move(client)), reading_(std::move(reading)) {}

MilvusSource::~MilvusSource() = default;

std::vector<std::string> MilvusSource::ReadPartitions() const {
  // Servers refuse names of partitions where a key chooses them.
  if (spec().has_partition_key()) return {""};
  std::vector<std::string> names;
  for (const rows::PartitionSpec& partition : spec().partitions) names.push_back(partition.name);
  return names;
}

RowScope MilvusSource::Scope(const std::string& partition, const std::string& filter) const {
  return {spec().name, spec().id, spec().schema, partition, filter, point_};
}

Result<std::unique_ptr<rows::RowReader>> MilvusSource::OpenReader(
    const Context& context, const std::string& partition, const rows::ReadOptions& options) {
  PartitionReaderSetup setup;
  setup.query = std::make_shared<const RangeQuery>(client_, Scope(partition, options.filter));
  setup.options = options;
  setup.check_unchanged = [client = client_, pinned = spec()](const Context& ctx) {
    return CheckUnchanged(ctx, *client, pinned);
  };
  return OpenPartitionReader(context, std::move(setup));
}

Status MilvusSource::MakeReadable(const Context& context, const SourceOptions& options) {
  const std::string name = spec().name.ToString();
  const std::vector<std::string> released = PartitionsNotLoaded(spec());
  const bool whole = spec().load_state != rows::LoadState::kLoaded;
  if (!whole && released.empty()) return Ok();
  if (options.when_not_loaded == WhenNotLoaded::kRefuse) {
    return RefusedError(
        "read " + name + ": " +
        (whole ? "the collection is not loaded" : "not loaded in it: " + JoinNames(released)) +
        "; load it, or leave out --no-load");
  }
  LoadOptions load;
  load.replicas = std::max(spec().replicas, 1);
  load.resource_groups = spec().resource_groups;
  if (!whole) load.partitions = released;
  // From here on something may be different on the server, also when the load fails half way.
  load_changed_ = true;
  const auto scratch = ScratchIndexesFor(spec(), spec().indexes);
  if (!scratch.empty() && !has_scratch_) {
    has_scratch_ = true;
    AERIE_TRY(Annotate(CreateIndexes(context, *client_, spec().name, scratch),
                       "index " + name + " to read it"));
  }
  return Annotate(Load(context, *client_, spec().name, load), "to read it");
}

// A query that sees at least `since`, or all there is, brings out a read timestamp, if the server
// has them. A timestamp taken before it is then old enough that no later call has to wait for it.
Status MilvusSource::ChoosePoint(const Context& context, std::uint64_t since) {
  ReadPoint first;
  if (since > 0) {
    first = {ReadPoint::Mode::kLive, since};
  } else {
    AERIE_ASSIGN(since, TakeTimestamp(context, *client_));
  }
  pb::QueryRequest request;
  request.set_db_name(spec().name.database);
  request.set_collection_name(spec().name.collection);
  request.set_expr(RangeExpr(*spec().schema.primary_key(), KeyRange{}));
  request.add_output_fields(spec().schema.primary_key()->name);
  SetReadPoint(first, &request);
  for (const auto& [key, value] : {std::pair{"iterator", "True"}, std::pair{"limit", "1"}}) {
    auto* param = request.add_query_params();
    param->set_key(key);
    param->set_value(value);
  }
  AERIE_ASSIGN(const pb::QueryResults answer, client_->Query(context, request));
  if (answer.session_ts() > 0) {
    point_ = {ReadPoint::Mode::kSnapshot, answer.session_ts()};
  } else if (since > 0) {
    point_ = {ReadPoint::Mode::kLive, since};
  }
  const RangeQuery all(client_, Scope("", ""));
  AERIE_ASSIGN(estimated_rows_, all.Count(context, KeyRange{}));
  return Ok();
}

// A server answers for the loaded partitions only, without a word, when none is named.
Status MilvusSource::CheckLoadState(const Context& context) const {
  AERIE_ASSIGN(const LoadSnapshot now, ReadLoadSnapshot(context, *client_, spec()));
  for (const rows::PartitionSpec& partition : now.partitions) {
    const auto was = std::find_if(spec().partitions.begin(), spec().partitions.end(),
                                  [&](const auto& known) { return known.name == partition.name; });
    if (was == spec().partitions.end()) continue;
    if (partition.load_state != rows::LoadState::kLoaded) {
      return RefusedError("read " + spec().name.ToString() + ": partition " + partition.name +
                          " was released while it was read, so rows may be missing; read again");
    }
  }
  return Ok();
}

Status MilvusSource::Close(const Context& context) {
  if (closed_) return Ok();
  closed_ = true;
  Status status = CheckUnchanged(context, *client_, spec());
  // Another collection by now: its load state is not ours to put back.
  const bool gone = KindOf(status) == Kind::kRefused && !IsThere(context, *client_, spec());
  if (status.ok() && spec().has_partition_key()) status = CheckLoadState(context);
  if (!load_changed_ || gone) return status;
  const Result<std::vector<std::string>> lines =
      PutBackLoadState(CleanupContext(context), *client_, spec(), LoadSnapshotOf(spec()));
  if (lines.ok()) {
    for (const std::string& line : *lines) {
      log::Warn("load state not put back whole",
                {{"collection", spec().name.ToString()}, {"what", line}});
    }
    if (!has_scratch_) return status;
    const Status dropped = DropScratchIndexes(CleanupContext(context), *client_, spec().name);
    return status.ok() ? dropped : status;
  }
  if (!status.ok()) return status;
  return Annotate(lines.status(), "put back the load state of " + spec().name.ToString());
}

Result<std::unique_ptr<MilvusSource>> OpenCollectionSource(const Context& context,
                                                           std::shared_ptr<Client> client,
                                                           const rows::CollectionName& name,
                                                           const SourceOptions& options) {
  AERIE_ASSIGN(SpecReading reading, ReadCollectionSpec(context, *client, name));
  if (reading.spec.load_state == rows::LoadState::kLoading) {
    // After a restart a server says so of what was loaded, for some seconds.
    AERIE_TRY(Annotate(AwaitLoaded(context, *client, name, {}), "to read it"));
    AERIE_ASSIGN(reading, ReadCollectionSpec(context, *client, name));
  }
  if (reading.spec.schema.primary_key() == nullptr) {
    return CorruptError("read " + name.ToString() + ": its schema has no primary key");
  }
  // A killed run may have left its scratch indexes, and the collection loaded with them.
  const bool left = ForgetScratchIndexes(reading.spec);
  std::unique_ptr<MilvusSource> source(new MilvusSource(client, std::move(reading)));
  source->has_scratch_ = left;
  source->load_changed_ = left;
  Status status = source->MakeReadable(context, options);
  if (status.ok()) status = source->ChoosePoint(context, left ? 0 : options.since);
  if (!status.ok()) {
    (void)source->Close(context);
    return status;
  }
  return source;
}

Result<std::uint64_t> TakeTimestamp(const Context& context, Client& client) {
  const Result<pb::AllocTimestampResponse> now =
      client.AllocTimestamp(context, pb::AllocTimestampRequest());
  if (now.ok()) return now->timestamp();
  if (KindOf(now.status()) == Kind::kUnsupported) return std::uint64_t{0};
  return now.status();
}

Status CheckUnchanged(const Context& context, Client& client, const rows::CollectionSpec& pinned) {
  const std::string read = "read " + pinned.name.ToString() + ": the collection was ";
  const Result<SpecReading> now = DescribeCollection(context, client, pinned.name);
  if (!now.ok()) {
    if (KindOf(now.status()) != Kind::kNotFound) return now.status();
    return RefusedError(read +
                        "dropped or renamed while it was read; what was read is no whole "
                        "collection, run the command again");
  }
  if (now->spec.id != pinned.id || now->spec.name.collection != pinned.name.collection) {
    return RefusedError(read +
                        "dropped and its name given to another one while it was read; run "
                        "the command again");
  }
  if (!(now->spec.schema == pinned.schema)) {
    return RefusedError(read + "altered (its schema) while it was read; run the command again");
  }
  return Ok();
}

}  // namespace aerie::milvus
