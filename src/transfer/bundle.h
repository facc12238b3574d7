// Bundles: a repository as a folder of parts with a list, to be carried or sent (docs/bundles.md).
//
// Packing is a backup or a mirror into that repository, between BeginBundle and FinishBundle.
// Sending and checking know only parts: no passphrase is needed for them. The list is written last
// wherever a bundle comes to be, so one that is under way is none.
//
// Free functions; any thread. One pack, and one send to a target, at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/progress.h"
#include "files/bundle_manifest.h"
#include "objects/object_store.h"
#include "repo/repository.h"

namespace aerie::transfer {

// Before anything is packed: says in `store` that a bundle is under way there, unless one is there
// already: that stays as whole as it is until FinishBundle. kRefused, with nothing changed, when it
// holds anything else.
Status BeginBundle(const Context& context, objects::ObjectStore& store, const std::string& program);

// After `snapshot` was committed to `repository`, which lies in `store`: reads each new part back
// and writes the list.
Result<files::BundleManifest> FinishBundle(const Context& context, objects::ObjectStore& store,
                                           const repo::Repository& repository,
                                           const repo::Snapshot& snapshot,
                                           const std::string& program, ProgressSink& progress);

// The list of a finished bundle. kNotFound when there is none, kRefused when it was not finished,
// kCorrupt, kUnsupported.
Result<files::BundleManifest> ReadBundle(const Context& context, objects::ObjectStore& store);

enum class ReadBack {
  kNone,  // what the target takes is believed
  kNew,   // what is sent is read back and compared
  kAll,   // and what was there already too
};

struct SendOptions {
  ReadBack read_back = ReadBack::kNew;
  std::size_t parallel = 2;  // parts at a time
};

// What SendBundle would do.
struct SendPlan {
  files::BundleManifest manifest;
  std::uint64_t parts = 0;  // to be sent
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> free_bytes;  // there; none: not known
};

struct SendResult {
  files::BundleManifest manifest;
  std::uint64_t parts_sent = 0;
  std::uint64_t bytes_sent = 0;  // of parts; what a cut made to be sent twice is not counted
  std::uint64_t parts_there = 0;
  std::vector<std::string> mended;  // were there, and were others: sent again
};

// Changes nothing. Errors as of SendBundle, but lack of space is in the plan.
Result<SendPlan> PlanSend(const Context& context, objects::ObjectStore& from,
                          objects::ObjectStore& to, const SendOptions& options);

// What the target lacks of the bundle, in the order in which a repository is written, the list
// last. kRefused when it holds anything else; kNoSpace when it is known to have less than that
// left, before anything is sent; kCorrupt naming a part that is damaged here, or does not come back
// as it was sent.
Result<SendResult> SendBundle(const Context& context, objects::ObjectStore& from,
                              objects::ObjectStore& to, const SendOptions& options,
                              ProgressSink& progress);

struct BundleDamage {
  files::BundlePart part;
  Status status;  // kCorrupt or kNotFound
};

// Every part compared with the list; those that are not as they were, in its order. Errors of the
// store end it.
Result<std::vector<BundleDamage>> CheckBundle(const Context& context, objects::ObjectStore& store,
                                              const files::BundleManifest& manifest,
                                              ProgressSink& progress);

}  // namespace aerie::transfer
