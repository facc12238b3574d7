#include "transfer/bundle.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/task_group.h"
#include "objects/digests.h"
#include "objects/filesystem_store.h"

namespace aerie::transfer {
namespace {

using files::BundleManifest;
using files::BundlePart;
using files::kBundlePath;
using objects::ObjectInfo;
using objects::ObjectKey;
using objects::ObjectStore;

// What a bundle has of a repository, in the order in which one is written: cut off anywhere, what
// has arrived is a repository with less in it. Locks and marks are of the place, not of the bundle.
constexpr std::array<std::string_view, 5> kKinds = {"config", "keys/", "packs/", "index/",
                                                    "snapshots/"};
constexpr char kConfig[] = "config";
constexpr std::size_t kReadersOfParts = 2;

std::size_t KindOfPart(std::string_view name) {
  const auto found = std::find_if(kKinds.begin(), kKinds.end(), [&](std::string_view kind) {
    return kind.ends_with('/') ? name.starts_with(kind) : name == kind;
  });
  return static_cast<std::size_t>(found - kKinds.begin());
}

// The list in `store`, whether finished or not; nothing when there is none.
Result<std::optional<BundleManifest>> Look(const Context& context, ObjectStore& store) {
  auto bytes = store.Get(context, {kBundlePath});
  if (KindOf(bytes.status()) == Kind::kNotFound) return std::optional<BundleManifest>();
  AERIE_TRY(bytes.status());
  auto manifest = files::DecodeBundleManifest(AsText(*bytes));
  if (!manifest.ok()) {
    return Annotate(manifest.status(), "read " + store.Describe() + "/" + kBundlePath);
  }
  return std::optional(*std::move(manifest));
}

// Bytes of parts, told to whoever watches.
class PartProgress {
 public:
  PartProgress(ProgressSink& sink, std::string phase, std::uint64_t total)
      : sink_(sink), phase_(std::move(phase)), total_(total) {}
  void Add(std::uint64_t bytes) {
    sink_.OnProgress({.type = ProgressEvent::Type::kCounts,
                      .phase = phase_,
                      .bytes_done = static_cast<std::int64_t>(done_ += bytes),
                      .bytes_total = static_cast<std::int64_t>(total_)});
  }

