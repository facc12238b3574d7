// The life of incidents: as a table, and against a naive model that looks at whole histories.
#include "alerts/life.h"

#include <algorithm>
#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing_effort.h"

namespace aerie::alerts {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kMinute = 60'000;

Condition Backup(std::vector<std::string> things = {}, Severity severity = Severity::kCritical) {
  return {.rule = Rule::kVerifiedBackupOld,
          .about = "prod",
          .severity = severity,
          .summary = "old",
          .things = std::move(things),
          .remedy = "back it up"};
}

// Lives through minutes, keeping incidents as the catalog does.
class LifeTest : public ::testing::Test {
 protected:
  LifeTest() {
    policy_.audiences = {{.channel = "all", .wants_acknowledged = true}};
    input_.installation = "i";
  }
  // What is told at that minute: "opened 1", with "@channel" for each but "all".
  std::vector<std::string> At(std::int64_t minute, std::vector<Condition> conditions) {
    LifeAnswer answer =
        Advance(policy_, conditions, input_, FromUnixMillis(start_ms_ + minute * kMinute));
    for (Incident& changed : answer.changed) {
      std::erase_if(input_.incidents, [&](const auto& i) { return i.number == changed.number; });
      input_.next_number = std::max(input_.next_number, changed.number + 1);
      // Through the text that the catalog keeps.
      Incident read{.number = changed.number,
                    .rule = changed.rule,
                    .about = changed.about,
                    .opened_ms = changed.opened_ms,
                    .resolved_ms = changed.resolved_ms,
                    .acknowledged_ms = changed.acknowledged_ms,
                    .acknowledged_by = changed.acknowledged_by};
      EXPECT_TRUE(ReadState(StateText(changed), read).ok());
      EXPECT_EQ(read, changed);
      if (changed.resolved_ms == 0) input_.incidents.push_back(std::move(changed));
    }
    for (const std::int64_t number : answer.dropped) {
      std::erase_if(input_.incidents, [&](const auto& i) { return i.number == number; });
    }
    std::vector<std::string> told;
    for (const Message& message : answer.messages) {
      std::string line =
          std::string(NameOf(message.event)) + " " + std::to_string(message.incident);
      for (const std::string& channel : message.channels) {
        if (channel != "all") line += " @" + channel;
      }
      told.push_back(line);
      EXPECT_TRUE(keys_.insert(message.key).second) << message.key;
      last_ = message;
    }
    return told;
  }

