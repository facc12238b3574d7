// Builds a partition's tree from its leaves in key order, bottom up, page by page. Memory is one
// unfinished page a level.
//
// One builder a partition; not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/context.h"
#include "repo/blob.h"
#include "repo/tree_page.h"

namespace aerie::repo {

class TreeBuilder {
 public:
  // `sink` must outlive the builder.
  TreeBuilder(BlobSink& sink, KeyType key_type) : sink_(sink), key_type_(key_type) {}

  // Entries with ascending, disjoint key ranges.
  Status Add(const Context& context, const LeafEntry& entry);

  struct Root {
    rows::RangeDigest digest;
    std::uint64_t bytes = 0;
    std::uint32_t height = 0;      // levels; 0 without rows
    std::optional<BlobName> page;  // none without rows
  };
  // Ends the open pages and returns the root. Call once, after the last Add.
  Result<Root> Finish(const Context& context);

 private:
  struct Level {
    Bytes bytes;
    std::size_t entries = 0;
    RowRange range;  // of the open page
    std::uint64_t leaves = 0;
    std::size_t pages_ended = 0;
    PageEntry last_ended;
  };
  template <class Entry>
  Status AddTo(const Context& context, std::size_t level, const Entry& entry, std::uint64_t leaves);
  Status EndPage(const Context& context, std::size_t level);

  BlobSink& sink_;
  const KeyType key_type_;
  std::vector<Level> levels_;
};

}  // namespace aerie::repo
