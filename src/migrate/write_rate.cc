#include "migrate/write_rate.h"

#include <algorithm>
#include <array>
#include <utility>

#include "milvus/collection_admin.h"

namespace aerie::migrate {
namespace {

constexpr std::int64_t kSampleRows = 4000;
// Of rows from among the first keys.
constexpr std::size_t kRanges = 3;
constexpr std::size_t kRangeRows = 500;

// Keys that a program counts up are often multiples of some number: of these they hardly are.
constexpr std::array<std::int64_t, 18> kPrimes = {1,     7,     13,    31,     61,     127,
                                                  251,   509,   1021,  2039,   4093,   8191,
                                                  16381, 32749, 65521, 131071, 524287, 2147483647};

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

Status WriteWatch::Read(const Context& context, const rows::CollectionSpec& spec, const Part& part,
                        Sample& sample) const {
  const milvus::RangeQuery query = Query(spec, part.filter);
  AERIE_ASSIGN(const milvus::AnswerRows found, query.Rows(context, part.range));
  std::vector<rows::Digest128> digests;
  AERIE_TRY(rows::RowDigester(query.columns()).DigestRows(found.batch, digests));
  for (std::size_t row = 0; row < digests.size(); ++row) {
    sample.emplace(found.batch.KeyAt(row), digests[row]);
  }
  return Ok();
}

// The rows whose key leaves the remainder 1. kInvalid where the server cannot compute it.
Status WriteWatch::Spread(const Context& context, Watched& watched) const {
  const std::string& key = watched.spec.schema.primary_key()->name;
  for (const std::int64_t prime : kPrimes) {
    if (prime * kSampleRows < watched.rows) continue;
    Part part;
    if (prime > 1) part.filter = key + " % " + std::to_string(prime) + " == 1";
    Sample sample;
    const Status status = Read(context, watched.spec, part, sample);
    if (KindOf(status) == Kind::kTooLarge) continue;
    AERIE_TRY(status);
    if (sample.empty()) continue;  // keys that are all multiples of it
    watched.parts = {std::move(part)};
    watched.sample = std::move(sample);
    return Ok();
  }
  return Ok();
}

Status WriteWatch::FirstKeys(const Context& context, Watched& watched) const {
  AERIE_ASSIGN(const auto keys,
               Query(watched.spec, "").Keys(context, {}, milvus::RangeQuery::kMaxPage));
  const std::size_t step = std::max(kRangeRows, keys.size() / kRanges);
  for (std::size_t first = 0; first < keys.size() && watched.parts.size() < kRanges;
       first += step) {
    for (std::size_t rows = std::min(kRangeRows, keys.size() - first); rows > 0; rows /= 4) {
      Part part;
      if (first > 0) part.range.after = keys[first - 1];
      part.range.to = keys[first + rows - 1];
      const Status status = Read(context, watched.spec, part, watched.sample);
      if (KindOf(status) == Kind::kTooLarge && rows > 1) continue;
      AERIE_TRY(status);
      watched.parts.push_back(std::move(part));
      break;
    }
  }
  return Ok();
}

Result<WriteWatch::Watched> WriteWatch::Look(const Context& context,
                                             const rows::CollectionSpec& spec) const {
  Watched watched;
  watched.spec = spec;
  watched.at = context.clock().Steady();
  AERIE_ASSIGN(watched.rows, milvus::CountRows(context, *client_, spec.name, {}));
  if (watched.rows == 0) return watched;
  const bool numbers = spec.schema.primary_key()->type == rows::DataType::kInt64;
  const Status spread = numbers ? Spread(context, watched) : Ok();
  if (!spread.ok() && KindOf(spread) != Kind::kInvalid && KindOf(spread) != Kind::kUnsupported) {
    return spread;
  }
  if (watched.sample.empty()) AERIE_TRY(FirstKeys(context, watched));
  return watched;
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
    const auto annotated = [&](const Status& status) {
      return Annotate(status, "measure how much is written to " + before.spec.name.ToString());
    };
    const SteadyTime now = context.clock().Steady();
    const auto rows = milvus::CountRows(context, *client_, before.spec.name, {});
    if (!rows.ok()) return annotated(rows.status());
    Sample sample;
    for (const Part& part : before.parts) {
      const Status status = Read(context, before.spec, part, sample);
      if (!status.ok()) return annotated(status);
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
    const Changes one = Extrapolate(change, before.rows, *rows - before.rows);
    all.added += one.added;
    all.updated += one.updated;
    all.deleted += one.deleted;
    all.seconds = std::max(all.seconds, std::chrono::duration<double>(now - before.at).count());
  }
  return all;
}

}  // namespace aerie::migrate
