// The grammar of docs/scheduling.md: cron expressions, and the words for people.
#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "jobs/when.h"

namespace aerie::jobs {
namespace {

constexpr char kForms[] =
    "say such as 'daily at 02:00', 'weekly on Sunday at 03:30', 'monthly on the 1st at 04:00', "
    "'every 15 minutes', 'every hour', or a cron expression";

constexpr std::array<const char*, 7> kWeekdays = {"sunday",   "monday", "tuesday", "wednesday",
                                                  "thursday", "friday", "saturday"};
constexpr std::array<const char*, 12> kMonths = {"january",   "february", "march",    "april",
                                                 "may",       "june",     "july",     "august",
                                                 "september", "october",  "november", "december"};

struct Token {
  std::string text;    // in small letters
  std::size_t at = 0;  // where it begins in what was said
};

// In words a comma is a token of its own, in cron a part of its field.
enum class Comma { kToken, kPart };

// What was said, cut at blanks.
std::vector<Token> Tokens(const std::string& said, Comma commas) {
  std::vector<Token> tokens;
  bool open = false;
  for (std::size_t i = 0; i < said.size(); ++i) {
    const auto c = static_cast<unsigned char>(said[i]);
    const bool comma = commas == Comma::kToken && c == ',';
    if (std::isspace(c)) {
      open = false;
    } else {
      if (!open || comma) tokens.push_back({"", i});
      tokens.back().text += static_cast<char>(std::tolower(c));
      open = !comma;
    }
  }
  return tokens;
}

Status Wrong(const std::string& said, std::size_t at, const std::string& why) {
  return InvalidError("schedule '" + said + "', character " + std::to_string(at + 1) + ": " + why);
}

// Digits and nothing else, up to 9999; nullopt for other texts.
std::optional<int> NumberOf(const std::string& text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  int number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return number;
}

// "sunday" or "sun" among `names`; nullopt for other words.
template <std::size_t N>
std::optional<int> NameIn(const std::array<const char*, N>& names, const std::string& word) {
  for (std::size_t i = 0; i < N; ++i) {
    if (word == names[i] || word == std::string(names[i], 3)) return static_cast<int>(i);
  }
  return std::nullopt;
}

// Sorts the minutes and says whether they go by the wall.
void SetMinutes(When& when, std::vector<std::int32_t> minutes) {
  std::sort(minutes.begin(), minutes.end());
  minutes.erase(std::unique(minutes.begin(), minutes.end()), minutes.end());
  const std::size_t each = minutes.size() / 24;
  when.by_wall = each > 0 && minutes.size() % 24 == 0;
  for (std::size_t i = 0; i < minutes.size() && when.by_wall; ++i) {
    when.by_wall = minutes[i] == minutes[i % each] + static_cast<std::int32_t>(i / each) * 60;
  }
  when.minutes = std::move(minutes);
}

When EveryDay(const std::string& said) {
  When when;
  when.text = said;
  when.days.set().reset(0);
  when.months.set().reset(0);
  when.weekdays.set();
  when.minutes = {0};
  return when;
}

// --- Cron ---

struct Field {
  const char* name;
  int min;
  int max;
};
constexpr std::array<Field, 5> kFields = {{{"minute", 0, 59},
                                           {"hour", 0, 23},
                                           {"day of the month", 1, 31},
                                           {"month", 1, 12},
                                           {"day of the week", 0, 7}}};
constexpr std::size_t kMonthField = 3;
constexpr std::size_t kWeekdayField = 4;

// One field of a cron expression, read from left to right.
class FieldParser {
 public:
  FieldParser(const std::string& said, const Token& token, std::size_t field)
      : said_(said), token_(token), index_(field), field_(kFields[field]) {}

  Result<std::bitset<64>> Parse() {
    do {
      AERIE_TRY(Item());
    } while (Take(','));
    if (at_ < token_.text.size()) {
      return Fail(at_, "'" + token_.text.substr(at_) +
                           "' is not known in a field of cron; it has *, "
                           "numbers, ranges as 1-5, steps as */15, and lists as 1,3");
    }
    return values_;
  }

