#include "app/kinds/spec_reader.h"

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <utility>

#include "base/duration.h"
#include "milvus/uri.h"

namespace aerie::app {
namespace {

template <class T>
std::string NearestOf(const std::string& name, const std::map<std::string, T>& all) {
  std::vector<std::string> names;
  for (const auto& [key, value] : all) names.push_back(key);
  const std::string near = NearestName(name, names);
  return near.empty() ? "" : "; did you mean '" + near + "'?";
}

}  // namespace

SpecReader::SpecReader(const Config& config, std::string what, const std::string& spec)
    : config_(config),
      what_(std::move(what)),
      json_(spec.empty() ? Json::object() : Json::parse(spec, nullptr, false)) {
  if (json_.is_object()) return;
  status_ = InvalidError(what_ + ": the spec is no JSON object; see docs/jobs.md");
  json_ = Json::object();
}

const Json* SpecReader::Take(const char* key) {
  known_.emplace_back(key);
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() || !status_.ok() ? nullptr : &*found;
}

std::string SpecReader::Bounds(double least, double most) {
  char text[96];
  if (most >= 9e15) {
    std::snprintf(text, sizeof text, "a number, at least %.15g", least);
  } else {
    std::snprintf(text, sizeof text, "a number between %.15g and %.15g", least, most);
  }
  return text;
}

void SpecReader::Text(const char* key, std::string& into) {
  const Json* value = Take(key);
  if (value == nullptr) return;
  if (!value->is_string()) return Fail(key, "must be a text");
  into = value->get<std::string>();
}

void SpecReader::Texts(const char* key, std::vector<std::string>& into) {
  const Json* value = Take(key);
  if (value == nullptr) return;
  const bool list =
      value->is_array() &&
      std::all_of(value->begin(), value->end(), [](const Json& one) { return one.is_string(); });
  if (list) {
    into = value->get<std::vector<std::string>>();
    return;
  }
  if (!value->is_string()) return Fail(key, "must be a list of texts");
  std::istringstream words(value->get<std::string>());
  for (std::string word; std::getline(words, word, ',');) {
    if (!word.empty()) into.push_back(word);
  }
}

void SpecReader::Flag(const char* key, bool& into) {
  const Json* value = Take(key);
  if (value == nullptr) return;
  if (*value == true || *value == "true") {
    into = true;
  } else if (*value == false || *value == "false") {
    into = false;
  } else {
    Fail(key, "must be true or false");
  }
}

void SpecReader::Time(const char* key, std::string& into) {
  std::string text;
  Text(key, text);
  if (text.empty() || !status_.ok()) return;
  const auto time = ParseDuration(text, what_ + ": '" + key + "'");
  if (!time.ok()) return Adopt(time.status());
  into = text;
}

void SpecReader::Choice(const char* key, std::initializer_list<const char*> words,
                        std::string& into) {
  std::string word = into;
  Text(key, word);
  std::string all;
  for (const char* one : words) {
    if (word == one) {
      into = word;
      return;
    }
    all += std::string(all.empty() ? "" : ", ") + one;
  }
  Fail(key, "must be one of " + all);
}

void SpecReader::Pairs(const char* key, std::vector<std::string>& into) {
  const Json* value = Take(key);
  if (value == nullptr) return;
  if (!value->is_object()) return Fail(key, "must be an object such as {\"old\": \"new\"}");
  for (const auto& [from, to] : value->items()) {
    if (!to.is_string()) return Fail(key, "must be an object of texts");
    into.push_back(from + "=" + to.get<std::string>());
  }
}

std::string SpecReader::Object(const char* key) {
  const Json* value = Take(key);
  if (value == nullptr) return "";
  if (value->is_object()) return value->dump();
  Fail(key, "must be an object");
  return "";
}

void SpecReader::CheckCluster(const std::string& key, const std::string& name) {
  if (config_.clusters.contains(name)) return;
  const auto uri = milvus::ParseClusterUri(name);
  // What cannot be read may have a password in it: then it is not repeated.
  if (!uri.ok() && name.find('@') != std::string::npos) return Fail(key, "is no valid address");
  if (name.find("://") == std::string::npos || !uri.ok()) {
    return Fail(key, "names the cluster '" + name +
                         "', which is neither configured nor an address" +
                         NearestOf(name, config_.clusters));
  }
  if (!uri->user.empty() || !uri->password.empty() || !uri->token.empty()) {
    Fail(key,
         "is an address with a login in it, and a job holds no secrets; put it under clusters of "
         "the configuration, and say its name here");
  }
}

void SpecReader::CheckRepository(const std::string& key, const std::string& name) {
  if (config_.repositories.contains(name) || name.starts_with('/')) return;
  const auto scheme = name.find("://");
  if (scheme == std::string::npos) {
    return Fail(key, "names the repository '" + name +
                         "', which is neither configured nor a path that begins with /" +
                         NearestOf(name, config_.repositories));
  }
  const std::string rest = name.substr(scheme + 3);
  if (rest.substr(0, rest.find('/')).find('@') != std::string::npos) {
    Fail(key,
         "is a URL with a login in it, and a job holds no secrets; put it under repositories of "
         "the configuration, and say its name here");
  }
}

void SpecReader::CheckDefault(const char* key, Default otherwise, const std::string& configured) {
  if (otherwise == Default::kNone) return Fail(key, "is missing");
  if (otherwise != Default::kConfigured || !configured.empty()) return;
  Fail(key, std::string("is missing, and the configuration has no defaults.") +
                (std::string(key) == "repository" ? "repository" : "cluster"));
}

void SpecReader::Cluster(const char* key, Default otherwise, std::string& into) {
  Text(key, into);
  if (into.empty()) return CheckDefault(key, otherwise, config_.default_cluster);
  CheckCluster(key, into);
}

void SpecReader::Clusters(const char* key, std::vector<std::string>& into) {
  Texts(key, into);
  for (const std::string& name : into) CheckCluster(key, name);
}

void SpecReader::Repository(const char* key, Default otherwise, std::string& into) {
  Text(key, into);
  if (into.empty()) return CheckDefault(key, otherwise, config_.default_repository);
  CheckRepository(key, into);
}

void SpecReader::Repositories(const char* key, std::vector<std::string>& into) {
  Texts(key, into);
  for (const std::string& name : into) CheckRepository(key, name);
}

void SpecReader::Selection(transfer::Selection& into, Rows rows) {
  std::vector<std::string> exclude;
  Texts("collections", into.collections);
  Texts("exclude", exclude);
  for (const std::string& glob : exclude) into.collections.push_back("!" + glob);
  Text("only_database", into.database);
  if (rows != Rows::kAll) Texts("partitions", into.partitions);
  if (rows == Rows::kFilter) Text("filter", into.filter);
}

void SpecReader::Fail(const std::string& key, const std::string& why) {
  if (status_.ok()) status_ = InvalidError(what_ + ": '" + key + "' " + why);
}

void SpecReader::Adopt(const Status& status) {
  if (status_.ok()) status_ = status;
}

Status SpecReader::Finish() {
  for (const auto& [key, value] : json_.items()) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    const std::string near = NearestName(key, known_);
    std::string all;
    for (const std::string& name : known_) all += (all.empty() ? "" : ", ") + name;
    Fail(key,
         "is not known; " + (near.empty() ? "these are: " + all : "did you mean '" + near + "'?"));
  }
  return status_;
}

}  // namespace aerie::app
