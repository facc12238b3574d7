#include "catalog/catalog.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/dead_process_testing.h"
#include "base/temp_folder_testing.h"

namespace aerie::catalog {
namespace {

using ::testing::HasSubstr;

class CatalogTest : public ::testing::Test {
 protected:
  std::unique_ptr<Catalog> Open() {
    auto catalog = Catalog::Open(path_);
    EXPECT_TRUE(catalog.ok()) << catalog.status();
    return *std::move(catalog);
  }
  static Migration Made(const std::string& id) {
    return {
        .id = id, .spec = "{\"a\": 1}", .state = "{}", .phase = "preflight", .created_ms = 1000};
  }
  static Holder Me(std::int64_t now_ms = 1000) {
    return {.process = ThisProcess(), .host = "here", .renewed_ms = now_ms};
  }

  TempFolder folder_;
  const std::string path_ = (folder_.path() / "new" / "catalog.db").string();
};

TEST_F(CatalogTest, IsMadeForItsOwnerAlone) {
  Open();
  struct stat file {};
  ASSERT_EQ(::stat(path_.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat((folder_.path() / "new").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0700U);
}

TEST_F(CatalogTest, WhatWasStoredIsThereForTheNextProcess) {
  {
    auto catalog = Open();
    ASSERT_TRUE(catalog->Create(Made("one")).ok());
    auto lease = *catalog->Take("one", Me());
    ASSERT_TRUE(lease
                    ->Store({.state = "{\"x\":2}",
                             .phase = "copying",
                             .log = {{.kind = "event", .text = "begun"}},
                             .alerts = {{.incident = "copy", .text = "slow"}}},
                            2000)
                    .ok());
  }
  auto catalog = Open();
  const auto found = catalog->Find("one");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->state, "{\"x\":2}");
  EXPECT_EQ(found->phase, "copying");
  EXPECT_EQ(found->updated_ms, 2000);
  EXPECT_FALSE(found->holder) << "given back";
  const auto log = *catalog->Log("one", 0, 10);
  ASSERT_EQ(log.size(), 1U);
  EXPECT_EQ(log[0].text, "begun");
  EXPECT_EQ(catalog->Alerts("one", true)->at(0).text, "slow");
}

TEST_F(CatalogTest, UnknownAndTwice) {
  auto catalog = Open();
  EXPECT_EQ(KindOf(catalog->Find("none").status()), Kind::kNotFound);
  EXPECT_EQ(KindOf(catalog->Say("none", "pause", 0, 1).status()), Kind::kNotFound);
  EXPECT_EQ(KindOf(catalog->Take("none", Me()).status()), Kind::kNotFound);
  ASSERT_TRUE(catalog->Create(Made("one")).ok());
  EXPECT_EQ(KindOf(catalog->Create(Made("one"))), Kind::kExists);
}

TEST_F(CatalogTest, ListsNewestFirst) {
  auto catalog = Open();
  Migration second = Made("b");
  second.created_ms = 2000;
  ASSERT_TRUE(catalog->Create(Made("a")).ok());
  ASSERT_TRUE(catalog->Create(second).ok());
  auto lease = *catalog->Take("a", Me());
  ASSERT_TRUE(lease->Store({.state = "{}", .phase = "done", .ended = true}, 3000).ok());
  EXPECT_EQ(catalog->List(false)->size(), 2U);
  EXPECT_EQ(catalog->List(false)->at(0).id, "b");
  EXPECT_EQ(catalog->List(true)->size(), 1U);
}

TEST_F(CatalogTest, OneDriverAtATime) {
  auto mine = Open();
  auto other = Open();
  ASSERT_TRUE(mine->Create(Made("one")).ok());
  auto lease = *mine->Take("one", Me());
  const auto second = other->Take("one", Me(1000 + 3'600'000));
  EXPECT_EQ(KindOf(second.status()), Kind::kLocked) << "silent, but certainly alive";
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("here"));
  lease.reset();
  EXPECT_TRUE(other->Take("one", Me()).ok()) << "given back";
}

TEST_F(CatalogTest, ADeadDriverIsTakenOverFrom) {
  auto catalog = Open();
  ASSERT_TRUE(catalog->Create(Made("one")).ok());
  auto dead = *catalog->Take("one", {.process = DeadProcess(), .host = "here", .renewed_ms = 1000});
  auto lease = catalog->Take("one", Me());
  ASSERT_TRUE(lease.ok()) << lease.status();
  EXPECT_EQ(KindOf(dead->Store({.state = "{}", .phase = "x"}, 5)), Kind::kLocked)
      << "who was taken over from stores nothing more";
  EXPECT_EQ(catalog->Find("one")->phase, "preflight");
  dead.reset();
  EXPECT_TRUE((*lease)->Renew(6).ok()) << "nor does its end give back what is not its own";
}

TEST_F(CatalogTest, ADriverElsewhereIsLostWhenItIsSilent) {
  auto catalog = Open();
  ASSERT_TRUE(catalog->Create(Made("one")).ok());
  ProcessIdentity elsewhere{.machine = "another boot", .pid = 1, .started = 1};
  auto first = *catalog->Take("one", {.process = elsewhere, .host = "there", .renewed_ms = 1000});
  EXPECT_EQ(KindOf(catalog->Take("one", Me(61'000)).status()), Kind::kLocked);
  ASSERT_TRUE(first->Renew(50'000).ok());
  EXPECT_EQ(KindOf(catalog->Take("one", Me(110'000)).status()), Kind::kLocked);
  EXPECT_TRUE(catalog->Take("one", Me(110'001)).ok());
}

TEST_F(CatalogTest, WordsAreAnsweredOnce) {
  auto driver = Open();
  auto teller = Open();
  ASSERT_TRUE(driver->Create(Made("one")).ok());
  auto lease = *driver->Take("one", Me());
  const auto first = *teller->Say("one", "cutover", 0, 1100);
  const auto second = *teller->Say("one", "approve", 7, 1200);
  const auto words = *lease->Commands();
  ASSERT_EQ(words.size(), 2U);
  EXPECT_EQ(words[0].verb, "cutover");
  EXPECT_EQ(words[1].request, 7);
  EXPECT_FALSE(teller->FindCommand(first)->answered);
  ASSERT_TRUE(lease->Store({.state = "{}", .phase = "fencing", .answered = first}, 1300).ok());
  ASSERT_TRUE(lease->Answer(second, "nothing waits for it", 1300).ok());
  EXPECT_TRUE(teller->FindCommand(first)->answered);
  EXPECT_EQ(teller->FindCommand(second)->refusal, "nothing waits for it");
  EXPECT_TRUE(lease->Commands()->empty());
}

TEST_F(CatalogTest, RequestsAreNumbered) {
  auto catalog = Open();
  ASSERT_TRUE(catalog->Create(Made("one")).ok());
  auto lease = *catalog->Take("one", Me());
  EXPECT_EQ(catalog->Find("one")->request.number, 0);
  EXPECT_EQ(*lease->Ask("stop the writers", 1), 1);
  EXPECT_EQ(catalog->Find("one")->request.text, "stop the writers");
  EXPECT_EQ(*lease->Ask("", 2), 1);
  EXPECT_EQ(catalog->Find("one")->request.number, 0) << "nothing is asked";
  EXPECT_EQ(*lease->Ask("start them", 3), 2);
}

TEST_F(CatalogTest, AnIncidentIsOneAlertUntilItIsOver) {
  auto catalog = Open();
  ASSERT_TRUE(catalog->Create(Made("one")).ok());
  auto lease = *catalog->Take("one", Me());
  const auto store = [&](bool raised, std::int64_t at) {
    return lease->Store({.state = "{}",
                         .phase = "x",
                         .alerts = {{.incident = "sync", .text = "no", .raised = raised}}},
                        at);
  };
  ASSERT_TRUE(store(true, 10).ok());
  ASSERT_TRUE(store(true, 11).ok());
  auto waiting = *lease->Undelivered();
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_EQ(waiting[0].raised_ms, 10);
  ASSERT_TRUE(store(false, 12).ok());
  ASSERT_TRUE(lease->Delivered(waiting[0], 13).ok());
  waiting = *lease->Undelivered();
  ASSERT_EQ(waiting.size(), 1U) << "its end was not told, though it came before the telling";
  EXPECT_EQ(waiting[0].resolved_ms, 12);
  ASSERT_TRUE(lease->Delivered(waiting[0], 14).ok());
  EXPECT_TRUE(lease->Undelivered()->empty());
  ASSERT_TRUE(store(true, 15).ok());
  EXPECT_EQ(lease->Undelivered()->size(), 1U) << "another one";
  EXPECT_EQ(catalog->Alerts("one", false)->size(), 2U);
  EXPECT_EQ(catalog->Alerts("one", true)->size(), 1U);
}

TEST_F(CatalogTest, ChildrenAndSamples) {
  auto catalog = Open();
  ASSERT_TRUE(catalog->Create(Made("one")).ok());
  auto lease = *catalog->Take("one", Me());
  EXPECT_EQ(*lease->Child(), std::nullopt);
  ASSERT_TRUE(lease->NoteChild(ThisProcess()).ok());
  EXPECT_EQ(*lease->Child(), ThisProcess());
  ASSERT_TRUE(lease->NoteChild(std::nullopt).ok());
  EXPECT_EQ(*lease->Child(), std::nullopt);
  EXPECT_EQ(*catalog->LastSample("one"), std::nullopt);
  ASSERT_TRUE(lease->Append(Sample{.at_ms = 1, .source_rows = 5}).ok());
  ASSERT_TRUE(lease->Append(Sample{.at_ms = 2, .source_rows = 6, .error_rate = 0.25}).ok());
  EXPECT_EQ((*catalog->LastSample("one"))->source_rows, 6);
  EXPECT_EQ((*catalog->LastSample("one"))->error_rate, 0.25);
}

// A step is whole or not at all, however many others write, and none of them waits for ever.
TEST_F(CatalogTest, ManyConnectionsAtOnce) {
  auto catalog = Open();
  ASSERT_TRUE(catalog->Create(Made("one")).ok());
  auto lease = *catalog->Take("one", Me());
  constexpr int kTellers = 3, kWords = 10;
  std::vector<std::jthread> tellers;
  for (int i = 0; i < kTellers; ++i) {
    tellers.emplace_back([this] {
      auto mine = Open();
      for (int n = 0; n < kWords; ++n) EXPECT_TRUE(mine->Say("one", "pause", 0, n).ok());
    });
  }
  int seen = 0;
  while (seen < kTellers * kWords) {
    const auto words = *lease->Commands();
    for (const Command& word : words) {
      ASSERT_TRUE(lease
                      ->Store({.state = std::to_string(seen),
                               .phase = "x",
                               .log = {{.kind = "event", .text = word.verb}},
                               .answered = word.number},
                              seen + 1)
                      .ok());
      ++seen;
    }
  }
  EXPECT_EQ(catalog->Log("one", 0, 1000)->size(), static_cast<std::size_t>(kTellers * kWords));
}

TEST_F(CatalogTest, WhatIsNoCatalogIsSaidSo) {
  std::filesystem::create_directories(folder_.path() / "new");
  std::ofstream(path_) << std::string(5000, 'x');
  const auto catalog = Catalog::Open(path_);
  EXPECT_EQ(KindOf(catalog.status()), Kind::kCorrupt);
  EXPECT_THAT(std::string(catalog.status().message()), HasSubstr("--catalog"));
}

TEST_F(CatalogTest, AFolderThatCannotBeMadeIsSaidSo) {
  std::ofstream(folder_.path() / "new") << "a file";
  const auto catalog = Catalog::Open(path_);
  EXPECT_EQ(KindOf(catalog.status()), Kind::kDenied);
  EXPECT_THAT(std::string(catalog.status().message()), HasSubstr("--catalog"));
}

TEST_F(CatalogTest, ANewerOneIsRefused) {
  Open();
  {
    auto db = *Database::Open(path_, std::chrono::seconds(1));
    ASSERT_TRUE(db->Run("PRAGMA user_version = 99").ok());
  }
  EXPECT_EQ(KindOf(Catalog::Open(path_).status()), Kind::kUnsupported);
}

// SIGKILL in the middle of writing: what was acknowledged is there, and nothing is half there.
TEST_F(CatalogTest, KilledWhileItWrites) {
  Open();
  ASSERT_TRUE(Open()->Create(Made("one")).ok());
  for (int round = 0; round < 5; ++round) {
    int fds[2];
    ASSERT_EQ(::pipe(fds), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      auto catalog = Catalog::Open(path_);
      auto lease = (*catalog)->Take("one", Me());
      for (char n = 1;; ++n) {
        const std::string text = std::to_string(round) + "/" + std::to_string(n);
        if (!(*lease)
                 ->Store({.state = text, .phase = text, .log = {{.kind = "event", .text = text}}},
                         n)
                 .ok()) {
          ::_exit(1);
        }
        if (::write(fds[1], &n, 1) != 1) ::_exit(1);
      }
    }
    ::close(fds[1]);
    char last = 0;
    for (int n = 0; n <= 7 * round; ++n) ASSERT_EQ(::read(fds[0], &last, 1), 1);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    for (char more = 0; ::read(fds[0], &more, 1) == 1;) last = more;
    ::close(fds[0]);
    auto catalog = Open();
    const auto found = *catalog->Find("one");
    EXPECT_EQ(found.state, found.phase);
    const int stored = std::stoi(found.state.substr(2));
    EXPECT_TRUE(stored == last || stored == last + 1) << stored << " " << int{last};
    const auto log = *catalog->Log("one", 0, 10'000);
    EXPECT_EQ(log.back().text, found.state);
    EXPECT_TRUE(catalog->Take("one", Me()).ok()) << "it is dead";
  }
}

TEST_F(CatalogTest, WhatADriverKeepsIsThereForTheNextOneAndOfThatMigrationAlone) {
  {
    auto catalog = Open();
    ASSERT_TRUE(catalog->Create(Made("one")).ok());
    ASSERT_TRUE(catalog->Create(Made("two")).ok());
    auto lease = *catalog->Take("one", Me());
    ASSERT_TRUE(lease->Keep("a", "first").ok());
    ASSERT_TRUE(lease->Keep("a", "second").ok());
    ASSERT_TRUE(lease->Keep("b", "other").ok());
    ASSERT_TRUE(lease->Keep("c", "x").ok());
    ASSERT_TRUE(lease->Keep("c", "").ok());
  }
  auto catalog = Open();
  EXPECT_EQ(*catalog->Kept("one", "a"), "second");
  EXPECT_EQ(*catalog->Kept("one", "c"), "");
  EXPECT_EQ(*catalog->Kept("two", "a"), "");
  using Map = std::map<std::string, std::string>;
  EXPECT_EQ(*(*catalog->Take("one", Me()))->KeptUnder(""), (Map{{"a", "second"}, {"b", "other"}}));
}

TEST_F(CatalogTest, OnlyWhatAnEndedMigrationKeepsIsInherited) {
  auto catalog = Open();
  for (const char* id : {"ended", "open", "heir"}) {
    ASSERT_TRUE(catalog->Create(Made(id)).ok());
    auto lease = *catalog->Take(id, Me());
    ASSERT_TRUE(lease->Keep(std::string("taken http://a:1 ") + id, id).ok());
    ASSERT_TRUE(lease->Keep(std::string("taken http://a:19 ") + id, id).ok());
  }
  {
    auto lease = *catalog->Take("ended", Me());
    ASSERT_TRUE(lease->Store({.state = "{}", .phase = "done", .ended = true}, 3000).ok());
  }
  auto heir = *catalog->Take("heir", Me());
  ASSERT_TRUE(heir->Inherit("taken http://a:1 ").ok());
  using Map = std::map<std::string, std::string>;
  EXPECT_EQ(*heir->KeptUnder("taken http://a:1 "),
            (Map{{"taken http://a:1 ended", "ended"}, {"taken http://a:1 heir", "heir"}}));
  EXPECT_EQ(heir->KeptUnder("taken http://a:19 ")->size(), 1U);
  EXPECT_EQ(*catalog->Kept("ended", "taken http://a:1 ended"), "") << "it is kept once";
}

}  // namespace
}  // namespace aerie::catalog
