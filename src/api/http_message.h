// Requests and answers as this room sees them, whatever library speaks HTTP.
//
// Plain values, but for ByteStream, which is thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aerie::api {

struct HttpRequest {
  std::string method;  // as it was sent
  std::string target;  // path and query as they were sent, percent-encoded
  // Names in lower case. One that was sent several times has all values, joined by ", " (cookies by
  // "; "); see `repeated`.
  std::map<std::string, std::string> headers;
  bool repeated = false;  // one of Host, Origin, Authorization, Content-Type was sent twice
  std::string body;
  std::string address;  // of the peer, without port

  // "" when it was not sent.
  const std::string& Header(const std::string& name) const {
    static const std::string none;
    const auto found = headers.find(name);
    return found == headers.end() ? none : found->second;
  }
};

// An answer's body that is written while it is sent. The writer never waits: what the peer does not
// take is kept up to a limit, and then the stream is cut off.
class ByteStream {
 public:
  explicit ByteStream(std::size_t limit) : limit_(limit) {}

  // False once the stream has ended, by either side.
  bool Write(std::string_view bytes);
  // No more will be written; what is there is still sent.
  void End();
  bool ended() const;

  // --- Of the server ---
  // Takes up to `most` bytes into `into`: how many; 0: none are there now; nullopt: the end.
  std::optional<std::size_t> Read(char* into, std::size_t most);
  // Called, outside any lock, when a reader that was told 0 may read again. At most one.
  void OnReady(std::function<void()> ready);
  // The peer is gone, or too slow.
  void Abandon();

 private:
  // Whoever is to be called, once.
  std::function<void()> TakeReady(std::unique_lock<std::mutex>& lock);

  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::string pending_;
  std::size_t sent_ = 0;  // of `pending_`
  bool ended_ = false;
  bool abandoned_ = false;
  bool wanted_ = false;  // the reader was told 0
  std::function<void()> ready_;
};

struct HttpResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  // Bytes that live as long as the process, instead of `body`.
  std::string_view fixed_body{};
  std::shared_ptr<ByteStream> stream{};  // instead of both
};

}  // namespace aerie::api
