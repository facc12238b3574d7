// The one way this room writes: an object that was never there before.
#pragma once

#include "base/bytes.h"
#include "base/context.h"
#include "base/status.h"
#include "objects/object_store.h"

namespace aerie::repo {

// Puts `bytes` under `key`. When the store does not know whether it has them, or says that somebody
// was first, the object is read back and compared, which is not given up when the context is
// cancelled: ok means that these bytes are there, kFailed that they are not, kExists that others
// are, and kUnknownOutcome that it could not be found out. Safe from any thread.
Status StoreNew(const Context& context, objects::ObjectStore& store, const objects::ObjectKey& key,
                ByteSpan bytes);

}  // namespace aerie::repo
