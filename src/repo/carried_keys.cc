#include "repo/carried_keys.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace aerie::repo {
namespace {

constexpr std::string_view kMarkText = "former master key";

Bytes AssociatedData(const ObjectId& repository, Carried what, std::uint32_t generation) {
  Bytes aad;
  ByteWriter writer(aad);
  writer.Raw(repository.bytes);
  writer.Raw(AsBytes(what == Carried::kNames ? "names" : "former"));
  writer.Fixed(generation);
  return aad;
}

Result<SecretKey> UnwrapCarried(const KeyRing& keys, Carried what, std::uint32_t generation,
                                const CarriedKey& carried) {
  const Bytes aad = AssociatedData(keys.repository, what, generation);
  const std::optional<SecretKey> key = UnwrapKey(keys.carry, carried.nonce, aad, carried.wrapped);
  if (!key) {
    return CorruptError(
        "read config: a key that it carries does not open; copy this object back from another copy "
        "of the repository");
  }
  return *key;
}

}  // namespace

CarriedKey WrapCarried(const KeyRing& keys, Carried what, std::uint32_t generation,
                       const SecretKey& key) {
  CarriedKey carried;
  FillRandom(carried.nonce);
  carried.wrapped =
      WrapKey(keys.carry, carried.nonce, AssociatedData(keys.repository, what, generation), key);
  return carried;
}

Status TakeCarriedKeys(const Config& config, KeyRing& keys) {
  if (!config.rotation) return Ok();
  const RotationRecord& rotation = *config.rotation;
  AERIE_ASSIGN(keys.names.key,
               UnwrapCarried(keys, Carried::kNames, rotation.generation, rotation.names));
  if (!rotation.former) return Ok();
  AERIE_ASSIGN(const SecretKey master,
               UnwrapCarried(keys, Carried::kFormerMaster, rotation.generation, *rotation.former));
  const KeyRing former = DeriveKeys(master, config.suite, config.id);
  keys.former = KeyRing::Former{former.packs, former.meta};
  return Ok();
}

std::array<std::uint8_t, 16> MarkOf(const KeyRing& keys) {
  const auto hash = KeyedHash(keys.config, AsBytes(kMarkText));
  std::array<std::uint8_t, 16> mark{};
  std::copy_n(hash.begin(), mark.size(), mark.begin());
  return mark;
}

bool IsFormerMaster(const Config& config, const KeyRing& keys) {
  return config.rotation && std::ranges::count(config.rotation->marks, MarkOf(keys)) != 0;
}

}  // namespace aerie::repo
