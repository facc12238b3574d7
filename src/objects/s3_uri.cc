#include "objects/s3_uri.h"

#include <algorithm>

#include "base/bytes.h"
#include "objects/object_store.h"

namespace aerie::objects {
namespace {

constexpr char kScheme[] = "s3://";
constexpr std::size_t kMaxPrefixBytes = 384;

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsBucketName(const std::string& name) {
  return name.size() >= 3 && name.size() <= 63 && IsLowerOrDigit(name.front()) &&
         IsLowerOrDigit(name.back()) && name.find("..") == std::string::npos &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return IsLowerOrDigit(c) || c == '.' || c == '-'; });
}

bool IsUnreserved(char c) {
  return IsLowerOrDigit(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' ||
         c == '~';
}

std::string Encode(const std::string& text, bool keep_slashes) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (IsUnreserved(c) || (keep_slashes && c == '/')) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

}  // namespace

Result<S3Uri> ParseS3Uri(const std::string& text) {
  const auto bad = [&](const std::string& why) {
    return InvalidError("open store " + text + ": " + why);
  };
  const std::size_t begin = sizeof(kScheme) - 1;
  if (text.size() < begin ||
      !std::equal(kScheme, kScheme + begin, text.begin(), [](char a, char b) {
        return a == b || (b >= 'A' && b <= 'Z' && a == b - 'A' + 'a');
      })) {
    return bad("write it as s3://BUCKET or s3://BUCKET/PREFIX");
  }
  const std::size_t slash = std::min(text.find('/', begin), text.size());
  S3Uri uri{text.substr(begin, slash - begin), text.substr(std::min(slash + 1, text.size()))};
  if (uri.bucket.find_first_of("@:") != std::string::npos) {
    return InvalidError(
        "open store s3://...: no credentials and no address stand in the URL; set `endpoint`, "
        "`access_key` and `secret_key` of the repository, or AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID "
        "and AWS_SECRET_ACCESS_KEY");
  }
  if (!IsBucketName(uri.bucket)) {
    return bad(
        "\"" + uri.bucket +
        "\" is no name of a bucket: 3 to 63 of a-z, 0-9, '.' and '-', with a letter or digit "
        "at both ends");
  }
  while (uri.prefix.ends_with('/')) uri.prefix.pop_back();
  if (uri.prefix.empty()) return uri;
  if (uri.prefix.size() > kMaxPrefixBytes) {
    return bad("the prefix is longer than " + std::to_string(kMaxPrefixBytes) + " bytes");
  }
  if (const Status status = CheckKey({uri.prefix}); !status.ok()) {
    return bad("the prefix cannot begin a key: " + std::string(status.message()));
  }
  return uri;
}

std::string PercentEncode(const std::string& text) { return Encode(text, false); }

std::string PercentEncodePath(const std::string& text) { return Encode(text, true); }

Result<std::string> PercentDecode(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const auto byte = FromHex(text.substr(i + 1, 2));
    if (!byte.ok() || byte->size() != 1) {
      return InvalidError("decode \"" + text + "\": a % that two hexadecimal digits do not follow");
    }
    out.push_back(static_cast<char>(byte->front()));
    i += 2;
  }
  return out;
}

}  // namespace aerie::objects
