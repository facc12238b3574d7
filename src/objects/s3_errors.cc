#include "objects/s3_errors.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace aerie::objects {
namespace {

struct Meaning {
  const char* code;
  Kind kind;
  const char* remedy;
};

constexpr char kCheckKeys[] = "check the access key, the secret key and the endpoint";
constexpr char kSlower[] = "it asked for fewer requests";

// Codes with a meaning of their own. What is not here is judged by the HTTP status.
constexpr std::array kMeanings = {
    Meaning{"NoSuchKey", Kind::kNotFound, ""},
    Meaning{"NoSuchBucket", Kind::kFailed, "make the bucket, or check its name and the endpoint"},
    Meaning{"InvalidBucketName", Kind::kInvalid, "check the bucket's name"},
    Meaning{"PreconditionFailed", Kind::kExists, ""},
    Meaning{"ConditionalRequestConflict", Kind::kTransient, ""},
    Meaning{"OperationAborted", Kind::kTransient, ""},
    Meaning{
        "AccessDenied", Kind::kDenied,
        "allow s3:ListBucket, GetObject, PutObject and DeleteObject for this key on the bucket"},
    Meaning{"AllAccessDisabled", Kind::kDenied, "see the account"},
    Meaning{"AccountProblem", Kind::kDenied, "see the account"},
    Meaning{"InvalidAccessKeyId", Kind::kDenied, kCheckKeys},
    Meaning{"SignatureDoesNotMatch", Kind::kDenied, kCheckKeys},
    Meaning{"ExpiredToken", Kind::kDenied, "get new temporary credentials"},
    Meaning{"InvalidToken", Kind::kDenied, "check the session token"},
    Meaning{"NotSignedUp", Kind::kDenied, "see the account"},
    Meaning{"KMS.DisabledException", Kind::kDenied, "enable the KMS key"},
    Meaning{"KMS.NotFoundException", Kind::kInvalid, "check sse_kms_key"},
    Meaning{"SlowDown", Kind::kThrottled, kSlower},
    Meaning{"SlowDownRead", Kind::kThrottled, kSlower},
    Meaning{"SlowDownWrite", Kind::kThrottled, kSlower},
    Meaning{"Throttling", Kind::kThrottled, kSlower},
    Meaning{"ThrottlingException", Kind::kThrottled, kSlower},
    Meaning{"RequestLimitExceeded", Kind::kThrottled, kSlower},
    Meaning{"TooManyRequests", Kind::kThrottled, kSlower},
    Meaning{"BandwidthLimitExceeded", Kind::kThrottled, kSlower},
    // What was stored is checked before it is: these were not.
    Meaning{"RequestTimeout", Kind::kTransient, ""},
    Meaning{"IncompleteBody", Kind::kTransient, ""},
    Meaning{"BadDigest", Kind::kTransient, "it was damaged on the way"},
    Meaning{"XAmzContentSHA256Mismatch", Kind::kTransient, "it was damaged on the way"},
    Meaning{"TemporaryRedirect", Kind::kTransient, "the bucket is still being set up"},
    Meaning{"XMinioServerNotInitialized", Kind::kTransient, ""},
    Meaning{"XMinioStorageFull", Kind::kNoSpace, "free some space or add disks"},
    Meaning{"XMinioAdminBucketQuotaExceeded", Kind::kNoSpace, "raise the bucket's quota"},
    Meaning{"InsufficientStorage", Kind::kNoSpace, "free some space"},
    Meaning{"QuotaExceeded", Kind::kNoSpace, "raise the quota"},
    Meaning{"EntityTooLarge", Kind::kTooLarge, ""},
    Meaning{"InvalidObjectState", Kind::kRefused, "it is archived: restore it first"},
    Meaning{"ObjectLocked", Kind::kRefused, "it is under retention or legal hold"},
    Meaning{"NotImplemented", Kind::kUnsupported, ""},
    Meaning{"MethodNotAllowed", Kind::kUnsupported, ""},
    Meaning{"InvalidArgument", Kind::kInvalid, "check the repository's settings"},
    Meaning{"InvalidStorageClass", Kind::kInvalid, "check storage_class"},
    Meaning{"InvalidRequest", Kind::kInvalid, "check the repository's settings"},
};

const Meaning* MeaningOf(const std::string& code) {
  const auto it = std::find_if(kMeanings.begin(), kMeanings.end(),
                               [&](const Meaning& meaning) { return code == meaning.code; });
  return it == kMeanings.end() ? nullptr : &*it;
}

Kind KindOfStatus(int status, bool writes) {
  if (status == 429) return Kind::kThrottled;
  if (status == 404) return Kind::kNotFound;
  if (status == 412) return Kind::kExists;
  if (status == 409 || status == 408) return Kind::kTransient;
  if (status == 401 || status == 403) return Kind::kDenied;
  if (status == 413) return Kind::kTooLarge;
  if (status == 501 || status == 405) return Kind::kUnsupported;
  if (status == 507) return Kind::kNoSpace;
  if (status >= 500) return writes ? Kind::kUnknownOutcome : Kind::kTransient;
  return Kind::kFailed;
}

// Printable, on one line, and short: what a peer says may be anything.
std::string Quoted(std::string_view text) {
  constexpr std::size_t kMost = 120;
  std::string out;
  for (const char c : text.substr(0, kMost)) out.push_back(c < ' ' || c > '~' ? ' ' : c);
  return out + (text.size() > kMost ? "..." : "");
}

std::string With(const std::string& text, const std::string& remedy) {
  return remedy.empty() ? text : text + "; " + remedy;
}

Status SkewedClock(const S3Request& request, const std::string& theirs) {
  return MakeStatus(
      Kind::kDenied,
      request.operation + ": this machine's clock says " + FormatUtc(request.time) +
          ", the server's " + (theirs.empty() ? "something else" : Quoted(theirs)) +
          ", which is too far apart for a signature; set the clock (is NTP running?)");
}

Status WrongRegion(const S3Request& request, const std::string& region, const S3Error& error) {
  std::string where;
  if (!region.empty()) {
    where = "is in region " + Quoted(region) + ", not " + request.region + "; set `region` to " +
            Quoted(region) + ", or AWS_REGION";
  } else if (!error.endpoint.empty()) {
    where = "is served by " + Quoted(error.endpoint) + "; set `endpoint` to that";
  } else {
    where = "is in another region than " + request.region + "; set `region`, or AWS_REGION";
  }
  return InvalidError(request.operation + ": the bucket " + request.bucket + " " + where);
}

bool IsWrongRegion(int status, const S3Error& error) {
  if (error.code == "AuthorizationHeaderMalformed") return !error.region.empty();
  return error.code == "PermanentRedirect" || error.code == "IllegalLocationConstraintException" ||
         (error.code.empty() && status == 301);
}

std::string Described(const S3Error& error) {
  std::string text = Quoted(error.code);
  if (!error.message.empty()) text += " (" + Quoted(error.message) + ")";
  if (!error.request_id.empty()) text += ", request " + Quoted(error.request_id);
  return text;
}

Status NotS3(const S3Request& request, const HttpAnswer& answer) {
  const std::string status = "HTTP " + std::to_string(answer.status);
  Kind kind = KindOfStatus(answer.status, request.writes);
  std::string text = request.operation + ": " + status;
  if (!answer.body.empty()) {
    // A 404 of a web server says nothing about an object.
    if (kind == Kind::kNotFound || kind == Kind::kExists) kind = Kind::kFailed;
    text += " with an answer that is not S3's: \"" + Quoted(AsText(answer.body)) + "\"";
    if (answer.status < 500) text = With(text, "is the endpoint an S3 service?");
  }
  return MakeStatus(kind, text);
}

// An <Error> in an answer of 200 was met after the server had begun to answer: a fault of its own.
Status Translated(const S3Request& request, int status, const S3Error& error) {
  if (status < 300) status = 500;
  const Meaning* meaning = MeaningOf(error.code);
  const Kind kind = meaning != nullptr ? meaning->kind : KindOfStatus(status, request.writes);
  std::string text = request.operation + ": " + Described(error);
  if (error.code == "InvalidAccessKeyId" || error.code == "SignatureDoesNotMatch") {
    text += ", access key " + request.access_key + ", region " + request.region;
  }
  return MakeStatus(kind, With(text, meaning == nullptr ? "" : meaning->remedy));
}

}  // namespace

