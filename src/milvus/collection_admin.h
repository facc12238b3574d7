// Making a collection what a spec says: created, indexed, loaded, named; and counting its rows.
//
// Free functions on a Client; callable from any thread, one at a time for one collection. Each
// blocks until the server has done it, honouring the context. Lines that come back are for the
// user: what could not be kept and why.
//
// The order that loses nothing (protocol.md 7): CreateCollectionFromSpec, CompareRecreated,
// CreateIndexes, Load, rows in, Flush, CreateAliases, ApplyProperties (time to live last),
// PutBackLoadState.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "milvus/capabilities.h"
#include "milvus/client.h"
#include "milvus/spec_reader.h"
#include "rows/schema.h"

namespace aerie::milvus {

inline constexpr char kTtlProperty[] = "collection.ttl.seconds";
inline constexpr char kAllowInsertAutoIdProperty[] = "allow_insert_auto_id";

// One thing of a spec that the target will not keep.
struct PrecheckLine {
  enum class Weight {
    kRefused,  // the collection cannot be created, or its rows cannot be written
    kLost,     // it is created without this
  };
  Weight weight = Weight::kLost;
  std::string text;  // "field price: null values are not kept (the server is older than 2.5)"
};
// Pure: what is known before anything starts. What the server does not tell is not guessed:
// CompareRecreated finds it.
std::vector<PrecheckLine> Precheck(const rows::CollectionSpec& spec, const SpecFeatures& target);

// kNotFound turned into false.
Result<bool> CollectionExists(const Context& context, Client& client,
                              const rows::CollectionName& name);
// Creates it when it is not there. kUnsupported on a server that knows no databases, unless it is
// "default".
Status EnsureDatabase(const Context& context, Client& client, const std::string& database);

// Creates database, collection and partitions under spec.name, with all properties but the time to
// live. Not idempotent: kExists when there is a collection or alias of that name.
Status CreateCollectionFromSpec(const Context& context, Client& client,
                                const rows::CollectionSpec& spec);

// What the server made of it: differences between `wanted` and the collection of that name now,
// one line each. Not compared, because it comes later: indexes, aliases, load state, time to live.
Result<std::vector<std::string>> CompareRecreated(const Context& context, Client& client,
                                                  const rows::CollectionSpec& wanted);

// Every index, with its name and parameters as they were described. AwaitIndexes waits until all
// are built; kFailed with the server's reason when one cannot be.
Status CreateIndexes(const Context& context, Client& client, const rows::CollectionName& name,
                     const std::vector<rows::IndexSpec>& indexes);
Status AwaitIndexes(const Context& context, Client& client, const rows::CollectionName& name);

struct LoadOptions {
  std::vector<std::string> partitions;  // empty: the whole collection
  std::int32_t replicas = 1;
  std::vector<std::string> resource_groups;
  std::vector<std::string> load_fields;  // empty: all
  std::function<void(int percent)> on_progress;
};
// Returns when everything asked for can be queried. An index on every vector field is needed
// (code 700 without).
Status Load(const Context& context, Client& client, const rows::CollectionName& name,
            const LoadOptions& options);
// Waits for a load that somebody has asked for, of `partitions` or of the whole.
Status AwaitLoaded(const Context& context, Client& client, const rows::CollectionName& name,
                   const LoadOptions& options);
Status Release(const Context& context, Client& client, const rows::CollectionName& name);

// Makes the load state what it was: loads, releases, single partitions too. The lines say what
// could not be put back (fewer replicas than before).
Result<std::vector<std::string>> PutBackLoadState(const Context& context, Client& client,
                                                  const rows::CollectionSpec& described,
                                                  const LoadSnapshot& before);

enum class AliasConflict { kFail, kMove, kSkip };
// Points each alias to the collection. One that points elsewhere: kExists, or is moved, or is
// left with a line that says so.
Result<std::vector<std::string>> CreateAliases(const Context& context, Client& client,
                                               const rows::CollectionName& name,
                                               const std::vector<std::string>& aliases,
                                               AliasConflict on_conflict);

// Sets properties; those it does not name stay.
Status ApplyProperties(const Context& context, Client& client, const rows::CollectionName& name,
                       const rows::KeyValues& properties);
// Removes one property; a server before 2.4 cannot (kUnsupported is not told: it ignores it).
Status DropProperty(const Context& context, Client& client, const rows::CollectionName& name,
                    const std::string& key);
// The properties that CreateCollectionFromSpec held back, for ApplyProperties when all rows are in.
rows::KeyValues PropertiesToApplyLast(const rows::CollectionSpec& spec);

// Drops the collection and its aliases. kNotFound when it is not there (the server would say ok),
// kRefused when `name` is an alias.
Status DropCollection(const Context& context, Client& client, const rows::CollectionName& name);

// Seals and stores what was written; returns when it is stored.
Status Flush(const Context& context, Client& client, const rows::CollectionName& name);

struct CountOptions {
  std::string partition;  // empty: all
  std::string filter;     // empty: all rows
  // Counts at least everything up to this hybrid timestamp; none: strong consistency.
  std::optional<std::uint64_t> guarantee_ts;
};
// Visible stored rows, equal keys each counted.
Result<std::int64_t> CountRows(const Context& context, Client& client,
                               const rows::CollectionName& name, const CountOptions& options);

}  // namespace aerie::milvus
