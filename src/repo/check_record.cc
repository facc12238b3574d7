#include "repo/check_record.h"

#include <algorithm>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "repo/json_members.h"
#include "repo/meta_object.h"
#include "repo/object_names.h"
#include "repo/store_new.h"
#include "repo/store_remove.h"

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

Result<CheckRecord> ReadRecord(const KeyRing& keys, const objects::ObjectKey& key,
                               ByteSpan object) {
  AERIE_ASSIGN(const Bytes body, UnsealMeta(keys, MetaType::kChecked, key, object));
  return DecodeCheckRecord(body);
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
  std::vector<objects::ObjectKey> found;
  AERIE_TRY(store.List(context, kCheckedPrefix, [&](const objects::ObjectInfo& info) {
    if (IdOfKey(info.key, CheckedKey)) found.push_back(info.key);
    return Ok();
  }));
  CheckMemory memory;
  for (const objects::ObjectKey& key : found) {
    const auto object = store.Get(context, key);
    if (KindOf(object.status()) == Kind::kNotFound) continue;
    AERIE_TRY(object.status());
    const auto record = ReadRecord(keys, key, *object);
    const Kind kind = KindOf(record.status());
    if (kind == Kind::kUnsupported) continue;
    if (kind == Kind::kCorrupt) {
      memory.unreadable.push_back(key);
    } else {
      AERIE_TRY(record.status());
      for (const auto& [pack, at_ms] : record->packs) {
        if (at_ms <= now_ms + kMaxSkewMs) Remember(pack, at_ms, memory.times);
      }
    }
    memory.objects.push_back(key);
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
  AERIE_ASSIGN(const Bytes object,
               SealMeta(keys, MetaType::kChecked, key, EncodeCheckRecord(record)));
  AERIE_TRY(StoreNew(context, store, key, object));
  const auto old = std::exchange(memory.objects, {key});
  if (old.empty()) return Ok();
  for (const auto& result : RemoveAndLook(context, store, old)) {
    if (result.status.ok()) continue;
    log::Info("not removed, the next check takes it over",
              {{"object", result.key.text}, {"reason", std::string(result.status.message())}});
  }
  return Ok();
}

}  // namespace aerie::repo
