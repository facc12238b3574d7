// Opens a store from what the user wrote.
//
// Any thread.
#pragma once

#include <memory>
#include <string>

#include "objects/object_store.h"

namespace aerie::objects {

// `location` is a path ("./backups", "/srv/aerie"), "file:///srv/aerie", or "memory:NAME" (the
// process-wide store of that name, for tests). Nothing is read or made yet, and nothing is wrapped:
// the caller adds RetryingStore where the medium needs it (a folder does, on a network disk).
// kInvalid when it is none of these, kUnsupported for s3://.
Result<std::shared_ptr<ObjectStore>> OpenStore(const std::string& location);

}  // namespace aerie::objects
