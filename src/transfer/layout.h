// How a collection that is made lies on its servers.
#pragma once

#include <cstdint>

namespace aerie::transfer {

// 0: as at its source.
struct Layout {
  std::int32_t shards = 0;
  std::int32_t replicas = 0;  // of one that is loaded
};

}  // namespace aerie::transfer
