// The one translation of errno into a Status for everything that touches files.
//
// Pure; any thread.
#pragma once

#include <string>

#include "base/status.h"

namespace aerie::objects {

// `error` is an errno value, not 0. `operation` names what was tried, `object` the path it was
// tried on; the message is "operation object: reason; remedy".
//   ENOSPC, EDQUOT -> kNoSpace        EACCES, EPERM, EROFS -> kDenied     ENOENT -> kNotFound
//   EEXIST -> kExists                 ENAMETOOLONG -> kInvalid            EFBIG -> kTooLarge
//   ELOOP -> kRefused                 EMFILE, ENFILE, ENOMEM, EBUSY, EAGAIN, ESTALE, ETIMEDOUT
//   anything else -> kFailed          -> kTransient
Status ErrnoStatus(int error, const std::string& operation, const std::string& object);

}  // namespace aerie::objects
