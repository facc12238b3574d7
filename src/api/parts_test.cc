// Guards, percent-encoding, times, the hub.
#include <gtest/gtest.h>

#include "api/call.h"
#include "api/event_hub.h"
#include "api/guards.h"
#include "api/peer_address.h"
#include "api/percent.h"

namespace aerie::api {
namespace {

TEST(Percent, IsStrict) {
  EXPECT_EQ(DecodePercent("a%20b%C3%BC"), "a bü");
  for (const char* text : {"%", "%2", "%zz", "%00", "a\nb", "%0a", "%ff", "%c0%af", "%ed%a0%80"}) {
    EXPECT_FALSE(DecodePercent(text)) << text;
  }
  EXPECT_EQ(DecodeQuery("a=1&b=x+y&c"),
            (std::map<std::string, std::string>{{"a", "1"}, {"b", "x y"}, {"c", ""}}));
  EXPECT_FALSE(DecodeQuery("a=1&a=2"));
}

HttpRequest From(const std::string& host, const std::string& origin = "",
                 const std::string& site = "") {
  HttpRequest request;
  if (!host.empty()) request.headers["host"] = host;
  if (!origin.empty()) request.headers["origin"] = origin;
  if (!site.empty()) request.headers["sec-fetch-site"] = site;
  return request;
}

TEST(Guards, OnlyNamesOfThisServerAreAnswered) {
  const GuardOptions options{.listen_host = "127.0.0.1",
                             .public_origin = ParseOrigin("https://aerie.example")};
  for (const char* host : {"127.0.0.1:8710", "localhost", "LOCALHOST:8710", "[::1]:8710",
                           "10.1.2.3", "aerie.example", "aerie.example:443"}) {
    EXPECT_TRUE(CheckHost(From(host), options).ok()) << host;
  }
  for (const char* host : {"", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example",
                           "localhost:port", "aerie.example.evil", "a@localhost", "[::1", "::1:80",
                           "localhost, evil.example", "localhost/", "0x7f.1"}) {
    EXPECT_FALSE(CheckHost(From(host), options).ok()) << host;
  }
}

TEST(Guards, OnlyAConfiguredProxyOfThisMachineSaysWhoIsBehindIt) {
  const GuardOptions proxied{.public_origin = ParseOrigin("https://aerie.example")};
  const auto peer = [](const std::string& address, const std::string& forwarded,
                       const GuardOptions& options) {
    HttpRequest request;
    request.address = address;
    if (!forwarded.empty()) request.headers["x-forwarded-for"] = forwarded;
    return PeerAddress(request, options);
  };
  EXPECT_EQ(peer("127.0.0.1", "10.0.0.1", proxied), "10.0.0.1");
  EXPECT_EQ(peer("::1", "evil, 9.9.9.9,10.0.0.1 ", proxied), "10.0.0.1");
  EXPECT_EQ(peer("127.0.0.1", "2001:db8::1", proxied), "2001:db8::1");
  EXPECT_EQ(peer("127.0.0.1", "[2001:db8::1]:4711", proxied), "2001:db8::1");
  EXPECT_EQ(peer("127.0.0.1", "10.0.0.1:4711", proxied), "10.0.0.1");
  for (const char* none :
       {"", ",", "10.0.0.1,", "unknown", "10.0.0.1, host.example", "10.0.0.1;"}) {
    EXPECT_EQ(peer("127.0.0.1", none, proxied), "127.0.0.1") << none;
  }
  EXPECT_EQ(peer("10.0.0.7", "10.0.0.1", proxied), "10.0.0.7");
  EXPECT_EQ(peer("127.0.0.1", "10.0.0.1", GuardOptions{}), "127.0.0.1");
}

TEST(Guards, AnIPv4AddressIsOneHoweverItComes) {
  const GuardOptions proxied{.public_origin = ParseOrigin("https://aerie.example")};
  HttpRequest request;
  request.address = "::ffff:10.0.0.7";
  EXPECT_EQ(PeerAddress(request, {}), "10.0.0.7");
  request.address = "::ffff:127.0.0.1";
  request.headers["x-forwarded-for"] = "::ffff:10.0.0.1";
  EXPECT_EQ(PeerAddress(request, proxied), "10.0.0.1");
  request.headers["x-forwarded-for"] = "[::ffff:a00:1]:4711";
  EXPECT_EQ(PeerAddress(request, proxied), "10.0.0.1");
  request.headers["x-forwarded-for"] = "unknown";
  EXPECT_EQ(PeerAddress(request, proxied), "127.0.0.1");
}

TEST(Guards, APeerIsItsIPv4AddressOrItsNetworkOfIPv6) {
  for (const auto& [address, network] : {std::pair("10.0.0.1", "10.0.0.1"),
                                         {"::ffff:10.0.0.1", "10.0.0.1"},
                                         {"::FFFF:a00:1", "10.0.0.1"},
                                         {"2001:db8:1:2::1", "2001:db8:1:2::/64"},
                                         {"2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"},
                                         {"2001:DB8:1:3::1", "2001:db8:1:3::/64"},
                                         {"fe80::1%eth0", "fe80::/64"},
                                         {"::1", "::/64"},
                                         {"", ""},
                                         {"nonsense", "nonsense"}}) {
    EXPECT_EQ(PeerNetwork(address), network) << address;
  }
}

TEST(Guards, ChangesComeFromTheSameOrigin) {
  const GuardOptions options{.public_origin = ParseOrigin("https://aerie.example")};
  const std::string host = "127.0.0.1:8710";
  EXPECT_TRUE(CheckSameOrigin(From(host), options).ok());
  EXPECT_TRUE(CheckSameOrigin(From(host, "http://127.0.0.1:8710"), options).ok());
  EXPECT_TRUE(CheckSameOrigin(From(host, "http://127.0.0.1:8710", "same-origin"), options).ok());
  EXPECT_TRUE(CheckSameOrigin(From("aerie.example", "https://aerie.example"), options).ok());
  for (const char* origin : {"null", "http://evil.example", "http://127.0.0.1",
                             "http://127.0.0.1:1", "https://127.0.0.1:8710", "http://aerie.example",
                             "file://", "http://localhost:8710", "https://aerie.example.evil"}) {
    EXPECT_FALSE(CheckSameOrigin(From(host, origin), options).ok()) << origin;
  }
  EXPECT_FALSE(CheckSameOrigin(From(host, "", "cross-site"), options).ok());
  EXPECT_FALSE(CheckSameOrigin(From(host, "", "same-site"), options).ok());
}

TEST(Guards, Cookies) {
  EXPECT_EQ(CookieOf("a=1; aerie_session=x=y; b=2", "aerie_session"), "x=y");
  EXPECT_FALSE(CookieOf("xaerie_session=1", "aerie_session"));
  EXPECT_FALSE(CookieOf("aerie_session=1; aerie_session=2", "aerie_session"));
}

TEST(Times, AreReadAsTheyAreWritten) {
  EXPECT_EQ(ParseTime("2023-11-14T22:13:20.000Z"), 1'700'000'000'000);
  EXPECT_EQ(ParseTime("2023-11-14T23:13:20+01:00"), 1'700'000'000'000);
  EXPECT_EQ(TimeOf(1'700'000'000'123), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(ParseTime("2023-11-14T22:13:20.1Z"), 1'700'000'000'100);
  for (const char* text :
       {"", "2023-11-14", "2023-02-30T00:00:00Z", "2023-11-14T24:00:00Z", "2023-11-14T22:13:20",
        "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20+1:00", "2023-11-14T22:13:20+99:00",
        "x023-11-14T22:13:20Z"}) {
    EXPECT_FALSE(ParseTime(text)) << text;
  }
}

std::string ReadAll(ByteStream& stream) {
  std::string out(1 << 20, '\0');
  out.resize(stream.Read(out.data(), out.size()).value_or(0));
  return out;
}

TEST(Hub, ResumesAfterTheLastEvent) {
  EventHub hub;
  const auto first = hub.Listen("");
  const std::string begin = ReadAll(*first);
  EXPECT_NE(begin.find("event: reset"), std::string::npos);
  hub.Publish("job", "{\"n\":1}");
  const std::string one = ReadAll(*first);
  EXPECT_NE(one.find("data: {\"n\":1}\n\n"), std::string::npos);
  const std::string id = one.substr(4, one.find('\n') - 4);
  hub.Publish("job", "{\"n\":2}");
  const std::string resumed = ReadAll(*hub.Listen(id));
  EXPECT_EQ(resumed.find("reset"), std::string::npos);
  EXPECT_EQ(resumed.find("\"n\":1"), std::string::npos);
  EXPECT_NE(resumed.find("\"n\":2"), std::string::npos);
  // Of another process, and too long ago.
  EXPECT_NE(ReadAll(*hub.Listen("0123abcd-1")).find("reset"), std::string::npos);
  for (std::size_t i = 0; i < EventHub::kKeptEvents; ++i) hub.Publish("job", "{}");
  EXPECT_NE(ReadAll(*hub.Listen(id)).find("reset"), std::string::npos);
}

TEST(Hub, ASlowListenerIsCutOffAndHoldsUpNobody) {
  EventHub hub;
  const auto slow = hub.Listen("");
  const auto quick = hub.Listen("");
  const std::string data = "{\"x\":\"" + std::string(10'000, 'x') + "\"}";
  for (int i = 0; i < 200; ++i) {
    hub.Publish("job", data);
    EXPECT_FALSE(ReadAll(*quick).empty());
  }
  EXPECT_TRUE(slow->ended());
  EXPECT_FALSE(quick->ended());
  hub.Beat();
  EXPECT_EQ(hub.listeners(), 1u);
}

TEST(Hub, TheNumberOfListenersIsBounded) {
  EventHub hub;
  std::vector<std::shared_ptr<ByteStream>> all;
  for (std::size_t i = 0; i < EventHub::kMostListeners; ++i) all.push_back(hub.Listen(""));
  EXPECT_EQ(hub.Listen(""), nullptr);
  all[0]->Abandon();
  EXPECT_NE(hub.Listen(""), nullptr);
  hub.Close();
  for (const auto& stream : all) EXPECT_TRUE(stream->ended());
}

}  // namespace
}  // namespace aerie::api
