// The passphrases of a repository: each wraps the same master key in an object of its own.
//
// Everything here takes a passphrase that opens the repository. A key that stands behind it is
// never removed, so that nobody locks himself out; removing is done under the exclusive lock, so
// that two who each remove the other's key cannot lock out both. Changing a passphrase does not
// keep out who copied a key object and knew its old passphrase: rotation.h does. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "objects/object_store.h"
#include "repo/key_file.h"

namespace aerie::repo {

struct KeyEntry {
  std::string id;  // 32 digits
  std::int64_t created_ms = 0;
  KdfCost cost;
  bool in_use = false;  // the passphrase that was given opens it
  std::string damage;   // why it cannot be read; empty: it can
};

// All key objects, oldest first; damaged ones last.
Result<std::vector<KeyEntry>> ListKeys(const Context& context, objects::ObjectStore& store,
                                       const Secret& passphrase);

// Makes `added` open the repository too; returns the new key's id. It was read back and opened.
// kRefused when the repository is not encrypted, kInvalid for an empty passphrase.
Result<std::string> AddKey(const Context& context, objects::ObjectStore& store,
                           const Secret& passphrase, const Secret& added, KdfCost cost = {});

// `id` or an unambiguous prefix of 4 or more digits. kRefused for the key in use, kNotFound.
Status RemoveKey(const Context& context, objects::ObjectStore& store, const Secret& passphrase,
                 const std::string& id);

// Adds `changed` and removes every key that `passphrase` opens; returns the new key's id. Cut off
// in between, both passphrases open the repository.
Result<std::string> ChangePassphrase(const Context& context, objects::ObjectStore& store,
                                     const Secret& passphrase, const Secret& changed,
                                     KdfCost cost = {});

}  // namespace aerie::repo
