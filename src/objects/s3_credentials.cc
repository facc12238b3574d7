#include "objects/s3_credentials.h"

#include <chrono>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/secret_source.h"
#include "objects/s3_uri.h"
#include "objects/s3_xml.h"

namespace aerie::objects {
namespace {

constexpr std::chrono::minutes kRenewBefore{5};
constexpr std::chrono::seconds kLocalLimit{5};
constexpr char kInstanceMetadata[] = "http://169.254.169.254";
constexpr char kContainerHost[] = "http://169.254.170.2";
constexpr char kRolePath[] = "/latest/meta-data/iam/security-credentials/";

// The machine's own services answer at once or are not there.
HttpOptions Local() {
  HttpOptions options;
  options.connect_timeout = std::chrono::seconds(1);
  options.stall_timeout = std::chrono::seconds(2);
  return options;
}

Status HalfAPair(const std::string& have, const std::string& missing) {
  return InvalidError("find S3 credentials: there is " + have + " and no " + missing +
                      "; give both or neither");
}

std::string Text(const nlohmann::json& json, const char* key) {
  return json.is_object() && json.contains(key) && json[key].is_string()
             ? json[key].get<std::string>()
             : "";
}

// Asking for credentials twice does no harm, so no outcome is in doubt.
Result<HttpAnswer> Ask(HttpClient& client, const Context& context, const HttpRequest& request) {
  auto answer = client.Send(context, request);
  if (KindOf(answer.status()) == Kind::kUnknownOutcome) {
    return MakeStatus(Kind::kTransient, std::string(answer.status().message()));
  }
  return answer;
}

Status Refused(const std::string& operation, const HttpAnswer& answer) {
  const auto error = ParseS3Error(answer.body);
  std::string text = operation + ": HTTP " + std::to_string(answer.status);
  if (error) text += " " + error->code + " (" + error->message + ")";
  return MakeStatus(answer.status >= 500 ? Kind::kTransient : Kind::kDenied, text);
}

}  // namespace

S3CredentialChain::S3CredentialChain(S3Options options, Environment environment, AwsProfile profile,
                                     std::string region, HttpOptions http)
    : options_(std::move(options)),
      environment_(std::move(environment)),
      region_(std::move(region)),
      sts_(std::move(http)),
      local_(Local()),
      profile_(std::move(profile)) {}

Result<S3Credentials> S3CredentialChain::Get(const Context& context) {
  std::lock_guard lock(mutex_);
  const WallTime now = context.clock().Now();
  if (cached_ && (!cached_->expires || now + kRenewBefore < *cached_->expires)) {
    return cached_->credentials;
  }
  auto fetched = Fetch(context);
  if (fetched.ok()) {
    cached_ = *std::move(fetched);
    return cached_->credentials;
  }
  if (!cached_ || now >= *cached_->expires) return fetched.status();
  log::Warn("S3 credentials could not be renewed; the old ones last a little longer",
            {{"expires", FormatUtc(*cached_->expires)},
             {"error", std::string(fetched.status().message())}});
  return cached_->credentials;
}

Result<bool> S3CredentialChain::Renew(const Context& context, const S3Credentials& used) {
  const auto same = [&](const S3Credentials& other) {
    return other.access_key == used.access_key && other.session_token == used.session_token;
  };
  std::lock_guard lock(mutex_);
  if (cached_ && !same(cached_->credentials)) return true;  // another thread was faster
  AERIE_ASSIGN(profile_, AwsProfile::Load(options_.profile, environment_));
  AERIE_ASSIGN(cached_, Fetch(context));
  return !same(cached_->credentials);
}

Result<S3CredentialChain::Fetched> S3CredentialChain::Fetch(const Context& context) {
  Maybe found;
  AERIE_ASSIGN(found, FromOptions());
  if (!found && options_.profile.empty()) {
    AERIE_ASSIGN(found, FromEnvironment());
    if (!found) {
      AERIE_ASSIGN(found, FromWebIdentity(context, Env("AWS_WEB_IDENTITY_TOKEN_FILE"),
                                          Env("AWS_ROLE_ARN"), Env("AWS_ROLE_SESSION_NAME")));
    }
  }
  if (!found) {
    AERIE_ASSIGN(found, FromProfileKeys());
  }
  if (!found) {
    AERIE_ASSIGN(found,
                 FromWebIdentity(context, profile_.Value("web_identity_token_file"),
                                 profile_.Value("role_arn"), profile_.Value("role_session_name")));
  }
  if (!found) {
    AERIE_ASSIGN(found, FromContainer(context));
  }
  if (!found && Env("AWS_EC2_METADATA_DISABLED") != "true") {
    AERIE_ASSIGN(found, FromInstance(context));
  }
  if (found) return *std::move(found);
  return MakeStatus(
      Kind::kDenied,
      "find S3 credentials: there are none in the configuration, the environment, the "
      "AWS profile " +
          profile_.name() +
          ", the container or the instance; set AWS_ACCESS_KEY_ID and "
          "AWS_SECRET_ACCESS_KEY, or access_key and secret_key of the repository");
}

Result<S3CredentialChain::Maybe> S3CredentialChain::FromOptions() const {
  if (options_.access_key.empty() && options_.secret_key.empty()) return Maybe();
  if (options_.secret_key.empty()) return HalfAPair("access_key", "secret_key");
  if (options_.access_key.empty()) return HalfAPair("secret_key", "access_key");
  return Maybe({{options_.access_key, options_.secret_key, options_.session_token}, std::nullopt});
}

Result<S3CredentialChain::Maybe> S3CredentialChain::FromEnvironment() const {
  const std::string key = Env("AWS_ACCESS_KEY_ID");
  const Secret secret(Env("AWS_SECRET_ACCESS_KEY"));
  if (key.empty() && secret.empty()) return Maybe();
  if (secret.empty()) return HalfAPair("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
  if (key.empty()) return HalfAPair("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID");
  return Maybe({{key, secret, Secret(Env("AWS_SESSION_TOKEN"))}, std::nullopt});
}

Result<S3CredentialChain::Maybe> S3CredentialChain::FromProfileKeys() const {
  const std::string key = profile_.Value("aws_access_key_id");
  const Secret secret(profile_.Value("aws_secret_access_key"));
  if (!key.empty() && !secret.empty()) {
    return Maybe({{key, secret, Secret(profile_.Value("aws_session_token"))}, std::nullopt});
  }
  if (!key.empty()) return HalfAPair("aws_access_key_id", "aws_secret_access_key");
  for (const char* other : {"source_profile", "credential_source", "credential_process",
                            "sso_session", "sso_start_url"}) {
    if (profile_.Value(other).empty()) continue;
    return UnsupportedError("find S3 credentials: the AWS profile " + profile_.name() + " has " +
                            other +
                            ", which Aerie does not follow; export the credentials instead (aws "
                            "configure export-credentials --format env)");
  }
  return Maybe();
}

Result<S3CredentialChain::Maybe> S3CredentialChain::FromWebIdentity(const Context& context,
                                                                    const std::string& token_file,
                                                                    const std::string& role,
                                                                    const std::string& session) {
  if (token_file.empty() && role.empty()) return Maybe();
  if (token_file.empty()) return HalfAPair("a role ARN", "web identity token file");
  if (role.empty()) return HalfAPair("a web identity token file", "role ARN");
  AERIE_ASSIGN(const Secret token, SecretFromFile(token_file));
  const std::string form = CanonicalQuery({{"Action", "AssumeRoleWithWebIdentity"},
                                           {"Version", "2011-06-15"},
                                           {"RoleArn", role},
                                           {"RoleSessionName", session.empty() ? "aerie" : session},
                                           {"WebIdentityToken", std::string(token.Reveal())}});
  const std::string usual =
      "https://sts." + region_ + ".amazonaws.com" + (region_.starts_with("cn-") ? ".cn" : "");
  const std::string endpoint = environment_("AWS_ENDPOINT_URL_STS").value_or(usual);
  const HttpRequest request{.method = "POST",
                            .url = endpoint + "/",
                            .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                            .body = AsBytes(form),
                            .operation = "exchange the web identity for " + role};
  AERIE_ASSIGN(const HttpAnswer answer, Ask(sts_, context, request));
  if (answer.status != 200) return Refused(request.operation, answer);
  auto got = ParseStsCredentials(answer.body);
  if (!got.ok()) return Annotate(got.status(), request.operation);
  return Maybe(
      {{got->access_key, got->secret_key, got->session_token}, FromUnixMillis(got->expires_ms)});
}

Result<S3CredentialChain::Maybe> S3CredentialChain::FromContainer(const Context& context) {
  std::string url = Env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (const std::string path = Env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); !path.empty()) {
    url = kContainerHost + path;
  }
  if (url.empty()) return Maybe();
  Secret token(Env("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
  if (const auto file = environment_("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
    AERIE_ASSIGN(token, SecretFromFile(*file));
  }
  HttpRequest request{.method = "GET",
                      .url = url,
                      .headers = {},
                      .body = {},
                      .operation = "get the container's credentials from " + url,
                      .direct = true};
  if (!token.empty()) request.headers.emplace_back("Authorization", std::string(token.Reveal()));
  AERIE_ASSIGN(const HttpAnswer answer, Ask(local_, context.WithTimeout(kLocalLimit), request));
  if (answer.status != 200) return Refused(request.operation, answer);
  return FromJson(answer, request.operation);
}

Result<S3CredentialChain::Maybe> S3CredentialChain::FromInstance(const Context& context) {
  const std::string origin =
      environment_("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or(kInstanceMetadata);
  HttpRequest request{.method = "PUT",
                      .url = origin + "/latest/api/token",
                      .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "300"}},
                      .body = {},
                      .operation = "get the instance's credentials",
                      .direct = true};
  const Context limited = context.WithTimeout(kLocalLimit);
  const auto token = Ask(local_, limited, request);
  AERIE_TRY(context.Check(request.operation));
  if (!token.ok() || token->status != 200) return Maybe();  // no instance of EC2
  request.method = "GET";
  request.headers = {{"X-aws-ec2-metadata-token", std::string(AsText(token->body))}};
  request.url = origin + kRolePath;
  AERIE_ASSIGN(const HttpAnswer role, Ask(local_, limited, request));
  if (role.status == 404) return Maybe();  // an instance without a role
  if (role.status != 200) return Refused(request.operation, role);
  const std::string name(AsText(role.body));
  request.url += PercentEncode(name.substr(0, name.find('\n')));
  AERIE_ASSIGN(const HttpAnswer answer, Ask(local_, limited, request));
  if (answer.status != 200) return Refused(request.operation, answer);
  return FromJson(answer, request.operation);
}

Result<S3CredentialChain::Maybe> S3CredentialChain::FromJson(const HttpAnswer& answer,
                                                             const std::string& operation) const {
  const auto json = nlohmann::json::parse(AsText(answer.body), nullptr, false);
  const auto expires = ParseS3Time(Text(json, "Expiration"));
  const std::string key = Text(json, "AccessKeyId");
  const Secret secret(Text(json, "SecretAccessKey"));
  if (key.empty() || secret.empty() || !expires) {
    return MakeStatus(Kind::kTransient, operation + ": the answer has no credentials");
  }
  return Maybe({{key, secret, Secret(Text(json, "Token"))}, FromUnixMillis(*expires)});
}

}  // namespace aerie::objects
