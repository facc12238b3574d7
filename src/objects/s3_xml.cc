#include "objects/s3_xml.h"

#include <time.h>

#include <charconv>
#include <memory>

#include <expat.h>

#include "base/clock.h"
#include "objects/s3_uri.h"

namespace aerie::objects {
namespace {

constexpr std::size_t kMaxDepth = 16;

struct Node {
  std::string name;  // without its namespace
  std::string text;
  std::vector<std::unique_ptr<Node>> children;

  const Node* Child(const char* wanted) const {
    for (const auto& child : children) {
      if (child->name == wanted) return child.get();
    }
    return nullptr;
  }
  std::string Text(const char* wanted) const {
    const Node* child = Child(wanted);
    return child == nullptr ? "" : child->text;
  }
};

struct Parse {
  XML_Parser parser = nullptr;
  Node document;
  std::vector<Node*> open{&document};
};

void OnStart(void* user, const XML_Char* name, const XML_Char**) {
  auto& parse = *static_cast<Parse*>(user);
  if (parse.open.size() > kMaxDepth) {
    XML_StopParser(parse.parser, XML_FALSE);
    return;
  }
  const std::string full = name;
  auto& siblings = parse.open.back()->children;
  siblings.push_back(std::make_unique<Node>());
  siblings.back()->name = full.substr(full.rfind(':') + 1);
  parse.open.push_back(siblings.back().get());
}

void OnEnd(void* user, const XML_Char*) { static_cast<Parse*>(user)->open.pop_back(); }

void OnText(void* user, const XML_Char* text, int size) {
  static_cast<Parse*>(user)->open.back()->text.append(text, static_cast<std::size_t>(size));
}

// S3 has no document types: whoever sends one wants something of the parser.
void OnDoctype(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) {
  XML_StopParser(static_cast<Parse*>(user)->parser, XML_FALSE);
}

// The root element; none unless the document is whole and well-formed. Servers that need long to
// answer send blanks first, to keep the connection.
std::unique_ptr<Node> ParseDocument(ByteSpan body) {
  std::string_view text = AsText(body);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(
      XML_ParserCreate("UTF-8"), &XML_ParserFree);
  Parse parse{.parser = parser.get(), .document = {}};
  XML_SetUserData(parser.get(), &parse);
  XML_SetElementHandler(parser.get(), &OnStart, &OnEnd);
  XML_SetCharacterDataHandler(parser.get(), &OnText);
  XML_SetStartDoctypeDeclHandler(parser.get(), &OnDoctype);
  const auto status = XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), XML_TRUE);
  if (status != XML_STATUS_OK || parse.document.children.size() != 1) return nullptr;
  return std::move(parse.document.children.front());
}

Status NotWhole(const std::string& what) {
  return CorruptError("the answer is no whole " + what + " of S3");
}

Result<std::unique_ptr<Node>> ParseResult(ByteSpan body, const std::string& name) {
  auto root = ParseDocument(body);
  if (root == nullptr || root->name != name) return NotWhole(name);
  return root;
}

template <class T>
bool ParseNumber(const std::string& text, T& value) {
  const auto end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  return !text.empty() && error == std::errc() && at == end;
}

S3Error ErrorOf(const Node& node) {
  std::string id = node.Text("RequestId");
  if (id.empty()) id = node.Text("RequestID");
  return {.code = node.Text("Code"),
          .message = node.Text("Message"),
          .region = node.Text("Region"),
          .endpoint = node.Text("Endpoint"),
          .server_time = node.Text("ServerTime"),
          .request_id = id};
}

Result<S3Listed> ListedOf(const Node& node, bool encoded) {
  S3Listed listed;
  listed.key = node.Text("Key");
  if (encoded) {
    AERIE_ASSIGN(listed.key, PercentDecode(listed.key));
  }
  const auto modified = ParseS3Time(node.Text("LastModified"));
  if (listed.key.empty() || !modified || !ParseNumber(node.Text("Size"), listed.size)) {
    return NotWhole("ListBucketResult");
  }
  listed.modified_ms = *modified;
  return listed;
}

std::string Escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out.push_back(c);
    }
  }
  return out;
}

std::optional<std::int64_t> MillisOf(tm& parts, std::int64_t millis) {
  const time_t seconds = timegm(&parts);
  return std::int64_t{seconds} * 1000 + millis;
}

}  // namespace

std::optional<std::int64_t> ParseS3Time(const std::string& text) {
  tm parts{};
  if (const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts)) {
    std::string fraction = rest;
    if (!fraction.ends_with('Z')) return std::nullopt;
    fraction.pop_back();
    std::int64_t millis = 0;
    if (!fraction.empty()) {
      if (fraction.front() != '.') return std::nullopt;
      fraction = fraction.substr(1, 3);
      const std::size_t digits = fraction.size();
      if (!ParseNumber(fraction, millis)) return std::nullopt;
      for (std::size_t i = digits; i < 3; ++i) millis *= 10;
    }
    return MillisOf(parts, millis);
  }
  parts = {};
  const char* rest = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S", &parts);
  if (rest == nullptr || std::string(rest) != " GMT") return std::nullopt;
  return MillisOf(parts, 0);
}

