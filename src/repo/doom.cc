#include "repo/doom.h"

#include <nlohmann/json.hpp>

#include "repo/json_members.h"
#include "repo/meta_object.h"
#include "repo/object_names.h"

namespace aerie::repo {
namespace {

using Json = nlohmann::ordered_json;

Result<DoomedPack> PackFromJson(const Json& json) {
  DoomedPack pack;
  JsonMembers members(json, "doomed pack");
  members.GetHex("id", pack.id.bytes);
  members.Get("size", pack.size);
  AERIE_TRY(members.status());
  return pack;
}

}  // namespace

Bytes EncodeDoom(const DoomRecord& record) {
  Json packs = Json::array();
  for (const DoomedPack& pack : record.packs) {
    packs.push_back({{"id", pack.id.ToHex()}, {"size", pack.size}});
  }
  Json snapshots = Json::array();
  for (const ObjectId& id : record.snapshots) snapshots.push_back(id.ToHex());
  const Json json = {{"created_ms", record.created_ms},
                     {"program", record.program},
                     {"host", record.host},
                     {"packs", std::move(packs)},
                     {"snapshots", std::move(snapshots)}};
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return Bytes(text.begin(), text.end());
}

Result<DoomRecord> DecodeDoom(ByteSpan body) {
  const Json json = Json::parse(AsText(body), nullptr, false);
  DoomRecord record;
  std::vector<std::string> snapshots;
  JsonMembers members(json, "prune");
  members.Get("created_ms", record.created_ms);
  members.Get("program", record.program);
  members.Get("host", record.host);
  const Json* const packs = members.Array("packs");
  members.Get("snapshots", snapshots);
  AERIE_TRY(members.status());
  for (const Json& item : *packs) {
    AERIE_ASSIGN(DoomedPack pack, PackFromJson(item));
    record.packs.push_back(pack);
  }
  for (const std::string& hex : snapshots) {
    const auto id = ObjectId::Parse(hex);
    if (!id) return CorruptError("prune: an id is not 32 hexadecimal digits");
    record.snapshots.push_back(*id);
  }
  return record;
}

Result<Dooms> ReadDooms(const Context& context, objects::ObjectStore& store, const KeyRing& keys) {
  std::vector<objects::ObjectInfo> found;
  AERIE_TRY(store.List(context, kPrunePrefix, [&](const objects::ObjectInfo& info) {
    if (IdOfKey(info.key, PruneKey)) found.push_back(info);
    return Ok();
  }));
  Dooms dooms;
  for (const objects::ObjectInfo& info : found) {
    const auto object = store.Get(context, info.key);
    if (KindOf(object.status()) == Kind::kNotFound) continue;
    AERIE_TRY(object.status());
    const auto body = UnsealMeta(keys, MetaType::kPrune, info.key, *object);
    auto record = body.ok() ? DecodeDoom(*body) : body.status();
    if (KindOf(record.status()) == Kind::kCorrupt) {
      dooms.damaged.push_back(info);
      continue;
    }
    AERIE_TRY(record.status());
    dooms.readable.push_back({.id = *IdOfKey(info.key, PruneKey),
                              .modified_ms = info.modified_ms,
                              .record = *std::move(record)});
  }
  return dooms;
}

}  // namespace aerie::repo
