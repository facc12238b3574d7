// What an open repository is made of, for the other files of this room that work on one.
#pragma once

#include "objects/object_store.h"
#include "repo/blob.h"
#include "repo/config_file.h"
#include "repo/crypto.h"
#include "repo/locks.h"
#include "repo/pack_catalog.h"

namespace aerie::repo {

// References into a Repository, which must outlive it. Everything in it is thread-safe.
struct RepositoryCore {
  objects::ObjectStore& store;
  const KeyRing& keys;
  PackCatalog& catalog;
  BlobSource& blobs;
  LockTable& locks;
  const Config& config;
};

}  // namespace aerie::repo
