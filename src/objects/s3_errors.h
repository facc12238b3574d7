// The one translation of what an S3 server answers into a Status. Pure; any thread.
#pragma once

#include <string>

#include "base/clock.h"
#include "objects/http_client.h"
#include "objects/s3_xml.h"

namespace aerie::objects {

// What was asked, for the message and for what an answer means.
struct S3Request {
  std::string operation;  // "write s3://bucket/key"
  std::string bucket;
  std::string region;  // that was signed for
  std::string access_key;
  bool writes = false;
  WallTime time;  // that was signed
};

// Of an answer whose status is not 2xx (or is 200 with an <Error> for a body). By the server's
// code, or the HTTP status where there is none:
//   kNotFound         NoSuchKey alone. No bucket, or a 404 of something that is not S3: kFailed
//   kExists           PreconditionFailed
//   kDenied           who asks may not: keys, signature, clock, expired token, policy
//   kThrottled        SlowDown and its kin; nothing was done
//   kTransient        asked at a bad time, or damaged on the way; nothing was done
//   kUnknownOutcome   5xx to a write; to a read: kTransient
//   kNoSpace          the disks or the quota are full
//   kInvalid          wrong region, name or argument, with what would be right
//   kUnsupported      NotImplemented
//   kRefused          the object is archived, or locked
// Without a body (an answer to HEAD has none) a 404 is kNotFound: whoever cares tells a bucket that
// is not there by asking with GET.
Status S3Failure(const S3Request& request, const HttpAnswer& answer);

// As S3Failure, for an error that stands for one key in the answer to a write of many.
Status S3FailureOf(const std::string& operation, const S3Error& error);

// Ok when the body of a 2xx answer to a write has the root element `name`: copies and completed
// uploads say 200 before they know how they end. Else the failure, kUnknownOutcome when it says
// nothing clear.
Status ExpectS3Outcome(const S3Request& request, const HttpAnswer& answer, const std::string& name);

// The region that the bucket is in, when the answer says that it was asked for in another; or
// empty.
std::string BucketRegion(const HttpAnswer& answer);

// Whether the answer says that the credentials have run out.
bool IsExpired(const HttpAnswer& answer);

}  // namespace aerie::objects
