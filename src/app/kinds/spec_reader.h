// Reads the spec of a job: a JSON object whose members are taken one by one, each checked.
//
// The first wrong thing stays, and Finish answers it: kInvalid, naming the member, and for one that
// is not known the nearest that is. Numbers and truth values may be texts, and a list a text with
// commas, since command lines and YAML know nothing else. One thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "app/config.h"
#include "app/result.h"
#include "base/status.h"
#include "transfer/selection.h"

namespace aerie::app {

class SpecReader {
 public:
  // `what` leads messages, such as "backup". The configuration outlives this.
  SpecReader(const Config& config, std::string what, const std::string& spec);

  // Each leaves `into` alone where there is no such member, or null.
  void Text(const char* key, std::string& into);
  // A list of texts.
  void Texts(const char* key, std::vector<std::string>& into);
  void Flag(const char* key, bool& into);
  template <class N>
  void Number(const char* key, N least, N most, N& into) {
    const Json* value = Take(key);
    if (value == nullptr) return;
    const Json number =
        value->is_string() ? Json::parse(value->get<std::string>(), nullptr, false) : *value;
    const bool fits = std::is_integral_v<N> ? number.is_number_integer() : number.is_number();
    // Compared as numbers that hold any of both.
    if (!fits || number.get<double>() < static_cast<double>(least) ||
        number.get<double>() > static_cast<double>(most)) {
      return Fail(key, "must be " + Bounds(static_cast<double>(least), static_cast<double>(most)));
    }
    into = number.get<N>();
  }
  // A time such as 30d, as it was said.
  void Time(const char* key, std::string& into);
  // One of these words.
  void Choice(const char* key, std::initializer_list<const char*> words, std::string& into);
  // {"old": "new"}, as "old=new".
  void Pairs(const char* key, std::vector<std::string>& into);
  // The text of an object, for a reader of its own; empty: there is none.
  std::string Object(const char* key);

  // A name of the configuration, or an address without anything that is secret. kNone: it must be
  // said; kConfigured: else the default of the configuration, which must be there; kAny: else "".
  enum class Default { kNone, kConfigured, kAny };
  void Cluster(const char* key, Default otherwise, std::string& into);
  void Clusters(const char* key, std::vector<std::string>& into);
  // A name of the configuration, a URL, or a path from the root on.
  void Repository(const char* key, Default otherwise, std::string& into);
  void Repositories(const char* key, std::vector<std::string>& into);

  enum class Rows { kAll, kPartitions, kFilter };
  // `collections`, `exclude`, `only_database`; with `partitions`, and `filter` too.
  void Selection(transfer::Selection& into, Rows rows);

  // The first one stays. `why` follows the name of the member.
  void Fail(const std::string& key, const std::string& why);
  // What another reader says of a member that it read.
  void Adopt(const Status& status);
  const Config& config() const { return config_; }
  const std::string& what() const { return what_; }
  Status Finish();

 private:
  const Json* Take(const char* key);
  static std::string Bounds(double least, double most);
  void CheckCluster(const std::string& key, const std::string& name);
  void CheckRepository(const std::string& key, const std::string& name);
  void CheckDefault(const char* key, Default otherwise, const std::string& configured);

  const Config& config_;
  const std::string what_;
  Json json_;
  std::vector<std::string> known_;
  Status status_;
};

}  // namespace aerie::app
