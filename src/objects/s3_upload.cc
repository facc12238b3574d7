#include "objects/s3_upload.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "objects/s3_xml.h"

namespace aerie::objects {
namespace {

constexpr std::chrono::seconds kAbortLimit{30};

Status ExpectETag(const HttpAnswer& answer, const std::string& operation) {
  if (!answer.Header("etag").empty()) return Ok();
  return UnknownOutcomeError(operation +
                             ": the answer has no ETag, so that it is not known to be stored; is "
                             "the endpoint an S3 service?");
}

// For steps of which no object comes, so that they may be done twice.
Status WithoutDoubt(const Status& status) {
  if (KindOf(status) != Kind::kUnknownOutcome) return status;
  return MakeStatus(Kind::kTransient, std::string(status.message()));
}

void AddCondition(const S3NewObject& object, S3Call& call) {
  if (object.if_absent) call.headers.emplace_back("if-none-match", "*");
}

Result<std::string> BeginUpload(const Context& context, S3Client& client,
                                const S3NewObject& object) {
  const auto answer = client.Send(context, {.method = "POST",
                                            .key = object.path,
                                            .query = {{"uploads", ""}},
                                            .headers = NewObjectHeaders(client.settings()),
                                            .operation = object.operation,
                                            .expects = "InitiateMultipartUploadResult"});
  AERIE_TRY(WithoutDoubt(answer.status()));
  auto upload = ParseS3UploadId(answer->body);
  if (upload.ok()) return upload;
  return MakeStatus(Kind::kTransient,
                    object.operation + ": " + std::string(upload.status().message()));
}

Result<std::string> UploadPart(const Context& context, S3Client& client, const S3Call& part) {
  const auto answer = client.Send(context, part);
  Status status = answer.status();
  if (status.ok()) status = ExpectETag(*answer, part.operation);
  if (!status.ok()) AERIE_TRY(context.Check(part.operation));
  AERIE_TRY(WithoutDoubt(status));
  return answer->Header("etag");
}

Result<std::vector<std::string>> UploadParts(const Context& context, S3Client& client,
                                             const S3NewObject& object, const std::string& upload,
                                             std::uint64_t part_bytes) {
  std::vector<std::string> etags;
  for (std::size_t at = 0; at < object.bytes.size(); at += part_bytes) {
    const std::size_t size = std::min<std::size_t>(part_bytes, object.bytes.size() - at);
    const std::string number = std::to_string(etags.size() + 1);
    AERIE_ASSIGN(etags.emplace_back(),
                 UploadPart(context, client,
                            {.method = "PUT",
                             .key = object.path,
                             .query = {{"partNumber", number}, {"uploadId", upload}},
                             .body = object.bytes.subspan(at, size),
                             .operation = object.operation + ": part " + number}));
  }
  return etags;
}

Status CompleteUpload(const Context& context, S3Client& client, const S3NewObject& object,
                      const std::string& upload, const std::vector<std::string>& etags) {
  const std::string body = WriteS3Complete(etags);
  S3Call call{.method = "POST",
              .key = object.path,
              .query = {{"uploadId", upload}},
              .body = AsBytes(body),
              .operation = object.operation,
              .expects = "CompleteMultipartUploadResult"};
  AddCondition(object, call);
  return client.Send(context, call).status();
}

// After an unknown outcome it does no harm: an upload that was completed is gone.
void AbortUpload(const Context& context, S3Client& client, const S3NewObject& object,
                 const std::string& upload) {
  const Context own = Context(context.clock()).WithTimeout(kAbortLimit);
  const auto answer = client.Send(own, {.method = "DELETE",
                                        .key = object.path,
                                        .query = {{"uploadId", upload}},
                                        .operation = object.operation + ": abort",
                                        .accept = {404}});
  if (answer.ok()) return;
  log::Warn(
      "an upload that failed could not be aborted; its parts take up space until the bucket's "
      "rule for incomplete uploads removes them",
      {{"object", object.path}, {"error", std::string(answer.status().message())}});
}

}  // namespace

std::vector<std::pair<std::string, std::string>> NewObjectHeaders(const S3Settings& settings) {
  std::vector<std::pair<std::string, std::string>> headers;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) headers.emplace_back(name, value);
  };
  add("x-amz-storage-class", settings.storage_class);
  add("x-amz-server-side-encryption", settings.sse);
  add("x-amz-server-side-encryption-aws-kms-key-id", settings.sse_kms_key);
  return headers;
}

Status UploadWhole(const Context& context, S3Client& client, const S3NewObject& object) {
  S3Call call{.method = "PUT",
              .key = object.path,
              .headers = NewObjectHeaders(client.settings()),
              .body = object.bytes,
              .operation = object.operation};
  AddCondition(object, call);
  AERIE_ASSIGN(const HttpAnswer answer, client.Send(context, call));
  return ExpectETag(answer, object.operation);
}

Status UploadInParts(const Context& context, S3Client& client, const S3NewObject& object,
                     std::uint64_t part_bytes) {
  AERIE_ASSIGN(const std::string upload, BeginUpload(context, client, object));
  const auto etags = UploadParts(context, client, object, upload, part_bytes);
  const Status status =
      etags.ok() ? CompleteUpload(context, client, object, upload, *etags) : etags.status();
  if (!status.ok()) AbortUpload(context, client, object, upload);
  return status;
}

}  // namespace aerie::objects