Status S3FailureOf(const std::string& operation, const S3Error& error) {
  S3Request request;
  request.operation = operation;
  request.writes = true;
  return Translated(request, 500, error);
}

Status S3Failure(const S3Request& request, const HttpAnswer& answer) {
  const auto error = ParseS3Error(answer.body);
  if (IsWrongRegion(answer.status, error.value_or(S3Error{}))) {
    return WrongRegion(request, BucketRegion(answer), error.value_or(S3Error{}));
  }
  if (!error || error->code.empty()) return NotS3(request, answer);
  if (error->code == "RequestTimeTooSkewed" || error->code == "RequestExpired") {
    return SkewedClock(request,
                       error->server_time.empty() ? answer.Header("date") : error->server_time);
  }
  return Translated(request, answer.status, *error);
}

Status ExpectS3Outcome(const S3Request& request, const HttpAnswer& answer,
                       const std::string& name) {
  if (ExpectS3Result(answer.body, name).ok()) return Ok();
  const Status failure = S3Failure(request, answer);
  if (KindOf(failure) != Kind::kFailed) return failure;
  return UnknownOutcomeError(std::string(failure.message()) + "; whether it was done is not known");
}

std::string BucketRegion(const HttpAnswer& answer) {
  const S3Error error = ParseS3Error(answer.body).value_or(S3Error{});
  const std::string region = answer.Header("x-amz-bucket-region");
  if (!IsWrongRegion(answer.status, error)) return "";
  return region.empty() ? error.region : region;
}

bool IsExpired(const HttpAnswer& answer) {
  const auto error = ParseS3Error(answer.body);
  return error && (error->code == "ExpiredToken" || error->code == "TokenRefreshRequired");
}

}  // namespace aerie::objects
