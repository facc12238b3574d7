#define XXH_INLINE_ALL
#include "repo/object_check.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include <xxhash.h>

#include "base/task_group.h"
#include "repo/check_record.h"
#include "repo/config_file.h"
#include "repo/damage.h"
#include "repo/damage_record.h"
#include "repo/index_file.h"
#include "repo/key_file.h"
#include "repo/meta_object.h"
#include "repo/object_names.h"
#include "repo/pack_check.h"
#include "repo/pack_format.h"
#include "repo/pack_reader.h"
#include "repo/snapshot_file.h"

namespace aerie::repo {
namespace {

constexpr std::size_t kReaders = 2;

std::array<std::uint64_t, 2> Fingerprint(const std::vector<PackEntry>& entries) {
  Bytes bytes;
  EncodeEntries(entries, bytes);
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

class Checker {
 public:
  Checker(objects::ObjectStore& store, const KeyRing& keys) : store_(store), keys_(keys) {}

  Result<ObjectCheck> Run(const Context& context) {
    AERIE_TRY(CheckConfig(context));
    AERIE_TRY(CheckKeys(context));
    AERIE_TRY(CheckPacks(context));
    AERIE_TRY(CheckIndexes(context));
    AERIE_TRY(CheckSnapshots(context));
    AERIE_TRY(CheckSmall(context, kPinsPrefix, PinKey, MetaType::kPin));
    AERIE_TRY(CheckSmall(context, kVerifiedPrefix, VerifiedKey, MetaType::kVerified));
    AERIE_TRY(CheckSmall(context, kPrunePrefix, PruneKey, MetaType::kPrune));
    AERIE_TRY(LookAtMemory(context));
    TakePacks();
    return std::move(result_);
  }

 private:
  // Damage becomes a finding and ok; what says nothing about the bytes stays an error.
  Status Note(const objects::ObjectKey& key, const Status& status) {
    const Kind kind = KindOf(status);
    if (kind != Kind::kCorrupt && kind != Kind::kUnsupported && kind != Kind::kNotFound) {
      return status;
    }
    AddFinding(key, std::string(status.message()), RemedyFor(key));
    return Ok();
  }

  static std::string RemedyFor(const objects::ObjectKey& key) {
    const auto is = [&](const char* prefix) { return key.text.starts_with(prefix); };
    const std::string id = key.text.substr(key.text.rfind('/') + 1);
    if (is(kPacksPrefix)) return kRepairRemedy;
    if (is(kIndexPrefix)) return kRebuildRemedy;
    if (is(kSnapshotsPrefix)) return "copy it back, or give it up with aerie backup delete " + id;
    if (is(kPinsPrefix)) return "aerie backup unpin and pin the snapshot again";
    if (is(kVerifiedPrefix)) return "remove it, and run aerie backup verify --read-data again";
    if (is(kPrunePrefix)) return "the next aerie repo prune removes it";
    return "copy it back from another copy of the repository";
  }

  void AddFinding(const objects::ObjectKey& key, std::string message, std::string remedy) {
    std::lock_guard lock(mutex_);
    result_.findings.push_back({.object = key.text,
                                .where = "",
                                .message = std::move(message),
                                .remedy = std::move(remedy)});
  }

  void AddNote(const objects::ObjectKey& key, std::string message) {
    std::lock_guard lock(mutex_);
    result_.notes.push_back({.object = key.text, .where = "", .message = std::move(message)});
  }

  Status CheckConfig(const Context& context) {
    const auto bytes = store_.Get(context, ConfigKey());
    if (!bytes.ok()) return Note(ConfigKey(), bytes.status());
    const auto config = ParseConfig(*bytes);
    if (!config.ok()) return Note(ConfigKey(), config.status());
    if (!ConfigCodeFits(*bytes, keys_.config) || config->id != keys_.repository) {
      AddFinding(ConfigKey(), "its code does not fit its bytes", RemedyFor(ConfigKey()));
    }
    return Ok();
  }

  Status CheckKeys(const Context& context) {
    return ForEach(context, kKeysPrefix, KeyFileKey,
                   [&](const Context& child, const ObjectId&, const objects::ObjectInfo& info) {
                     const auto bytes = store_.Get(child, info.key);
                     if (!bytes.ok()) return bytes.status();
                     return DecodeKeyFile(*bytes, info.key.text).status();
                   });
  }

  Status CheckPacks(const Context& context) {
    return ForEach(context, kPacksPrefix, PackKey,
                   [&](const Context& child, const ObjectId& id, const objects::ObjectInfo& info) {
                     return CheckPack(child, id, info);
                   });
  }

  Status CheckPack(const Context& context, const ObjectId& id, const objects::ObjectInfo& info) {
    auto pack = ReadPackDirectory(context, store_, keys_, id, info.size);
    if (!pack.ok()) {
      if (KindOf(pack.status()) == Kind::kCorrupt) AddUnreadable(id, info.size);
      return pack.status();
    }
    AERIE_ASSIGN(const Bytes head, store_.Get(context, info.key, 0, kPackHeadBytes));
    const bool sound = AsText(head) == kPackMagic;
    AddPack(*pack, sound);
    return sound ? Ok() : CorruptError("it does not begin as a pack does");
  }

  void AddPack(const PackRecord& pack, bool sound) {
    CheckedPack checked{.id = pack.id,
                        .size = pack.size,
                        .blobs = pack.entries.size(),
                        .sound = sound,
                        .fingerprint = Fingerprint(pack.entries)};
    std::lock_guard lock(mutex_);
    packs_.emplace(pack.id, std::move(checked));
  }

  void AddUnreadable(const ObjectId& id, std::uint64_t size) {
    std::lock_guard lock(mutex_);
    unreadable_.emplace(id, size);
  }

  void TakePacks() {
    for (auto& [id, pack] : packs_) result_.packs.push_back(std::move(pack));
  }

  Status CheckIndexes(const Context& context) {
    AERIE_TRY(ForEach(
        context, kIndexPrefix, IndexKey,
        [&](const Context& child, const ObjectId&, const objects::ObjectInfo& info) -> Status {
          AERIE_ASSIGN(const Bytes object, store_.Get(child, info.key));
          AERIE_ASSIGN(const Bytes body, UnsealMeta(keys_, MetaType::kIndex, info.key, object));
          AERIE_ASSIGN(auto packs, DecodeIndex(body));
          for (PackRecord& pack : packs) Compare({info.key, std::move(pack)});
          std::lock_guard lock(mutex_);
          ++result_.indexes;
          return Ok();
        }));
    return LookForUnlisted(context);
  }

  // What an index says of a pack.
  struct Claim {
    objects::ObjectKey index;
    PackRecord pack;
  };

  void Compare(Claim claim) {
    const PackRecord& pack = claim.pack;
    const char* wrong = nullptr;
    const char* remedy = kRepairRemedy;
    {
      std::lock_guard lock(mutex_);
      const auto found = packs_.find(pack.id);
      if (found != packs_.end()) {
        found->second.indexed = true;
        if (Same(found->second, pack)) return;
        wrong = " says otherwise than the pack's own directory";
        remedy = kRebuildRemedy;
      } else if (DescribeUnreadable(pack)) {
        wrong = " names this pack, whose own directory cannot be read";
      } else if (unreadable_.contains(pack.id)) {
        wrong = " names this pack, which has another size";
      } else {
        unlisted_.push_back(std::move(claim));
        return;
      }
    }
    AddFinding(PackKey(pack.id), claim.index.text + wrong, remedy);
  }

  static bool Same(const CheckedPack& checked, const PackRecord& pack) {
    if (checked.described) return *checked.described == pack;
    return checked.size == pack.size && checked.fingerprint == Fingerprint(pack.entries);
  }

  // A pack that an index names and that was not listed has come since, with a backup beside this
  // check, or is gone, or the listing is not to be trusted.
  Status LookForUnlisted(const Context& context) {
    if (unlisted_.empty()) return Ok();
    std::map<ObjectId, objects::ObjectInfo> listed;
    AERIE_TRY(store_.List(context, kPacksPrefix, [&](const objects::ObjectInfo& info) {
      if (const auto id = IdOfKey(info.key, PackKey)) listed.emplace(*id, info);
      return Ok();
    }));
    for (Claim& claim : std::exchange(unlisted_, {})) {
      const ObjectId id = claim.pack.id;
      const objects::ObjectKey key = PackKey(id);
      const auto now = listed.find(id);
      const Status there = store_.Stat(context, key).status();
      if (KindOf(there) == Kind::kNotFound) {
        AddFinding(key, claim.index.text + " names this pack, which is missing", kRepairRemedy);
      } else if (there.ok() && now == listed.end()) {
        AddFinding(key, "it is there and was not listed, twice: listings cannot be trusted",
                   "check the store, then run the command again");
      } else {
        AERIE_TRY(there);
        if (!packs_.contains(id) && !unreadable_.contains(id)) {
          const Status checked = CheckPack(context, id, now->second);
          if (!checked.ok()) AERIE_TRY(Note(key, checked));
        }
        Compare(std::move(claim));
      }
    }
    return Ok();
  }

  // Whether the pack is there, with its size: then the index says where its blobs are. Under
  // mutex_.
  bool DescribeUnreadable(const PackRecord& pack) {
    const auto there = unreadable_.find(pack.id);
    if (there == unreadable_.end() || there->second != pack.size) return false;
    packs_.emplace(pack.id, CheckedPack{.id = pack.id,
                                        .size = pack.size,
                                        .blobs = pack.entries.size(),
                                        .indexed = true,
                                        .sound = false,
                                        .fingerprint = {},
                                        .described = pack});
    return true;
  }

  Status CheckSnapshots(const Context& context) {
    return ForEach(
        context, kSnapshotsPrefix, SnapshotKey,
        [&](const Context& child, const ObjectId& id, const objects::ObjectInfo& info) -> Status {
          AERIE_ASSIGN(const Bytes object, store_.Get(child, info.key));
          AERIE_ASSIGN(const Bytes body, UnsealMeta(keys_, MetaType::kSnapshot, info.key, object));
          AERIE_ASSIGN(Snapshot snapshot, DecodeSnapshot(body));
          if (snapshot.id.hex != id.ToHex()) {
            return CorruptError("it is another snapshot than its name says");
          }
          std::lock_guard lock(mutex_);
          result_.snapshots.push_back(std::move(snapshot));
          return Ok();
        });
  }

  // Objects of which only the bytes are checked. One that is removed meanwhile is no finding.
  Status CheckSmall(const Context& context, const char* prefix,
                    const std::function<objects::ObjectKey(const ObjectId&)>& make, MetaType type) {
    return ForEach(context, prefix, make,
                   [&](const Context& child, const ObjectId&, const objects::ObjectInfo& info) {
                     const auto object = store_.Get(child, info.key);
                     if (KindOf(object.status()) == Kind::kNotFound) return Ok();
                     if (!object.ok()) return object.status();
                     return UnsealMeta(keys_, type, info.key, *object).status();
                   });
  }

  // What nothing rests on.
  Status LookAtMemory(const Context& context) {
    AERIE_ASSIGN(const CheckMemory memory,
                 ReadCheckMemory(context, store_, keys_, ToUnixMillis(context.clock().Now())));
    for (const objects::ObjectKey& key : memory.unreadable) {
      AddNote(key, "it cannot be read; the next aerie repo check --read-data replaces it");
    }
    AERIE_ASSIGN(const DamageMemory damage, ReadDamageMemory(context, store_, keys_));
    for (const DamageMemory::Object& object : damage.objects) {
      if (object.packs.empty())
        AddNote(object.key, "it cannot be read; the next aerie repo check --read-data removes it");
    }
    return Ok();
  }

  Status ForEach(const Context& context, const char* prefix,
                 const std::function<objects::ObjectKey(const ObjectId&)>& make,
                 const std::function<Status(const Context&, const ObjectId&,
                                            const objects::ObjectInfo&)>& check) {
    std::vector<std::pair<ObjectId, objects::ObjectInfo>> found;
    AERIE_TRY(store_.List(context, prefix, [&](const objects::ObjectInfo& info) {
      if (const auto id = IdOfKey(info.key, make))
        found.emplace_back(*id, info);
      else
        AddNote(info.key, "it is not an object of this repository; nothing reads it");
      return Ok();
    }));
    return ParallelFor(context, found.size(), kReaders,
                       [&](const Context& child, std::size_t i) -> Status {
                         const auto& [id, info] = found[i];
                         const Status status = check(child, id, info);
                         return status.ok() ? Ok() : Note(info.key, status);
                       });
  }

  objects::ObjectStore& store_;
  const KeyRing& keys_;
  std::mutex mutex_;
  ObjectCheck result_;
  std::map<ObjectId, CheckedPack> packs_;
  std::map<ObjectId, std::uint64_t> unreadable_;  // their sizes
  std::vector<Claim> unlisted_;
};

}  // namespace

void VerifiedBlobs::Add(const BlobLocation& location) {
  std::lock_guard lock(mutex_);
  std::vector<bool>& blobs = packs_[location.pack];
  if (blobs.size() <= location.number) blobs.resize(location.number + 1);
  blobs[location.number] = true;
}

bool VerifiedBlobs::Has(const ObjectId& pack, std::uint32_t number) const {
  std::lock_guard lock(mutex_);
  const auto found = packs_.find(pack);
  return found != packs_.end() && number < found->second.size() && found->second[number];
}

std::size_t VerifiedBlobs::Count(const ObjectId& pack) const {
  std::lock_guard lock(mutex_);
  const auto found = packs_.find(pack);
  if (found == packs_.end()) return 0;
  return static_cast<std::size_t>(std::ranges::count(found->second, true));
}

Result<ObjectCheck> CheckObjects(const Context& context, objects::ObjectStore& store,
                                 const KeyRing& keys) {
  return Checker(store, keys).Run(context);
}

Result<PackRecord> RecordOf(const Context& context, objects::ObjectStore& store,
                            const KeyRing& keys, const CheckedPack& pack) {
  if (pack.described) return *pack.described;
  return ReadPackDirectory(context, store, keys, pack.id, pack.size);
}

std::string BlobFault(const BlobIndex& index, const NeededBlob& blob) {
  const std::vector<BlobLocation> places = index.Find(blob.ref.name);
  if (places.empty()) return "is in no pack";
  if (!index.Stands(blob.ref.name)) return "is in no pack that is there whole and is to stay";
  const std::uint64_t plain = places.front().plain;
  if (!blob.plain_bytes || *blob.plain_bytes == plain) return "";
  return "has " + std::to_string(plain) + " bytes, and " + std::to_string(*blob.plain_bytes) +
         " belong there";
}

Result<std::vector<Finding>> CheckOtherBlobs(const Context& context, objects::ObjectStore& store,
                                             const KeyRing& keys,
                                             const std::vector<CheckedPack>& packs,
                                             const VerifiedBlobs& verified) {
  std::mutex mutex;
  std::vector<Finding> findings;
  const auto check_pack = [&](const Context& child, const CheckedPack& pack) -> Status {
    if (verified.Count(pack.id) == pack.blobs) return Ok();
    AERIE_ASSIGN(const PackRecord record, RecordOf(child, store, keys, pack));
    AERIE_ASSIGN(const PackVerdict verdict,
                 ReadWholePack(child, store, keys, record, [&](std::uint32_t number) {
                   return verified.Has(pack.id, number);
                 }));
    if (verdict.damaged.empty()) return Ok();
    std::lock_guard lock(mutex);
    findings.push_back(DamagedPackFinding(pack.id, verdict));
    return Ok();
  };
  AERIE_TRY(ParallelFor(context, packs.size(), kReaders, [&](const Context& child, std::size_t i) {
    return check_pack(child, packs[i]);
  }));
  return findings;
}

}  // namespace aerie::repo
