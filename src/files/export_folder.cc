#include "files/export_folder.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/clock.h"
#include "objects/digests.h"
#include "objects/filesystem_store.h"

namespace aerie::files {
namespace {

using objects::ObjectKey;
using objects::ObjectStore;

// One of the two documents; nullopt when it is not there.
Result<std::optional<ExportManifest>> Load(const Context& context, ObjectStore& store,
                                           const char* path) {
  auto bytes = store.Get(context, {path});
  if (KindOf(bytes.status()) == Kind::kNotFound) return std::optional<ExportManifest>();
  AERIE_TRY(bytes.status());
  auto manifest = DecodeExportManifest(AsText(*bytes));
  if (!manifest.ok())
    return WithMessage(manifest.status(), "read " + store.Describe() + "/" + path + ": " +
                                              std::string(manifest.status().message()));
  return std::optional(*std::move(manifest));
}

Status Refuse(const ObjectStore& store, const std::string& why) {
  return RefusedError("export to " + store.Describe() + ": " + why);
}

// What an earlier run left in a folder.
struct Found {
  std::optional<ExportManifest> unfinished;
  bool finished = false;  // with our request
};

Status CheckNothingElse(const Context& context, ObjectStore& store) {
  return store.List(context, "", [&](const objects::ObjectInfo& info) {
    return Refuse(store, "the folder is not empty, it has " + info.key.text +
                             "; choose a new or empty folder");
  });
}

Result<Found> LookAt(const Context& context, ObjectStore& store, const ExportRequest& request) {
  Found found;
  AERIE_ASSIGN(const auto manifest, Load(context, store, kManifestPath));
  AERIE_ASSIGN(found.unfinished, Load(context, store, kUnfinishedPath));
  if (found.unfinished && !(found.unfinished->request == request)) {
    return Refuse(store,
                  "it holds an unfinished export of " + found.unfinished->request.source +
                      ", asked for in other words; repeat that command, or remove the folder");
  }
  if (manifest && !found.unfinished) {
    return Refuse(store, "it holds a finished export of " + manifest->request.source +
                             "; choose another folder, or remove this one");
  }
  found.finished = manifest.has_value();
  if (!found.unfinished) AERIE_TRY(CheckNothingElse(context, store));
  return found;
}

}  // namespace

Result<std::uint64_t> ExportFolder::Look(const Context& context, ObjectStore& store,
                                         const ExportRequest& request, Earlier earlier) {
  AERIE_ASSIGN(const Found found, LookAt(context, store, request));
  std::uint64_t rows = 0;
  if (found.unfinished && (found.finished || earlier == Earlier::kGoOn)) {
    for (const auto& collection : found.unfinished->collections) rows += collection.digest().rows;
  }
  return rows;
}

Result<std::unique_ptr<ExportFolder>> ExportFolder::Open(const Context& context,
                                                         std::shared_ptr<ObjectStore> store,
                                                         const ExportRequest& request,
                                                         const std::string& program,
                                                         Earlier earlier) {
  AERIE_ASSIGN(Found found, LookAt(context, *store, request));
  const bool keeps = found.unfinished && (found.finished || earlier == Earlier::kGoOn);
  ExportManifest manifest;
  if (keeps) {
    manifest = *std::move(found.unfinished);
  } else {
    manifest.request = request;
    manifest.program = program;
    manifest.created_ms = ToUnixMillis(context.clock().Now());
  }
  std::unique_ptr<ExportFolder> folder(
      new ExportFolder(std::move(store), std::move(manifest), found.finished));
  if (!keeps) AERIE_TRY(folder->Save(context));
  return folder;
}

Status ExportFolder::Save(const Context& context) {
  return store_->Put(context, {kUnfinishedPath}, AsBytes(EncodeExportManifest(manifest_)));
}

ExportedCollection& ExportFolder::Find(const rows::CollectionName& name) {
  return *std::find_if(manifest_.collections.begin(), manifest_.collections.end(),
                       [&](const auto& collection) { return collection.spec.name == name; });
}

ExportedPartition& ExportFolder::Find(const rows::CollectionName& name,
                                      const std::string& partition) {
  auto& partitions = Find(name).partitions;
  const auto found = std::find_if(partitions.begin(), partitions.end(),
                                  [&](const auto& one) { return one.name == partition; });
  if (found != partitions.end()) return *found;
  partitions.push_back({partition, false, {}});
  return partitions.back();
}

Status ExportFolder::BeginCollection(const Context& context, const rows::CollectionSpec& spec) {
  std::lock_guard lock(mutex_);
  if (const auto* there = manifest_.Find(spec.name)) {
    if (there->spec == spec) return Ok();
    return RefusedError("export " + spec.name.ToString() +
                        ": it is not what it was when this export began; remove the folder");
  }
  manifest_.collections.push_back({spec, false, true, {}, {}});
  return Save(context);
}

bool ExportFolder::IsFinished(const rows::CollectionName& name) const {
  std::lock_guard lock(mutex_);
  const auto* const collection = manifest_.Find(name);
  return collection != nullptr && collection->finished;
}

ExportedCollection ExportFolder::Collection(const rows::CollectionName& name) const {
  std::lock_guard lock(mutex_);
  const auto* const collection = manifest_.Find(name);
  return collection == nullptr ? ExportedCollection{} : *collection;
}

ExportedPartition ExportFolder::Partition(const rows::CollectionName& name,
                                          const std::string& partition) const {
  for (const auto& one : Collection(name).partitions) {
    if (one.name == partition) return one;
  }
  return {partition, false, {}};
}

Status ExportFolder::PutFile(const Context& context, const rows::CollectionName& name,
                             const std::string& partition, const Bytes& file, ExportedFile about) {
  const std::size_t number = Partition(name, partition).files.size();
  about.path = PartPath(name, partition, number, manifest_.request.format);
  about.bytes = file.size();
  about.sha256 = ToHex(objects::Sha256(file));
  AERIE_TRY(store_->Put(context, {about.path}, file));
  std::lock_guard lock(mutex_);
  Find(name, partition).files.push_back(std::move(about));
  return Save(context);
}

Status ExportFolder::EndPartition(const Context& context, const rows::CollectionName& name,
                                  const std::string& partition) {
  std::lock_guard lock(mutex_);
  Find(name, partition).finished = true;
  return Save(context);
}

Status ExportFolder::EndCollection(const Context& context, const rows::CollectionName& name,
                                   bool exact, std::vector<std::string> warnings) {
  std::lock_guard lock(mutex_);
  ExportedCollection& collection = Find(name);
  collection.finished = true;
  collection.exact = exact;
  collection.warnings = std::move(warnings);
  return Save(context);
}

Status ExportFolder::RemoveStrays(const Context& context) {
  std::set<std::string> ours;
  for (const auto& collection : manifest_.collections) {
    for (const auto& partition : collection.partitions) {
      for (const auto& file : partition.files) ours.insert(file.path);
    }
  }
  std::vector<ObjectKey> strays;
  AERIE_TRY(store_->List(context, "", [&](const objects::ObjectInfo& info) {
    if (IsPartPath(info.key.text) && !ours.contains(info.key.text)) strays.push_back(info.key);
    return Ok();
  }));
  for (const auto& removed : store_->Remove(context, strays)) AERIE_TRY(removed.status);
  // A put that was killed leaves a temporary. Nobody else writes here, so its age does not matter.
  const auto folder = objects::FilesystemStore::FromDescription(store_->Describe());
  return folder ? folder->SweepTemporaries(context, Duration::zero()).status() : Ok();
}

Status ExportFolder::Finish(const Context& context) {
  std::lock_guard lock(mutex_);
  if (!was_finished_) {
    AERIE_TRY(RemoveStrays(context));
    manifest_.finished = true;
    std::sort(manifest_.collections.begin(), manifest_.collections.end(),
              [](const auto& a, const auto& b) { return a.spec.name < b.spec.name; });
    AERIE_TRY(store_->Put(context, {kManifestPath}, AsBytes(EncodeExportManifest(manifest_))));
  }
  for (const auto& removed : store_->Remove(context, {{kUnfinishedPath}})) {
    AERIE_TRY(removed.status);
  }
  return Ok();
}

Result<ExportManifest> ReadExportManifest(const Context& context, ObjectStore& store) {
  AERIE_ASSIGN(auto manifest, Load(context, store, kManifestPath));
  if (manifest) return *std::move(manifest);
  AERIE_ASSIGN(const auto unfinished, Load(context, store, kUnfinishedPath));
  if (unfinished) {
    return RefusedError("read export " + store.Describe() + ": it was not finished; run aerie " +
                        "export again with the same words, which goes on with it");
  }
  return NotFoundError("read export " + store.Describe() + ": it has no " + kManifestPath +
                       ", so it is no export of Aerie; check the folder's name");
}

}  // namespace aerie::files
