#include "repo/config_file.h"

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>
#include <sodium.h>

namespace aerie::repo {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::size_t kCodeDigits = 64;
constexpr char kAesName[] = "aes-256-gcm";
constexpr char kNoneName[] = "none";
constexpr char kPatchesName[] = "patches";

Status Damaged(const std::string& what) {
  return CorruptError("read config: " + what +
                      "; copy this object back from another copy of the repository");
}

std::string FirstLine(const Config& config) {
  return std::string("{\"aerie\":\"repository\",\"version\":1,\"id\":\"") + config.id.ToHex() +
         "\",\"encryption\":\"" + (config.suite == Suite::kNone ? kNoneName : kAesName) +
         "\",\"features\":[" + (config.patches ? "\"" + std::string(kPatchesName) + "\"" : "") +
         "],\"created_ms\":" + std::to_string(config.created_ms) + "}\n";
}

Status CheckVersion(const nlohmann::json& json) {
  const auto version = json.find("version");
  if (version == json.end() || !version->is_number_integer()) return Damaged("it has no version");
  if (version->get<std::int64_t>() > kVersion) {
    return UnsupportedError("read config: its format is version " + version->dump() +
                            ", this program knows up to 1; a newer aerie is needed");
  }
  if (version->get<std::int64_t>() != kVersion) return Damaged("it has no known version");
  const auto features = json.find("features");
  if (features == json.end() || !features->is_array()) return Damaged("it has no features");
  if (!features->empty() && *features != nlohmann::json::array({kPatchesName})) {
    return UnsupportedError(
        "read config: it uses a feature that this program does not know (" +
        features->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) +
        "); a newer aerie is needed");
  }
  return Ok();
}

}  // namespace

Bytes EncodeConfig(const Config& config, const SecretKey& config_key) {
  const std::string line = FirstLine(config);
  const std::string text = line + ToHex(KeyedHash(config_key, AsBytes(line))) + "\n";
  return Bytes(text.begin(), text.end());
}

Result<Config> ParseConfig(ByteSpan bytes) {
  const std::string_view text = AsText(bytes);
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return Damaged("it ends too soon");
  const std::string_view line = text.substr(0, end + 1);
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object() || json.value("aerie", nlohmann::json()) != "repository") {
    return Damaged("this is not a repository's config");
  }
  AERIE_TRY(CheckVersion(json));

  Config config;
  const auto id = json.value("id", nlohmann::json());
  const auto encryption = json.value("encryption", nlohmann::json());
  const auto created = json.value("created_ms", nlohmann::json());
  if (!id.is_string() || !encryption.is_string() || !created.is_number_integer()) {
    return Damaged("a member is missing");
  }
  const auto parsed = ObjectId::Parse(id.get_ref<const std::string&>());
  if (!parsed) return Damaged("the id is wrong");
  config.id = *parsed;
  config.created_ms = created.get<std::int64_t>();
  config.patches = !json["features"].empty();
  if (encryption == kNoneName) {
    config.suite = Suite::kNone;
  } else if (encryption != kAesName) {
    return UnsupportedError(
        "read config: it is encrypted in a way that this program does not know (" +
        encryption.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) +
        "); a newer aerie is needed");
  }
  if (line != FirstLine(config)) return Damaged("the first line is not in the form it should be");
  const std::string_view code = text.substr(end + 1);
  if (code.size() != kCodeDigits + 1 || code.back() != '\n' ||
      code.find_first_not_of("0123456789abcdef") != kCodeDigits) {
    return Damaged("the code in the second line has not the form it should have");
  }
  return config;
}

bool ConfigCodeFits(ByteSpan bytes, const SecretKey& config_key) {
  const std::string_view text = AsText(bytes);
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  const std::string code = ToHex(KeyedHash(config_key, bytes.first(end + 1))) + "\n";
  const std::string_view stored = text.substr(end + 1);
  return stored.size() == code.size() &&
         sodium_memcmp(stored.data(), code.data(), code.size()) == 0;
}

}  // namespace aerie::repo
