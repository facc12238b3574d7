// Where the keys of an S3 store come from, in the order of the AWS tools:
//
//   1. the repository's options (access_key, secret_key, session_token)
//   2. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN (unless a profile is named in
//   the
//      options)
//   3. a web identity: AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, exchanged at STS
//   4. the profile: its keys, or its web identity
//   5. the container: AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI
//   6. the instance (IMDSv2), unless AWS_EC2_METADATA_DISABLED is "true"
//
// What expires is fetched anew five minutes before. Thread-safe; one thread fetches, others wait.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "base/context.h"
#include "objects/aws_profile.h"
#include "objects/http_client.h"
#include "objects/s3_options.h"
#include "objects/s3_signer.h"

namespace aerie::objects {

class S3CredentialChain {
 public:
  // `region` is where STS is asked. `http` options: of STS; the machine's own services have short
  // limits.
  S3CredentialChain(S3Options options, Environment environment, AwsProfile profile,
                    std::string region, HttpOptions http = {});

  // kDenied when there are none anywhere, kInvalid when half of a pair is missing, else why the
  // source that should have them did not give them.
  Result<S3Credentials> Get(const Context& context);

  // For when the server said that `used` have expired: fetches again, true when they are others
  // now.
  Result<bool> Renew(const Context& context, const S3Credentials& used);

 private:
  struct Fetched {
    S3Credentials credentials;
    std::optional<WallTime> expires;
  };
  using Maybe = std::optional<Fetched>;

  Result<Fetched> Fetch(const Context& context);
  Result<Maybe> FromOptions() const;
  Result<Maybe> FromEnvironment() const;
  Result<Maybe> FromProfileKeys() const;
  Result<Maybe> FromWebIdentity(const Context& context, const std::string& token_file,
                                const std::string& role, const std::string& session);
  Result<Maybe> FromContainer(const Context& context);
  Result<Maybe> FromInstance(const Context& context);
  Result<Maybe> FromJson(const HttpAnswer& answer, const std::string& operation) const;
  std::string Env(const char* name) const { return environment_(name).value_or(""); }

  const S3Options options_;
  const Environment environment_;
  const std::string region_;
  HttpClient sts_;
  HttpClient local_;
  std::mutex mutex_;
  AwsProfile profile_;  // read again when its keys are renewed
  Maybe cached_;
};

}  // namespace aerie::objects
