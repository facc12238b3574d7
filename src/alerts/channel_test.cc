// What each channel sends, and what it makes of answers that no good receiver gives.
#include "alerts/channel.h"

#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alerts/email.h"
#include "alerts/http_channels.h"
#include "base/temp_folder_testing.h"
#include "objects/http_peer_testing.h"

namespace aerie::alerts {
namespace {

using objects::HttpPeer;
using objects::PeerTurn;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

Message Sample() {
  return {.key = "i-12-1",
          .dedup_key = "aerie-i-12",
          .event = Event::kOpened,
          .incident = 12,
          .rule = Rule::kVerifiedBackupOld,
          .about = "prod",
          .severity = Severity::kCritical,
          .summary = "prod: 2 of 12 <collections> & more",
          .details = {"default.a: no backup at all"},
          .remedy = "back it up",
          .at_ms = 1'700'000'000'000,
          .opened_ms = 1'700'000'000'000,
          .link = "https://aerie/alerts/12"};
}

Attempt SendTo(Channel& channel, bool repeated = false, Duration timeout = seconds(5)) {
  return channel.Send(Context::Background().WithTimeout(timeout), Sample(), repeated);
}

TEST(Webhook, SignsWhatItSendsAndNamesItByItsKey) {
  HttpPeer peer;
  peer.Say(204, "");
  const auto hook = OpenWebhook(
      {.url = peer.url() + "/in", .secret = "s3cret", .authorization = "Bearer t"}, "hook");
  EXPECT_TRUE(SendTo(*hook).status.ok());
  const auto request = peer.requests().at(0);
  EXPECT_EQ(request.Line(), "POST /in HTTP/1.1");
  EXPECT_TRUE(request.Has("Idempotency-Key: i-12-1\r\n"));
  EXPECT_TRUE(request.Has("Authorization: Bearer t\r\n"));
  EXPECT_TRUE(request.Has("Content-Type: application/json\r\n"));
  EXPECT_EQ(request.body, ToText(Sample()));
  const std::string lead = "Aerie-Timestamp: ";
  const auto at = request.head.find(lead) + lead.size();
  const std::string timestamp = request.head.substr(at, request.head.find('\r', at) - at);
  EXPECT_TRUE(request.Has(
      "Aerie-Signature: " + WebhookSignature("s3cret", timestamp, request.body) + "\r\n"));
}

TEST(Webhook, SignatureIsHmacSha256OfTimestampAndBody) {
  // Computed by Python's hmac over b"1700000000.{}" with the key b"key".
  EXPECT_EQ(WebhookSignature("key", "1700000000", "{}"),
            "v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae");
}

TEST(Webhook, KnowsWhatAnAnswerMeans) {
  struct Case {
    int status;
    Kind kind;
  };
  HttpPeer peer;
  const auto hook = OpenWebhook({.url = peer.url()}, "hook");
  for (const auto& [status, kind] : {Case{200, Kind::kOk},
                                     {202, Kind::kOk},
                                     {301, Kind::kTransient},
                                     {400, Kind::kInvalid},
                                     {401, Kind::kDenied},
                                     {404, Kind::kNotFound},
                                     {413, Kind::kInvalid},
                                     {422, Kind::kInvalid},
                                     {429, Kind::kThrottled},
                                     {500, Kind::kTransient},
                                     {503, Kind::kTransient}}) {
    peer.Say(status, "why\nnot", "Retry-After: 90\r\n");
    const Attempt attempt = SendTo(*hook);
    EXPECT_EQ(KindOf(attempt.status), kind) << status;
    if (kind == Kind::kOk) continue;
    EXPECT_EQ(attempt.retry_after, seconds(90));
    EXPECT_THAT(std::string(attempt.status.message()),
                HasSubstr("tell channel hook: answered " + std::to_string(status) + ": why not"));
  }
}

TEST(Webhook, ALostAnswerIsNotAKnownOutcome) {
  HttpPeer peer;
  const auto hook = OpenWebhook({.url = peer.url()}, "hook");
  peer.Say("", PeerTurn::Then::kStaySilent);
  EXPECT_EQ(KindOf(SendTo(*hook, false, milliseconds(200)).status), Kind::kUnknownOutcome);
  peer.Say("", PeerTurn::Then::kHangUp);
  EXPECT_EQ(KindOf(SendTo(*hook).status), Kind::kUnknownOutcome);
  peer.Say("HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\nhal", PeerTurn::Then::kHangUp);
  EXPECT_EQ(KindOf(SendTo(*hook).status), Kind::kUnknownOutcome);
  peer.Say(200, "");
  EXPECT_TRUE(SendTo(*hook).status.ok());
}

TEST(Webhook, NothingOfTheConfigurationEndsAMessage) {
  // Whatever may be put right is tried again: only kInvalid gives up.
  for (const auto& options :
       {WebhookOptions{.url = "http://127.0.0.1:1"}, WebhookOptions{.url = "nonsense://x"},
        WebhookOptions{.url = "${env:AERIE_TEST_NOT_SET}"},
        WebhookOptions{.url = "http://127.0.0.1:1", .secret = "${file:/not/there}"},
        WebhookOptions{.url = "https://127.0.0.1:1", .ca = "/not/there"}}) {
    const auto hook = OpenWebhook(options, "hook");
    const Attempt attempt = SendTo(*hook);
    EXPECT_FALSE(attempt.status.ok());
    EXPECT_NE(KindOf(attempt.status), Kind::kInvalid) << attempt.status;
    EXPECT_THAT(std::string(attempt.status.message()), HasSubstr("tell channel hook"));
  }
}

TEST(Slack, EscapesAndSaysWhenItIsSentAgain) {
  EXPECT_THAT(SlackBody(Sample(), false),
              HasSubstr("[critical] prod: 2 of 12 &lt;collections&gt; &amp; more\""));
  EXPECT_THAT(SlackBody(Sample(), true), HasSubstr("more (sent again)\""));
  EXPECT_THAT(SlackBody(Sample(), false), HasSubstr("https://aerie/alerts/12"));
}

TEST(PagerDuty, SpeaksOfOneIncidentByOneKey) {
  Message message = Sample();
  const std::string opened = PagerDutyBody(message, "routing");
  EXPECT_THAT(opened, HasSubstr(R"("routing_key":"routing","event_action":"trigger")"));
  EXPECT_THAT(opened, HasSubstr(R"("dedup_key":"aerie-i-12")"));
  EXPECT_THAT(opened, HasSubstr(R"("severity":"critical")"));
  message.event = Event::kAcknowledged;
  EXPECT_THAT(PagerDutyBody(message, "r"), HasSubstr(R"("event_action":"acknowledge")"));
  message.event = Event::kResolved;
  EXPECT_EQ(PagerDutyBody(message, "r"),
            R"({"routing_key":"r","event_action":"resolve","dedup_key":"aerie-i-12"})");
}

TEST(Command, HasTheMessageInItsEnvironment) {
  const TempFolder folder;
  const std::string out = (folder.path() / "out").string();
  const auto open = [](const std::string& command) {
    return OpenChannel({.audience = {.channel = "script"}, .how = CommandOptions{command}});
  };
  const auto writes = open(
      "echo \"$AERIE_ALERT|$AERIE_ALERT_STATE|$AERIE_ALERT_EVENT|$AERIE_ALERT_ABOUT|"
      "$AERIE_ALERT_SEVERITY|$AERIE_ALERT_INCIDENT|$AERIE_ALERT_KEY\" > " +
      out);
  EXPECT_TRUE(SendTo(*writes).status.ok());
  std::ifstream in(out);
  std::string line;
  std::getline(in, line);
  EXPECT_EQ(line, "verified-backup-old|raised|opened|prod|critical|12|i-12-1");
  const Attempt failed = SendTo(*open("echo no >&2; exit 3"));
  EXPECT_EQ(failed.status.message(), "tell channel script ended with exit code 3: no");
  EXPECT_EQ(KindOf(SendTo(*open("sleep 30"), false, milliseconds(100)).status), Kind::kTimeout);
}

TEST(Mail, IsPlainAsciiWhateverItSays) {
  Message message = Sample();
  message.summary = "备份 по-русски ü: " + std::string(60, 'x') + "\r\nBcc: everyone@x";
  message.details = {"line with trailing space ", ".", std::string(200, '='), "ümlaut"};
  const std::string mail = ComposeMail(
      message, {.from = "Wächter <aerie@example.com>", .to = {"a@b.c", "\"X, Y\" <d@e.f>"}});
  for (std::size_t begin = 0, end; begin < mail.size(); begin = end + 2) {
    end = mail.find("\r\n", begin);
    ASSERT_NE(end, std::string::npos);
    const std::string line = mail.substr(begin, end - begin);
    EXPECT_LE(line.size(), 78U) << line;
    for (const char c : line) EXPECT_TRUE(c >= ' ' && c <= '~') << line;
    EXPECT_THAT(line, Not(::testing::StartsWith("Bcc")));
  }
  EXPECT_THAT(mail, HasSubstr("Subject: \r\n =?UTF-8?B?"));
  EXPECT_THAT(mail, HasSubstr("To: a@b.c,\r\n \"X, Y\" <d@e.f>\r\n"));
  EXPECT_THAT(mail, HasSubstr("\r\nMessage-ID: <i-12-1@example.com>\r\n"));
  EXPECT_THAT(mail, HasSubstr("\r\nReferences: <aerie-i-12@example.com>\r\n"));
  EXPECT_THAT(mail, HasSubstr("\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n"));
  EXPECT_THAT(mail, HasSubstr("trailing space=20\r\n"));
  EXPECT_THAT(mail, HasSubstr("=C3=BCmlaut"));
  EXPECT_THAT(mail, HasSubstr("Importance: high"));
}

TEST(Mail, AddressesAreLookedAt) {
  EXPECT_EQ(MailAddress("a@b").value_or(""), "a@b");
  EXPECT_EQ(MailAddress("Ops Team <ops@example.com>").value_or(""), "ops@example.com");
  for (const char* wrong : {"", "a", "@b", "a@", "a@b@c", "a b@c", "x <a@b", "a@b>", "a@b\r\nRCPT",
                            "a,b@c", "<a@b> trailing"}) {
    EXPECT_EQ(KindOf(MailAddress(wrong).status()), Kind::kInvalid) << wrong;
  }
}

// A mail server that says what a test tells it, reply by reply; mail data is read to its full stop.
class MailPeer {
 public:
  explicit MailPeer(std::vector<std::string> replies) : replies_(std::move(replies)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(listener_, 1);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    thread_ = std::jthread([this] { Serve(); });
  }
  ~MailPeer() {
    shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    close(listener_);
  }

