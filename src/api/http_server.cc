#include "api/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <microhttpd.h>

#include "base/log.h"

namespace aerie::api {
namespace {

using Steady = std::chrono::steady_clock;

// The library ends a connection on which nothing moves for so long: a listener that takes nothing,
// of whose stream the beat goes out more often than that.
constexpr unsigned kStillSeconds = 60;
// What is said at the end to those who were not answered in time has so long to leave.
constexpr auto kLastWords = std::chrono::seconds(1);
constexpr std::size_t kStreamBlock = 16 << 10;

// One connection, from accept to close. Guarded by the server's mutex.
struct Connection {
  enum class State { kReceiving, kWorking, kSending, kStreaming };
  int socket = -1;
  State state = State::kReceiving;
  Steady::time_point since{};
};

// One request and its answer. The library's thread owns all but what the mutex guards.
struct Exchange {
  MHD_Connection* connection = nullptr;
  HttpRequest request;
  bool started = false;
  bool too_large = false;
  bool dispatched = false;
  std::size_t counted = 0;  // of the body, in the sum of all bodies

  std::mutex mutex;
  bool answered = false;
  bool gone = false;      // the connection must not be touched any more
  HttpResponse answer{};  // until it was queued
  std::shared_ptr<ByteStream> stream{};
};
using ExchangePtr = std::shared_ptr<Exchange>;

HttpResponse PlainAnswer(int status, const char* text) {
  return {.status = status,
          .headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-store"}},
          .body = std::string(text) + "\n"};
}

std::string AddressOf(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  char text[INET6_ADDRSTRLEN] = "";
  if (info == nullptr || info->client_addr == nullptr) return "";
  sockaddr_storage address{};
  const auto family = info->client_addr->sa_family;
  std::memcpy(&address, info->client_addr,
              family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
  if (family == AF_INET6) {
    sockaddr_in6 six{};
    std::memcpy(&six, &address, sizeof six);
    inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof text);
  } else {
    sockaddr_in four{};
    std::memcpy(&four, &address, sizeof four);
    inet_ntop(AF_INET, &four.sin_addr, text, sizeof text);
  }
  return text;
}

MHD_Result TakeHeader(void* cls, MHD_ValueKind, const char* key, std::size_t key_size,
                      const char* value, std::size_t value_size) {
  auto& request = *static_cast<HttpRequest*>(cls);
  std::string name(key, key_size);
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const std::string text(value == nullptr ? "" : value, value == nullptr ? 0 : value_size);
  const auto [at, fresh] = request.headers.emplace(name, text);
  if (fresh) return MHD_YES;
  if (name == "host" || name == "origin" || name == "authorization" || name == "content-type" ||
      name == "content-length" || name == "transfer-encoding") {
    request.repeated = true;
  }
  at->second += (name == "cookie" ? "; " : ", ") + text;
  return MHD_YES;
}

void TakeLog(void*, const char* format, va_list arguments) __attribute__((format(printf, 2, 0)));
void TakeLog(void*, const char* format, va_list arguments) {
  if (!log::Enabled(log::Level::kDebug)) return;
  char text[512];
  std::vsnprintf(text, sizeof text, format, arguments);
  log::Debug("http: the library says", {{"text", std::string(text)}});
}

// Targets are decoded by this room, once.
std::size_t LeaveEscaped(void*, MHD_Connection*, char* text) { return std::strlen(text); }

Result<int> Listen(const HttpServerOptions& options) {
  const std::string what = "listen on " + options.address + " port " + std::to_string(options.port);
  sockaddr_in four{};
  sockaddr_in6 six{};
  four.sin_family = AF_INET;
  four.sin_port = htons(options.port);
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(options.port);
  const bool is_four = inet_pton(AF_INET, options.address.c_str(), &four.sin_addr) == 1;
  if (!is_four && inet_pton(AF_INET6, options.address.c_str(), &six.sin6_addr) != 1) {
    return InvalidError(what + ": this is no address; give one such as 127.0.0.1 or ::1");
  }
  const int listener =
      socket(is_four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return FailedError(what + ": " + std::strerror(errno));
  const int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const auto* address =
      is_four ? reinterpret_cast<const sockaddr*>(&four) : reinterpret_cast<const sockaddr*>(&six);
  const auto size = static_cast<socklen_t>(is_four ? sizeof four : sizeof six);
  if (bind(listener, address, size) == 0 && listen(listener, SOMAXCONN) == 0) return listener;
  const int error = errno;
  close(listener);
  if (error == EADDRINUSE) {
    return MakeStatus(Kind::kExists, what + ": another program listens there; choose another " +
                                         "port, or end that program");
  }
  if (error == EACCES) {
    return MakeStatus(Kind::kDenied, what + ": not allowed; choose a port above 1023");
  }
  if (error == EADDRNOTAVAIL) {
    return InvalidError(what + ": this machine has no such address");
  }
  return FailedError(what + ": " + std::strerror(error));
}

class MicroServer final : public HttpServer {
 public:
  MicroServer(const HttpServerOptions& options, Handler handler)
      : options_(options), handler_(std::move(handler)) {}
  ~MicroServer() override { Stop(Duration::zero()); }

  Status Begin();
  std::uint16_t port() const override { return port_; }
  void Stop(Duration grace) override;

 private:
  // --- Called by the library, in its thread ---
  static void* OnTarget(void* cls, const char* target, MHD_Connection* connection);
  static MHD_Result OnRequest(void* cls, MHD_Connection* connection, const char* url,
                              const char* method, const char* version, const char* data,
                              std::size_t* size, void** exchange);
  static void OnCompleted(void* cls, MHD_Connection* connection, void** exchange,
                          MHD_RequestTerminationCode code);
  static void OnConnection(void* cls, MHD_Connection* connection, void** context,
                           MHD_ConnectionNotificationCode code);
  static ssize_t OnRead(void* cls, std::uint64_t position, char* into, std::size_t most);

  MHD_Result BeginRequest(const ExchangePtr& exchange, const char* method);
  void TakeBody(Exchange& exchange, const char* data, std::size_t size);
  MHD_Result Dispatch(const ExchangePtr& exchange);
  MHD_Result Send(const ExchangePtr& exchange, HttpResponse response);
  void SetState(MHD_Connection* connection, Connection::State state);

  static void Answer(const ExchangePtr& exchange, HttpResponse response);
  void Work();
  void CutSlowOnes();

  const HttpServerOptions options_;
  const Handler handler_;
  MHD_Daemon* daemon_ = nullptr;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> body_bytes_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;  // workers and the cutter end
  std::set<Connection*> connections_;
  std::set<ExchangePtr> under_way_;  // dispatched, and not completed
  std::deque<ExchangePtr> waiting_;
  std::vector<std::thread> threads_;
};

Status MicroServer::Begin() {
  AERIE_ASSIGN(listener_, Listen(options_));
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size);
  in_port_t port = 0;  // at the same place in both families
  std::memcpy(&port, reinterpret_cast<const char*>(&bound) + offsetof(sockaddr_in, sin_port),
              sizeof port);
  port_ = ntohs(port);

  const bool tls = !options_.tls_cert.empty();
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
  if (tls) flags |= MHD_USE_TLS;
  std::vector<MHD_OptionItem> items = {
      {MHD_OPTION_EXTERNAL_LOGGER, reinterpret_cast<std::intptr_t>(&TakeLog), nullptr},
      {MHD_OPTION_LISTEN_SOCKET, listener_, nullptr},
      {MHD_OPTION_CONNECTION_LIMIT, static_cast<std::intptr_t>(options_.max_connections), nullptr},
      {MHD_OPTION_CONNECTION_TIMEOUT, kStillSeconds, nullptr},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, static_cast<std::intptr_t>(options_.max_head), nullptr},
      {MHD_OPTION_STRICT_FOR_CLIENT, 1, nullptr},
      {MHD_OPTION_UNESCAPE_CALLBACK, reinterpret_cast<std::intptr_t>(&LeaveEscaped), nullptr},
      {MHD_OPTION_URI_LOG_CALLBACK, reinterpret_cast<std::intptr_t>(&OnTarget), this},
      {MHD_OPTION_NOTIFY_COMPLETED, reinterpret_cast<std::intptr_t>(&OnCompleted), this},
      {MHD_OPTION_NOTIFY_CONNECTION, reinterpret_cast<std::intptr_t>(&OnConnection), this},
  };
  if (tls) {
    const auto text = [](const char* t) { return const_cast<char*>(t); };
    items.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, text(options_.tls_cert.c_str())});
    items.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, text(options_.tls_key.c_str())});
    items.push_back(
        {MHD_OPTION_HTTPS_PRIORITIES, 0, text("NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2")});
  }
  items.push_back({MHD_OPTION_END, 0, nullptr});
  daemon_ = MHD_start_daemon(flags, port_, nullptr, nullptr, &OnRequest, this, MHD_OPTION_ARRAY,
                             items.data(), MHD_OPTION_END);
  if (daemon_ == nullptr) {
    close(listener_);
    if (tls) {
      return InvalidError("start the web server: certificate and key are not a pair of PEM texts " +
                          std::string("that belong together; see api.tls_cert and api.tls_key"));
    }
    return FailedError(
        "start the web server: the HTTP library does not start; see the log with -v");
  }
  for (std::size_t i = 0; i < options_.workers; ++i) threads_.emplace_back([this] { Work(); });
  threads_.emplace_back([this] { CutSlowOnes(); });
  return Ok();
}

