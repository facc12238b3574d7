// Reads a pack whole: every blob is unsealed, decoded and compared with its name.
//
// Free functions, safe from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/context.h"
#include "objects/object_store.h"
#include "repo/blob.h"
#include "repo/crypto.h"
#include "repo/index_file.h"
#include "repo/repository.h"

namespace aerie::repo {

struct PackVerdict {
  std::uint64_t read_bytes = 0;  // sealed, of the blobs that were read
  std::vector<BlobRef> damaged;
  std::string message;  // of the first damaged blob; empty: none is
};

// Blobs for which `skip` is true are not read. Memory: one run of blobs, about 8 MiB, and the
// largest of them decoded. Damage is a verdict; only a store that cannot be read is an error.
Result<PackVerdict> ReadWholePack(const Context& context, objects::ObjectStore& store,
                                  const KeyRing& keys, const PackRecord& pack,
                                  const std::function<bool(std::uint32_t number)>& skip = nullptr);

// What a verdict that is not clean is to a check.
Finding DamagedPackFinding(const ObjectId& pack, const PackVerdict& verdict);

}  // namespace aerie::repo
