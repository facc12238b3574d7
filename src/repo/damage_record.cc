#include "repo/damage_record.h"

#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include "repo/json_members.h"
#include "repo/note_objects.h"
#include "repo/object_names.h"

namespace aerie::repo {
namespace {

using Json = nlohmann::ordered_json;

Result<BlobName> ParseName(const std::string& hex) {
  BlobName name;
  const Result<Bytes> bytes = FromHex(hex);
  if (!bytes.ok() || bytes->size() != name.bytes.size()) {
    return CorruptError("damaged: a blob's name is not 64 hexadecimal digits");
  }
  std::ranges::copy(*bytes, name.bytes.begin());
  return name;
}

Status ReadPack(const Json& json, DamagedCopies& packs) {
  ObjectId id;
  std::vector<std::string> blobs;
  JsonMembers members(json, "damaged pack");
  members.GetHex("id", id.bytes);
  members.Get("blobs", blobs);
  AERIE_TRY(members.status());
  for (const std::string& hex : blobs) {
    AERIE_ASSIGN(const BlobName name, ParseName(hex));
    packs[id].insert(name);
  }
  return Ok();
}

Json PackJson(const std::pair<const ObjectId, BlobNames>& pack) {
  std::vector<std::string> blobs;
  for (const BlobName& name : pack.second) blobs.push_back(name.ToHex());
  std::ranges::sort(blobs);
  return {{"id", pack.first.ToHex()}, {"blobs", std::move(blobs)}};
}

}  // namespace

Bytes EncodeDamageRecord(const DamageRecord& record) {
  Json packs = Json::array();
  for (const auto& pack : record.packs) packs.push_back(PackJson(pack));
  const Json json = {{"created_ms", record.created_ms},
                     {"program", record.program},
                     {"host", record.host},
                     {"packs", std::move(packs)}};
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return Bytes(text.begin(), text.end());
}

Result<DamageRecord> DecodeDamageRecord(ByteSpan body) {
  const Json json = Json::parse(AsText(body), nullptr, false);
  DamageRecord record;
  JsonMembers members(json, "damaged");
  members.Get("created_ms", record.created_ms);
  members.Get("program", record.program);
  members.Get("host", record.host);
  const Json* const packs = members.Array("packs");
  AERIE_TRY(members.status());
  for (const Json& pack : *packs) AERIE_TRY(ReadPack(pack, record.packs));
  return record;
}

Result<DamageMemory> ReadDamageMemory(const Context& context, objects::ObjectStore& store,
                                      const KeyRing& keys) {
  AERIE_ASSIGN(const auto notes, ReadNoteObjects(context, store, keys, kDamagedPrefix,
                                                 MetaType::kDamaged, DamagedKey));
  DamageMemory memory;
  for (const NoteObject& note : notes) {
    DamageMemory::Object& object = memory.objects.emplace_back();
    object.key = note.key;
    if (!note.body.ok()) continue;
    const auto record = DecodeDamageRecord(*note.body);
    if (!record.ok()) continue;
    for (const auto& [pack, blobs] : record->packs) {
      object.packs.insert(pack);
      memory.copies[pack].insert(blobs.begin(), blobs.end());
    }
  }
  return memory;
}

Status SaveDamageMemory(const Context& context, objects::ObjectStore& store, const KeyRing& keys,
                        const DamageRecord& author, DamagedCopies copies, DamageMemory& memory) {
  std::vector<objects::ObjectKey> old;
  for (const DamageMemory::Object& object : memory.objects) old.push_back(object.key);
  DamageMemory saved;
  if (copies.empty()) {
    RemoveNoteObjects(context, store, old);
  } else {
    DamageRecord record = author;
    record.packs = copies;
    DamageMemory::Object& object = saved.objects.emplace_back();
    object.key = DamagedKey(RandomId());
    for (const auto& [pack, blobs] : copies) object.packs.insert(pack);
    AERIE_TRY(ReplaceNoteObjects(context, store, keys, MetaType::kDamaged, object.key,
                                 EncodeDamageRecord(record), old));
  }
  saved.copies = std::move(copies);
  memory = std::move(saved);
  return Ok();
}

}  // namespace aerie::repo