 private:
  ProgressSink& sink_;
  const std::string phase_;
  const std::uint64_t total_;
  std::atomic<std::uint64_t> done_{0};
};

std::string Sha256Hex(ByteSpan bytes) { return ToHex(objects::Sha256(bytes)); }

// The part's bytes, as they were packed. kCorrupt, kNotFound.
Result<Bytes> ReadPart(const Context& context, ObjectStore& store, const BundlePart& part) {
  const std::string operation = "read " + store.Describe() + "/" + part.name;
  auto bytes = store.Get(context, {part.name});
  if (KindOf(bytes.status()) == Kind::kNotFound) {
    return NotFoundError(operation + ": this part of the bundle is missing");
  }
  AERIE_TRY(bytes.status());
  if (bytes->size() != part.bytes) {
    return CorruptError(operation + ": this part has " + std::to_string(bytes->size()) +
                        " bytes instead of " + std::to_string(part.bytes));
  }
  if (Sha256Hex(*bytes) != part.sha256) {
    return CorruptError(operation + ": this part is damaged, its SHA-256 is not that of the list");
  }
  return bytes;
}

bool IsDamage(const Status& status) {
  return KindOf(status) == Kind::kCorrupt || KindOf(status) == Kind::kNotFound;
}

}  // namespace

// ---- packing ----

Status BeginBundle(const Context& context, ObjectStore& store, const std::string& program) {
  AERIE_ASSIGN(const auto there, Look(context, store));
  // Its parts do not change: until there is a new list the old one is as true as it was.
  if (there) return Ok();
  AERIE_TRY(store.List(context, "", [&](const ObjectInfo& info) {
    return RefusedError("pack a bundle in " + store.Describe() + ": it is not empty, it has " +
                        info.key.text + "; choose a new or empty folder");
  }));
  BundleManifest manifest;
  manifest.program = program;
  manifest.created_ms = ToUnixMillis(context.clock().Now());
  return store.Put(context, {kBundlePath}, AsBytes(files::EncodeBundleManifest(manifest)));
}

Result<BundleManifest> FinishBundle(const Context& context, ObjectStore& store,
                                    const repo::Repository& repository,
                                    const repo::Snapshot& snapshot, const std::string& program,
                                    ProgressSink& progress) {
  AERIE_ASSIGN(const auto earlier, Look(context, store));
  std::map<std::string, BundlePart> known;
  if (earlier && earlier->bundle == repository.id()) {
    for (const BundlePart& part : earlier->parts) known[part.name] = part;
  }
  BundleManifest manifest;
  AERIE_TRY(store.List(context, "", [&](const ObjectInfo& info) {
    if (KindOfPart(info.key.text) < kKinds.size()) {
      manifest.parts.push_back({info.key.text, info.size, {}});
    }
    return Ok();
  }));
  std::stable_sort(manifest.parts.begin(), manifest.parts.end(), [](const auto& a, const auto& b) {
    return KindOfPart(a.name) < KindOfPart(b.name);
  });

  PartProgress done(progress, "check", manifest.packed_bytes());
  AERIE_TRY(ParallelFor(context, manifest.parts.size(), kReadersOfParts,
                        [&](const Context& task, std::size_t i) -> Status {
                          BundlePart& part = manifest.parts[i];
                          const auto found = known.find(part.name);
                          if (found != known.end() && found->second.bytes == part.bytes &&
                              part.name != kConfig) {
                            part.sha256 = found->second.sha256;
                          } else {
                            AERIE_ASSIGN(const Bytes bytes, store.Get(task, {part.name}));
                            part.bytes = bytes.size();
                            part.sha256 = Sha256Hex(bytes);
                          }
                          done.Add(part.bytes);
                          return Ok();
                        }));
  manifest.finished = true;
  manifest.bundle = repository.id();
  manifest.program = program;
  manifest.created_ms = ToUnixMillis(context.clock().Now());
  manifest.encrypted = repository.encrypted();
  manifest.snapshot = snapshot.id.hex;
  for (const auto& collection : snapshot.collections) {
    manifest.rows += collection.digest.rows;
    manifest.plain_bytes += collection.bytes;
  }
  // A put that was killed leaves a temporary. Nobody else packs here, so its age does not matter.
  if (const auto folder = objects::FilesystemStore::FromDescription(store.Describe())) {
    AERIE_TRY(folder->SweepTemporaries(context, Duration::zero()).status());
  }
  AERIE_TRY(store.Put(context, {kBundlePath}, AsBytes(files::EncodeBundleManifest(manifest))));
  return manifest;
}

Result<BundleManifest> ReadBundle(const Context& context, ObjectStore& store) {
  AERIE_ASSIGN(auto manifest, Look(context, store));
  if (!manifest) {
    return NotFoundError("read bundle " + store.Describe() + ": it has no " + kBundlePath +
                         ", so it is no bundle, or one that is not whole yet; check its name, or "
                         "let aerie bundle send end");
  }
  if (!manifest->finished) {
    return RefusedError("read bundle " + store.Describe() +
                        ": packing it was not finished; run the same aerie bundle pack again");
  }
  return *std::move(manifest);
}

// ---- checking ----

Result<std::vector<BundleDamage>> CheckBundle(const Context& context, ObjectStore& store,
                                              const BundleManifest& manifest,
                                              ProgressSink& progress) {
  std::vector<Status> statuses(manifest.parts.size());
  PartProgress done(progress, "check", manifest.packed_bytes());
  AERIE_TRY(ParallelFor(context, manifest.parts.size(), kReadersOfParts,
                        [&](const Context& task, std::size_t i) -> Status {
                          statuses[i] = ReadPart(task, store, manifest.parts[i]).status();
                          if (!statuses[i].ok() && !IsDamage(statuses[i])) return statuses[i];
                          done.Add(manifest.parts[i].bytes);
                          return Ok();
                        }));
  std::vector<BundleDamage> damage;
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    if (!statuses[i].ok()) damage.push_back({manifest.parts[i], std::move(statuses[i])});
  }
  return damage;
}