void MicroServer::Stop(Duration grace) {
  if (daemon_ == nullptr) return;
  stopping_ = true;
  MHD_quiesce_daemon(daemon_);
  close(listener_);
  std::vector<ExchangePtr> left;
  {
    std::unique_lock lock(mutex_);
    for (const ExchangePtr& exchange : under_way_) {
      std::lock_guard its(exchange->mutex);
      if (exchange->stream) left.push_back(exchange);
    }
    lock.unlock();
    for (const ExchangePtr& exchange : left) exchange->stream->End();
    lock.lock();
    changed_.wait_for(lock, grace, [this] { return under_way_.empty(); });
    closed_ = true;
    left.assign(under_way_.begin(), under_way_.end());
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  // The library must not be stopped while a connection is held back.
  for (const ExchangePtr& exchange : left) {
    Answer(exchange, PlainAnswer(503, "the daemon is stopping"));
    std::shared_ptr<ByteStream> stream;
    {
      std::lock_guard its(exchange->mutex);
      stream = exchange->stream;
    }
    if (stream) stream->End();
  }
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kLastWords, [this] { return under_way_.empty(); });
  }
  MHD_stop_daemon(daemon_);
  daemon_ = nullptr;
}

void MicroServer::OnConnection(void* cls, MHD_Connection* connection, void** context,
                               MHD_ConnectionNotificationCode code) {
  auto& self = *static_cast<MicroServer*>(cls);
  std::lock_guard lock(self.mutex_);
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
    // Only then is the socket closed, so that its number is never another's while it is known here.
    auto* const closed = static_cast<Connection*>(*context);
    self.connections_.erase(closed);
    delete closed;
    *context = nullptr;
    return;
  }
  auto* const opened = new Connection;
  opened->socket =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  opened->since = Steady::now();
  self.connections_.insert(opened);
  *context = opened;
}

