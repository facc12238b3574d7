#include "rows/filtering_source.h"

#include <algorithm>
#include <utility>

namespace aerie::rows {
namespace {

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The partitions to read, in the order of `present`.
Result<std::vector<std::string>> Choose(const CollectionSpec& spec,
                                        const std::vector<std::string>& present,
                                        const std::vector<std::string>& wanted) {
  const std::string operation = "choose partitions of " + spec.name.ToString();
  if (wanted.empty()) return InvalidError(operation + ": none is named; name at least one");
  if (spec.has_partition_key()) {
    return RefusedError(operation + ": its partition key forbids naming partitions; filter by an " +
                        "expression on field " + spec.schema.partition_key()->name);
  }
  for (const std::string& name : wanted) {
    if (Contains(present, name)) continue;
    return NotFoundError(operation + ": it has no partition " + name +
                         "; see its partitions with `aerie cluster show`");
  }
  std::vector<std::string> chosen;
  for (const std::string& name : present) {
    if (Contains(wanted, name)) chosen.push_back(name);
  }
  return chosen;
}

}  // namespace

Result<std::unique_ptr<CollectionSource>> FilteringSource::Make(
    const Context& context, std::unique_ptr<CollectionSource> inner,
    const std::vector<std::string>& partitions) {
  auto chosen = Choose(inner->spec(), inner->ReadPartitions(), partitions);
  if (chosen.ok()) {
    return std::unique_ptr<CollectionSource>(
        new FilteringSource(std::move(inner), *std::move(chosen)));
  }
  const Status closed = inner->Close(context);
  if (closed.ok()) return chosen.status();
  return Annotate(chosen.status(), std::string(closed.message()));
}

FilteringSource::FilteringSource(std::unique_ptr<CollectionSource> inner,
                                 std::vector<std::string> partitions)
    : inner_(std::move(inner)), partitions_(std::move(partitions)) {}

Result<std::unique_ptr<RowReader>> FilteringSource::OpenReader(const Context& context,
                                                               const std::string& partition,
                                                               const ReadOptions& options) {
  if (!Contains(partitions_, partition)) {
    return NotFoundError("read " + spec().name.ToString() + ": partition " + partition +
                         " is not among the chosen ones; add it to the partition filter");
  }
  return inner_->OpenReader(context, partition, options);
}

std::int64_t FilteringSource::EstimatedRows() const {
  return partitions_.size() == inner_->ReadPartitions().size() ? inner_->EstimatedRows() : -1;
}

}  // namespace aerie::rows
