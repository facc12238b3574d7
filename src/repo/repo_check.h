// Checks a whole repository: its structure always, its data as far as is asked for.
//
// The structure is every object and every tree page; the data are the packs' blobs, read pack by
// pack, those first that nobody read for longest (check_record.h). That every row fits its digest
// is what Repository::Check with read_data says, snapshot by snapshot. docs/checking.md is for
// operators. Free functions, safe from any thread and process.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "repo/repository.h"

namespace aerie::repo {

// Which packs are read.
struct DataSelection {
  double fraction = 1;  // of the packs' bytes, over 0 to 1
  std::uint64_t max_bytes = ~std::uint64_t{0};
  std::uint32_t part = 1, parts = 1;  // part 1 to `parts` of them, always the same packs
};

struct CheckRepositoryOptions {
  std::optional<DataSelection> data;     // none: the structure only
  std::optional<Duration> max_duration;  // then no further pack is begun; one is read in any case
  std::size_t streams = 4;               // packs at a time
  // Between two writings of what was read so far.
  Duration remember_every = std::chrono::minutes(5);
  std::string program;  // "aerie 0.1.0"
  std::string host;
  // Bytes of packs done and in all, never two calls at once.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

struct DataCheck {
  std::uint64_t selected_packs = 0, selected_bytes = 0;
  std::uint64_t read_packs = 0, read_bytes = 0;
  bool stopped = false;  // by max_duration
  // Of all packs, after this run.
  std::uint64_t never_read = 0;
  std::optional<std::int64_t> oldest_ms;  // when the one was read that was not read for longest
  std::string not_remembered;             // why, when it could not be written down
};

struct RepositoryCheck {
  std::vector<Finding> findings;
  std::vector<Finding> notes;  // leftovers, in nobody's way
  std::uint64_t snapshots = 0, indexes = 0, packs = 0, pack_bytes = 0;
  std::optional<DataCheck> data;
};

// Under a shared lock where the store may be written; otherwise it checks all the same, and does
// not remember. Damage is a finding; only a store that cannot be read, cancel and kLocked are
// errors, and what was read until then is remembered. Memory: about 70 bytes a blob for the index,
// 250 bytes a pack, 50 a leaf, and 16 MiB a stream.
Result<RepositoryCheck> CheckRepository(const Context& context, Repository& repository,
                                        const CheckRepositoryOptions& options);

// The packs of `sizes` (id and bytes) to read, in the order in which to read them: places in it.
// Pure. A pack that `times` does not know comes first.
struct PackAge {
  std::uint64_t size = 0;
  std::optional<std::int64_t> read_ms;
  std::uint32_t draw = 0;  // a fixed number that the pack's part is drawn by
};
std::vector<std::size_t> SelectPacks(const std::vector<PackAge>& packs,
                                     const DataSelection& selection);

}  // namespace aerie::repo
