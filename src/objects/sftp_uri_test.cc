#include "objects/sftp_uri.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aerie::objects {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(SftpUri, IsTakenApartAndPutTogether) {
  struct Case {
    const char* text;
    const char* user;
    const char* host;
    std::uint16_t port;
    const char* path;
    const char* again;
  };
  for (const Case& c : {
           Case{"sftp://far.example/srv/in", "", "far.example", 0, "/srv/in", nullptr},
           Case{"sftp://carrier@far:2222/in/", "carrier", "far", 2222, "/in",
                "sftp://carrier@far:2222/in"},
           Case{"sftp://[::1]:22/a", "", "::1", 22, "/a", nullptr},
           Case{"sftp://h/~/in/x", "", "h", 0, "in/x", nullptr},
           Case{"sftp://h/~", "", "h", 0, ".", nullptr},
           Case{"sftp://h/a%20b", "", "h", 0, "/a b", "sftp://h/a b"},
       }) {
    const auto uri = ParseSftpUri(c.text);
    ASSERT_TRUE(uri.ok()) << c.text << uri.status();
    EXPECT_EQ(uri->user, c.user);
    EXPECT_EQ(uri->host, c.host);
    EXPECT_EQ(uri->port, c.port);
    EXPECT_EQ(uri->path, c.path);
    EXPECT_EQ(uri->ToString(), c.again == nullptr ? c.text : c.again);
  }
}

TEST(SftpUri, WhatIsNoneIsRefused) {
  for (const char* const text :
       {"sftp://", "sftp:///a", "sftp://host", "sftp://host/", "sftp://host:0/a", "sftp://host:x/a",
        "sftp://host:70000/a", "sftp://-oProxyCommand=x/a", "sftp://ho st/a", "sftp://h;ls/a",
        "sftp://-l@h/a", "sftp://u ser@h/a", "sftp://@h/a", "sftp://[::1/a", "sftp://h/a%zz",
        "sftp://h/a%0ab"}) {
    EXPECT_EQ(KindOf(ParseSftpUri(text).status()), Kind::kInvalid) << text;
  }
}

TEST(SftpUri, APasswordIsRefusedAndNotRepeated) {
  const auto uri = ParseSftpUri("sftp://me:hunter2@host/a");
  EXPECT_EQ(KindOf(uri.status()), Kind::kInvalid);
  EXPECT_THAT(uri.status().message(), HasSubstr("--ssh-key"));
  EXPECT_THAT(uri.status().message(), Not(HasSubstr("hunter2")));
}

TEST(SftpUri, TheCommandAsksNothingAndTrustsNobody) {
  const auto uri = ParseSftpUri("sftp://me@host:2222/a");
  const auto command = SshCommand(*uri, {.key_file = "/k e%y\"", .known_hosts = "/known hosts"});
  const auto has = [&](const std::string& word) { return std::ranges::count(command, word) == 1; };
  EXPECT_EQ(command.front(), "ssh");
  EXPECT_TRUE(has("BatchMode=yes"));
  EXPECT_TRUE(has("StrictHostKeyChecking=yes"));
  EXPECT_TRUE(has("IdentitiesOnly=yes"));
  EXPECT_TRUE(has("IdentityFile=\"/k e%%y\\\"\""));
  EXPECT_TRUE(has("UserKnownHostsFile=\"/known hosts\""));
  EXPECT_TRUE(has("GlobalKnownHostsFile=/dev/null"));
  const std::vector<std::string> end(command.end() - 8, command.end());
  EXPECT_EQ(end, (std::vector<std::string>{"-p", "2222", "-l", "me", "-s", "--", "host", "sftp"}));
  const auto plain = SshCommand(*ParseSftpUri("sftp://host/a"), {});
  EXPECT_TRUE(std::ranges::none_of(plain, [](const std::string& word) {
    return word.starts_with("IdentityFile") || word.starts_with("UserKnownHostsFile") ||
           word == "-p" || word == "-l";
  }));
}

TEST(SshFailure, SaysWhatToDo) {
  const auto uri = ParseSftpUri("sftp://host:2222/a");
  struct Case {
    const char* said;
    bool answered;
    Kind kind;
    const char* words;
  };
  for (const Case& c : {
           Case{"No ED25519 host key is known for [host]:2222 and you have requested strict "
                "checking.\nHost key verification failed.\n",
                false, Kind::kRefused, "ssh-keyscan -p 2222 host >> /known"},
           Case{"@@@\nREMOTE HOST IDENTIFICATION HAS CHANGED!\nHost key verification failed.\n",
                true, Kind::kRefused, "somebody may listen"},
           Case{"me@host: Permission denied (publickey).\n", false, Kind::kDenied, "--ssh-key"},
           Case{"subsystem request failed on channel 0\n", false, Kind::kFailed, "Subsystem sftp"},
           Case{"ssh: Could not resolve hostname host: Name or service not known\n", false,
                Kind::kFailed, "check the address"},
           Case{"ssh: Could not resolve hostname host: Temporary failure\n", true, Kind::kTransient,
                "Temporary"},
           Case{"ssh: connect to host host port 2222: Connection refused\n", true, Kind::kTransient,
                "refused"},
           Case{"ssh: connect to host host port 2222: Connection timed out\n", false,
                Kind::kTransient, "timed out"},
           Case{"Connection to host closed by remote host.\n", true, Kind::kTransient, "closed"},
           Case{"", true, Kind::kTransient, "lost"},
           Case{"command-line: line 0: Bad configuration option: x\n", false, Kind::kFailed,
                "Bad configuration"},
       }) {
    const Status status =
        SshFailure("send a", *uri, {"", "/known"}, c.said, "ssh-ed25519 SHA256:abc", c.answered);
    EXPECT_EQ(KindOf(status), c.kind) << c.said << status;
    EXPECT_THAT(status.message(), HasSubstr(c.words));
    EXPECT_EQ(status.message().find("send a: "), 0U);
    EXPECT_THAT(status.message(), Not(HasSubstr("\n")));
    if (c.kind == Kind::kRefused) {
      EXPECT_THAT(status.message(), HasSubstr("SHA256:abc"));
    }
  }
}

}  // namespace
}  // namespace aerie::objects
