// The rows that a sync's target is known to have, one after the other: as they were kept after the
// last round, or as the target itself shows them in an audit.
//
// Partitions are taken in ascending order of their names, rows in that of their keys. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "rows/stream.h"
#include "transfer/sync_file.h"

namespace aerie::transfer {

struct KnownRow {
  rows::Key key;
  rows::Digest128 digest;
  // A round that broke off may have written or deleted it, or it may be stored twice: it is to be
  // written whatever its digest.
  bool doubtful = false;
  bool kept = true;  // the last whole round left it there; false: known from a journal only
};

class KnownRows {
 public:
  virtual ~KnownRows() = default;
  // Goes to the first row of a partition; whatever lies before it is passed over.
  virtual Status Begin(const Context& context, const std::string& partition) = 0;
  // The row where it stands; nullptr at the end of the partition.
  virtual const KnownRow* row() const = 0;
  virtual Status Advance(const Context& context) = 0;
};

// Of the rows file, and the journals of attempts since. kCorrupt, also later, when any of them is
// not as it was written.
Result<std::unique_ptr<KnownRows>> KeptRows(const std::string& rows_path,
                                            const std::vector<std::string>& journals);

// Of a collection that is read meanwhile. `columns` are those that digests cover. `source` must
// outlive it.
std::unique_ptr<KnownRows> RowsOf(rows::CollectionSource& source,
                                  const std::vector<rows::FieldSchema>& columns,
                                  const rows::ReadOptions& read);

}  // namespace aerie::transfer
