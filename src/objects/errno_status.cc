#include "objects/errno_status.h"

#include <cerrno>
#include <system_error>

namespace aerie::objects {
namespace {

struct Meaning {
  Kind kind;
  const char* remedy;
};

Meaning MeaningOf(int error) {
  switch (error) {
    case ENOSPC: return {Kind::kNoSpace, "free some space or choose another folder"};
    case EDQUOT: return {Kind::kNoSpace, "raise the quota or choose another folder"};
    case EACCES:
    case EPERM:
      return {Kind::kDenied, "give this user read and write access or choose another folder"};
    case EROFS: return {Kind::kDenied, "mount it writable or choose another folder"};
    case ENOENT: return {Kind::kNotFound, ""};
    case EEXIST: return {Kind::kExists, ""};
    case ENAMETOOLONG: return {Kind::kInvalid, "choose a shorter path"};
    case EFBIG:
      return {Kind::kTooLarge, "raise the file size limit (ulimit -f) or choose another folder"};
    case ELOOP:
      return {Kind::kRefused,
              "symbolic links inside a store are not followed; move or mount the folder itself"};
    case EMFILE:
    case ENFILE: return {Kind::kTransient, "raise the limit of open files (ulimit -n)"};
    case ENOMEM:
    case EBUSY:
    case EAGAIN: return {Kind::kTransient, ""};
    case ESTALE:
    case ETIMEDOUT: return {Kind::kTransient, "check the network file system"};
    case EIO: return {Kind::kFailed, "check the disk (dmesg)"};
    default: return {Kind::kFailed, ""};
  }
}

}  // namespace

Status ErrnoStatus(int error, const std::string& operation, const std::string& object) {
  const Meaning meaning = MeaningOf(error);
  std::string message = operation + " " + object + ": " + std::generic_category().message(error);
  if (meaning.remedy[0] != '\0') message += std::string("; ") + meaning.remedy;
  return MakeStatus(meaning.kind, message);
}

}  // namespace aerie::objects
