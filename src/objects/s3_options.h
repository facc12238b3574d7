// What a user may say of an S3 repository besides its URL. Everything may stay empty: it then comes
// from the standard AWS environment variables and files. Plain values.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/secret.h"

namespace aerie::objects {

struct S3Options {
  std::string endpoint;  // https://host or http://host:port; empty: AWS itself
  std::string region;
  std::optional<bool> path_style;  // by default with an endpoint that is not AWS's
  std::string ca;                  // PEM file of the authorities to trust
  std::string access_key;
  Secret secret_key;
  Secret session_token;
  std::string profile;        // of the AWS configuration files
  std::string storage_class;  // STANDARD_IA, ...
  std::string sse;            // AES256 or aws:kms
  std::string sse_kms_key;
  double max_send_rate = 0;  // bytes a second of one request; 0: as fast as it goes
  double max_receive_rate = 0;
  std::string retention_mode;  // COMPLIANCE (also when empty) or GOVERNANCE
};

// The value of a variable; none when it is not set or empty.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment ProcessEnvironment();

}  // namespace aerie::objects
