// What scripts/build-web generates: the table behind assets.h.
#pragma once

#include "web/assets.h"

namespace aerie::web {

extern const bool kHasPage;
extern const Asset kPage[];  // ascending by path
extern const std::size_t kPageSize;

}  // namespace aerie::web
