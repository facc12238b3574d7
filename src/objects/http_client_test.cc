#include "objects/http_client.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "objects/http_peer_testing.h"

namespace aerie::objects {
namespace {

using testing::HasSubstr;
using Then = PeerTurn::Then;
using When = PeerTurn::When;

class HttpClientTest : public testing::Test {
 protected:
  HttpRequest Request(const std::string& method, ByteSpan body = {}) {
    return {.method = method,
            .url = peer_.url() + "/a%2Fb/../c?x=y",
            .headers = {{"x-one", "1"}},
            .body = body,
            .operation = "try it"};
  }
  Kind KindFor(const HttpRequest& request) {
    return KindOf(client_.Send(context_, request).status());
  }

  const Context context_ = Context::Background();
  HttpPeer peer_;
  HttpClient client_;
};

TEST_F(HttpClientTest, SendsWhatItIsGivenAndNothingElse) {
  peer_.Say(200, "hello", "X-Two: 2 \r\nx-two: 3\r\n");
  const auto answer = client_.Send(context_, Request("PUT", AsBytes("body")));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(AsText(answer->body), "hello");
  EXPECT_EQ(answer->Header("x-two"), "3");
  EXPECT_EQ(answer->Header("none"), "");
  const PeerRequest got = peer_.requests().at(0);
  EXPECT_EQ(got.Line(), "PUT /a%2Fb/../c?x=y HTTP/1.1");
  EXPECT_TRUE(got.Has("x-one: 1\r\n"));
  EXPECT_EQ(got.body, "body");
}

TEST_F(HttpClientTest, KeepsTheConnection) {
  for (int i = 0; i < 5; ++i) peer_.Say(200, "x");
  for (int i = 0; i < 5; ++i) ASSERT_EQ(KindFor(Request("GET")), Kind::kOk);
  EXPECT_EQ(peer_.connections(), 1U);
}

TEST_F(HttpClientTest, FollowsNothing) {
  peer_.Say(301, "", "Location: " + peer_.url() + "/elsewhere\r\n");
  EXPECT_EQ(client_.Send(context_, Request("GET"))->status, 301);
  EXPECT_EQ(peer_.requests().size(), 1U);
}

TEST_F(HttpClientTest, AnAnswerThatBreaksOffIsNone) {
  const std::string whole = PeerAnswer(200, "0123456789");
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, whole.size() - 1}) {
    peer_.Say(whole.substr(0, size), Then::kHangUp);
    EXPECT_EQ(KindFor(Request("GET")), Kind::kTransient) << size;
    peer_.Say(whole.substr(0, size), Then::kHangUp);
    EXPECT_EQ(KindFor(Request("PUT", AsBytes("x"))), Kind::kUnknownOutcome) << size;
    peer_.Say(whole.substr(0, size), Then::kHangUp);
    EXPECT_EQ(KindFor(Request("PUT")), Kind::kUnknownOutcome) << size;
  }
  // Each was sent once: nothing is repeated here.
  EXPECT_EQ(peer_.requests().size(), 9U);
}

TEST_F(HttpClientTest, AWriteThatWasNotSentWholeIsNotInDoubt) {
  const Bytes large(64 << 20);
  peer_.Say("HTTP/1.1 100 Continue\r\n\r\n", Then::kHangUp, When::kAfterHead);
  EXPECT_EQ(KindFor(Request("PUT", large)), Kind::kTransient);
}

TEST_F(HttpClientTest, AKeptConnectionThatDiedIsNotRepeatedInSilence) {
  peer_.Say(200, "x");
  ASSERT_EQ(KindFor(Request("GET")), Kind::kOk);
  peer_.Say("", Then::kHangUp);
  peer_.Say(200, "must not be asked for");
  EXPECT_EQ(KindFor(Request("PUT", AsBytes("body"))), Kind::kUnknownOutcome);
  EXPECT_EQ(peer_.requests().size(), 2U);
}