  int port = 0;
  // All of it, when its only client has gone.
  std::string Heard() {
    if (thread_.joinable()) thread_.join();
    return heard_;
  }

 private:
  void Serve() {
    const int fd = accept(listener_, nullptr, nullptr);
    if (fd < 0) return;
    bool data = false;
    for (const std::string& reply : replies_) {
      if (reply.empty()) break;  // hangs up
      if (send(fd, (reply + "\r\n").data(), reply.size() + 2, MSG_NOSIGNAL) < 0) break;
      data = reply.starts_with("354");
      std::string heard_now;
      while (heard_now.find(data ? "\r\n.\r\n" : "\r\n") == std::string::npos) {
        char buffer[4096];
        const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        heard_now.append(buffer, static_cast<std::size_t>(got));
      }
      heard_ += heard_now;
    }
    close(fd);
  }

  const std::vector<std::string> replies_;
  std::string heard_;  // of the thread, while it runs
  int listener_ = -1;
  std::jthread thread_;
};

Attempt MailTo(int port, Duration timeout = seconds(5)) {
  const auto channel = OpenEmail({.host = "127.0.0.1",
                                  .port = port,
                                  .security = EmailOptions::Security::kNone,
                                  .from = "Aerie <aerie@example.com>",
                                  .to = {"a@example.com", "b@example.com"}},
                                 "mail");
  return SendTo(*channel, false, timeout);
}

TEST(Email, GoesToAllRecipientsAndTellsWhoWasRefused) {
  MailPeer peer({"220 x", "250 x", "250 from", "550 no such user", "250 ok", "354 go", "250 taken",
                 "221 bye"});
  const Attempt attempt = MailTo(peer.port);
  EXPECT_TRUE(attempt.status.ok()) << attempt.status;
  EXPECT_EQ(attempt.note, "not taken for a@example.com: 550 no such user");
  EXPECT_THAT(peer.Heard(), HasSubstr("MAIL FROM:<aerie@example.com>"));
  EXPECT_THAT(peer.Heard(), HasSubstr("RCPT TO:<b@example.com>"));
  EXPECT_THAT(peer.Heard(), HasSubstr("Message-ID: <i-12-1@example.com>"));
}

TEST(Email, KnowsWhatTheServerHasAndWhatItDoesNotHave) {
  {
    MailPeer peer({"220 x", "250 x", "250 from", "550 no", "550 no"});
    const Attempt attempt = MailTo(peer.port);
    EXPECT_EQ(KindOf(attempt.status), Kind::kTransient) << attempt.status;
    EXPECT_THAT(std::string(attempt.status.message()), HasSubstr("550 no"));
  }
  {
    MailPeer peer({"220 x", "250 x", "250 from", "250 a", "250 b", "354 go", "451 later"});
    const Attempt attempt = MailTo(peer.port);
    EXPECT_EQ(KindOf(attempt.status), Kind::kTransient) << attempt.status;
    EXPECT_THAT(std::string(attempt.status.message()), HasSubstr("451 later"));
  }
  {
    MailPeer peer({"220 x", "250 x", "250 from", "250 a", "250 b", "354 go", ""});
    EXPECT_EQ(KindOf(MailTo(peer.port).status), Kind::kUnknownOutcome);
  }
  {
    MailPeer peer({"220 x", "250 x", ""});
    EXPECT_EQ(KindOf(MailTo(peer.port).status), Kind::kTransient);
  }
  EXPECT_FALSE(MailTo(1).status.ok());
}

TEST(Email, ASecureLineIsNotGivenUpForAPlainOne) {
  MailPeer peer({"220 x", "250 without starttls", "221 bye"});
  const auto channel = OpenEmail({.host = "127.0.0.1",
                                  .port = peer.port,
                                  .user = "u",
                                  .password = "p4ssw0rd",
                                  .from = "a@b",
                                  .to = {"c@d"}},
                                 "mail");
  const Attempt attempt = SendTo(*channel);
  EXPECT_THAT(std::string(attempt.status.message()), HasSubstr("offers no STARTTLS"));
  EXPECT_THAT(peer.Heard(), Not(HasSubstr("AUTH")));
}

TEST(Test, SaysThatItIsOne) {
  const Message message = TestMessage("i", "mail", 5);
  EXPECT_EQ(Headline(message), "[test] this is a test of Aerie's alerts by channel mail");
  const auto read = MessageFromText(ToText(message));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->event, Event::kTest);
}

}  // namespace
}  // namespace aerie::alerts
