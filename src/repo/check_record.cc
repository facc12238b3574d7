#include "repo/check_record.h"

#include <algorithm>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "repo/json_members.h"
#include "repo/note_objects.h"
#include "repo/object_names.h"

namespace aerie::repo {
namespace {

using Json = nlohmann::ordered_json;

// As far as a clock may be ahead of another (docs/format.md, Locks).
constexpr std::int64_t kMaxSkewMs = 120'000;

void Remember(const ObjectId& pack, std::int64_t at_ms, CheckedTimes& times) {
  std::int64_t& known = times.try_emplace(pack, at_ms).first->second;
  known = std::max(known, at_ms);
}

Status ReadRun(const Json& json, CheckedTimes& times) {
  std::int64_t at_ms = 0;
  std::vector<std::string> packs;
  JsonMembers members(json, "checked run");
  members.Get("at_ms", at_ms);
  members.Get("packs", packs);
  AERIE_TRY(members.status());
  for (const std::string& hex : packs) {
    const auto id = ObjectId::Parse(hex);
    if (!id) return CorruptError("checked: an id is not 32 hexadecimal digits");
    Remember(*id, at_ms, times);
  }
  return Ok();
}

}  // namespace

Bytes EncodeCheckRecord(const CheckRecord& record) {
  std::map<std::int64_t, std::vector<std::string>> runs;
  for (const auto& [pack, at_ms] : record.packs) runs[at_ms].push_back(pack.ToHex());
  Json json_runs = Json::array();
  for (auto& [at_ms, packs] : runs) {
    std::ranges::sort(packs);
    json_runs.push_back({{"at_ms", at_ms}, {"packs", std::move(packs)}});
  }
  const Json json = {{"created_ms", record.created_ms},
                     {"program", record.program},
                     {"host", record.host},
                     {"runs", std::move(json_runs)}};
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return Bytes(text.begin(), text.end());
}

Result<CheckRecord> DecodeCheckRecord(ByteSpan body) {
  const Json json = Json::parse(AsText(body), nullptr, false);
  CheckRecord record;
  JsonMembers members(json, "checked");
  members.Get("created_ms", record.created_ms);
  members.Get("program", record.program);
  members.Get("host", record.host);
  const Json* const runs = members.Array("runs");
  AERIE_TRY(members.status());
  for (const Json& run : *runs) AERIE_TRY(ReadRun(run, record.packs));
  return record;
}

Result<CheckMemory> ReadCheckMemory(const Context& context, objects::ObjectStore& store,
                                    const KeyRing& keys, std::int64_t now_ms) {
  AERIE_ASSIGN(const auto notes, ReadNoteObjects(context, store, keys, kCheckedPrefix,
                                                 MetaType::kChecked, CheckedKey));
  CheckMemory memory;
  for (const NoteObject& note : notes) {
    memory.objects.push_back(note.key);
    const auto record = note.body.ok() ? DecodeCheckRecord(*note.body) : note.body.status();
    if (!record.ok()) {
      memory.unreadable.push_back(note.key);
      continue;
    }
    for (const auto& [pack, at_ms] : record->packs) {
      if (at_ms <= now_ms + kMaxSkewMs) Remember(pack, at_ms, memory.times);
    }
  }
  return memory;
}

Status SaveCheckMemory(const Context& context, objects::ObjectStore& store, const KeyRing& keys,
                       const std::unordered_set<ObjectId, ObjectIdHash>& there,
                       const CheckRecord& author, CheckMemory& memory) {
  std::erase_if(memory.times, [&](const auto& item) { return !there.contains(item.first); });
  CheckRecord record = author;
  record.packs = memory.times;
  const objects::ObjectKey key = CheckedKey(RandomId());
  AERIE_TRY(ReplaceNoteObjects(context, store, keys, MetaType::kChecked, key,
                               EncodeCheckRecord(record), memory.objects));
  memory.objects = {key};
  return Ok();
}

}  // namespace aerie::repo
