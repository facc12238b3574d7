#include "milvus/capabilities.h"

#include <algorithm>
#include <array>
#include <utility>

namespace aerie::milvus {
namespace {

// A call that came with a version (protocol.md 1.1), newest first.
struct Marker {
  const char* rpc_name;
  int major;
  int minor;
};
constexpr std::array kMarkers = {
    Marker{"ListSnapshots", 3, 0}, Marker{"BatchDescribeCollection", 2, 6},
    Marker{"RunAnalyzer", 2, 5}, Marker{"DescribeDatabase", 2, 4}, Marker{"ListAliases", 2, 3}};

Answer AtLeast(const ServerVersion& have, const ServerVersion& need) {
  if (!have.known()) return Answer::kUnknown;
  return have >= need ? Answer::kYes : Answer::kNo;
}

}  // namespace

Capabilities::Capabilities(std::shared_ptr<Client> client)
    : client_(std::move(client)), version_(ParseServerVersion(client_->server_version())) {}

Result<bool> Capabilities::Has(const Context& context, const std::string& rpc_name) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = calls_.find(rpc_name); found != calls_.end()) return found->second;
  }
  AERIE_ASSIGN(const bool there, client_->HasCall(context, rpc_name));
  const std::lock_guard lock(mutex_);
  calls_[rpc_name] = there;
  return there;
}

void Capabilities::NoteReadTimestamp(bool answered) {
  const std::lock_guard lock(mutex_);
  read_timestamps_ = answered ? Answer::kYes : Answer::kNo;
}

Answer Capabilities::read_timestamps() const {
  const std::lock_guard lock(mutex_);
  return read_timestamps_;
}

// The newest version whose calls are there, or what the version text says if that is newer:
// managed and embedded servers leave calls out, none offers calls of later versions.
Result<ServerVersion> Capabilities::Generation(const Context& context) {
  ServerVersion told = version_;
  told.lite = false;
  // It counts its versions by itself and has only some of the calls of each.
  if (version_.lite) return told;
  ServerVersion asked;
  for (const Marker& marker : kMarkers) {
    const ServerVersion version{marker.major, marker.minor, 0, false};
    if (version_.known() && version_ >= version) break;
    AERIE_ASSIGN(const bool there, Has(context, marker.rpc_name));
    if (there) {
      asked = version;
      break;
    }
  }
  return std::max(asked, told);
}

Result<SpecFeatures> Capabilities::Features(const Context& context) {
  SpecFeatures features;
  AERIE_ASSIGN(const bool databases, Databases(context));
  features.databases = databases ? Answer::kYes : Answer::kNo;
  AERIE_ASSIGN(const ServerVersion have, Generation(context));
  // Every version since 2.0 has aliases; an embedded server may not.
  AERIE_ASSIGN(const bool aliases, Has(context, "CreateAlias"));
  features.aliases = aliases ? Answer::kYes : Answer::kNo;
  features.arrays = AtLeast(have, {2, 3, 0, false});
  features.several_vectors = AtLeast(have, {2, 4, 0, false});
  features.clustering_key = AtLeast(have, {2, 4, 0, false});
  features.nullable = AtLeast(have, {2, 5, 0, false});
  features.functions = AtLeast(have, {2, 5, 0, false});
  features.types_of_2_6 = AtLeast(have, {2, 6, 0, false});
  features.auto_id_insert = AtLeast(have, {2, 6, 3, false});
  if (version_.lite) {
    // It counts differently and tells by refusing.
    features.functions = features.types_of_2_6 = features.auto_id_insert = Answer::kUnknown;
    features.clustering_key = Answer::kUnknown;
  }
  return features;
}

}  // namespace aerie::milvus