  Policy policy_;
  LifeInput input_;
  std::set<std::string> keys_;
  Message last_;
  std::int64_t start_ms_ = 1'000'000 * kMinute;
};

TEST_F(LifeTest, OneMessagePerIncidentAndOneForItsEnd) {
  EXPECT_THAT(At(0, {}), IsEmpty());
  EXPECT_THAT(At(1, {Backup()}), ElementsAre("opened 1"));
  EXPECT_EQ(last_.key, "i-1-1");
  EXPECT_EQ(last_.dedup_key, "aerie-i-1");
  for (int minute = 2; minute < 200; ++minute) EXPECT_THAT(At(minute, {Backup()}), IsEmpty());
  EXPECT_THAT(At(200, {}), ElementsAre("resolved 1"));
  EXPECT_EQ(last_.key, "i-1-2");
  EXPECT_EQ(last_.dedup_key, "aerie-i-1");
  EXPECT_EQ(last_.resolved_ms - last_.opened_ms, 199 * kMinute);
  EXPECT_THAT(At(201, {}), IsEmpty());
  EXPECT_THAT(At(202, {Backup()}), ElementsAre("opened 2"));
}

TEST_F(LifeTest, HoldAndClearMakeOneOfWhatComesAndGoes) {
  policy_.of(Rule::kVerifiedBackupOld).hold = minutes(3);
  policy_.of(Rule::kVerifiedBackupOld).clear = minutes(2);
  EXPECT_THAT(At(0, {Backup()}), IsEmpty());
  EXPECT_THAT(At(2, {Backup()}), IsEmpty());
  EXPECT_THAT(At(3, {}), IsEmpty());  // never told, and gone
  EXPECT_THAT(input_.incidents, IsEmpty());
  EXPECT_THAT(At(4, {Backup()}), IsEmpty());
  EXPECT_THAT(At(7, {Backup()}), ElementsAre("opened 2"));
  for (int minute = 8; minute < 60; minute += 2) {
    EXPECT_THAT(At(minute, {}), IsEmpty());
    EXPECT_THAT(At(minute + 1, {Backup()}), IsEmpty());
  }
  EXPECT_THAT(At(60, {}), IsEmpty());
  EXPECT_THAT(At(61, {}), IsEmpty());
  EXPECT_THAT(At(62, {}), ElementsAre("resolved 2"));
}

TEST_F(LifeTest, WhatIsNotKnownChangesNothing) {
  Condition unknown = Backup();
  unknown.undecided = true;
  EXPECT_THAT(At(0, {unknown}), IsEmpty());
  EXPECT_THAT(input_.incidents, IsEmpty());
  EXPECT_THAT(At(1, {Backup()}), ElementsAre("opened 1"));
  EXPECT_THAT(At(2, {unknown}), IsEmpty());
  EXPECT_THAT(At(3, {}), ElementsAre("resolved 1"));
}

TEST_F(LifeTest, WorseAtOnceInSeverityAndHourlyInNumber) {
  EXPECT_THAT(At(0, {Backup({"a"}, Severity::kWarning)}), ElementsAre("opened 1"));
  EXPECT_THAT(At(1, {Backup({"a"}, Severity::kCritical)}), ElementsAre("worse 1"));
  EXPECT_THAT(At(2, {Backup({"a"}, Severity::kWarning)}), IsEmpty());
  EXPECT_THAT(At(3, {Backup({"a"}, Severity::kCritical)}), IsEmpty());
  EXPECT_THAT(At(4, {Backup({"a", "b"})}), IsEmpty());
  EXPECT_THAT(At(60, {Backup({"a", "b", "c"})}), IsEmpty());
  EXPECT_THAT(At(61, {Backup({"a", "b", "c"})}), ElementsAre("worse 1"));
  EXPECT_THAT(At(200, {Backup({"a", "b"})}), IsEmpty());
}

TEST_F(LifeTest, RemindersByPolicyUntilSomebodyWorksOnIt) {
  EXPECT_THAT(At(0, {Backup()}), ElementsAre("opened 1"));
  EXPECT_THAT(At(239, {Backup()}), IsEmpty());
  EXPECT_THAT(At(240, {Backup()}), ElementsAre("reminder 1"));
  EXPECT_THAT(At(479, {Backup()}), IsEmpty());
  EXPECT_THAT(At(480, {Backup()}), ElementsAre("reminder 1"));
  input_.incidents[0].acknowledged_ms = 1;
  input_.incidents[0].acknowledged_by = "eva";
  EXPECT_THAT(At(481, {Backup()}), ElementsAre("acknowledged 1"));
  EXPECT_THAT(Headline(last_), HasSubstr("acknowledged by eva"));
  EXPECT_THAT(At(5000, {Backup()}), IsEmpty());
  EXPECT_THAT(At(5001, {}), ElementsAre("resolved 1"));
  policy_.of(Rule::kVerifiedBackupOld).remind = Duration::zero();
  EXPECT_THAT(At(6000, {Backup()}), ElementsAre("opened 2"));
  EXPECT_THAT(At(9000, {Backup()}), IsEmpty());
}

TEST_F(LifeTest, SilenceHoldsBackButNeverTheEndOfWhatWasTold) {
  input_.silences = {{.rule = "verified-*", .about = "prod", .until_ms = start_ms_ + 10 * kMinute}};
  EXPECT_THAT(At(0, {Backup()}), IsEmpty());
  EXPECT_THAT(At(1, {}), IsEmpty());
  EXPECT_THAT(At(2, {Backup()}), IsEmpty());
  EXPECT_THAT(At(10, {Backup()}), ElementsAre("opened 2"));
  input_.silences[0].until_ms += 1000 * kMinute;
  EXPECT_THAT(At(900, {Backup()}), IsEmpty());
  EXPECT_THAT(At(901, {}), ElementsAre("resolved 2"));
  input_.silences[0].about = "other";
  EXPECT_THAT(At(902, {Backup()}), ElementsAre("opened 3"));
}

TEST_F(LifeTest, ChannelsHearWhatTheyAskedForAndTheEndOfIt) {
  policy_.audiences.push_back({.channel = "pager", .min_severity = Severity::kCritical});
  policy_.audiences.push_back({.channel = "disk", .rules = {"storage-*"}});
  EXPECT_THAT(At(0, {Backup({}, Severity::kWarning)}), ElementsAre("opened 1"));
  EXPECT_THAT(At(1, {Backup()}), ElementsAre("worse 1 @pager"));
  EXPECT_THAT(At(2, {Backup({}, Severity::kWarning)}), IsEmpty());
  EXPECT_THAT(At(3, {}), ElementsAre("resolved 1 @pager"));
  EXPECT_THAT(At(4, {Backup({}, Severity::kWarning)}), ElementsAre("opened 2"));
  EXPECT_THAT(At(5, {}), ElementsAre("resolved 2"));
}

TEST_F(LifeTest, AChannelDoesNotHearOfItself) {
  policy_.of(Rule::kDeliveryFailed).hold = {};
  policy_.audiences.push_back({.channel = "b"});
  const Condition dead{
      .rule = Rule::kDeliveryFailed, .about = "channel b", .severity = Severity::kError};
  EXPECT_THAT(At(0, {dead}), ElementsAre("opened 1"));
  EXPECT_THAT(At(1, {}), ElementsAre("resolved 1"));
}

TEST_F(LifeTest, AClockSetBackNeitherRepeatsNorStops) {
  EXPECT_THAT(At(10'000, {Backup()}), ElementsAre("opened 1"));
  EXPECT_THAT(At(0, {Backup()}), IsEmpty());
  EXPECT_THAT(At(239, {Backup()}), IsEmpty());
  EXPECT_THAT(At(240, {Backup()}), ElementsAre("reminder 1"));
  EXPECT_THAT(At(241, {}), ElementsAre("resolved 1"));
}

TEST_F(LifeTest, AMessageSaysWhatHappenedAndWhatToDo) {
  input_.link = "https://aerie";
  Condition c = Backup({"d.a"});
  c.summary = "prod: 1 of 2 collections";
  c.details = {"d.a: no backup at all"};
  At(0, {c});
  EXPECT_EQ(PlainText(last_),
            "[critical] prod: 1 of 2 collections\n  d.a: no backup at all\nTo do: back it up\n"
            "Incident 1 (verified-backup-old), open since " +
                FormatUtc(FromUnixMillis(start_ms_)) + "\nhttps://aerie/alerts/1\n");
  const auto read = MessageFromText(ToText(last_));
  ASSERT_TRUE(read.ok()) << read.status();
  Message sent = last_;
  sent.channels.clear();
  EXPECT_EQ(*read, sent);
  EXPECT_EQ(KindOf(MessageFromText("{}").status()), Kind::kCorrupt);
  Incident incident;
  EXPECT_EQ(KindOf(ReadState("[]", incident)), Kind::kCorrupt);
  input_.link.clear();
  At(60, {});
  EXPECT_EQ(PlainText(last_),
            "[resolved] prod: 1 of 2 collections\nIncident 1 "
            "(verified-backup-old), open for 1 h since " +
                FormatUtc(FromUnixMillis(start_ms_)) + "\naerie alert show 1\n");
}

// --- Against a naive model ---

// What is seen of one thing at a minute.
enum class Seen { kGone, kUnknown, kWarning, kCritical };

// What should be told of one thing whose whole history is known: found by looking at all of it
// again for each minute, without any state of its own but what was told.
class Naive {
 public:
  Naive(int hold, int clear, int remind) : hold_(hold), clear_(clear), remind_(remind) {}

  std::vector<std::string> Next(Seen seen, bool silenced, bool acknowledge) {
    history_.push_back(seen);
    const int now = static_cast<int>(history_.size()) - 1;
    std::vector<std::string> told;
    if (!open_) {
      if (HeldFor(now) < hold_ || !Holds(seen)) return told;
      open_ = true;
      acknowledged_ = told_ = ack_told_ = false;
    } else if (seen == Seen::kGone && GoneFor(now) >= clear_) {
      open_ = false;
      if (told_) told.emplace_back("resolved");
      return told;
    }
    if (acknowledge) acknowledged_ = true;
    if (told_ && acknowledged_ && !ack_told_) {
      told.emplace_back("acknowledged");
      ack_told_ = true;
    }
    if (silenced || IsOver(now)) return told;
    const bool critical = LastHolding(now) == Seen::kCritical;
    if (!told_) {
      told.emplace_back("opened");
      told_critical_ = false;
    } else if (critical && !told_critical_) {
      told.emplace_back("worse");
    } else if (!acknowledged_ && now - told_at_ >= remind_) {
      told.emplace_back("reminder");
    } else {
      return told;
    }
    told_ = true;
    told_at_ = now;
    told_critical_ |= critical;
    return told;
  }

 private:
  static bool Holds(Seen seen) { return seen == Seen::kWarning || seen == Seen::kCritical; }
  // Minutes since it began to hold, with no minute since at which it was gone; -1: it does not.
  int HeldFor(int now) const {
    int first = -1;
    for (int at = now; at >= 0 && history_[static_cast<std::size_t>(at)] != Seen::kGone; --at) {
      if (Holds(history_[static_cast<std::size_t>(at)])) first = at;
    }
    return first < 0 ? -1 : now - first;
  }
  // Minutes since it was first gone, without having held since.
  int GoneFor(int now) const {
    int first = now;
    for (int at = now; at >= 0 && !Holds(history_[static_cast<std::size_t>(at)]); --at) {
      if (history_[static_cast<std::size_t>(at)] == Seen::kGone) first = at;
    }
    return now - first;
  }
  // Gone at some minute since it last held.
  bool IsOver(int now) const {
    for (int at = now; at >= 0 && !Holds(history_[static_cast<std::size_t>(at)]); --at) {
      if (history_[static_cast<std::size_t>(at)] == Seen::kGone) return true;
    }
    return false;
  }
  Seen LastHolding(int now) const {
    int at = now;
    while (!Holds(history_[static_cast<std::size_t>(at)])) --at;
    return history_[static_cast<std::size_t>(at)];
  }

  const int hold_, clear_, remind_;
  std::vector<Seen> history_;
  bool open_ = false, acknowledged_ = false, told_ = false, ack_told_ = false;
  bool told_critical_ = false;
  int told_at_ = 0;
};

TEST_F(LifeTest, TellsWhatANaiveModelTells) {
  const int seeds = Effort(300, 60, 30);
  int told_in_all = 0;
  for (int seed = 0; seed < seeds; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    const auto below = [&](unsigned n) { return static_cast<int>(random() % n); };
    const int hold = below(4), clear = below(4), remind = 5 + below(20);
    policy_ = Policy();
    policy_.audiences = {{.channel = "all", .wants_acknowledged = true}};
    policy_.of(Rule::kVerifiedBackupOld).hold = minutes(hold);
    policy_.of(Rule::kVerifiedBackupOld).clear = minutes(clear);
    policy_.of(Rule::kVerifiedBackupOld).remind = minutes(remind);
    input_ = {.installation = "s" + std::to_string(seed)};
    std::vector<Naive> models(3, Naive(hold, clear, remind));
    std::vector<Seen> now(3, Seen::kGone);
    for (int minute = 0; minute < 200; ++minute) {
      std::vector<Condition> conditions;
      input_.silences.clear();
      std::map<std::string, std::vector<std::string>> wanted;
      for (std::size_t thing = 0; thing < models.size(); ++thing) {
        const std::string about = "thing " + std::to_string(thing);
        if (below(4) == 0) now[thing] = static_cast<Seen>(below(4));
        const bool silenced = below(5) == 0, acknowledge = below(15) == 0;
        if (silenced) {
          input_.silences.push_back(
              {.about = about, .until_ms = start_ms_ + (minute + 1) * kMinute});
        }
        // Only what is open can be acknowledged, before it is looked at again.
        bool did = false;
        for (Incident& incident : input_.incidents) {
          if (!acknowledge || incident.about != about || incident.opened_ms == 0) continue;
          incident.acknowledged_ms = 1;
          did = true;
        }
        if (now[thing] != Seen::kGone) {
          conditions.push_back({.rule = Rule::kVerifiedBackupOld,
                                .about = about,
                                .undecided = now[thing] == Seen::kUnknown,
                                .severity = now[thing] == Seen::kCritical ? Severity::kCritical
                                                                          : Severity::kWarning});
        }
        wanted[about] = models[thing].Next(now[thing], silenced, did);
      }
      LifeInput before = input_;
      std::map<std::string, std::vector<std::string>> told;
      for (const auto& [about, events] : wanted) told[about];
      const LifeAnswer answer =
          Advance(policy_, conditions, before, FromUnixMillis(start_ms_ + minute * kMinute));
      for (const Message& message : answer.messages) {
        told[message.about].emplace_back(NameOf(message.event));
        ++told_in_all;
      }
      ASSERT_EQ(told, wanted) << "seed " << seed << " minute " << minute;
      At(minute, conditions);
    }
  }
  EXPECT_GT(told_in_all, seeds * 10);
}

}  // namespace
}  // namespace aerie::alerts
