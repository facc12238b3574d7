#include "objects/aws_profile.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

namespace aerie::objects {
namespace {

using Values = std::map<std::string, std::string>;

std::string Trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// Reads the section of that heading into `values`, over what is there; whether there was one.
// Indented lines belong to nested settings of other services and are passed over.
Result<bool> ReadSection(const std::string& path, const std::string& heading, Values& values) {
  std::error_code error;
  if (path.empty() || !std::filesystem::exists(path, error)) return false;
  std::ifstream in(path);
  if (!in) {
    return MakeStatus(Kind::kDenied, "read AWS configuration " + path + ": " +
                                         std::strerror(errno) +
                                         "; make the file readable for this user");
  }
  bool found = false;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    const std::string text = Trimmed(line);
    if (text.empty() || text.front() == '#' || text.front() == ';') continue;
    if (text.front() == '[') {
      inside = Trimmed(text.substr(1, text.find(']') - 1)) == heading;
      found = found || inside;
      continue;
    }
    const auto equals = text.find('=');
    const bool indented = line.front() == ' ' || line.front() == '\t';
    if (!inside || indented || equals == std::string::npos) continue;
    values[Trimmed(text.substr(0, equals))] = Trimmed(text.substr(equals + 1));
  }
  return found;
}

std::string FileOf(const Environment& environment, const char* variable, const char* usual) {
  if (const auto set = environment(variable)) return *set;
  const auto home = environment("HOME");
  return home ? *home + usual : "";
}

}  // namespace

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

Result<AwsProfile> AwsProfile::Load(const std::string& name, const Environment& environment) {
  AwsProfile profile;
  const std::string named = name.empty() ? environment("AWS_PROFILE").value_or("") : name;
  profile.name_ = named.empty() ? "default" : named;
  const std::string config = FileOf(environment, "AWS_CONFIG_FILE", "/.aws/config");
  const std::string credentials =
      FileOf(environment, "AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials");
  const std::string heading =
      profile.name_ == "default" ? profile.name_ : "profile " + profile.name_;
  AERIE_ASSIGN(const bool in_config, ReadSection(config, heading, profile.values_));
  AERIE_ASSIGN(const bool in_credentials, ReadSection(credentials, profile.name_, profile.values_));
  if (!named.empty() && named != "default" && !in_config && !in_credentials) {
    return InvalidError("read AWS profile " + named + ": it is neither in " + config + " nor in " +
                        credentials + "; check `profile` or AWS_PROFILE");
  }
  return profile;
}

std::string AwsProfile::Value(const std::string& key) const {
  const auto it = values_.find(key);
  return it == values_.end() ? "" : it->second;
}

}  // namespace aerie::objects