 private:
  Status Item() {
    const std::size_t begin = at_;
    int low = field_.min, high = field_.max;
    const bool all = Take('*');
    bool range = all;
    if (!all) {
      AERIE_ASSIGN(low, Value());
      high = low;
      range = Take('-');
      if (range) {
        AERIE_ASSIGN(high, Value());
      }
      // Sunday ends a week as well as it begins one.
      if (range && index_ == kWeekdayField && high == 0 && low > 0) high = 7;
    }
    int step = 1;
    if (Take('/')) {
      const std::size_t at = at_;
      const auto number = NumberOf(Digits());
      if (!number || *number < 1 || *number > field_.max) {
        return Fail(at, "a step of the " + std::string(field_.name) + " is a number from 1 to " +
                            std::to_string(field_.max));
      }
      step = *number;
      if (!range) {
        return Fail(begin, "a step wants a range: write " + std::to_string(low) + "-" +
                               std::to_string(field_.max) + "/" + std::to_string(step));
      }
    }
    if (low > high) {
      return Fail(begin, "a range goes upward: write " + std::to_string(low) + "-" +
                             std::to_string(field_.max) + "," + std::to_string(field_.min) + "-" +
                             std::to_string(high));
    }
    if (all && index_ == kWeekdayField) high = 6;  // 7 is Sunday once more
    for (int value = low; value <= high; value += step) {
      values_.set(static_cast<std::size_t>(value));
    }
    return Ok();
  }

  Result<int> Value() {
    const std::size_t begin = at_;
    std::string word;
    while (at_ < token_.text.size() && std::isalnum(static_cast<unsigned char>(token_.text[at_]))) {
      word += token_.text[at_++];
    }
    std::optional<int> value = NumberOf(word);
    if (!value && word.size() == 3 && index_ == kMonthField) {
      value = NameIn(kMonths, word);
      if (value) ++*value;
    }
    if (!value && word.size() == 3 && index_ == kWeekdayField) value = NameIn(kWeekdays, word);
    if (!value || *value < field_.min || *value > field_.max) {
      return Fail(begin, Refusal(word.empty() ? token_.text.substr(begin, 1) : word));
    }
    return *value;
  }

  std::string Refusal(const std::string& word) const {
    const std::string range = std::to_string(field_.min) + " to " + std::to_string(field_.max);
    std::string why = "'" + word + "' is no " + field_.name + ", which is " + range;
    if (index_ == kMonthField) why += " or JAN to DEC";
    if (index_ == kWeekdayField) why += " or SUN to SAT, one day after another";
    if (word == "l" && index_ == 2)
      why += "; for the last day say 'monthly on the last day at 04:00'";
    if (word == "?") why += "; write *";
    if (word == "h") why += "; write a number, jitter spreads the load";
    return why;
  }

  std::string Digits() {
    std::string digits;
    while (at_ < token_.text.size() && std::isdigit(static_cast<unsigned char>(token_.text[at_]))) {
      digits += token_.text[at_++];
    }
    return digits;
  }
  bool Take(char c) {
    if (at_ >= token_.text.size() || token_.text[at_] != c) return false;
    ++at_;
    return true;
  }
  Status Fail(std::size_t at, const std::string& why) const {
    return Wrong(said_, token_.at + at, why);
  }

