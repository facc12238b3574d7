// How this room says that a part of a snapshot is not what was stored. `where` names collection,
// partition and, as far as known, the key range. Pure; any thread.
#pragma once

#include <string>

#include "base/status.h"

namespace aerie::repo {

// Remedies of findings.
inline constexpr char kRepairRemedy[] =
    "copy it back from another copy of the repository, or keep what can be read with aerie repo "
    "repair";
inline constexpr char kRowsRemedy[] =
    "restore them from another snapshot; aerie repo repair keeps the rest of this one, and then "
    "aerie backup delete can give it up";
inline constexpr char kRebuildRemedy[] = "aerie repo rebuild-index";

inline Status Damaged(const std::string& where, const std::string& what) {
  return CorruptError("read " + where + ": " + what);
}

// An error of a BlobSource or decoder, with the place. A blob that is not there was there when the
// snapshot was committed: that is damage too.
inline Status LoadError(const Status& status, const std::string& where) {
  const Kind kind = KindOf(status);
  if (kind == Kind::kCorrupt || kind == Kind::kNotFound) {
    return Damaged(where, std::string(status.message()));
  }
  return Annotate(status, "read " + where);
}

// For errors that leave the room: what a user can do about damage. A check says it otherwise.
inline Status WithRemedy(const Status& status) {
  if (KindOf(status) != Kind::kCorrupt) return status;
  return CorruptError(std::string(status.message()) +
                      "; restore from another snapshot, and find what else is damaged with "
                      "aerie backup verify --read-data");
}

}  // namespace aerie::repo