void* MicroServer::OnTarget(void*, const char* target, MHD_Connection* connection) {
  auto exchange = std::make_shared<Exchange>();
  exchange->connection = connection;
  exchange->request.target = target;
  return new ExchangePtr(std::move(exchange));
}

void MicroServer::OnCompleted(void* cls, MHD_Connection* connection, void** context,
                              MHD_RequestTerminationCode) {
  auto& self = *static_cast<MicroServer*>(cls);
  auto* const owned = static_cast<ExchangePtr*>(*context);
  if (owned == nullptr) return;
  *context = nullptr;
  const ExchangePtr exchange = std::move(*owned);
  delete owned;
  std::shared_ptr<ByteStream> stream;
  {
    std::lock_guard its(exchange->mutex);
    exchange->gone = true;
    stream = exchange->stream;
  }
  if (stream) stream->Abandon();
  self.body_bytes_ -= exchange->counted;
  self.SetState(connection, Connection::State::kReceiving);
  {
    std::lock_guard lock(self.mutex_);
    self.under_way_.erase(exchange);
  }
  self.changed_.notify_all();
}

void MicroServer::SetState(MHD_Connection* connection, Connection::State state) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  std::lock_guard lock(mutex_);
  auto* const known = info == nullptr ? nullptr : static_cast<Connection*>(info->socket_context);
  if (known == nullptr) return;
  known->state = state;
  known->since = Steady::now();
}

