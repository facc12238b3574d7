// The one way this room writes over an object. Only rotation does: the config, and what keeps its
// name when it is sealed with a new key.
#pragma once

#include "base/bytes.h"
#include "base/context.h"
#include "base/status.h"
#include "objects/object_store.h"

namespace aerie::repo {

// Puts `bytes` under `key` and reads them back, whatever the store said: ok means that they are
// there; kUnknownOutcome that it could not be found out; anything else that the object is what it
// was, or was not what the store took it for. Safe from any thread.
Status ReplaceObject(const Context& context, objects::ObjectStore& store,
                     const objects::ObjectKey& key, ByteSpan bytes);

}  // namespace aerie::repo
