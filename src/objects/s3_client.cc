#include "objects/s3_client.h"

#include <algorithm>

#include "base/log.h"
#include "objects/digests.h"

namespace aerie::objects {
namespace {

bool IsWrite(const std::string& method) { return method != "GET" && method != "HEAD"; }

}  // namespace

Result<std::unique_ptr<S3Client>> S3Client::Open(const S3Uri& uri, const S3Options& options,
                                                 const Environment& environment) {
  AERIE_ASSIGN(AwsProfile profile, AwsProfile::Load(options.profile, environment));
  AERIE_ASSIGN(S3Settings settings, ResolveS3Settings(uri, options, environment, profile));
  return std::unique_ptr<S3Client>(
      new S3Client(std::move(settings), options, environment, std::move(profile)));
}

S3Client::S3Client(S3Settings settings, S3Options options, Environment environment,
                   AwsProfile profile)
    : options_(std::move(options)),
      environment_(std::move(environment)),
      profile_(std::move(profile)),
      credentials_(options_, environment_, profile_, settings.region, {.ca_file = settings.ca}),
      http_({.ca_file = settings.ca,
             .max_send_rate = settings.max_send_rate,
             .max_receive_rate = settings.max_receive_rate}),
      settings_(std::move(settings)) {}

S3Settings S3Client::settings() const {
  std::lock_guard lock(mutex_);
  return settings_;
}

Result<HttpAnswer> S3Client::Send(const Context& context, const S3Call& call) {
  AERIE_TRY(context.Check(call.operation));
  const S3Settings settings = this->settings();
  auto credentials = credentials_.Get(context);
  if (!credentials.ok()) return Annotate(credentials.status(), call.operation);
  SignInput input{.method = call.method,
                  .path = settings.path_prefix + "/" + call.key,
                  .query = call.query,
                  .headers = call.headers,
                  .payload_sha256 = ToHex(Sha256(call.body)),
                  .region = settings.region,
                  .time = context.clock().Now()};
  input.headers.emplace_back("host", settings.host);
  const std::string query = CanonicalQuery(call.query);
  HttpRequest request{
      .method = call.method,
      .url = settings.origin + PercentEncodePath(input.path) + (query.empty() ? "" : "?" + query),
      .headers = SignV4(input, *credentials),
      .body = call.body,
      .operation = call.operation,
      .max_answer = call.max_answer};
  AERIE_ASSIGN(HttpAnswer answer, http_.Send(context, request));
  const S3Request asked{.operation = call.operation,
                        .bucket = settings.uri.bucket,
                        .region = settings.region,
                        .access_key = credentials->access_key,
                        .writes = IsWrite(call.method),
                        .time = input.time};
  if (answer.status / 100 == 2) {
    if (!call.expects.empty()) AERIE_TRY(ExpectS3Outcome(asked, answer, call.expects));
    return answer;
  }
  if (std::find(call.accept.begin(), call.accept.end(), answer.status) != call.accept.end()) {
    return answer;
  }
  return Failure(context, asked, answer, *credentials);
}

Status S3Client::Failure(const Context& context, const S3Request& request, const HttpAnswer& answer,
                         const S3Credentials& used) {
  Status failure = S3Failure(request, answer);
  if (IsExpired(answer)) {
    const auto renewed = credentials_.Renew(context, used);
    if (!renewed.ok()) return Annotate(renewed.status(), std::string(failure.message()));
    if (*renewed) failure = MakeStatus(Kind::kTransient, std::string(failure.message()));
    return failure;
  }
  if (const std::string region = BucketRegion(answer); !region.empty()) {
    AERIE_ASSIGN(const bool moved, MoveToRegion(region));
    if (moved) failure = MakeStatus(Kind::kTransient, std::string(failure.message()));
  }
  return failure;
}

// A user who named no region is not asked for one that the server knows.
Result<bool> S3Client::MoveToRegion(const std::string& region) {
  std::lock_guard lock(mutex_);
  if (settings_.region_given) return false;
  if (settings_.region == region) return true;  // another thread was faster
  S3Options there = options_;
  there.region = region;
  AERIE_ASSIGN(S3Settings moved, ResolveS3Settings(settings_.uri, there, environment_, profile_));
  log::Info("the bucket is in another region than the usual one",
            {{"bucket", settings_.uri.bucket}, {"region", region}});
  moved.region_given = false;
  settings_ = std::move(moved);
  return true;
}

}  // namespace aerie::objects
