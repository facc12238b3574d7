// AWS Signature Version 4, as a pure function: the same input gives the same headers.
//
// Source: "Authenticating Requests (AWS Signature Version 4)" of the Amazon S3 API reference.
// Unlike other services S3 does not normalise paths and encodes them once.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"

namespace aerie::objects {

struct S3Credentials {
  std::string access_key;
  Secret secret_key;
  Secret session_token;  // empty: none
};

struct SignInput {
  std::string method;
  std::string path;                                          // not encoded; "/bucket/key"
  std::vector<std::pair<std::string, std::string>> query;    // not encoded, any order
  std::vector<std::pair<std::string, std::string>> headers;  // "host" among them; all are signed
  std::string payload_sha256;                                // lower-case hexadecimal
  std::string region;
  std::string service = "s3";
  WallTime time;
};

// name=value pairs joined by '&', encoded and sorted as they are signed, and so as they are sent.
std::string CanonicalQuery(const std::vector<std::pair<std::string, std::string>>& query);

// The input's headers and x-amz-content-sha256, x-amz-date, x-amz-security-token where there is a
// token, and authorization.
std::vector<std::pair<std::string, std::string>> SignV4(const SignInput& input,
                                                        const S3Credentials& credentials);

}  // namespace aerie::objects
