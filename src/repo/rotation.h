// Rotation of the master key: new data is sealed with a new one at once, old data bit by bit.
// docs/format.md, section Rotation; docs/decisions/0010-master-key-rotation.md says what it is good
// for. docs/keys.md is for operators.
//
// Begun once by BeginRotation, which cuts off every other passphrase. Then ContinueRotation, as
// often as it takes: each run stores what is still sealed with the former key again, dooms the
// packs that hold nothing needed any more, and removes those that were doomed a margin ago; the run
// that finds none left drops the former master key. Any run may be stopped or die anywhere. Free
// functions, safe from any thread and process: they take locks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "repo/key_file.h"
#include "repo/prune.h"
#include "repo/repository.h"

namespace aerie::repo {

struct RotationStart {
  std::string key_id;                // of the one key object that opens the repository now
  std::vector<std::string> removed;  // key objects that open it no more
};

// A new master key, opened by `fresh`, or by `passphrase` where that is empty. kRefused when the
// repository is not encrypted, or an earlier rotation is not finished; kLocked; kWrongKey. After an
// error or crash either the former passphrases open the repository or the new one does.
Result<RotationStart> BeginRotation(const Context& context, objects::ObjectStore& store,
                                    const Secret& passphrase, const Secret& fresh,
                                    KdfCost cost = {});

struct RotationOptions {
  Duration margin = std::chrono::hours(24);              // of the deletion, as in PruneOptions
  std::optional<Duration> max_duration = {};             // of storing again; none: until it is done
  std::uint64_t batch_bytes = std::uint64_t{256} << 20;  // stored again before an index names it
  std::string program = {};
};

struct RotationReport {
  PackTally copied;       // packs under the former key of which the needed was stored again now
  PackTally left;         // packs under the former key that hold something needed
  PackTally removed;      // packs that were doomed a margin ago
  PackTally waiting;      // packs under the former key that are to be removed later
  PackTally immutable;    // packs under the former key that immutable snapshots keep for now
  bool finished = false;  // nothing is sealed with the former master key, and it is dropped
};

// Finished at once where no rotation is under way. Copying is done under a shared lock, beside
// backups; removing and finishing need the exclusive one for a moment (kLocked: what was copied
// stays copied). kCorrupt when something needed cannot be read. After it finished, `repository` can
// read but gives no locks any more: open it again.
Result<RotationReport> ContinueRotation(const Context& context, Repository& repository,
                                        const RotationOptions& options);

}  // namespace aerie::repo