  const std::string& said_;
  const Token& token_;
  const std::size_t index_;
  const Field field_;
  std::size_t at_ = 0;
  std::bitset<64> values_;
};

bool HasStar(const Token& token) { return token.text.find('*') != std::string::npos; }

Result<When> ParseCron(const std::string& said, const std::vector<Token>& tokens) {
  if (tokens.size() != kFields.size()) {
    return Wrong(said, tokens.size() > kFields.size() ? tokens[kFields.size()].at : said.size(),
                 "a cron expression has 5 fields, minute, hour, day of the month, month, day of "
                 "the week; here are " +
                     std::to_string(tokens.size()) +
                     (tokens.size() == 6 ? " (seconds are not known: leave them out)" : ""));
  }
  std::array<std::bitset<64>, kFields.size()> fields;
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    AERIE_ASSIGN(fields[i], FieldParser(said, tokens[i], i).Parse());
  }
  When when;
  when.text = said;
  std::vector<std::int32_t> minutes;
  for (std::int32_t hour = 0; hour < 24; ++hour) {
    for (std::int32_t minute = 0; minute < 60; ++minute) {
      if (fields[1][static_cast<std::size_t>(hour)] &&
          fields[0][static_cast<std::size_t>(minute)]) {
        minutes.push_back(hour * 60 + minute);
      }
    }
  }
  SetMinutes(when, std::move(minutes));
  for (std::size_t day = 1; day <= 31; ++day) when.days[day] = fields[2][day];
  for (std::size_t month = 1; month <= 12; ++month) when.months[month] = fields[3][month];
  for (std::size_t day = 0; day <= 7; ++day) {
    if (fields[4][day]) when.weekdays.set(day % 7);
  }
  when.either = !HasStar(tokens[2]) && !HasStar(tokens[4]);
  return when;
}

Result<std::string> AliasOf(const std::string& said, const std::string& word) {
  constexpr std::pair<const char*, const char*> kAliases[] = {
      {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
      {"@weekly", "0 0 * * 0"},  {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
      {"@annually", "0 0 1 1 *"}};
  for (const auto& [name, cron] : kAliases) {
    if (word == name) return std::string(cron);
  }
  return Wrong(said, 0,
               word == "@reboot"
                   ? "@reboot has no time; say when, such as 'daily at 02:00'"
                   : "'" + word + "' is none of @hourly, @daily, @weekly, @monthly, @yearly");
}

// --- Words ---

class WordParser {
 public:
  WordParser(const std::string& said, std::vector<Token> tokens)
      : said_(said), tokens_(std::move(tokens)), when_(EveryDay(said)) {}

  Result<When> Parse() {
    if (Take("hourly")) {
      AERIE_TRY(Hour());
    } else if (Take("daily")) {
      AERIE_TRY(Times());
    } else if (Take("weekly")) {
      AERIE_TRY(Week());
    } else if (Take("monthly")) {
      AERIE_TRY(Month());
    } else if (Take("every")) {
      AERIE_TRY(Every());
    } else {
      return Fail(std::string(kForms));
    }
    if (next_ < tokens_.size()) return Fail("nothing more is expected here");
    return std::move(when_);
  }

 private:
  Status Every() {
    if (Take("minute")) return Minutes(1);
    if (Take("hour")) return Hour();
    if (Take("day")) return Times();
    if (Take("week")) return Week();
    if (Take("month")) return Month();
    if (Take("weekday")) return OnDays(std::bitset<7>(0b0111110));
    if (Take("weekend")) return OnDays(std::bitset<7>(0b1000001));
    if (next_ < tokens_.size()) {
      if (const auto number = NumberOf(tokens_[next_].text)) return EveryNth(*number);
      if (NameIn(kWeekdays, tokens_[next_].text)) return NamedDays();
    }
    return Fail("say how often: every 15 minutes, hour, 6 hours, day, weekday, Sunday, month");
  }

  Status EveryNth(int number) {
    const std::size_t at = next_++;
    const bool minutes = Take("minutes") || Take("minute") || Take("min");
    const bool hours = !minutes && (Take("hours") || Take("hour"));
    if (!minutes && !hours) return Fail("say minutes or hours, or a cron expression");
    const int whole = minutes ? 60 : 24;
    if (number < 1 || number > whole || whole % number != 0) {
      return Wrong(said_, tokens_[at].at,
                   minutes ? "the minutes must divide an hour: 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30"
                           : "the hours must divide a day: 1, 2, 3, 4, 6, 8, 12, 24");
    }
    if (minutes) return Minutes(number);
    std::vector<std::int32_t> times;
    for (std::int32_t hour = 0; hour < 24; hour += number) times.push_back(hour * 60);
    SetMinutes(when_, std::move(times));
    return Ok();
  }

  Status Minutes(int step) {
    std::vector<std::int32_t> times;
    for (std::int32_t minute = 0; minute < kMinutesOfDay; minute += step) times.push_back(minute);
    SetMinutes(when_, std::move(times));
    return Ok();
  }

  // Of every hour: "at minute 20" may follow.
  Status Hour() {
    int at = 0;
    if (Take("at")) {
      if (!Take("minute")) return Fail("say at minute 20");
      const auto number = next_ < tokens_.size() ? NumberOf(tokens_[next_].text) : std::nullopt;
      if (!number || *number > 59) return Fail("a minute is 0 to 59");
      ++next_;
      at = *number;
    }
    std::vector<std::int32_t> times(24);
    for (std::int32_t hour = 0; hour < 24; ++hour) {
      times[static_cast<std::size_t>(hour)] = hour * 60 + at;
    }
    SetMinutes(when_, std::move(times));
    return Ok();
  }

  Status Week() {
    if (Take("on")) return NamedDays();
    return OnDays(std::bitset<7>(1));
  }
  Status NamedDays() {
    std::bitset<7> days;
    do {
      const auto day =
          next_ < tokens_.size() ? NameIn(kWeekdays, tokens_[next_].text) : std::nullopt;
      if (!day) return Fail("a day of the week is expected: Sunday, Monday, ...");
      ++next_;
      days.set(static_cast<std::size_t>(*day));
    } while (TakeAnd());
    return OnDays(days);
  }
  Status OnDays(const std::bitset<7>& days) {
    when_.weekdays = days;
    return Times();
  }

  Status Month() {
    when_.days.reset();
    if (!Take("on")) {
      when_.days.set(1);
      return Times();
    }
    do {
      Take("the");
      if (Take("last")) {
        if (!Take("day")) return Fail("say the last day");
        when_.last_day = true;
      } else {
        AERIE_TRY(MonthDay());
      }
    } while (TakeAnd());
    return Times();
  }
  Status MonthDay() {
    std::optional<int> day;
    if (next_ < tokens_.size()) {
      const std::string& word = tokens_[next_].text;
      const std::string ending = word.size() > 2 ? word.substr(word.size() - 2) : "";
      if (ending == "st" || ending == "nd" || ending == "rd" || ending == "th") {
        day = NumberOf(word.substr(0, word.size() - 2));
      }
    }
    if (!day || *day < 1 || *day > 31) {
      return Fail("a day of the month is expected: the 1st, the 15th, the last day");
    }
    if (*day > 28) {
      return Fail("not every month has it; say the last day, or the cron expression '0 4 " +
                  std::to_string(*day) + " * *', which leaves the other months out");
    }
    ++next_;
    when_.days.set(static_cast<std::size_t>(*day));
    return Ok();
  }

  Status Times() {
    if (!Take("at")) return Ok();
    std::vector<std::int32_t> times;
    do {
      const auto time = next_ < tokens_.size() ? ParseTimeOfDay(tokens_[next_].text) : std::nullopt;
      if (!time || *time == kMinutesOfDay) {
        return Fail("a time of day is expected, of 24 hours: 00:00 to 23:59, midnight, noon");
      }
      ++next_;
      times.push_back(*time);
    } while (TakeAnd());
    SetMinutes(when_, std::move(times));
    return Ok();
  }

  bool Take(const char* word) {
    if (next_ >= tokens_.size() || tokens_[next_].text != word) return false;
    ++next_;
    return true;
  }
  bool TakeAnd() {
    const bool comma = Take(",");
    return Take("and") || comma;
  }
  Status Fail(const std::string& why) const {
    if (next_ >= tokens_.size()) return Wrong(said_, said_.size(), why);
    return Wrong(said_, tokens_[next_].at, "'" + tokens_[next_].text + "': " + why);
  }

  const std::string& said_;
  const std::vector<Token> tokens_;
  std::size_t next_ = 0;
  When when_;
};

// Whether any day of the calendar, which repeats after 400 years, is meant.
bool EverComes(const When& when) {
  constexpr std::int64_t kYears400 = 146'097;
  for (std::int64_t day = 0; day < kYears400; ++day) {
    if (IsDay(when, day)) return true;
  }
  return false;
}

}  // namespace

Result<When> ParseWhen(const std::string& said) {
  constexpr std::size_t kLongest = 500;
  if (said.size() > kLongest) {
    return InvalidError("schedule: longer than 500 characters; " + std::string(kForms));
  }
  const std::vector<Token> cron = Tokens(said, Comma::kPart);
  if (cron.empty()) return InvalidError("schedule: says nothing; " + std::string(kForms));
  const char first = cron[0].text[0];
  if (first == '@') {
    if (cron.size() > 1) return Wrong(said, cron[1].at, "nothing follows " + cron[0].text);
    AERIE_ASSIGN(const std::string alias, AliasOf(said, cron[0].text));
    AERIE_ASSIGN(When when, ParseCron(alias, Tokens(alias, Comma::kPart)));
    when.text = said;
    return when;
  }
  if (first != '*' && !std::isdigit(static_cast<unsigned char>(first))) {
    return WordParser(said, Tokens(said, Comma::kToken)).Parse();
  }
  AERIE_ASSIGN(When when, ParseCron(said, cron));
  if (!EverComes(when)) {
    return Wrong(said, cron[2].at, "this day never comes in those months; check both");
  }
  return when;
}

Result<std::bitset<7>> ParseWeekdays(const std::string& text, const std::string& what) {
  const std::vector<Token> tokens = Tokens(text, Comma::kPart);
  if (tokens.size() != 1) return InvalidError(what + ": days are named as Mon-Fri or Sat,Sun");
  const auto parsed = FieldParser(text, tokens[0], kWeekdayField).Parse();
  if (!parsed.ok()) {
    return InvalidError(what + ": '" + text + "' are no days; name them as Mon-Fri or Sat,Sun");
  }
  std::bitset<7> days;
  for (std::size_t day = 0; day <= 7; ++day) {
    if ((*parsed)[day]) days.set(day % 7);
  }
  return days;
}

std::optional<std::int32_t> ParseTimeOfDay(const std::string& text) {
  if (text == "midnight") return 0;
  if (text == "noon") return 12 * 60;
  const std::size_t colon = text.find(':');
  // Where there is none, it is far behind.
  if (colon > 2 || text.size() != colon + 3) return std::nullopt;
  const auto hour = NumberOf(text.substr(0, colon));
  const auto minute = NumberOf(text.substr(colon + 1));
  if (!hour || !minute || *minute > 59) return std::nullopt;
  if (*hour == 24 && *minute == 0) return kMinutesOfDay;
  if (*hour > 23) return std::nullopt;
  return *hour * 60 + *minute;
}

}  // namespace aerie::jobs
