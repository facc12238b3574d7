// The server on a real socket, with peers that are slow, large, malformed, gone, or many.
#include "api/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "api/http_server.h"
#include "api/service_testing.h"

namespace aerie::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One connection, spoken byte by byte.
class Peer {
 public:
  explicit Peer(std::uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Peer() { close(socket_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  bool connected() const { return connected_; }
  bool Send(const std::string& text) {
    return send(socket_, text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }
  void EndSending() { shutdown(socket_, SHUT_WR); }
  // All up to the end of the connection, or to where `until` was read.
  std::string Read(const std::string& until = "", seconds most = seconds(5)) {
    std::string out;
    const auto end = std::chrono::steady_clock::now() + most;
    while (until.empty() || out.find(until) == std::string::npos) {
      const auto left =
          std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
      pollfd waits{.fd = socket_, .events = POLLIN, .revents = 0};
      if (left.count() <= 0 || poll(&waits, 1, static_cast<int>(left.count())) <= 0) {
        ADD_FAILURE() << "nothing came; so far: " << out.substr(0, 500);
        return out;
      }
      char bytes[4096];
      const ssize_t size = recv(socket_, bytes, sizeof bytes, 0);
      if (size <= 0) return out;
      out.append(bytes, static_cast<std::size_t>(size));
    }
    return out;
  }

 private:
  const int socket_;
  bool connected_ = false;
};

std::unique_ptr<HttpServer> StartEcho(HttpServerOptions options = {}) {
  auto server = HttpServer::Start(options, [](HttpRequest request, HttpServer::Reply reply) {
    reply({.body =
               request.method + " " + request.target + " " + std::to_string(request.body.size())});
  });
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

std::string Get(std::uint16_t port, const std::string& target) {
  Peer peer(port);
  peer.Send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  return peer.Read();
}

void ExpectAlive(std::uint16_t port) {
  EXPECT_NE(Get(port, "/x?a=%20").find("GET /x?a=%20 0"), std::string::npos);
}

TEST(HttpServer, AnswersSeveralRequestsOfOneConnection) {
  const auto server = StartEcho();
  Peer peer(server->port());
  for (int i = 0; i < 3; ++i) {
    peer.Send("POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_NE(peer.Read("POST /a 5").find("200 OK"), std::string::npos);
  }
  peer.Send(
      "POST /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
  EXPECT_NE(peer.Read("POST /a 7").find("200 OK"), std::string::npos);
}

TEST(HttpServer, TooLargeBodiesAreRefused) {
  const auto server = StartEcho({.max_body = 1000});
  Peer told(server->port());
  told.Send("POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_NE(told.Read().find("413 "), std::string::npos);
  Peer huge(server->port());
  huge.Send("POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n");
  const std::string answer = huge.Read();
  EXPECT_TRUE(answer.find("413 ") != std::string::npos || answer.find("400 ") != std::string::npos);
  Peer chunked(server->port());
  chunked.Send(
      "POST /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
      "Transfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20; ++i) chunked.Send("64\r\n" + std::string(100, 'x') + "\r\n");
  chunked.Send("0\r\n\r\n");
  EXPECT_NE(chunked.Read().find("413 "), std::string::npos);
  ExpectAlive(server->port());
}

TEST(HttpServer, TwoOpinionsOfWhereABodyEndsAreRefused) {
  const auto server = StartEcho();
  for (const char* headers : {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                              "Content-Length: 5\r\nContent-Length: 6\r\n", "Host: evil\r\n",
                              "Content-Length: -1\r\n", "Content-Length: 5x\r\n"}) {
    Peer peer(server->port());
    peer.Send(std::string("POST /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n") +
              headers + "\r\n0\r\n\r\n");
    peer.EndSending();
    EXPECT_EQ(peer.Read().find("200 OK"), std::string::npos) << headers;
  }
  ExpectAlive(server->port());
}

TEST(HttpServer, SlowSendersAreCutOffAndHoldUpNobody) {
  const auto server = StartEcho({.receive_limit = milliseconds(300)});
  Peer silent(server->port());
  Peer half(server->port());
  half.Send("POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\nabc");
  Peer dripping(server->port());
  std::atomic<bool> cut{false};
  std::thread drips([&] {
    dripping.Send("GET / HTTP/1.1\r\nHost: localhost\r\n");
    // Each byte is in time; the whole is not.
    while (!cut && dripping.Send("X: y\r\n")) std::this_thread::yield();
  });
  ExpectAlive(server->port());
  silent.Read();
  half.Read();
  dripping.Read();
  cut = true;
  drips.join();
  ExpectAlive(server->port());
}

TEST(HttpServer, ASlowReaderIsCutOff) {
  auto server = HttpServer::Start({.send_limit = milliseconds(300)},
                                  [](HttpRequest, const HttpServer::Reply& reply) {
                                    reply({.body = std::string(64 << 20, 'x')});
                                  });
  ASSERT_TRUE(server.ok());
  Peer peer((*server)->port());
  peer.Send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  peer.Read("\r\n\r\n");
  // It takes no more; the server gives up, and what was on the way is not the whole.
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, milliseconds(1500));
  EXPECT_LT(peer.Read().size(), std::size_t{64} << 20);
}

TEST(HttpServer, MalformedRequestsDoNoHarm) {
  const auto server = StartEcho({.receive_limit = milliseconds(100)});
  std::mt19937 random(7);
  const std::string pieces[] = {"GET ",
                                "POST ",
                                "/",
                                "/api/v1/jobs",
                                " HTTP/1.1",
                                " HTTP/9.9",
                                "\r\n",
                                "\n",
                                "Host: localhost",
                                "Host:",
                                ": x",
                                "Content-Length: 3",
                                "Transfer-Encoding: chunked",
                                "Expect: 100-continue",
                                "\r\n\r\n",
                                "abc",
                                std::string(1, '\0'),
                                "\xff\xfe",
                                "fffffffffffffffff\r\n",
                                "0\r\n",
                                std::string(5000, 'A'),
                                "Cookie: " + std::string(40'000, 'c')};
  for (int i = 0; i < 150; ++i) {
    Peer peer(server->port());
    ASSERT_TRUE(peer.connected());
    std::string text = i % 3 == 0 ? "GET / HTTP/1.1\r\nHost: localhost\r\n" : "";
    const std::size_t count = random() % 12;
    for (std::size_t n = 0; n < count; ++n) text += pieces[random() % std::size(pieces)];
    for (std::size_t n = 0; n < text.size() / 40; ++n) {
      if (random() % 4 == 0) text[random() % text.size()] = static_cast<char>(random() % 256);
    }
    peer.Send(text);
    peer.EndSending();
    if (i % 5 == 0) peer.Read();
  }
  ExpectAlive(server->port());
}

TEST(HttpServer, TooManyWaitingRequestsAreToldSo) {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false, at_work = false;
  auto server = HttpServer::Start({.max_waiting = 1, .workers = 1},
                                  [&](HttpRequest, const HttpServer::Reply& reply) {
                                    std::unique_lock lock(mutex);
                                    at_work = true;
                                    changed.notify_all();
                                    changed.wait(lock, [&] { return open; });
                                    reply({.body = "done"});
                                  });
  ASSERT_TRUE(server.ok());
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 8; ++i) {
    peers.push_back(std::make_unique<Peer>((*server)->port()));
    peers.back()->Send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return at_work; });  // the first one waits no more
  }
  // All but the one at work and the one that waits.
  std::vector<std::thread> readers;
  std::atomic<int> good{0}, busy{0};
  for (auto& peer : peers) {
    readers.emplace_back([&] {
      const std::string answer = peer->Read();
      if (answer.find("200 OK") != std::string::npos) ++good;
      if (answer.find("503 ") != std::string::npos &&
          answer.find("Retry-After") != std::string::npos) {
        if (++busy == 6) {
          std::lock_guard lock(mutex);
          open = true;
          changed.notify_all();
        }
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(good, 2);
  EXPECT_EQ(busy, 6);
}

TEST(HttpServer, StopAnswersWhatHasBegunAndEndsStreams) {
  std::mutex mutex;
  std::vector<HttpServer::Reply> kept;
  std::condition_variable changed;
  const auto stream = std::make_shared<ByteStream>(1 << 16);
  auto server = HttpServer::Start({}, [&](const HttpRequest& request, HttpServer::Reply reply) {
    if (request.target == "/stream") return reply({.stream = stream});
    std::lock_guard lock(mutex);
    kept.push_back(std::move(reply));
    changed.notify_all();
  });
  ASSERT_TRUE(server.ok());
  const std::uint16_t port = (*server)->port();
  Peer listener(port), later(port), never(port);
  listener.Send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  stream->Write("first ");
  listener.Read("first ");
  stream->Write("second ");  // after it was held back
  listener.Read("second ");
  later.Send("GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
  never.Send("GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n");
  std::thread stop;
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return kept.size() == 2; });
    stop = std::thread([&] { (*server)->Stop(milliseconds(500)); });
    kept[0]({.body = "here"});
  }
  stop.join();
  listener.Read();
  const std::string one = later.Read();
  const std::string other = never.Read();
  EXPECT_NE((one + other).find("here"), std::string::npos);
  EXPECT_NE((one + other).find("503 "), std::string::npos);
  // Late, and of no effect.
  kept[1]({.body = "too late"});
  EXPECT_FALSE(stream->Write("x"));
  EXPECT_FALSE(Peer(port).connected());
}

TEST(HttpServer, ThePortInUseIsNamed) {
  const auto server = StartEcho();
  const auto second = HttpServer::Start({.port = server->port()}, nullptr);
  EXPECT_EQ(KindOf(second.status()), Kind::kExists);
  EXPECT_NE(std::string(second.status().message()).find(std::to_string(server->port())),
            std::string::npos);
  EXPECT_EQ(KindOf(HttpServer::Start({.address = "nowhere"}, nullptr).status()), Kind::kInvalid);
  EXPECT_EQ(KindOf(HttpServer::Start({.tls_cert = "x", .tls_key = "y"}, nullptr).status()),
            Kind::kInvalid);
}

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() { world.kinds["backup"] = std::make_shared<FakeKind>(world.on_preview); }
  Result<std::unique_ptr<Server>> Make(ServerOptions options) {
    options.access.cost = kCheap;
    return Server::Make(*world.catalog, world.kinds, {.backend = &world.backend}, options);
  }
  World world;
};

TEST_F(ServerTest, BeyondThisMachineItTakesTlsAndAUser) {
  EXPECT_TRUE(Make({}).ok());
  EXPECT_TRUE(Make({.http = {.address = "::1"}}).ok());
  for (const char* address : {"0.0.0.0", "::", "192.168.1.1"}) {
    auto made = Make({.http = {.address = address}});
    EXPECT_EQ(KindOf(made.status()), Kind::kRefused) << address;
    made = Make({.http = {.address = address, .tls_cert = "x", .tls_key = "y"}});
    EXPECT_EQ(KindOf(made.status()), Kind::kRefused) << address;
  }
  EXPECT_EQ(KindOf(Make({.public_url = "https://aerie.example"}).status()), Kind::kRefused);
  EXPECT_EQ(KindOf(Make({.public_url = "aerie.example"}).status()), Kind::kInvalid);
  world.AddUser("root", Role::kAdmin);
  EXPECT_TRUE(Make({.http = {.address = "0.0.0.0", .tls_cert = "x", .tls_key = "y"}}).ok());
  EXPECT_EQ(KindOf(Make({.http = {.address = "0.0.0.0"}}).status()), Kind::kRefused);
  EXPECT_TRUE(Make({.public_url = "https://aerie.example"}).ok());
}

TEST_F(ServerTest, RunsUntilItIsStopped) {
  auto server = *Make({.grace = milliseconds(200)});
  CancelScope scope(Context::Background());
  ASSERT_TRUE(server->Listen(scope.context()).ok());
  std::thread run([&] { EXPECT_TRUE(server->Run(scope.context()).ok()); });
  EXPECT_NE(Get(server->port(), "/api/v1/session").find("\"mode\":\"open\""), std::string::npos);
  Peer listener(server->port());
  listener.Send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_NE(listener.Read("event: reset").find("text/event-stream"), std::string::npos);
  world.AddJob("backup");
  listener.Read("\"state\":\"queued\"");
  Peer waiting(server->port());
  const std::string body = "{}";
  waiting.Send(
      "POST /api/v1/backup/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
      "application/json\r\nContent-Length: 2\r\n\r\n" +
      body);
  listener.Read("\"number\":2");
  scope.Cancel();
  run.join();
  EXPECT_NE(waiting.Read().find("503 "), std::string::npos);
  listener.Read();
}

}  // namespace
}  // namespace aerie::api
