#include "repo/object_check.h"

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "base/task_group.h"
#include "repo/config_file.h"
#include "repo/index_file.h"
#include "repo/key_file.h"
#include "repo/meta_object.h"
#include "repo/object_names.h"
#include "repo/pack_format.h"
#include "repo/pack_reader.h"
#include "repo/snapshot_file.h"

namespace aerie::repo {
namespace {

constexpr std::size_t kReaders = 2;

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
    return std::move(result_);
  }

 private:
  // Damage becomes a finding and ok; what says nothing about the bytes stays an error.
  Status Note(const objects::ObjectKey& key, const Status& status) {
    const Kind kind = KindOf(status);
    if (kind != Kind::kCorrupt && kind != Kind::kUnsupported && kind != Kind::kNotFound) {
      return status;
    }
    AddFinding(key, std::string(status.message()));
    return Ok();
  }

  void AddFinding(const objects::ObjectKey& key, std::string message) {
    std::lock_guard lock(mutex_);
    result_.findings.push_back({.object = key.text, .where = "", .message = std::move(message)});
  }

  Status CheckConfig(const Context& context) {
    const auto bytes = store_.Get(context, ConfigKey());
    if (!bytes.ok()) return Note(ConfigKey(), bytes.status());
    const auto config = ParseConfig(*bytes);
    if (!config.ok()) return Note(ConfigKey(), config.status());
    if (!ConfigCodeFits(*bytes, keys_.config) || config->id != keys_.repository) {
      AddFinding(ConfigKey(), "its code does not fit its bytes");
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
    return ForEach(
        context, kPacksPrefix, PackKey,
        [&](const Context& child, const ObjectId& id, const objects::ObjectInfo& info) -> Status {
          AERIE_ASSIGN(PackRecord pack, ReadPackDirectory(child, store_, keys_, id, info.size));
          AERIE_ASSIGN(const Bytes head, store_.Get(child, info.key, 0, kPackHeadBytes));
          {
            std::lock_guard lock(mutex_);
            packs_.emplace(id, result_.packs.size());
            result_.packs.push_back(std::move(pack));
          }
          return AsText(head) == kPackMagic ? Ok()
                                            : CorruptError("it does not begin as a pack does");
        });
  }

  Status CheckIndexes(const Context& context) {
    return ForEach(
        context, kIndexPrefix, IndexKey,
        [&](const Context& child, const ObjectId&, const objects::ObjectInfo& info) -> Status {
          AERIE_ASSIGN(const Bytes object, store_.Get(child, info.key));
          AERIE_ASSIGN(const Bytes body, UnsealMeta(keys_, MetaType::kIndex, info.key, object));
          AERIE_ASSIGN(const auto packs, DecodeIndex(body));
          for (const PackRecord& pack : packs) CompareWithPack(info.key, pack);
          return Ok();
        });
  }

  void CompareWithPack(const objects::ObjectKey& index, const PackRecord& pack) {
    bool readable = false;
    bool same = false;
    {
      std::lock_guard lock(mutex_);
      const auto found = packs_.find(pack.id);
      readable = found != packs_.end();
      same = readable && result_.packs[found->second] == pack;
    }
    const objects::ObjectKey key = PackKey(pack.id);
    if (!readable) {
      AddFinding(key, index.text + " names this pack, which is missing or cannot be read");
    } else if (!same) {
      AddFinding(key, index.text + " says otherwise than the pack's own directory");
    }
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

  Status ForEach(const Context& context, const char* prefix,
                 const std::function<objects::ObjectKey(const ObjectId&)>& make,
                 const std::function<Status(const Context&, const ObjectId&,
                                            const objects::ObjectInfo&)>& check) {
    std::vector<std::pair<ObjectId, objects::ObjectInfo>> found;
    AERIE_TRY(store_.List(context, prefix, [&](const objects::ObjectInfo& info) {
      if (const auto id = IdOfKey(info.key, make)) found.emplace_back(*id, info);
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
  std::map<ObjectId, std::size_t> packs_;  // place in result_.packs
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

Result<ObjectCheck> CheckObjects(const Context& context, objects::ObjectStore& store,
                                 const KeyRing& keys) {
  return Checker(store, keys).Run(context);
}

Result<std::vector<Finding>> CheckOtherBlobs(const Context& context, objects::ObjectStore& store,
                                             const KeyRing& keys,
                                             const std::vector<PackRecord>& packs,
                                             const VerifiedBlobs& verified) {
  std::mutex mutex;
  std::vector<Finding> findings;
  const auto check_pack = [&](const Context& child, const PackRecord& pack) {
    std::vector<WantedBlob> wanted;
    for (std::uint32_t number = 0; number < pack.entries.size(); ++number) {
      if (!verified.Has(pack.id, number)) wanted.push_back(BlobOfPack(pack, number));
    }
    return ReadBlobs(child, store, keys, wanted, [&](std::size_t, const Result<Bytes>& plain) {
      if (plain.ok()) return Ok();
      std::lock_guard lock(mutex);
      findings.push_back({.object = PackKey(pack.id).text,
                          .where = "",
                          .message = std::string(plain.status().message())});
      return Ok();
    });
  };
  AERIE_TRY(ParallelFor(context, packs.size(), kReaders, [&](const Context& child, std::size_t i) {
    return check_pack(child, packs[i]);
  }));
  return findings;
}

}  // namespace aerie::repo