TEST_F(HttpClientTest, MoreThanWasAnnouncedIsNotRead) {
  peer_.Say(PeerAnswer(200, "0123456789") + "and more", Then::kHangUp);
  const auto answer = client_.Send(context_, Request("GET"));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(AsText(answer->body), "0123456789");
}

TEST_F(HttpClientTest, AnAnswerHasALimit) {
  HttpRequest request = Request("GET");
  request.max_answer = 9;
  peer_.Say(200, "0123456789");
  EXPECT_EQ(KindFor(request), Kind::kTooLarge);
  // However much it announces, nothing is set aside for it.
  peer_.Say("HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000000\r\n\r\nx", Then::kHangUp);
  EXPECT_NE(KindFor(request), Kind::kOk);
}

TEST_F(HttpClientTest, WhatIsNoHttpIsSaid) {
  peer_.Say("SSH-2.0-OpenSSH_9.2\r\n", Then::kHangUp);
  const Status status = client_.Send(context_, Request("GET")).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("try it"));
}

TEST_F(HttpClientTest, AWrongAddressIsSaidAtOnceButALaterLossIsTransient) {
  HttpRequest request = Request("GET");
  std::string gone;
  {
    HttpPeer other;
    gone = other.url();
  }
  request.url = gone;
  const Status status = client_.Send(context_, request).status();
  EXPECT_EQ(KindOf(status), Kind::kFailed) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("check the endpoint"));
  peer_.Say(200, "x");
  ASSERT_EQ(KindFor(Request("GET")), Kind::kOk);
  EXPECT_EQ(KindFor(request), Kind::kTransient);
}

TEST_F(HttpClientTest, AnErrorIsHeardBeforeTheBodyIsSent) {
  const Bytes large(64 << 20);
  peer_.Say(PeerAnswer(403, "no"), Then::kStaySilent, When::kAfterHead);
  const auto answer = client_.Send(context_, Request("PUT", large));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 403);
}

TEST_F(HttpClientTest, TheDeadlineEndsASilentAnswer) {
  const Context limited = context_.WithTimeout(std::chrono::milliseconds(50));
  peer_.Say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", Then::kStaySilent);
  EXPECT_EQ(KindOf(client_.Send(limited, Request("GET")).status()), Kind::kTimeout);
}

TEST_F(HttpClientTest, CancelEndsAnExchangeInItsMiddle) {
  for (const auto& [method, kind] :
       {std::pair("GET", Kind::kCancelled), std::pair("PUT", Kind::kUnknownOutcome)}) {
    CancelScope scope(context_);
    const std::size_t before = peer_.requests().size();
    peer_.Say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", Then::kStaySilent);
    std::jthread cancel([&] {
      while (peer_.requests().size() == before) std::this_thread::yield();
      scope.Cancel();
    });
    EXPECT_EQ(KindOf(client_.Send(scope.context(), Request(method)).status()), kind);
  }
}

TEST_F(HttpClientTest, CancelEndsAnUploadInItsMiddle) {
  CancelScope scope(context_);
  const Bytes large(64 << 20);
  // It says go on, and then reads no more.
  peer_.Say("HTTP/1.1 100 Continue\r\n\r\n", Then::kStopReading, When::kAfterHead);
  std::jthread cancel([&] {
    while (peer_.requests().empty()) std::this_thread::yield();
    scope.Cancel();
  });
  EXPECT_EQ(KindOf(client_.Send(scope.context(), Request("PUT", large)).status()),
            Kind::kCancelled);
}

TEST_F(HttpClientTest, ManyThreadsShareIt) {
  constexpr int kThreads = 4;
  constexpr int kEach = 10;
  for (int i = 0; i < kThreads * kEach; ++i) peer_.Say(200, "x");
  std::atomic<int> failures{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kEach; ++i) failures += KindFor(Request("GET")) != Kind::kOk;
      });
    }
  }
  EXPECT_EQ(failures, 0);
  EXPECT_LE(peer_.connections(), static_cast<std::size_t>(kThreads));
}

}  // namespace
}  // namespace aerie::objects
