// Indexes made only so that a collection can be loaded and read, and dropped afterwards.
//
// A collection that has no index on a vector field cannot be loaded (protocol.md 3.6), yet its rows
// can be backed up: with the cheapest index for the time of reading. Their names begin alike, so
// that what a killed run left behind is known for what it is and never taken for the user's own.
//
// Free functions on a Client; callable from any thread, one at a time for one collection.
#pragma once

#include <vector>

#include "milvus/client.h"
#include "rows/schema.h"

namespace aerie::milvus {

bool IsScratchIndex(const rows::IndexSpec& index);

// One for each vector field of `spec` that none of `have` covers. Pure.
std::vector<rows::IndexSpec> ScratchIndexesFor(const rows::CollectionSpec& spec,
                                               const std::vector<rows::IndexSpec>& have);

// Takes the scratch indexes out of `spec`, as if nobody had made them: what is left is what the
// user has. True if there were any; the collection then counts as not loaded.
bool ForgetScratchIndexes(rows::CollectionSpec& spec);

// Drops every scratch index of the collection, which must be released.
Status DropScratchIndexes(const Context& context, Client& client, const rows::CollectionName& name);

}  // namespace aerie::milvus
