// One mapping of a YAML file that is read strictly: unknown keys and wrong values are errors with
// the file, the line and the nearest name.
//
// For the files of this room that read YAML; one thread.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "app/config.h"
#include "base/duration.h"
#include "base/status.h"

namespace aerie::app {

// The first wrong thing stays as the status, which Finish answers.
class Section {
 public:
  Section(const YAML::Node& node, std::string file, std::string path)
      : node_(node), file_(std::move(file)), path_(std::move(path)) {
    if (!node_.IsMap()) Fail(node_, "'" + path_ + "' must be a mapping of keys to values");
  }

  void Text(const char* key, std::string& into) {
    known_.emplace_back(key);
    if (!status_.ok()) return;
    const YAML::Node value = node_[key];
    if (!value.IsDefined() || value.IsNull()) return;
    if (!value.IsScalar()) return Fail(value, "'" + path_ + "." + key + "' must be a text");
    into = value.Scalar();
  }

  void Flag(const char* key, std::optional<bool>& into) {
    std::string text;
    Text(key, text);
    if (!status_.ok() || text.empty()) return;
    if (text == "true" || text == "false") {
      into = text == "true";
    } else {
      Fail(node_[key], "'" + path_ + "." + key + "' must be true or false");
    }
  }

  void Number(const char* key, std::int64_t least, std::int64_t most,
              std::optional<std::int64_t>& into) {
    std::string text;
    Text(key, text);
    if (!status_.ok() || text.empty()) return;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size() && number >= least &&
        number <= most) {
      into = number;
    } else {
      Fail(node_[key], "'" + path_ + "." + key + "' must be a number between " +
                           std::to_string(least) + " and " + std::to_string(most));
    }
  }

  void Time(const char* key, std::optional<Duration>& into) {
    std::string text;
    Text(key, text);
    if (!status_.ok() || text.empty()) return;
    const auto duration = ParseDuration(text, "'" + path_ + "." + key + "'");
    if (!duration.ok()) return Fail(node_[key], std::string(duration.status().message()));
    into = *duration;
  }

  // Fails when the key is there.
  void Refuse(const char* key, const std::string& why) {
    if (!status_.ok() || !node_[key].IsDefined()) return;
    Fail(node_[key], "'" + path_ + "." + key + "' " + why);
  }

  // A text, or a list of them.
  void Texts(const char* key, std::vector<std::string>& into) {
    const YAML::Node value = Child(key);
    if (!status_.ok() || !value.IsDefined() || value.IsNull()) return;
    if (value.IsScalar()) return into.push_back(value.Scalar());
    if (!value.IsSequence()) return Fail(value, "'" + path_ + "." + key + "' must be a list");
    for (const auto& one : value) {
      if (!one.IsScalar()) return Fail(one, "'" + path_ + "." + key + "' must be a list of texts");
      into.push_back(one.Scalar());
    }
  }

  // Whether the key is there, with whatever value.
  bool Has(const char* key) const { return status_.ok() && node_[key].IsDefined(); }

  // The value of a key that is a mapping by itself, or an undefined node.
  YAML::Node Child(const char* key) {
    known_.emplace_back(key);
    return status_.ok() ? node_[key] : YAML::Node(YAML::NodeType::Undefined);
  }

  // What went wrong so far.
  const Status& status() const { return status_; }
  // An error of a part of it.
  void Adopt(const Status& status) {
    if (status_.ok()) status_ = status;
  }

  Status Finish() {
    for (auto it = node_.begin(); status_.ok() && it != node_.end(); ++it) {
      const std::string key = it->first.IsScalar() ? it->first.Scalar() : "?";
      if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
      const std::string near = NearestName(key, known_);
      Fail(it->first,
           "unknown key '" + key + "'" + (path_.empty() ? "" : " in " + path_) + "; " +
               (near.empty() ? "known keys: " + Joined() : "did you mean '" + near + "'?"));
    }
    return status_;
  }

  void Fail(const YAML::Node& at, const std::string& what) {
    if (!status_.ok()) return;
    status_ = InvalidError(file_ + ":" + std::to_string(at.Mark().line + 1) + ": " + what);
  }

 private:
  std::string Joined() const {
    std::string text;
    for (const auto& name : known_) text += (text.empty() ? "" : ", ") + name;
    return text;
  }

  const YAML::Node node_;
  const std::string file_;
  const std::string path_;
  std::vector<std::string> known_;
  Status status_;
};

}  // namespace aerie::app