std::optional<S3Error> ParseS3Error(ByteSpan body) {
  const auto root = ParseDocument(body);
  if (root == nullptr) return std::nullopt;
  if (root->name == "Error") return ErrorOf(*root);
  // STS wraps it.
  const Node* inner = root->name == "ErrorResponse" ? root->Child("Error") : nullptr;
  return inner == nullptr ? std::nullopt : std::optional(ErrorOf(*inner));
}

Result<S3Page> ParseS3Page(ByteSpan body) {
  AERIE_ASSIGN(const auto root, ParseResult(body, "ListBucketResult"));
  S3Page page;
  const bool encoded = root->Text("EncodingType") == "url";
  for (const auto& child : root->children) {
    if (child->name != "Contents") continue;
    AERIE_ASSIGN(page.objects.emplace_back(), ListedOf(*child, encoded));
  }
  if (const Node* count = root->Child("KeyCount")) {
    std::size_t announced = 0;
    if (!ParseNumber(count->text, announced) || announced != page.objects.size()) {
      return CorruptError("the listing announces " + count->text + " objects and has " +
                          std::to_string(page.objects.size()));
    }
  }
  const std::string truncated = root->Text("IsTruncated");
  page.next = root->Text("NextContinuationToken");
  if (truncated == "false") {
    page.next.clear();
  } else if (truncated != "true" || page.next.empty()) {
    return CorruptError("the listing does not say whether or how it goes on");
  }
  return page;
}

Result<std::vector<S3Removed>> ParseS3Removed(ByteSpan body) {
  AERIE_ASSIGN(const auto root, ParseResult(body, "DeleteResult"));
  std::vector<S3Removed> out;
  for (const auto& child : root->children) {
    if (child->name == "Deleted") {
      out.push_back({child->Text("Key"), std::nullopt});
    } else if (child->name == "Error") {
      out.push_back({child->Text("Key"), ErrorOf(*child)});
    }
  }
  return out;
}

Result<std::string> ParseS3UploadId(ByteSpan body) {
  constexpr char kResult[] = "InitiateMultipartUploadResult";
  AERIE_ASSIGN(const auto root, ParseResult(body, kResult));
  std::string id = root->Text("UploadId");
  if (id.empty()) return NotWhole(kResult);
  return id;
}

Result<StsCredentials> ParseStsCredentials(ByteSpan body) {
  constexpr char kResult[] = "AssumeRoleWithWebIdentityResponse";
  AERIE_ASSIGN(const auto root, ParseResult(body, kResult));
  const Node* node = root->Child("AssumeRoleWithWebIdentityResult");
  if (node != nullptr) node = node->Child("Credentials");
  if (node == nullptr) return NotWhole(kResult);
  const auto expires = ParseS3Time(node->Text("Expiration"));
  StsCredentials out{.access_key = node->Text("AccessKeyId"),
                     .secret_key = Secret(node->Text("SecretAccessKey")),
                     .session_token = Secret(node->Text("SessionToken")),
                     .expires_ms = expires.value_or(0)};
  if (out.access_key.empty() || out.secret_key.empty() || !expires) return NotWhole(kResult);
  return out;
}

Status ExpectS3Result(ByteSpan body, const std::string& name) {
  return ParseResult(body, name).status();
}

Result<bool> ParseS3ObjectLock(ByteSpan body) {
  AERIE_ASSIGN(const auto root, ParseResult(body, "ObjectLockConfiguration"));
  return root->Text("ObjectLockEnabled") == "Enabled";
}

std::string WriteS3Retention(const std::string& mode, std::int64_t until_ms) {
  const std::string until = FormatUtc(FromUnixMillis((until_ms + 999) / 1000 * 1000));
  return "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>" + Escape(mode) +
         "</Mode><RetainUntilDate>" + until.substr(0, 19) + "Z</RetainUntilDate></Retention>";
}

std::string WriteS3Delete(const std::vector<std::string>& keys) {
  std::string out = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (const std::string& key : keys) {
    out += "<Object><Key>" + Escape(key) + "</Key></Object>";
  }
  return out + "</Delete>";
}

std::string WriteS3Complete(const std::vector<std::string>& etags) {
  std::string out = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (std::size_t i = 0; i < etags.size(); ++i) {
    out += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" + Escape(etags[i]) +
           "</ETag></Part>";
  }
  return out + "</CompleteMultipartUpload>";
}

}  // namespace aerie::objects
