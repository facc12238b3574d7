#include "repo/config_file.h"

#include <algorithm>
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
constexpr char kTreeNamesName[] = "tree-names";
constexpr char kRotatedName[] = "rotated";
// Of marks and of retired keys; nobody rotates so often or has so many.
constexpr std::size_t kMaxListed = 10'000;

Status Damaged(const std::string& what) {
  return CorruptError("read config: " + what +
                      "; copy this object back from another copy of the repository");
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "\"" : ",\"") + word + "\"";
  return text;
}

std::string CarriedText(const CarriedKey& key) { return ToHex(key.nonce) + ToHex(key.wrapped); }

std::string RotationText(const RotationRecord& rotation) {
  std::vector<std::string> marks;
  std::vector<std::string> retired;
  for (const auto& mark : rotation.marks) marks.push_back(ToHex(mark));
  for (const ObjectId& id : rotation.retired) retired.push_back(id.ToHex());
  return ",\"generation\":" + std::to_string(rotation.generation) + ",\"names\":\"" +
         CarriedText(rotation.names) + "\",\"former\":\"" +
         (rotation.former ? CarriedText(*rotation.former) : "") + "\",\"marks\":[" + Joined(marks) +
         "],\"retired\":[" + Joined(retired) + "]";
}

std::vector<std::string> Features(const Config& config) {
  std::vector<std::string> features;
  if (config.patches) features.emplace_back(kPatchesName);
  if (config.rotation) features.emplace_back(kRotatedName);
  if (config.tree_names) features.emplace_back(kTreeNamesName);
  return features;
}

std::string FirstLine(const Config& config) {
  return std::string("{\"aerie\":\"repository\",\"version\":1,\"id\":\"") + config.id.ToHex() +
         "\",\"encryption\":\"" + (config.suite == Suite::kNone ? kNoneName : kAesName) +
         "\",\"features\":[" + Joined(Features(config)) +
         "],\"created_ms\":" + std::to_string(config.created_ms) +
         (config.rotation ? RotationText(*config.rotation) : "") + "}\n";
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
  const bool known = std::ranges::all_of(*features, [](const nlohmann::json& feature) {
    return feature == kPatchesName || feature == kRotatedName || feature == kTreeNamesName;
  });
  if (!known) {
    return UnsupportedError(
        "read config: it uses a feature that this program does not know (" +
        features->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) +
        "); a newer aerie is needed");
  }
  return Ok();
}

// Any texts will do here: what is not in the one right form is found out by writing it again.
std::vector<std::string> Texts(const nlohmann::json& json, const char* name) {
  std::vector<std::string> texts;
  const auto list = json.find(name);
  if (list == json.end() || !list->is_array() || list->size() > kMaxListed) return texts;
  for (const nlohmann::json& item : *list) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

template <std::size_t kSize>
bool TakeHex(std::string_view hex, std::array<std::uint8_t, kSize>& out) {
  const Result<Bytes> bytes = FromHex(hex);
  if (!bytes.ok() || bytes->size() != kSize) return false;
  std::ranges::copy(*bytes, out.begin());
  return true;
}

std::optional<CarriedKey> ParseCarried(std::string_view hex) {
  CarriedKey key;
  const std::size_t split = 2 * key.nonce.size();
  if (hex.size() < split || !TakeHex(hex.substr(0, split), key.nonce) ||
      !TakeHex(hex.substr(split), key.wrapped)) {
    return std::nullopt;
  }
  return key;
}

Result<RotationRecord> ParseRotation(const nlohmann::json& json) {
  RotationRecord rotation;
  const auto generation = json.value("generation", nlohmann::json());
  const auto names = json.value("names", nlohmann::json());
  const auto former = json.value("former", nlohmann::json());
  if (!generation.is_number_unsigned() || !names.is_string() || !former.is_string()) {
    return Damaged("a member of the rotation is missing");
  }
  rotation.generation = generation.get<std::uint32_t>();
  const auto carried = ParseCarried(names.get_ref<const std::string&>());
  if (!carried) return Damaged("a carried key is wrong");
  rotation.names = *carried;
  if (former != "") {
    rotation.former = ParseCarried(former.get_ref<const std::string&>());
    if (!rotation.former) return Damaged("a carried key is wrong");
  }
  for (const std::string& hex : Texts(json, "marks")) {
    if (!TakeHex(hex, rotation.marks.emplace_back())) return Damaged("a mark is wrong");
  }
  for (const std::string& hex : Texts(json, "retired")) {
    const auto id = ObjectId::Parse(hex);
    if (!id) return Damaged("an id of a retired key is wrong");
    rotation.retired.push_back(*id);
  }
  return rotation;
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
  const nlohmann::json& features = json["features"];
  config.patches = std::ranges::count(features, kPatchesName) != 0;
  config.tree_names = std::ranges::count(features, kTreeNamesName) != 0;
  if (std::ranges::count(features, kRotatedName) != 0) {
    AERIE_ASSIGN(config.rotation, ParseRotation(json));
  }
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
