#include "objects/errno_status.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace aerie::objects {
namespace {

TEST(ErrnoStatus, TranslatesOnce) {
  const std::pair<int, Kind> table[] = {
      {ENOSPC, Kind::kNoSpace},   {EDQUOT, Kind::kNoSpace},       {EACCES, Kind::kDenied},
      {EPERM, Kind::kDenied},     {EROFS, Kind::kDenied},         {ENOENT, Kind::kNotFound},
      {EEXIST, Kind::kExists},    {ENAMETOOLONG, Kind::kInvalid}, {EFBIG, Kind::kTooLarge},
      {ELOOP, Kind::kRefused},    {EMFILE, Kind::kTransient},     {ENFILE, Kind::kTransient},
      {ENOMEM, Kind::kTransient}, {EBUSY, Kind::kTransient},      {EAGAIN, Kind::kTransient},
      {ESTALE, Kind::kTransient}, {ETIMEDOUT, Kind::kTransient},  {EIO, Kind::kFailed},
      {EINVAL, Kind::kFailed},
  };
  for (const auto& [error, kind] : table) {
    EXPECT_EQ(KindOf(ErrnoStatus(error, "write", "/x")), kind) << error;
  }
}

TEST(ErrnoStatus, NamesOperationObjectAndRemedy) {
  EXPECT_EQ(ErrnoStatus(ENOSPC, "write", "/backups/a").message(),
            "write /backups/a: No space left on device; free some space or choose another folder");
  EXPECT_EQ(ErrnoStatus(EROFS, "make folder", "/mnt").message(),
            "make folder /mnt: Read-only file system; mount it writable or choose another folder");
  EXPECT_EQ(ErrnoStatus(ENOENT, "read", "/x").message(), "read /x: No such file or directory");
}

}  // namespace
}  // namespace aerie::objects
