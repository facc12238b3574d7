// The leaves of the snapshot before, as stretches of the key space that a new snapshot's leaves are
// laid over one by one (docs/format.md, Patches).
//
// Reads tree pages only. Damage to them ends the stretches early, with a warning in the log: the
// rows after it are then cut and stored as if they were new. One partition; not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/context.h"
#include "repo/blob.h"
#include "repo/repository.h"
#include "repo/tree_cursor.h"
#include "repo/tree_page.h"

namespace aerie::repo {

// The keys after the stretch before, up to and with `last`.
struct Stretch {
  rows::Key last;
  // Of all: it goes on to the first key that ends a leaf, that one included.
  bool open = false;
  std::uint64_t bytes = 0;       // plain, of the old rows
  std::optional<LeafEntry> old;  // what to lay patches over; none: better stored whole
};

class OldLeaves {
 public:
  // `source` must outlive it; `where` names the partition.
  OldLeaves(BlobSource& source, PartitionRoot before, const std::string& where);

  // In key order; nullopt at the end.
  Result<std::optional<Stretch>> Next(const Context& context);

 private:
  Result<std::optional<LeafEntry>> NextLeaf(const Context& context);
  bool Stunted(std::uint64_t rows, const rows::Key& last) const;

  const std::uint32_t leaf_bits_;
  const std::string where_;
  TreeCursor cursor_;
  bool started_ = false;
  bool ended_ = false;
  std::optional<LeafEntry> ahead_;
};

}  // namespace aerie::repo
