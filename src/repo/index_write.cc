#include "repo/index_write.h"

#include "repo/meta_object.h"
#include "repo/object_names.h"
#include "repo/store_new.h"

namespace aerie::repo {

Result<WrittenIndex> WriteIndex(const Context& context, objects::ObjectStore& store,
                                const KeyRing& keys, const std::vector<PackRecord>& packs) {
  WrittenIndex index{.id = RandomId()};
  const objects::ObjectKey key = IndexKey(index.id);
  AERIE_ASSIGN(const Bytes object, SealMeta(keys, MetaType::kIndex, key, EncodeIndex(packs)));
  AERIE_TRY(StoreNew(context, store, key, object));
  index.bytes = object.size();
  return index;
}

}  // namespace aerie::repo
