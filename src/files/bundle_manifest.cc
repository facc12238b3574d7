#include "files/bundle_manifest.h"

#include <algorithm>
#include <exception>
#include <set>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/clock.h"
#include "objects/digests.h"
#include "objects/object_store.h"

namespace aerie::files {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kVersionMember[] = "aerie_bundle";
constexpr char kCheckMember[] = "sha256";
constexpr char kDamaged[] = "it is damaged: ";

std::string Dump(const Json& json) {
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string Sha256Hex(std::string_view text) { return ToHex(objects::Sha256(AsBytes(text))); }

// Without the check.
Json ToJson(const BundleManifest& manifest) {
  Json parts = Json::array();
  for (const BundlePart& part : manifest.parts) {
    parts.push_back({{"name", part.name}, {"bytes", part.bytes}, {"sha256", part.sha256}});
  }
  return {{kVersionMember, kBundleVersion},
          {"finished", manifest.finished},
          {"bundle", manifest.bundle},
          {"program", manifest.program},
          {"created", FormatUtc(FromUnixMillis(manifest.created_ms))},
          {"created_ms", manifest.created_ms},
          {"encrypted", manifest.encrypted},
          {"snapshot", manifest.snapshot},
          {"rows", manifest.rows},
          {"plain_bytes", manifest.plain_bytes},
          {"packed_bytes", manifest.packed_bytes()},
          {"parts", std::move(parts)},
          {kCheckMember, ""}};
}

std::uint64_t Count(const Json& json, const char* name) {
  if (!json.at(name).is_number_unsigned())
    throw std::invalid_argument(std::string(name) + " is no count");
  return json.at(name).get<std::uint64_t>();
}

// What does not fit throws, and is caught in one place.
BundleManifest FromJson(const Json& json) {
  BundleManifest manifest;
  manifest.finished = json.at("finished").get<bool>();
  manifest.bundle = json.at("bundle").get<std::string>();
  manifest.program = json.at("program").get<std::string>();
  manifest.created_ms = json.at("created_ms").get<std::int64_t>();
  manifest.encrypted = json.at("encrypted").get<bool>();
  manifest.snapshot = json.at("snapshot").get<std::string>();
  manifest.rows = Count(json, "rows");
  manifest.plain_bytes = Count(json, "plain_bytes");
  for (const Json& part : json.at("parts")) {
    manifest.parts.push_back({part.at("name").get<std::string>(), Count(part, "bytes"),
                              part.at("sha256").get<std::string>()});
  }
  return manifest;
}

// A name leads out of no folder, and none is there twice.
Status CheckParts(const BundleManifest& manifest) {
  std::set<std::string_view> names;
  for (const BundlePart& part : manifest.parts) {
    const auto digest = FromHex(part.sha256);
    if (!objects::CheckKey({part.name}).ok() || part.name == kBundlePath ||
        !names.insert(part.name).second || !digest.ok() || digest->size() != 32) {
      return CorruptError(std::string(kDamaged) + "an odd part " + part.name);
    }
  }
  return Ok();
}

}  // namespace

std::uint64_t BundleManifest::packed_bytes() const {
  std::uint64_t bytes = 0;
  for (const BundlePart& part : parts) bytes += part.bytes;
  return bytes;
}

std::string EncodeBundleManifest(const BundleManifest& manifest) {
  Json json = ToJson(manifest);
  json[kCheckMember] = Sha256Hex(Dump(json));
  return Dump(json);
}

Result<BundleManifest> DecodeBundleManifest(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains(kVersionMember) ||
      !json[kVersionMember].is_number_unsigned()) {
    return CorruptError("this is not the list of a bundle, or it is damaged");
  }
  const auto version = json[kVersionMember].get<std::uint64_t>();
  if (version != kBundleVersion) {
    return UnsupportedError("it is of version " + std::to_string(version) +
                            ", this program knows 1; a newer aerie is needed");
  }
  BundleManifest manifest;
  try {
    manifest = FromJson(json);
  } catch (const std::exception& error) {
    return CorruptError(kDamaged + std::string(error.what()));
  }
  AERIE_TRY(CheckParts(manifest));
  // Also what reading passed over is vouched for: the document is made again.
  if (EncodeBundleManifest(manifest) != text) {
    return CorruptError(std::string(kDamaged) + "its SHA-256 is not its own");
  }
  return manifest;
}

}  // namespace aerie::files
