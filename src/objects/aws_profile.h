// One profile of the AWS configuration files (~/.aws/config, ~/.aws/credentials), as the AWS
// command line reads them. Plain value.
#pragma once

#include <map>
#include <string>

#include "base/status.h"
#include "objects/s3_options.h"

namespace aerie::objects {

class AwsProfile {
 public:
  // `name` empty: $AWS_PROFILE, else "default". Reads $AWS_CONFIG_FILE and
  // $AWS_SHARED_CREDENTIALS_FILE, or the usual files below $HOME; what the second says goes first.
  // Files and a default profile that are not there are empty; a profile that somebody named and
  // that is in neither is kInvalid; a file that cannot be read is kDenied.
  static Result<AwsProfile> Load(const std::string& name, const Environment& environment);

  // Empty when it is not set.
  std::string Value(const std::string& key) const;
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  std::map<std::string, std::string> values_;
};

}  // namespace aerie::objects
