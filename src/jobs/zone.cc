#include "jobs/zone.h"

#include <algorithm>
#include <utility>

#include <absl/time/time.h>

namespace aerie::jobs {
namespace {

// Beyond all that is asked for, and far from overflow.
constexpr std::int64_t kEarliest = -(std::int64_t{1} << 40);
constexpr std::int64_t kLatest = std::int64_t{1} << 40;

// A file below the folder of zones, and nothing else: names come from users.
bool IsZoneName(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '+' || c == '/';
  };
  return !name.empty() && name.front() != '/' && name != "localtime" &&
         std::all_of(name.begin(), name.end(), allowed);
}

}  // namespace

struct Zone::Rules {
  absl::TimeZone zone = absl::UTCTimeZone();
};

Zone::Zone() : Zone("UTC", std::make_shared<const Rules>()) {}
Zone::Zone(std::string name, std::shared_ptr<const Rules> rules)
    : name_(std::move(name)), rules_(std::move(rules)) {}

Result<Zone> Zone::Load(const std::string& name) {
  auto rules = std::make_shared<Rules>();
  if (IsZoneName(name) && absl::LoadTimeZone(name, &rules->zone)) {
    return Zone(name, std::move(rules));
  }
  absl::TimeZone any;
  if (!absl::LoadTimeZone("Europe/London", &any)) {
    return InvalidError("time zone '" + name +
                        "': this system has no time zones but UTC; install the package tzdata");
  }
  return InvalidError("time zone '" + name +
                      "' is not known; name one of the IANA list, such as UTC, Europe/Berlin or "
                      "America/New_York (capitals matter)");
}

Span Zone::SpanAt(std::int64_t second) const {
  const absl::TimeZone& zone = rules_->zone;
  const auto offset_at = [&](std::int64_t at) {
    return static_cast<std::int64_t>(zone.At(absl::FromUnixSeconds(at)).offset);
  };
  const auto instant_of = [&](const absl::TimeZone::CivilTransition& change) {
    return absl::ToUnixSeconds(zone.At(change.to).trans);
  };
  Span span{.begin = kEarliest, .end = kLatest, .offset = offset_at(second)};
  absl::TimeZone::CivilTransition change;
  if (zone.PrevTransition(absl::FromUnixSeconds(second + 1), &change)) {
    span.begin = std::max(kEarliest, instant_of(change));
  }
  if (zone.NextTransition(absl::FromUnixSeconds(second), &change)) {
    span.end = std::min(kLatest, instant_of(change));
  }
  span.offset_before = span.begin == kEarliest ? span.offset : offset_at(span.begin - 1);
  return span;
}

}  // namespace aerie::jobs
