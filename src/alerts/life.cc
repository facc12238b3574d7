#include "alerts/life.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/glob.h"

namespace aerie::alerts {
namespace {

using Key = std::pair<Rule, std::string>;

constexpr std::chrono::hours kWorseAtMostEvery{1};

// All that becomes of one incident at one time.
class OneLife {
 public:
  OneLife(const Policy& policy, const LifeInput& input, WallTime now, LifeAnswer& answer)
      : policy_(policy), input_(input), now_ms_(ToUnixMillis(now)), answer_(answer) {}

  void Live(Incident incident, const Condition* condition) {
    const Incident before = incident;
    const RulePolicy& rule = policy_.of(incident.rule);
    ForgetTheFuture(incident);
    if (condition != nullptr && !condition->undecided) Hold(incident, *condition);
    if (condition == nullptr && incident.opened_ms == 0) {
      answer_.dropped.push_back(incident.number);
      return;
    }
    if (condition == nullptr && incident.over_ms == 0) incident.over_ms = now_ms_;
    const bool holds = condition != nullptr && !condition->undecided;
    if (holds && incident.opened_ms == 0 && Passed(incident.since_ms, rule.hold)) {
      incident.opened_ms = now_ms_;
    }
    // Undecided: what was over for a while may not be.
    if (condition == nullptr && Passed(incident.over_ms, rule.clear)) {
      incident.resolved_ms = now_ms_;
    }
    if (incident.opened_ms != 0) Tell(incident);
    if (incident != before) answer_.changed.push_back(std::move(incident));
  }

 private:
  // The clock was set back: nothing happened later than now.
  void ForgetTheFuture(Incident& incident) const {
    for (std::int64_t* at :
         {&incident.since_ms, &incident.opened_ms, &incident.over_ms, &incident.told_ms}) {
      *at = std::min(*at, now_ms_);
    }
  }

  static void Hold(Incident& incident, const Condition& condition) {
    incident.over_ms = 0;
    incident.severity = condition.severity;
    incident.summary = condition.summary;
    incident.things = condition.things;
    incident.details = condition.details;
    incident.remedy = condition.remedy;
  }

  bool Passed(std::int64_t since_ms, Duration least) const {
    return std::chrono::milliseconds(now_ms_ - since_ms) >= least;
  }

  bool IsSilenced(const Incident& incident) const {
    return std::any_of(input_.silences.begin(), input_.silences.end(), [&](const Silence& silence) {
      return silence.until_ms > now_ms_ && GlobMatches(silence.rule, NameOf(incident.rule)) &&
             GlobMatches(silence.about, incident.about);
    });
  }

  Duration RemindAfter(const Incident& incident) const {
    const auto own = policy_.of(incident.rule).remind;
    return own ? *own : policy_.remind[static_cast<std::size_t>(incident.severity)];
  }

  bool HasMoreThings(const Incident& incident) const {
    return std::any_of(incident.things.begin(), incident.things.end(), [&](const auto& thing) {
      return std::find(incident.told_things.begin(), incident.told_things.end(), thing) ==
             incident.told_things.end();
    });
  }

  void Tell(Incident& incident) {
    const bool told = incident.messages > 0;
    if (incident.resolved_ms != 0) {
      if (told) Say(incident, Event::kResolved);
      return;
    }
    if (told && incident.acknowledged_ms != 0 && !incident.told_acknowledged) {
      incident.told_acknowledged = true;
      Say(incident, Event::kAcknowledged);
    }
    if (IsSilenced(incident) || incident.over_ms != 0) return;
    if (!told) {
      Say(incident, Event::kOpened);
    } else if (incident.severity > incident.told_severity ||
               (HasMoreThings(incident) && Passed(incident.told_ms, kWorseAtMostEvery))) {
      Say(incident, Event::kWorse);
    } else if (const Duration after = RemindAfter(incident); incident.acknowledged_ms == 0 &&
                                                             after > Duration::zero() &&
                                                             Passed(incident.told_ms, after)) {
      Say(incident, Event::kReminder);
    }
  }

  std::set<std::string> Hearers(const Incident& incident, Event event) const {
    std::set<std::string> hearers;
    for (const Audience& audience : policy_.audiences) {
      // A channel that fails cannot say so.
      if (incident.rule == Rule::kDeliveryFailed &&
          incident.about == "channel " + audience.channel) {
        continue;
      }
      const bool heard = incident.channels.contains(audience.channel);
      const bool wants =
          event == Event::kResolved ? heard
          : event == Event::kAcknowledged
              ? heard && audience.wants_acknowledged
              : incident.severity >= audience.min_severity &&
                    (audience.rules.empty() || Matches(audience.rules, NameOf(incident.rule)));
      if (wants) hearers.insert(audience.channel);
    }
    return hearers;
  }

  void Say(Incident& incident, Event event) {
    std::set<std::string> hearers = Hearers(incident, event);
    ++incident.messages;
    if (event != Event::kAcknowledged) {
      incident.told_ms = now_ms_;
      incident.told_severity = std::max(incident.told_severity, incident.severity);
      incident.told_things = incident.things;
    }
    incident.channels.insert(hearers.begin(), hearers.end());
    if (hearers.empty()) return;
    const std::string number = std::to_string(incident.number);
    answer_.messages.push_back(
        {.key = input_.installation + "-" + number + "-" + std::to_string(incident.messages),
         .dedup_key = "aerie-" + input_.installation + "-" + number,
         .event = event,
         .incident = incident.number,
         .rule = incident.rule,
         .about = incident.about,
         .severity = incident.severity,
         .summary = incident.summary,
         .details = incident.details,
         .remedy = incident.remedy,
         .at_ms = now_ms_,
         .opened_ms = incident.opened_ms,
         .resolved_ms = incident.resolved_ms,
         .acknowledged_by = incident.acknowledged_by,
         .link = input_.link.empty() ? "" : input_.link + "/alerts/" + number,
         .channels = std::move(hearers)});
  }

  const Policy& policy_;
  const LifeInput& input_;
  const std::int64_t now_ms_;
  LifeAnswer& answer_;
};

}  // namespace

LifeAnswer Advance(const Policy& policy, const std::vector<Condition>& conditions,
                   const LifeInput& input, WallTime now) {
  LifeAnswer answer;
  OneLife life(policy, input, now, answer);
  std::map<Key, const Condition*> unmatched;
  for (const Condition& condition : conditions) {
    unmatched[{condition.rule, condition.about}] = &condition;
  }
  for (const Incident& incident : input.incidents) {
    const auto found = unmatched.find({incident.rule, incident.about});
    life.Live(incident, found == unmatched.end() ? nullptr : found->second);
    if (found != unmatched.end()) unmatched.erase(found);
  }
  std::int64_t number = input.next_number;
  for (const auto& [key, condition] : unmatched) {
    if (condition->undecided) continue;
    Incident begun{.number = number++, .rule = key.first, .about = key.second};
    begun.since_ms = ToUnixMillis(now);
    begun.told_severity = Severity::kInfo;
    life.Live(std::move(begun), condition);
  }
  return answer;
}

}  // namespace aerie::alerts
