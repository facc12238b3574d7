// What a server's word on a collection's load state means to whoever keeps it.
#pragma once

#include "rows/schema.h"

namespace aerie::rows {

// Somebody wants it loaded, however far the server has come: after a restart it says "loading" for
// some seconds of what was loaded.
inline bool IsWantedLoaded(LoadState state) {
  return state == LoadState::kLoaded || state == LoadState::kLoading;
}

// "loaded", "partly_loaded", "not_loaded": what a collection is with its partitions.
inline const char* LoadWord(const CollectionSpec& spec) {
  const bool whole = spec.load_state == LoadState::kLoaded;
  for (const PartitionSpec& partition : spec.partitions) {
    if ((partition.load_state == LoadState::kLoaded) != whole) return "partly_loaded";
  }
  return whole ? "loaded" : "not_loaded";
}

}  // namespace aerie::rows
