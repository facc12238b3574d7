// Opens a store from what the user wrote.
//
// Any thread.
#pragma once

#include <memory>
#include <string>

#include "base/retry.h"
#include "objects/object_store.h"
#include "objects/s3_options.h"
#include "objects/sftp_options.h"

namespace aerie::objects {

// `location` is a path ("./backups", "/srv/aerie"), "file:///srv/aerie", or "memory:NAME" (the
// process-wide store of that name, for tests), "s3://bucket/prefix", which `s3` and the
// environment complete, or "sftp://user@host/folder" where `sftp` is
// given. Nothing is read of
// the store or made in it yet, and nothing is wrapped: the caller adds RetryingStore (a folder
// needs it too, on a network disk). kInvalid when it is none of these, or the settings of S3 are
// wrong.
Result<std::shared_ptr<ObjectStore>> OpenStore(const std::string& location,
                                               const S3Options& s3 = {},
                                               const SftpOptions* sftp = nullptr);

// How patiently RetryingStore should repeat the calls of that location's medium: a network that is
// gone for half a minute is waited for, a disk is not.
RetryPolicy RetryPolicyFor(const std::string& location);

}  // namespace aerie::objects
