#include "migrate/write_rate.h"

#include <algorithm>
#include <array>
#include <utility>

#include "milvus/collection_admin.h"
#include "transfer/copy_sample.h"

namespace aerie::migrate {
namespace {

constexpr std::int64_t kSampleRows = 4000;
// Keys that a program counts up are often multiples of some number: of these they hardly are.
constexpr std::array<std::int64_t, 18> kPrimes = {1,     7,     13,    31,     61,     127,
                                                  251,   509,   1021,  2039,   4093,   8191,
                                                  16381, 32749, 65521, 131071, 524287, 2147483647};

Status AddDigests(const rows::RowBatch& rows, rows::RowDigester digester,
                  std::map<rows::Key, rows::Digest128>& sample) {
  std::vector<rows::Digest128> digests;
  AERIE_TRY(digester.DigestRows(rows, digests));
  for (std::size_t row = 0; row < digests.size(); ++row) {
    sample.emplace(rows.KeyAt(row), digests[row]);
  }
  return Ok();
}

SteadyTime MiddleSince(const Context& context, SteadyTime begin) {
  return begin + (context.clock().Steady() - begin) / 2;
}

}  // namespace

Changes Extrapolate(const SampleChange& sample, std::int64_t rows, std::int64_t grown) {
  const double scale =
      sample.before == 0 ? 0 : static_cast<double>(rows) / static_cast<double>(sample.before);
  const auto more = static_cast<double>(grown);
  Changes changes;
  changes.updated = static_cast<double>(sample.updated) * scale;
  // A sample sees no more of few deletes than their number shows, and of many their number may show
  // nothing, where as many are added.
  changes.deleted = std::max(static_cast<double>(sample.gone) * scale, -more);
  changes.added = std::max(0.0, more + changes.deleted);
  return changes;
}

milvus::RangeQuery WriteWatch::Query(const rows::CollectionSpec& spec,
                                     const std::string& filter) const {
  milvus::RowScope scope;
  scope.name = spec.name;
  scope.collection_id = spec.id;
  scope.schema = spec.schema;
  scope.filter = filter;
  return {client_, std::move(scope)};
}

// The rows whose key leaves the remainder 1. kInvalid where the server cannot compute it.
Status WriteWatch::Spread(const Context& context, Watched& watched) const {
  const std::string& key = watched.spec.schema.primary_key()->name;
  for (const std::int64_t prime : kPrimes) {
    if (prime * kSampleRows < watched.rows) continue;
    const milvus::RangeQuery query =
        Query(watched.spec, prime == 1 ? "" : key + " % " + std::to_string(prime) + " == 1");
    const auto found = query.Rows(context, milvus::KeyRange());
    if (KindOf(found.status()) == Kind::kTooLarge) continue;
    AERIE_TRY(found.status());
    if (found->batch.rows() == 0) continue;  // keys that are all multiples of it
    return AddDigests(found->batch, rows::RowDigester(query.columns()), watched.sample);
  }
  return Ok();
}

Result<WriteWatch::Watched> WriteWatch::Look(const Context& context,
                                             const rows::CollectionSpec& spec) const {
  const SteadyTime begin = context.clock().Steady();
  Watched watched;
  watched.spec = spec;
  AERIE_ASSIGN(watched.rows, milvus::CountRows(context, *client_, spec.name, {}));
  if (watched.rows > 0) AERIE_TRY(TakeSample(context, watched));
  watched.at = MiddleSince(context, begin);
  return watched;
}

Status WriteWatch::TakeSample(const Context& context, Watched& watched) const {
  const bool numbers = watched.spec.schema.primary_key()->type == rows::DataType::kInt64;
  const Status spread = numbers ? Spread(context, watched) : Ok();
  if (!spread.ok() && KindOf(spread) != Kind::kInvalid && KindOf(spread) != Kind::kUnsupported) {
    return spread;
  }
  if (!watched.sample.empty()) return Ok();
  const milvus::RangeQuery query = Query(watched.spec, "");
  return transfer::VisitFirstRanges(
      context, query, [&](const rows::RowBatch& rows, double /*seconds*/) {
        return AddDigests(rows, rows::RowDigester(query.columns()), watched.sample);
      });
}

Result<Changes> WriteWatch::LookAgain(const Context& context, const Watched& before) const {
  const SteadyTime begin = context.clock().Steady();
  AERIE_ASSIGN(const std::int64_t rows, milvus::CountRows(context, *client_, before.spec.name, {}));
  Sample sample;
  if (!before.sample.empty()) {
    std::vector<rows::Key> keys;
    for (const auto& [key, digest] : before.sample) keys.push_back(key);
    const milvus::RangeQuery query = Query(before.spec, "");
    AERIE_ASSIGN(const milvus::AnswerRows found, query.RowsOf(context, keys));
    AERIE_TRY(AddDigests(found.batch, rows::RowDigester(query.columns()), sample));
  }
  SampleChange change{.before = before.sample.size()};
  for (const auto& [key, digest] : before.sample) {
    const auto found = sample.find(key);
    if (found == sample.end()) {
      ++change.gone;
    } else if (found->second != digest) {
      ++change.updated;
    }
  }
  Changes changes = Extrapolate(change, before.rows, rows - before.rows);
  changes.seconds = std::chrono::duration<double>(MiddleSince(context, begin) - before.at).count();
  return changes;
}

Result<WriteWatch> WriteWatch::Begin(const Context& context, std::shared_ptr<milvus::Client> client,
                                     const std::vector<rows::CollectionSpec>& specs) {
  WriteWatch watch(std::move(client));
  for (const rows::CollectionSpec& spec : specs) {
    auto watched = watch.Look(context, spec);
    if (!watched.ok()) {
      return Annotate(watched.status(), "measure how much is written to " + spec.name.ToString());
    }
    watch.watched_.push_back(*std::move(watched));
  }
  return watch;
}

Result<Changes> WriteWatch::End(const Context& context) const {
  Changes all;
  for (const Watched& before : watched_) {
    const auto one = LookAgain(context, before);
    if (!one.ok()) {
      return Annotate(one.status(),
                      "measure how much is written to " + before.spec.name.ToString());
    }
    all.added += one->added;
    all.updated += one->updated;
    all.deleted += one->deleted;
    all.seconds = std::max(all.seconds, one->seconds);
  }
  return all;
}

}  // namespace aerie::migrate
