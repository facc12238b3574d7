// The one way this room removes objects that matter: it looks what came of it.
#pragma once

#include <vector>

#include "base/context.h"
#include "objects/object_store.h"

namespace aerie::repo {

// Removes the objects and then looks for each, since a removal may report failure and have
// succeeded, or the reverse. A result per key, in order: ok means that it is gone; kUnknownOutcome
// that it could not be found out; anything else that it is there. Safe from any thread.
std::vector<objects::RemoveResult> RemoveAndLook(const Context& context,
                                                 objects::ObjectStore& store,
                                                 const std::vector<objects::ObjectKey>& keys);

// The same for one.
Status RemoveAndLook(const Context& context, objects::ObjectStore& store,
                     const objects::ObjectKey& key);

}  // namespace aerie::repo
