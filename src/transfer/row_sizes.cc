#include "transfer/row_sizes.h"

#include <cmath>

#include "base/log.h"
#include "rows/batch.h"
#include "transfer/copy_sample.h"

namespace aerie::transfer {
namespace {

constexpr Duration kSampleHolds = std::chrono::hours(24);

// nullopt: rows differ in size.
std::optional<double> FixedRow(const rows::CollectionSchema& schema) {
  std::size_t bytes = 0;
  for (const rows::FieldSchema& field : schema.Columns()) {
    const std::size_t width = rows::CellWidth(field);
    if (width == 0) return std::nullopt;
    bytes += width;
  }
  return static_cast<double>(bytes);
}

}  // namespace

const char* NameOf(SizeAbout::From from) {
  switch (from) {
    case SizeAbout::From::kSchema: return "schema";
    case SizeAbout::From::kSnapshot: return "snapshot";
    case SizeAbout::From::kSample: return "sample";
  }
  return "";
}

std::optional<SizeAbout> RowSizes::Of(const Context& context,
                                      const std::shared_ptr<milvus::Client>& client,
                                      const Endpoint::Seen& seen,
                                      const std::optional<Stored>& stored) {
  using From = SizeAbout::From;
  if (seen.rows_about < 0) return std::nullopt;
  if (seen.rows_about == 0) return SizeAbout{};
  const auto all = [&](double row, From from) {
    const double bytes = std::round(row * static_cast<double>(seen.rows_about));
    return SizeAbout{.bytes = static_cast<std::int64_t>(bytes), .from = from};
  };
  if (const auto row = FixedRow(seen.spec.schema)) return all(*row, From::kSchema);
  if (stored && stored->rows > 0) {
    return all(static_cast<double>(stored->bytes) / static_cast<double>(stored->rows),
               From::kSnapshot);
  }
  if (const auto row = SampledRow(context, client, seen)) return all(*row, From::kSample);
  return std::nullopt;
}

std::optional<double> RowSizes::SampledRow(const Context& context,
                                           const std::shared_ptr<milvus::Client>& client,
                                           const Endpoint::Seen& seen) {
  const SteadyTime now = context.clock().Steady();
  {
    std::lock_guard lock(mutex_);
    const auto known = sampled_.find(seen.spec.id);
    if (known != sampled_.end() && now - known->second.at < kSampleHolds &&
        seen.rows_about < 2 * known->second.rows) {
      return known->second.row_bytes;
    }
  }
  const auto sample = SampleRows(context, client, seen.spec, {});
  if (!sample.ok()) {
    log::Debug("a collection's rows could not be sampled",
               {{"collection", seen.spec.name.ToString()},
                {"why", std::string(sample.status().message())}});
    return std::nullopt;
  }
  if (sample->rows == 0) return std::nullopt;
  const double row = static_cast<double>(sample->bytes) / static_cast<double>(sample->rows);
  std::lock_guard lock(mutex_);
  sampled_[seen.spec.id] = {.row_bytes = row, .rows = seen.rows_about, .at = now};
  return row;
}

}  // namespace aerie::transfer