// ---- sending ----

namespace {

class Sending {
 public:
  Sending(ObjectStore& from, ObjectStore& to, const SendOptions& options, BundleManifest manifest)
      : from_(from), to_(to), options_(options) {
    result_.manifest = std::move(manifest);
  }

  Result<SendPlan> Plan(const Context& context) {
    AERIE_TRY(LookAtTarget(context));
    SendPlan plan;
    for (const BundlePart& part : result_.manifest.parts) {
      if (IsThere(part)) continue;
      ++plan.parts;
      plan.bytes += part.bytes;
    }
    AERIE_ASSIGN(plan.free_bytes, to_.FreeBytes(context));
    plan.manifest = result_.manifest;
    return plan;
  }

  Result<SendResult> Run(const Context& context, ProgressSink& progress) {
    AERIE_ASSIGN(const SendPlan plan, Plan(context));
    AERIE_TRY(CheckSpace(plan));
    const bool all = options_.read_back == ReadBack::kAll;
    PartProgress done(progress, "send", all ? result_.manifest.packed_bytes() : plan.bytes);
    const std::span<const BundlePart> parts = result_.manifest.parts;
    // Kind after kind: an index never arrives before its packs.
    for (std::size_t begin = 0, end = 0; begin < parts.size(); begin = end) {
      while (end < parts.size() && KindOfPart(parts[end].name) == KindOfPart(parts[begin].name)) {
        ++end;
      }
      AERIE_TRY(ParallelFor(context, end - begin, options_.parallel,
                            [&](const Context& task, std::size_t i) {
                              const BundlePart& part = parts[begin + i];
                              Status status = Handle(task, part);
                              if (status.ok() && (all || !IsThere(part))) done.Add(part.bytes);
                              return status;
                            }));
    }
    AERIE_TRY(SendList(context));
    return std::move(result_);
  }

 private:
  Status Refuse(const std::string& why) const {
    return RefusedError("send to " + to_.Describe() + ": " + why +
                        "; choose a new or empty place, nothing was changed there");
  }

  // Only our own bundle may be there, or the beginning of it.
  Status LookAtTarget(const Context& context) {
    const std::span<const BundlePart> parts = result_.manifest.parts;
    if (parts.empty() || parts[0].name != kConfig) {
      return CorruptError("send " + from_.Describe() + ": its list has no config; pack it again");
    }
    AERIE_ASSIGN(const Bytes ours, ReadPart(context, from_, parts[0]));
    auto theirs = to_.Get(context, {kConfig});
    const bool begun = theirs.ok();
    if (!begun && KindOf(theirs.status()) != Kind::kNotFound) return theirs.status();
    if (begun && *theirs != ours) AERIE_TRY(JudgeConfig(context));
    return to_.List(context, "", [&](const ObjectInfo& info) {
      if (!begun) return Refuse("it is not empty, it has " + info.key.text);
      there_[info.key.text] = info.size;
      return Ok();
    });
  }

  // The config there is not ours: another's, or damaged, which the list there says.
  Status JudgeConfig(const Context& context) {
    AERIE_ASSIGN(const auto list, Look(context, to_));
    if (!list || list->bundle != result_.manifest.bundle) {
      return Refuse("another repository or bundle is there");
    }
    if (options_.read_back == ReadBack::kAll) return Ok();
    return RefusedError("send to " + to_.Describe() +
                        ": it is this bundle, but its config is damaged; send with --read-back "
                        "all, which mends it");
  }

  bool IsThere(const BundlePart& part) const {
    const auto found = there_.find(part.name);
    return found != there_.end() && found->second == part.bytes;
  }