MHD_Result MicroServer::OnRequest(void* cls, MHD_Connection*, const char*, const char* method,
                                  const char*, const char* data, std::size_t* size,
                                  void** context) {
  auto& self = *static_cast<MicroServer*>(cls);
  if (*context == nullptr) return MHD_NO;
  const ExchangePtr exchange = *static_cast<ExchangePtr*>(*context);
  if (!exchange->started) {
    exchange->started = true;
    return self.BeginRequest(exchange, method);
  }
  if (*size > 0) {
    self.TakeBody(*exchange, data, *size);
    *size = 0;
    return MHD_YES;
  }
  if (!exchange->dispatched) return self.Dispatch(exchange);
  HttpResponse response;
  {
    std::lock_guard its(exchange->mutex);
    if (!exchange->answered) return MHD_YES;
    response = std::move(exchange->answer);
  }
  return self.Send(exchange, std::move(response));
}

MHD_Result MicroServer::BeginRequest(const ExchangePtr& exchange, const char* method) {
  HttpRequest& request = exchange->request;
  request.method = method;
  request.address = AddressOf(exchange->connection);
  MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, &TakeHeader, &request);
  const std::string& length = request.Header("content-length");
  // Two ways to say where the body ends are two opinions between here and a proxy.
  if (request.repeated || (!length.empty() && request.headers.contains("transfer-encoding"))) {
    return Send(exchange, PlainAnswer(400, "a header is there twice, or contradicts another"));
  }
  if (length.find_first_not_of("0123456789") != std::string::npos) {
    return Send(exchange, PlainAnswer(400, "Content-Length is no number"));
  }
  if (length.size() > 18 || (!length.empty() && std::stoull(length) > options_.max_body)) {
    return Send(exchange, PlainAnswer(413, "the body is too large"));
  }
  return MHD_YES;
}

void MicroServer::TakeBody(Exchange& exchange, const char* data, std::size_t size) {
  // What is too much is taken and dropped, until the time for a request is over: an answer in the
  // middle of a body reaches nobody.
  if (!exchange.too_large) {
    exchange.too_large = exchange.request.body.size() + size > options_.max_body ||
                         body_bytes_ + size > options_.max_bodies;
  }
  if (exchange.too_large) return;
  exchange.request.body.append(data, size);
  exchange.counted += size;
  body_bytes_ += size;
}

MHD_Result MicroServer::Dispatch(const ExchangePtr& exchange) {
  exchange->dispatched = true;
  if (exchange->too_large) return Send(exchange, PlainAnswer(413, "the body is too large"));
  bool taken = false;
  {
    std::lock_guard lock(mutex_);
    taken = !stopping_ && waiting_.size() < options_.max_waiting;
    if (taken) {
      // Held back before anybody may answer.
      MHD_suspend_connection(exchange->connection);
      under_way_.insert(exchange);
      waiting_.push_back(exchange);
      changed_.notify_all();
    }
  }
  if (!taken) {
    HttpResponse busy = PlainAnswer(503, "too many requests are waiting; try again in a moment");
    busy.headers.emplace_back("Retry-After", "2");
    return Send(exchange, std::move(busy));
  }
  SetState(exchange->connection, Connection::State::kWorking);
  return MHD_YES;
}

