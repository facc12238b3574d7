// Snapshot objects as they were last listed, kept on this machine: they never change, so a listing
// fetches only those that are new. docs/decisions/0009.
//
// Sealed as they are in the store: nothing can be read of them without the passphrase, and what was
// damaged here is noticed and fetched anew. Losing the file costs time only. Checks never use it.
// Safe from any thread; the file is replaced whole, so of several processes the last one wins.
#pragma once

#include <map>
#include <string>

#include "base/bytes.h"
#include "repo/crypto.h"

namespace aerie::repo {

class SnapshotCache {
 public:
  using Objects = std::map<ObjectId, Bytes>;

  // One file in `folder`, made when first needed; with an empty `folder` nothing is kept.
  SnapshotCache(const std::string& folder, const ObjectId& repository);

  // As far as the file is there and makes sense.
  Objects Load() const;
  // Replaces what was kept. That it could not is a line in the log.
  void Save(const Objects& objects) const;

 private:
  const std::string folder_;
  const std::string path_;  // empty: nothing is kept
};

}  // namespace aerie::repo
