// One bucket's requests: address, credentials, signature, translation of failures. Knows HTTP and
// the signature, nothing of keys and listings. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/context.h"
#include "objects/http_client.h"
#include "objects/s3_credentials.h"
#include "objects/s3_errors.h"
#include "objects/s3_settings.h"

namespace aerie::objects {

struct S3Call {
  std::string method;
  std::string key;  // whole, with the store's prefix; empty: the bucket
  std::vector<std::pair<std::string, std::string>> query = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  ByteSpan body = {};
  std::string operation;         // leads the messages: "write s3://bucket/key"
  std::string expects = {};      // root element that the body of a 2xx answer must have; empty: any
  std::vector<int> accept = {};  // HTTP statuses besides 2xx that are the caller's to judge
  std::uint64_t max_answer = std::uint64_t{16} << 20;
};

class S3Client {
 public:
  static Result<std::unique_ptr<S3Client>> Open(const S3Uri& uri, const S3Options& options,
                                                const Environment& environment);

  // An answer of a 2xx or accepted status; else the failure, translated by s3_errors.h. The body is
  // covered by the signature, so that a server refuses it when it was damaged on the way.
  // Credentials that expired, and the region of a bucket when none was given, are found out and the
  // answer is kTransient: the same call again will do.
  Result<HttpAnswer> Send(const Context& context, const S3Call& call);

  S3Settings settings() const;

 private:
  S3Client(S3Settings settings, S3Options options, Environment environment, AwsProfile profile);
  Status Failure(const Context& context, const S3Request& request, const HttpAnswer& answer,
                 const S3Credentials& used);
  Result<bool> MoveToRegion(const std::string& region);

  const S3Options options_;
  const Environment environment_;
  const AwsProfile profile_;
  S3CredentialChain credentials_;
  HttpClient http_;
  mutable std::mutex mutex_;
  S3Settings settings_;
};

}  // namespace aerie::objects
