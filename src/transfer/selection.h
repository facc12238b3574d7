// Which collections, partitions and rows a job takes. Plain value.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "rows/schema.h"
#include "rows/stream.h"

namespace aerie::transfer {

struct Selection {
  // Globs over "collection" or "database.collection"; "!glob" excludes. Empty: every collection.
  std::vector<std::string> collections;
  std::string database;                 // only this database; empty: all
  std::vector<std::string> partitions;  // globs; empty: every partition
  std::string filter;                   // Milvus expression on rows; empty: every row

  bool empty() const {
    return collections.empty() && database.empty() && partitions.empty() && filter.empty();
  }
};

bool Selects(const Selection& selection, const rows::CollectionName& name);
bool SelectsPartition(const Selection& selection, const std::string& partition);

// The partitions of `source` that are selected, in its order. kNotFound when there is none: nothing
// would be read, in silence. kUnsupported when the collection has a partition key, so that its
// partitions cannot be read one by one.
Result<std::vector<std::string>> PartitionsOf(const Selection& selection,
                                              const rows::CollectionSource& source);

// Those of `all` that are selected, in order. kNotFound when a name without wildcards, or every
// pattern together, matches nothing; the message lists what is there.
Result<std::vector<rows::CollectionName>> Select(const Selection& selection,
                                                 const std::vector<rows::CollectionName>& all,
                                                 const std::string& where);

}  // namespace aerie::transfer
