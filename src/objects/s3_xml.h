// The few XML documents of S3: answers read with expat, requests written by hand.
//
// What a peer sends is input: too deep, too long, cut off, with a document type or without the
// elements that must be there, it is kCorrupt. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/secret.h"
#include "base/status.h"

namespace aerie::objects {

// An <Error> document, or none of its parts.
struct S3Error {
  std::string code;
  std::string message;
  std::string region;       // where the bucket is, with some codes
  std::string endpoint;     // where to ask instead, with some codes
  std::string server_time;  // with RequestTimeTooSkewed
  std::string request_id;
};

struct S3Listed {
  std::string key;
  std::uint64_t size = 0;
  std::int64_t modified_ms = 0;
};

struct S3Page {
  std::vector<S3Listed> objects;
  std::string next;  // the token of the next page; empty: this was the last
};

struct S3Removed {
  std::string key;
  std::optional<S3Error> error;
};

struct StsCredentials {
  std::string access_key;
  Secret secret_key;
  Secret session_token;
  std::int64_t expires_ms = 0;  // Unix milliseconds
};

// None when the body is no <Error> document.
std::optional<S3Error> ParseS3Error(ByteSpan body);
// ListObjectsV2 with encoding-type=url. kCorrupt unless it says whether there is more and how to
// ask for it, and holds as many entries as it announces.
Result<S3Page> ParseS3Page(ByteSpan body);
// The result of DeleteObjects.
Result<std::vector<S3Removed>> ParseS3Removed(ByteSpan body);
// The upload's id, of CreateMultipartUpload.
Result<std::string> ParseS3UploadId(ByteSpan body);
// The answer to AssumeRoleWithWebIdentity of AWS STS.
Result<StsCredentials> ParseStsCredentials(ByteSpan body);
// kCorrupt unless the body's root element is `name`: copies and completed uploads may answer 200
// and an <Error>, which ParseS3Error reads.
Status ExpectS3Result(ByteSpan body, const std::string& name);

// Whether an answer to GetObjectLockConfiguration says that the bucket has object lock.
Result<bool> ParseS3ObjectLock(ByteSpan body);

// `mode` is COMPLIANCE or GOVERNANCE; the time is rounded up to whole seconds.
std::string WriteS3Retention(const std::string& mode, std::int64_t until_ms);
std::string WriteS3Delete(const std::vector<std::string>& keys);
// `etags` of the parts 1, 2, ...
std::string WriteS3Complete(const std::vector<std::string>& etags);

// "2009-10-12T17:50:30.000Z" of listings and "Mon, 12 Oct 2009 17:50:30 GMT" of headers, in Unix
// milliseconds; none for anything else.
std::optional<std::int64_t> ParseS3Time(const std::string& text);

}  // namespace aerie::objects
