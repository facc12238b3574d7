#include "repo/lock_file.h"

#include <nlohmann/json.hpp>

#include "repo/json_members.h"

namespace aerie::repo {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kShared[] = "shared";
constexpr char kExclusive[] = "exclusive";

}  // namespace

Bytes EncodeLock(const LockRecord& record) {
  const Json json = {{"holder", record.holder.ToHex()},
                     {"mode", record.mode == LockMode::kShared ? kShared : kExclusive},
                     {"purpose", record.purpose},
                     {"owner", record.owner},
                     {"host", record.host},
                     {"pid", record.process.pid},
                     {"machine", record.process.machine},
                     {"started", record.process.started},
                     {"program", record.program},
                     {"acquired_ms", record.acquired_ms},
                     {"ttl_ms", record.ttl_ms}};
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return Bytes(text.begin(), text.end());
}

Result<LockRecord> DecodeLock(ByteSpan body) {
  const Json json = Json::parse(AsText(body), nullptr, false);
  LockRecord record;
  std::string mode;
  JsonMembers members(json, "lock");
  members.GetHex("holder", record.holder.bytes);
  members.Get("mode", mode);
  members.Get("purpose", record.purpose);
  members.Get("owner", record.owner);
  members.Get("host", record.host);
  members.Get("pid", record.process.pid);
  // Not in the locks of earlier versions.
  if (json.is_object() && json.contains("machine")) {
    members.Get("machine", record.process.machine);
    members.Get("started", record.process.started);
  }
  members.Get("program", record.program);
  members.Get("acquired_ms", record.acquired_ms);
  members.Get("ttl_ms", record.ttl_ms);
  AERIE_TRY(members.status());
  if (mode != kShared && mode != kExclusive) return CorruptError("lock: an unknown mode");
  if (record.ttl_ms < 0) return CorruptError("lock: it runs out before it begins");
  record.mode = mode == kShared ? LockMode::kShared : LockMode::kExclusive;
  return record;
}

}  // namespace aerie::repo
