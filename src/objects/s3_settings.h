// Where an S3 store is and how it is spoken to, after options, environment and profile were
// weighed. Pure but for reading the profile; plain value.
#pragma once

#include <string>

#include "base/status.h"
#include "objects/aws_profile.h"
#include "objects/s3_options.h"
#include "objects/s3_uri.h"

namespace aerie::objects {

struct S3Settings {
  S3Uri uri;
  std::string origin;  // "https://host" or "http://host:port", the bucket's own with virtual hosts
  std::string host;    // of the origin, as the Host header has it
  std::string path_prefix;  // "/bucket" with path style, else empty
  std::string region;
  bool region_given = false;
  bool aws = false;  // AWS itself, not something alike
  std::string ca;
  std::string storage_class;
  std::string sse;
  std::string sse_kms_key;
  double max_send_rate = 0;  // as S3Options has them
  double max_receive_rate = 0;
  std::string retention_mode;  // as in S3Options, never empty
};

// Options go before the environment (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION,
// AWS_DEFAULT_REGION, AWS_CA_BUNDLE), that before the profile. kInvalid for what cannot be.
Result<S3Settings> ResolveS3Settings(const S3Uri& uri, const S3Options& options,
                                     const Environment& environment, const AwsProfile& profile);

}  // namespace aerie::objects
