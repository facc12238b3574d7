// What a server's word on a collection's load state means to whoever keeps it.
#pragma once

#include "rows/schema.h"

namespace aerie::rows {

// Somebody wants it loaded, however far the server has come: after a restart it says "loading" for
// some seconds of what was loaded.
inline bool IsWantedLoaded(LoadState state) {
  return state == LoadState::kLoaded || state == LoadState::kLoading;
}

}  // namespace aerie::rows
