// Keys of a repository's objects in its store.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "objects/object_store.h"
#include "repo/crypto.h"

namespace aerie::repo {

inline constexpr char kConfigName[] = "config";
inline constexpr char kKeysPrefix[] = "keys/";
inline constexpr char kPacksPrefix[] = "packs/";
inline constexpr char kIndexPrefix[] = "index/";
inline constexpr char kSnapshotsPrefix[] = "snapshots/";
inline constexpr char kLocksPrefix[] = "locks/";
inline constexpr char kPinsPrefix[] = "pins/";
inline constexpr char kVerifiedPrefix[] = "verified/";
inline constexpr char kPrunePrefix[] = "prune/";
inline constexpr char kCheckedPrefix[] = "checked/";
inline constexpr char kDamagedPrefix[] = "damaged/";

inline objects::ObjectKey ConfigKey() { return {kConfigName}; }
inline objects::ObjectKey KeyFileKey(const ObjectId& id) { return {kKeysPrefix + id.ToHex()}; }
inline objects::ObjectKey IndexKey(const ObjectId& id) { return {kIndexPrefix + id.ToHex()}; }
inline objects::ObjectKey SnapshotKey(const ObjectId& id) {
  return {kSnapshotsPrefix + id.ToHex()};
}
inline objects::ObjectKey LockKey(const ObjectId& id) { return {kLocksPrefix + id.ToHex()}; }
// Of the snapshot of that id.
inline objects::ObjectKey PinKey(const ObjectId& id) { return {kPinsPrefix + id.ToHex()}; }
inline objects::ObjectKey VerifiedKey(const ObjectId& id) { return {kVerifiedPrefix + id.ToHex()}; }
inline objects::ObjectKey PruneKey(const ObjectId& id) { return {kPrunePrefix + id.ToHex()}; }
inline objects::ObjectKey CheckedKey(const ObjectId& id) { return {kCheckedPrefix + id.ToHex()}; }
inline objects::ObjectKey DamagedKey(const ObjectId& id) { return {kDamagedPrefix + id.ToHex()}; }
inline objects::ObjectKey PackKey(const ObjectId& id) {
  const std::string hex = id.ToHex();
  return {kPacksPrefix + hex.substr(0, 2) + "/" + hex};
}

// The id that ends an object's key; nothing when the key is not exactly what `make` gives for it,
// so that foreign files in a repository's folder are passed over.
template <class MakeKey>
std::optional<ObjectId> IdOfKey(const objects::ObjectKey& key, const MakeKey& make) {
  const std::size_t slash = key.text.rfind('/');
  if (slash == std::string::npos) return std::nullopt;
  const auto id = ObjectId::Parse(std::string_view(key.text).substr(slash + 1));
  if (!id || make(*id) != key) return std::nullopt;
  return id;
}

}  // namespace aerie::repo
