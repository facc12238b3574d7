// A folder (any object store) that an export is written to.
//
// Every file is put whole under its final name, then recorded in unfinished.json; manifest.json
// comes last, and only then is unfinished.json removed. So a folder without manifest.json is no
// export, one with it is whole, and whatever crashed, the same request goes on or begins anew.
//
// Thread-safe: collections are written at once. Lives as long as one export runs.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/context.h"
#include "files/export_manifest.h"
#include "objects/object_store.h"

namespace aerie::files {

enum class Earlier {
  kGoOn,       // keep the files of an interrupted run: the source cannot have changed since
  kBeginAnew,  // write them again
};

class ExportFolder {
 public:
  // Looks at what is there, and marks the folder as an unfinished export of `request`. kRefused,
  // with nothing changed, when it holds anything else: another export, whole or not, or files that
  // are none.
  static Result<std::unique_ptr<ExportFolder>> Open(const Context& context,
                                                    std::shared_ptr<objects::ObjectStore> store,
                                                    const ExportRequest& request,
                                                    const std::string& program, Earlier earlier);

  // The same checks without changing anything. Rows that are there already.
  static Result<std::uint64_t> Look(const Context& context, objects::ObjectStore& store,
                                    const ExportRequest& request, Earlier earlier);

  // An earlier run had written the manifest and died before it could say so.
  bool was_finished() const { return was_finished_; }

  // Enters the collection, or finds it as an earlier run left it.
  Status BeginCollection(const Context& context, const rows::CollectionSpec& spec);
  bool IsFinished(const rows::CollectionName& name) const;
  // What is there of a partition; without files if it is new.
  ExportedPartition Partition(const rows::CollectionName& name, const std::string& partition) const;

  // Stores one file of a partition, behind those that are there. Only `digest`, `first` and `last`
  // of `about` are taken.
  Status PutFile(const Context& context, const rows::CollectionName& name,
                 const std::string& partition, const Bytes& file, ExportedFile about);
  Status EndPartition(const Context& context, const rows::CollectionName& name,
                      const std::string& partition);
  Status EndCollection(const Context& context, const rows::CollectionName& name, bool exact,
                       std::vector<std::string> warnings);
  // Removes files of an interrupted run that are no part of this export, and writes the manifest.
  // Every collection must be finished.
  Status Finish(const Context& context);

  ExportedCollection Collection(const rows::CollectionName& name) const;

 private:
  ExportFolder(std::shared_ptr<objects::ObjectStore> store, ExportManifest manifest,
               bool was_finished)
      : store_(std::move(store)), manifest_(std::move(manifest)), was_finished_(was_finished) {}

  ExportedCollection& Find(const rows::CollectionName& name);
  ExportedPartition& Find(const rows::CollectionName& name, const std::string& partition);
  Status Save(const Context& context);
  Status RemoveStrays(const Context& context);

  const std::shared_ptr<objects::ObjectStore> store_;
  mutable std::mutex mutex_;
  ExportManifest manifest_;
  const bool was_finished_;
};

// The manifest of a finished export. kNotFound when there is none; kRefused when it is not
// finished.
Result<ExportManifest> ReadExportManifest(const Context& context, objects::ObjectStore& store);

}  // namespace aerie::files
