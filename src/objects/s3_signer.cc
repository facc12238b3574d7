#include "objects/s3_signer.h"

#include <algorithm>
#include <cctype>

#include "base/bytes.h"
#include "objects/digests.h"
#include "objects/s3_uri.h"

namespace aerie::objects {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr char kAlgorithm[] = "AWS4-HMAC-SHA256";

// "20130524T000000Z"
std::string BasicTime(WallTime time) {
  std::string text = FormatUtc(time).substr(0, 19);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text + "Z";
}

// Lower-case names in order; values without space at their ends, and one blank for several.
Pairs CanonicalHeaders(const Pairs& headers) {
  Pairs out;
  for (const auto& [name, value] : headers) {
    std::string lower = name;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    std::string squeezed;
    for (const char c : value) {
      if (c != ' ' || (!squeezed.empty() && squeezed.back() != ' ')) squeezed.push_back(c);
    }
    if (squeezed.ends_with(' ')) squeezed.pop_back();
    out.emplace_back(std::move(lower), std::move(squeezed));
  }
  std::sort(out.begin(), out.end());
  return out;
}

Bytes SigningKey(const Secret& secret, const std::string& day, const SignInput& input) {
  std::string start = "AWS4" + std::string(secret.Reveal());
  Bytes key = HmacSha256(AsBytes(start), AsBytes(day));
  std::fill(start.begin(), start.end(), '\0');
  for (const std::string& part : {input.region, input.service, std::string("aws4_request")}) {
    key = HmacSha256(key, AsBytes(part));
  }
  return key;
}

}  // namespace

std::string CanonicalQuery(const Pairs& query) {
  Pairs encoded;
  for (const auto& [name, value] : query) {
    encoded.emplace_back(PercentEncode(name), PercentEncode(value));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) {
    out += (out.empty() ? "" : "&") + name + "=" + value;
  }
  return out;
}

Pairs SignV4(const SignInput& input, const S3Credentials& credentials) {
  const std::string time = BasicTime(input.time);
  const std::string day = time.substr(0, 8);
  Pairs headers = input.headers;
  headers.emplace_back("x-amz-content-sha256", input.payload_sha256);
  headers.emplace_back("x-amz-date", time);
  if (!credentials.session_token.empty()) {
    headers.emplace_back("x-amz-security-token", std::string(credentials.session_token.Reveal()));
  }
  std::string lines;
  std::string names;
  for (const auto& [name, value] : CanonicalHeaders(headers)) {
    lines += name + ":" + value + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  const std::string request = input.method + "\n" + PercentEncodePath(input.path) + "\n" +
                              CanonicalQuery(input.query) + "\n" + lines + "\n" + names + "\n" +
                              input.payload_sha256;
  const std::string scope = day + "/" + input.region + "/" + input.service + "/aws4_request";
  const std::string to_sign =
      std::string(kAlgorithm) + "\n" + time + "\n" + scope + "\n" + ToHex(Sha256(AsBytes(request)));
  const Bytes key = SigningKey(credentials.secret_key, day, input);
  headers.emplace_back("authorization",
                       std::string(kAlgorithm) + " Credential=" + credentials.access_key + "/" +
                           scope + ",SignedHeaders=" + names +
                           ",Signature=" + ToHex(HmacSha256(key, AsBytes(to_sign))));
  return headers;
}

}  // namespace aerie::objects
