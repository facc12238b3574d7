// A scripted HTTP peer for tests of what no good server does: it says exactly the bytes it was
// told, however wrong, and hangs up or stays silent when it was told to.
//
// Listens on a port of its own from construction to destruction. Each connection that comes takes
// the next turn of the script for each of its requests; when the script has ended, it hangs up.
// Thread-safe.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace aerie::objects {

struct PeerTurn {
  // kStaySilent reads what comes and answers nothing; kStopReading does not even read.
  enum class Then { kKeep, kHangUp, kStaySilent, kStopReading };
  enum class When { kAfterRequest, kAfterHead };  // the head alone: the body is not read

  std::string answer;  // raw bytes
  Then then = Then::kKeep;
  When when = When::kAfterRequest;
};

struct PeerRequest {
  std::string head;  // with the request line
  std::string body;

  std::string Line() const { return head.substr(0, head.find("\r\n")); }
  bool Has(const std::string& text) const { return head.find(text) != std::string::npos; }
};

inline std::string PeerAnswer(int status, const std::string& body,
                              const std::string& headers = "ETag: \"e\"\r\n") {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body;
}

class HttpPeer {
 public:
  HttpPeer() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(listener_, 16);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { Serve(stop); });
  }
  ~HttpPeer() {
    thread_.request_stop();
    thread_.join();
    connections_.clear();
    close(listener_);
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  void Say(const std::string& answer, PeerTurn::Then then = PeerTurn::Then::kKeep,
           PeerTurn::When when = PeerTurn::When::kAfterRequest) {
    std::lock_guard lock(mutex_);
    script_.push_back({answer, then, when});
  }
  void Say(int status, const std::string& body, const std::string& headers = "ETag: \"e\"\r\n") {
    Say(PeerAnswer(status, body, headers));
  }

  std::vector<PeerRequest> requests() const {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  std::size_t connections() const { return accepted_; }

 private:
  static constexpr int kTickMs = 5;

  void Serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd ready{listener_, POLLIN, 0};
      if (poll(&ready, 1, kTickMs) != 1) continue;
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) continue;
      ++accepted_;
      connections_.emplace_back([this, fd](const std::stop_token& end) {
        while (Turn(fd, end)) {
        }
        close(fd);
      });
    }
  }

  // More bytes to `text`; false at the end of the connection or the test.
  static bool Read(int fd, const std::stop_token& stop, std::string& text) {
    while (!stop.stop_requested()) {
      pollfd ready{fd, POLLIN, 0};
      if (poll(&ready, 1, kTickMs) != 1) continue;
      char buffer[65536];
      const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
      if (got <= 0) return false;
      text.append(buffer, static_cast<std::size_t>(got));
      return true;
    }
    return false;
  }

  static void Write(int fd, const std::string& text) {
    std::size_t at = 0;
    while (at < text.size()) {
      const ssize_t sent = send(fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return;
      at += static_cast<std::size_t>(sent);
    }
  }

  bool Turn(int fd, const std::stop_token& stop) {
    std::string text;
    while (text.find("\r\n\r\n") == std::string::npos) {
      if (!Read(fd, stop, text)) return false;
    }
    PeerTurn turn{"", PeerTurn::Then::kHangUp, PeerTurn::When::kAfterHead};
    {
      std::lock_guard lock(mutex_);
      if (!script_.empty()) {
        turn = script_.front();
        script_.pop_front();
      }
    }
    const std::size_t end = text.find("\r\n\r\n") + 4;
    PeerRequest request{text.substr(0, end), text.substr(end)};
    if (turn.when == PeerTurn::When::kAfterRequest) {
      if (request.Has("Expect: 100-continue")) Write(fd, "HTTP/1.1 100 Continue\r\n\r\n");
      const auto announced = request.head.find("Content-Length: ");
      const std::size_t length =
          announced == std::string::npos
              ? 0
              : std::strtoull(request.head.c_str() + announced + 16, nullptr, 10);
      while (request.body.size() < length) {
        if (!Read(fd, stop, request.body)) break;
      }
    }
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(std::move(request));
    }
    Write(fd, turn.answer);
    if (turn.then == PeerTurn::Then::kHangUp) return false;
    while (turn.then == PeerTurn::Then::kStopReading) {
      if (stop.stop_requested()) return false;
      poll(nullptr, 0, kTickMs);
    }
    while (turn.then == PeerTurn::Then::kStaySilent) {
      std::string ignored;
      if (!Read(fd, stop, ignored)) return false;
    }
    return true;
  }

  const int listener_;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::deque<PeerTurn> script_;
  std::vector<PeerRequest> requests_;
  std::atomic<std::size_t> accepted_{0};
  std::vector<std::jthread> connections_;
  std::jthread thread_;
};

}  // namespace aerie::objects
