#include "objects/s3_settings.h"

#include <algorithm>
#include <initializer_list>

namespace aerie::objects {
namespace {

constexpr char kDefaultRegion[] = "us-east-1";

std::string FirstOf(std::initializer_list<std::string> texts) {
  for (const std::string& text : texts) {
    if (!text.empty()) return text;
  }
  return "";
}

struct Endpoint {
  std::string scheme;  // "https://"
  std::string host;    // with the port, unless it is the scheme's own
};

Result<Endpoint> ParseEndpoint(const std::string& text) {
  const auto bad = [&](const std::string& why) {
    return InvalidError("use S3 endpoint " + text.substr(text.rfind('@') + 1) + ": " + why);
  };
  Endpoint endpoint;
  for (const char* scheme : {"https://", "http://"}) {
    if (text.starts_with(scheme)) endpoint.scheme = scheme;
  }
  if (endpoint.scheme.empty()) return bad("write it as https://host or http://host:port");
  endpoint.host = text.substr(endpoint.scheme.size());
  if (endpoint.host.ends_with('/')) endpoint.host.pop_back();
  if (endpoint.host.empty() || endpoint.host.find_first_of("/?#@ ") != std::string::npos) {
    return bad("it must be a scheme, a host and perhaps a port, and nothing else");
  }
  const std::string usual = endpoint.scheme == "https://" ? ":443" : ":80";
  if (endpoint.host.ends_with(usual)) endpoint.host.resize(endpoint.host.size() - usual.size());
  return endpoint;
}

bool IsAwsHost(const std::string& host) {
  return host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
}

Endpoint AwsEndpoint(const std::string& region) {
  return {"https://", "s3." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "")};
}

Status CheckEncryption(const S3Options& options) {
  if (!options.sse.empty() && options.sse != "AES256" && options.sse != "aws:kms") {
    return InvalidError("use sse \"" + options.sse + "\": it is AES256 or aws:kms");
  }
  if (!options.sse_kms_key.empty() && options.sse != "aws:kms") {
    return InvalidError("use sse_kms_key: it needs `sse: aws:kms`");
  }
  return Ok();
}

Status CheckRetentionMode(const std::string& mode) {
  if (mode.empty() || mode == "COMPLIANCE" || mode == "GOVERNANCE") return Ok();
  return InvalidError("use retention_mode \"" + mode + "\": it is COMPLIANCE or GOVERNANCE");
}

Status CheckRegion(const std::string& region) {
  const bool good = std::all_of(region.begin(), region.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  return good ? Ok() : InvalidError("use S3 region \"" + region + "\": write it as eu-central-1");
}

}  // namespace

Result<S3Settings> ResolveS3Settings(const S3Uri& uri, const S3Options& options,
                                     const Environment& environment, const AwsProfile& profile) {
  const auto env = [&](const char* name) { return environment(name).value_or(""); };
  AERIE_TRY(CheckEncryption(options));
  AERIE_TRY(CheckRetentionMode(options.retention_mode));
  S3Settings out;
  out.uri = uri;
  out.region = FirstOf(
      {options.region, env("AWS_REGION"), env("AWS_DEFAULT_REGION"), profile.Value("region")});
  out.region_given = !out.region.empty();
  if (!out.region_given) out.region = kDefaultRegion;
  AERIE_TRY(CheckRegion(out.region));
  out.ca = FirstOf({options.ca, env("AWS_CA_BUNDLE"), profile.Value("ca_bundle")});
  out.storage_class = options.storage_class;
  out.sse = options.sse;
  out.sse_kms_key = options.sse_kms_key;
  out.max_send_rate = options.max_send_rate;
  out.max_receive_rate = options.max_receive_rate;
  out.retention_mode = FirstOf({options.retention_mode, "COMPLIANCE"});

  const std::string named = FirstOf({options.endpoint, env("AWS_ENDPOINT_URL_S3"),
                                     env("AWS_ENDPOINT_URL"), profile.Value("endpoint_url")});
  Endpoint endpoint = AwsEndpoint(out.region);
  if (!named.empty()) {
    AERIE_ASSIGN(endpoint, ParseEndpoint(named));
  }
  out.aws = IsAwsHost(endpoint.host);
  // The certificates of AWS cover one label before s3.REGION, so not a bucket with a dot.
  const bool dotted = uri.bucket.find('.') != std::string::npos;
  const bool path_style = options.path_style.value_or(!out.aws || dotted);
  out.host = path_style ? endpoint.host : uri.bucket + "." + endpoint.host;
  out.origin = endpoint.scheme + out.host;
  if (path_style) out.path_prefix = "/" + uri.bucket;
  return out;
}

}  // namespace aerie::objects
