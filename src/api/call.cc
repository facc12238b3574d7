#include "api/call.h"

#include <charconv>
#include <cstdio>

#include <sodium.h>

#include "base/bytes.h"

namespace aerie::api {
namespace {

const char* TitleOf(Kind kind) {
  switch (kind) {
    case Kind::kInvalid: return "The request is wrong";
    case Kind::kPartial: return "Done in part";
    case Kind::kDifferent: return "Not the same";
    case Kind::kLocked: return "Somebody else is at work on it";
    case Kind::kWrongKey: return "The key does not fit";
    case Kind::kNotFound: return "Not there";
    case Kind::kRefused: return "Refused for safety";
    case Kind::kCancelled: return "Stopped";
    case Kind::kCorrupt: return "Damaged";
    case Kind::kTransient: return "Not possible just now";
    case Kind::kThrottled: return "Too much at once";
    case Kind::kTimeout: return "It took too long";
    case Kind::kUnknownOutcome: return "What was done is not known";
    case Kind::kUnsupported: return "Not possible there";
    case Kind::kExists: return "There already";
    case Kind::kTooLarge: return "Too large";
    case Kind::kNoSpace: return "No space is left";
    case Kind::kDenied: return "Not allowed";
    case Kind::kInternal: return "A fault of Aerie's own";
    default: return "Failed";
  }
}

}  // namespace

Result<Backend*> Parts::UpToDate() {
  AERIE_ASSIGN(const std::int64_t mark, jobs.EndedMark());
  ports.backend->Changed(mark);
  return ports.backend;
}

const std::map<std::string, Handler>& Handlers() {
  static const HandlerMap handlers = [] {
    HandlerMap all;
    for (const HandlerMap& group :
         {AccessHandlers(), JobHandlers(), ScheduleHandlers(), EstateHandlers(),
          MigrationHandlers(), StatisticsHandlers(), CompatibleHandlers()}) {
      all.insert(group.begin(), group.end());
    }
    return all;
  }();
  return handlers;
}

int HttpStatusOf(Kind kind) {
  switch (kind) {
    case Kind::kInvalid: return 422;
    case Kind::kDenied: return 403;
    case Kind::kNotFound: return 404;
    case Kind::kExists:
    case Kind::kLocked:
    case Kind::kRefused:
    case Kind::kDifferent:
    case Kind::kPartial: return 409;
    case Kind::kThrottled: return 429;
    case Kind::kTooLarge: return 413;
    case Kind::kUnsupported: return 501;
    case Kind::kTransient:
    case Kind::kCancelled:
    case Kind::kNoSpace: return 503;
    case Kind::kTimeout: return 504;
    default: return 500;
  }
}

Reply ProblemOf(int status, Kind kind, const std::string& detail,
                const std::vector<Mismatch>& wrong) {
  Json json = {{"type", std::string("urn:aerie:problem:") + KindName(kind)},
               {"title", TitleOf(kind)},
               {"status", status},
               {"detail", detail},
               {"kind", KindName(kind)}};
  for (const Mismatch& mismatch : wrong) {
    json["errors"].push_back({{"at", mismatch.at}, {"detail", mismatch.detail}});
  }
  return {.status = status, .json = std::move(json), .problem = true};
}

Reply ProblemOf(const Status& status) {
  const Kind kind = KindOf(status);
  Reply reply = ProblemOf(HttpStatusOf(kind), kind, std::string(status.message()));
  if (reply.status == 503 || reply.status == 429) reply.headers.emplace_back("Retry-After", "2");
  return reply;
}

Reply Unconfirmed(const std::string& what, const std::string& name) {
  return ProblemOf(422, Kind::kRefused,
                   what + ": not confirmed; say `confirm` with the name '" + name + "'",
                   {{"/confirm", "must be '" + name + "'"}});
}

Json TimeOf(std::int64_t ms) {
  if (ms == 0) return nullptr;
  return FormatUtc(FromUnixMillis(ms));
}

Json FaultOf(const Status& status) {
  if (status.ok()) return nullptr;
  return {{"kind", KindName(KindOf(status))}, {"message", std::string(status.message())}};
}

Json ParseKept(const std::string& text) {
  if (text.empty()) return nullptr;
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return nullptr;
  return json;
}

std::optional<std::int64_t> ParseTime(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute,
                  &second, &used) != 6 ||
      used != 19) {
    return std::nullopt;
  }
  const auto date = std::chrono::year(year) / month / day;
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  std::int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                        std::chrono::sys_days(date).time_since_epoch())
                        .count() +
                    ((hour * 60 + minute) * 60 + second) * std::int64_t{1000};
  std::string rest = text.substr(19);
  if (rest.starts_with('.')) {
    const std::size_t end = rest.find_first_not_of("0123456789", 1);
    if (end == 1 || end == std::string::npos || end > 10) return std::nullopt;
    std::string digits = rest.substr(1, end - 1);
    digits.resize(3, '0');
    ms += std::stoi(digits);
    rest.erase(0, end);
  }
  if (rest == "Z" || rest == "z") return ms;
  int hours = 0, minutes = 0;
  char sign = 0;
  if (rest.size() != 6 || std::sscanf(rest.c_str(), "%c%2d:%2d", &sign, &hours, &minutes) != 3 ||
      (sign != '+' && sign != '-') || hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
    return std::nullopt;
  }
  const std::int64_t offset = (hours * 60 + minutes) * std::int64_t{60'000};
  return sign == '+' ? ms - offset : ms + offset;
}

std::string CursorOf(const std::string& place) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_encoded_len(place.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(place.data()),
                    place.size(), kVariant);
  text.pop_back();
  return text;
}

Result<std::string> PlaceOf(const Call& call) {
  const std::string cursor = call.Text("cursor");
  std::string place(cursor.size(), '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(place.data()), place.size(), cursor.data(),
                        cursor.size(), nullptr, &size, &end,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
      end != cursor.data() + cursor.size()) {
    return InvalidError("cursor: it is none that a page before gave; begin without one");
  }
  place.resize(size);
  return place;
}

Result<std::int64_t> NumberPlaceOf(const Call& call) {
  AERIE_ASSIGN(const std::string place, PlaceOf(call));
  std::int64_t number = 0;
  if (place.empty()) return number;
  const char* const end = place.data() + place.size();
  const auto [stop, error] = std::from_chars(place.data(), end, number);
  if (error != std::errc() || stop != end || number < 0) {
    return InvalidError("cursor: it is none that a page before gave; begin without one");
  }
  return number;
}

}  // namespace aerie::api