void MicroServer::Answer(const ExchangePtr& exchange, HttpResponse response) {
  std::lock_guard its(exchange->mutex);
  if (exchange->answered || exchange->gone) {
    if (response.stream) response.stream->Abandon();
    return;
  }
  exchange->answered = true;
  exchange->stream = response.stream;
  exchange->answer = std::move(response);
  MHD_resume_connection(exchange->connection);
}

ssize_t MicroServer::OnRead(void* cls, std::uint64_t, char* into, std::size_t most) {
  const ExchangePtr& exchange = *static_cast<ExchangePtr*>(cls);
  std::lock_guard its(exchange->mutex);
  const auto size = exchange->stream->Read(into, most);
  if (!size) return MHD_CONTENT_READER_END_OF_STREAM;
  // Whoever writes from here on waits for the lock, and resumes after this.
  if (*size == 0) MHD_suspend_connection(exchange->connection);
  return static_cast<ssize_t>(*size);
}

MHD_Result MicroServer::Send(const ExchangePtr& exchange, HttpResponse response) {
  MHD_Response* made = nullptr;
  if (response.stream) {
    response.stream->OnReady([exchange] {
      std::lock_guard its(exchange->mutex);
      if (!exchange->gone) MHD_resume_connection(exchange->connection);
    });
    // A server that stops ends what it knows of; this one may have come after that.
    if (stopping_) response.stream->End();
    made = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, kStreamBlock, &OnRead, new ExchangePtr(exchange),
        [](void* cls) { delete static_cast<ExchangePtr*>(cls); });
  } else if (!response.fixed_body.empty()) {
    made = MHD_create_response_from_buffer(response.fixed_body.size(),
                                           const_cast<char*>(response.fixed_body.data()),
                                           MHD_RESPMEM_PERSISTENT);
  } else {
    auto* const body = new std::string(std::move(response.body));
    made = MHD_create_response_from_buffer_with_free_callback_cls(
        body->size(), body->data(), [](void* cls) { delete static_cast<std::string*>(cls); }, body);
  }
  if (made == nullptr) return MHD_NO;
  MHD_Result good = MHD_YES;
  for (const auto& [name, value] : response.headers) {
    if (MHD_add_response_header(made, name.c_str(), value.c_str()) == MHD_NO) good = MHD_NO;
  }
  if (stopping_) MHD_add_response_header(made, "Connection", "close");
  SetState(exchange->connection,
           response.stream ? Connection::State::kStreaming : Connection::State::kSending);
  if (good == MHD_YES) {
    good = MHD_queue_response(exchange->connection, static_cast<unsigned>(response.status), made);
  }
  MHD_destroy_response(made);
  return good;
}

void MicroServer::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    if (closed_) return;
    const ExchangePtr exchange = waiting_.front();
    waiting_.pop_front();
    lock.unlock();
    handler_(std::move(exchange->request),
             [exchange](HttpResponse response) { Answer(exchange, std::move(response)); });
    lock.lock();
  }
}

void MicroServer::CutSlowOnes() {
  std::unique_lock lock(mutex_);
  const Duration look = std::min<Duration>(std::chrono::seconds(1), options_.receive_limit / 4);
  while (!changed_.wait_for(lock, look, [this] { return closed_; })) {
    const auto now = Steady::now();
    for (const Connection* connection : connections_) {
      const bool receives = connection->state == Connection::State::kReceiving;
      if (!receives && connection->state != Connection::State::kSending) continue;
      const Duration limit = receives ? options_.receive_limit : options_.send_limit;
      if (now - connection->since > limit) shutdown(connection->socket, SHUT_RDWR);
    }
  }
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                      Handler handler) {
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return InvalidError("start the web server: a certificate and its key go together");
  }
  auto server = std::make_unique<MicroServer>(options, std::move(handler));
  AERIE_TRY(server->Begin());
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace aerie::api