  Status CheckSpace(const SendPlan& plan) const {
    if (!plan.free_bytes || plan.bytes <= *plan.free_bytes) return Ok();
    return MakeStatus(Kind::kNoSpace,
                      "send to " + to_.Describe() + ": " + std::to_string(plan.bytes) +
                          " bytes are to be sent, and only " + std::to_string(*plan.free_bytes) +
                          " are free there; make room, nothing was sent");
  }

  Status Handle(const Context& context, const BundlePart& part) {
    if (IsThere(part)) {
      if (options_.read_back != ReadBack::kAll) return Passed();
      const Status there = ReadPart(context, to_, part).status();
      if (there.ok()) return Passed();
      if (!IsDamage(there)) return there;
      std::lock_guard lock(mutex_);
      result_.mended.push_back(part.name);
    }
    return Send(context, part);
  }

  Status Passed() {
    std::lock_guard lock(mutex_);
    ++result_.parts_there;
    return Ok();
  }

  Status Send(const Context& context, const BundlePart& part) {
    const auto bytes = ReadPart(context, from_, part);
    if (IsDamage(bytes.status())) {
      return WithMessage(bytes.status(), std::string(bytes.status().message()) +
                                             "; take it from a copy, or pack the bundle anew");
    }
    AERIE_TRY(bytes.status());
    AERIE_TRY(PutAndCompare(context, part, *bytes));
    std::lock_guard lock(mutex_);
    ++result_.parts_sent;
    result_.bytes_sent += part.bytes;
    return Ok();
  }

  // What does not come back right is sent once more: it may have been gone on with from an
  // interrupted run whose bytes were not those.
  Status PutAndCompare(const Context& context, const BundlePart& part, ByteSpan bytes) {
    for (const bool last : {false, true}) {
      AERIE_TRY(to_.Put(context, {part.name}, bytes));
      if (options_.read_back == ReadBack::kNone) return Ok();
      const Status back = ReadPart(context, to_, part).status();
      if (back.ok() || !IsDamage(back)) return back;
      if (last) {
        return WithMessage(back, std::string(back.message()) +
                                     ", though it was sent twice; check the disk and the memory "
                                     "there");
      }
    }
    return Ok();
  }

  // The list, byte by byte as it is here: any other would make it another bundle.
  Status SendList(const Context& context) {
    const std::string text = files::EncodeBundleManifest(result_.manifest);
    AERIE_TRY(to_.Put(context, {kBundlePath}, AsBytes(text)));
    if (options_.read_back == ReadBack::kNone) return Ok();
    AERIE_ASSIGN(const Bytes back, to_.Get(context, {kBundlePath}));
    if (AsText(back) == text) return Ok();
    return CorruptError("send to " + to_.Describe() +
                        ": the list does not come back as it was "
                        "sent; run the command again");
  }

  ObjectStore& from_;
  ObjectStore& to_;
  const SendOptions options_;
  std::map<std::string, std::uint64_t> there_;
  std::mutex mutex_;
  SendResult result_;
};

Result<BundleManifest> ReadToSend(const Context& context, ObjectStore& from, ObjectStore& to) {
  if (from.Describe() == to.Describe()) {
    return RefusedError("send " + from.Describe() + ": it would be sent onto itself");
  }
  return ReadBundle(context, from);
}

}  // namespace

Result<SendPlan> PlanSend(const Context& context, ObjectStore& from, ObjectStore& to,
                          const SendOptions& options) {
  AERIE_ASSIGN(auto manifest, ReadToSend(context, from, to));
  return Sending(from, to, options, std::move(manifest)).Plan(context);
}

Result<SendResult> SendBundle(const Context& context, ObjectStore& from, ObjectStore& to,
                              const SendOptions& options, ProgressSink& progress) {
  AERIE_ASSIGN(auto manifest, ReadToSend(context, from, to));
  return Sending(from, to, options, std::move(manifest)).Run(context, progress);
}

}  // namespace aerie::transfer
