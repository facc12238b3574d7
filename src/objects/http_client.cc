#include "objects/http_client.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstring>

#include <curl/curl.h>

#include "base/log.h"
#include "objects/curl_call.h"

namespace aerie::objects {
namespace {

constexpr std::size_t kIdleConnections = 16;
constexpr long kBufferBytes = 256 * 1024;
// Announced lengths are believed up to here before the bytes have come.
constexpr std::uint64_t kMaxReserve = std::uint64_t{64} << 20;

curl_off_t Speed(double rate) { return std::max<curl_off_t>(1, static_cast<curl_off_t>(rate)); }

long Milliseconds(Duration duration) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

std::string Trimmed(std::string_view text) {
  const char* const kSpace = " \t\r\n";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kSpace) - begin + 1));
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// One exchange, as curl's callbacks see it.
struct Exchange {
  const HttpRequest& request;
  HttpAnswer answer;
  std::size_t sent = 0;  // of the body, handed to curl
  bool too_large = false;
};

std::size_t OnHeader(char* data, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(data, size);
  // Of "100 Continue" and the final answer, the last one counts.
  if (line.starts_with("HTTP/")) exchange.answer.headers.clear();
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  exchange.answer.headers[Lower(Trimmed(line.substr(0, colon)))] = Trimmed(line.substr(colon + 1));
  return size;
}

std::size_t OnBody(char* data, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  Bytes& body = exchange.answer.body;
  if (body.size() + size > exchange.request.max_answer) {
    exchange.too_large = true;
    return 0;
  }
  if (body.empty()) {
    const std::string announced = exchange.answer.Header("content-length");
    const auto length = static_cast<std::uint64_t>(std::strtoull(announced.c_str(), nullptr, 10));
    body.reserve(std::min({length, kMaxReserve, exchange.request.max_answer}));
  }
  body.insert(body.end(), data, data + size);
  return size;
}

// There is no seek callback: curl must not begin a body anew behind our back.
std::size_t OnRead(char* out, std::size_t, std::size_t room, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const ByteSpan left = exchange.request.body.subspan(exchange.sent);
  const std::size_t size = std::min(room, left.size());
  std::copy_n(left.begin(), size, reinterpret_cast<std::uint8_t*>(out));
  exchange.sent += size;
  return size;
}

bool NeverConnected(CURLcode code) {
  return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
         code == CURLE_COULDNT_CONNECT || code == CURLE_SSL_CONNECT_ERROR ||
         code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE;
}

// What -v shows: every exchange, with what it cost. Neither URL nor headers: they may carry tokens.
void LogExchange(const HttpRequest& request, const Result<HttpAnswer>& answer, SteadyTime start) {
  if (!log::Enabled(log::Level::kDebug)) return;
  log::Debug("http", {{"operation", request.operation},
                      {"method", request.method},
                      {"ms", Milliseconds(SystemClock().Steady() - start)},
                      {"sent_bytes", request.body.size()},
                      {"received_bytes", answer.ok() ? answer->body.size() : 0},
                      {"outcome", answer.ok() ? std::to_string(answer->status)
                                              : std::string(answer.status().message())}});
}

}  // namespace

std::string HttpAnswer::Header(const std::string& name) const {
  const auto it = headers.find(name);
  return it == headers.end() ? "" : it->second;
}

// An easy handle alone in a multi handle, which can be woken from another thread.
class HttpClient::Connection {
 public:
  Connection() : multi_(curl_multi_init()), easy_(curl_easy_init()) {}
  ~Connection() {
    curl_slist_free_all(headers_);
    curl_easy_cleanup(easy_);
    curl_multi_cleanup(multi_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Result<HttpAnswer> Run(const Context& context, const HttpOptions& options,
                         const HttpRequest& request, std::atomic<bool>& answered);

 private:
  template <class T>
  void Set(CURLoption option, T value) {
    curl_easy_setopt(easy_, option, value);
  }
  void Prepare(const HttpOptions& options, Exchange& exchange);
  void SetRequest(const Exchange& exchange);
  void SetTransport(const HttpOptions& options, bool direct);
  Status Failure(const HttpOptions& options, const Exchange& exchange, CURLcode code,
                 bool answered_before) const;
  bool MaybeReceived(const Exchange& exchange) const;

  CURLM* const multi_;
  CURL* const easy_;
  curl_slist* headers_ = nullptr;
  char error_[CURL_ERROR_SIZE] = {};
};

void HttpClient::Connection::Prepare(const HttpOptions& options, Exchange& exchange) {
  curl_easy_reset(easy_);
  error_[0] = '\0';
  SetRequest(exchange);
  SetTransport(options, exchange.request.direct);
  Set(CURLOPT_ERRORBUFFER, error_);
  Set(CURLOPT_HEADERFUNCTION, &OnHeader);
  Set(CURLOPT_HEADERDATA, &exchange);
  Set(CURLOPT_WRITEFUNCTION, &OnBody);
  Set(CURLOPT_WRITEDATA, &exchange);
  Set(CURLOPT_READFUNCTION, &OnRead);
  Set(CURLOPT_READDATA, &exchange);
}

void HttpClient::Connection::SetRequest(const Exchange& exchange) {
  const HttpRequest& request = exchange.request;
  curl_slist_free_all(headers_);
  headers_ = nullptr;
  for (const auto& [name, value] : request.headers) {
    headers_ = curl_slist_append(headers_, (name + (value.empty() ? ";" : ": " + value)).c_str());
  }
  Set(CURLOPT_HTTPHEADER, headers_);
  Set(CURLOPT_URL, request.url.c_str());
  Set(CURLOPT_PATH_AS_IS, 1L);
  if (request.method == "HEAD") {
    Set(CURLOPT_NOBODY, 1L);
    return;
  }
  const bool sends =
      request.method != "GET" && !(request.method == "DELETE" && request.body.empty());
  if (sends) {
    Set(CURLOPT_UPLOAD, 1L);
    Set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    // Curl repeats a request without a body on its own when a kept connection turns out dead.
    if (request.body.empty()) Set(CURLOPT_FRESH_CONNECT, 1L);
  }
  Set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void HttpClient::Connection::SetTransport(const HttpOptions& options, bool direct) {
  Set(CURLOPT_PROTOCOLS_STR, "http,https");
  Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options.ca_file.empty()) Set(CURLOPT_CAINFO, options.ca_file.c_str());
  if (direct) Set(CURLOPT_NOPROXY, "*");
  Set(CURLOPT_NOSIGNAL, 1L);
  Set(CURLOPT_TCP_KEEPALIVE, 1L);
  Set(CURLOPT_CONNECTTIMEOUT_MS, Milliseconds(options.connect_timeout));
  Set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  Set(CURLOPT_LOW_SPEED_TIME, std::max(1L, Milliseconds(options.stall_timeout) / 1000));
  if (options.max_send_rate > 0) Set(CURLOPT_MAX_SEND_SPEED_LARGE, Speed(options.max_send_rate));
  if (options.max_receive_rate > 0) {
    Set(CURLOPT_MAX_RECV_SPEED_LARGE, Speed(options.max_receive_rate));
  }
  Set(CURLOPT_BUFFERSIZE, kBufferBytes);
  Set(CURLOPT_UPLOAD_BUFFERSIZE, kBufferBytes);
}

bool HttpClient::Connection::MaybeReceived(const Exchange& exchange) const {
  if (exchange.request.method == "GET" || exchange.request.method == "HEAD") return false;
  curl_off_t ready_us = 0;
  curl_easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
  return ready_us > 0 && exchange.sent == exchange.request.body.size();
}

Status HttpClient::Connection::Failure(const HttpOptions& options, const Exchange& exchange,
                                       CURLcode code, bool answered_before) const {
  const std::string& operation = exchange.request.operation;
  if (exchange.too_large) {
    return MakeStatus(Kind::kTooLarge, operation + ": the answer is longer than " +
                                           std::to_string(exchange.request.max_answer) + " bytes");
  }
  const std::string why =
      operation + ": " + (error_[0] != '\0' ? error_ : curl_easy_strerror(code));
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
      return FailedError(why + "; name the authority's certificate by " + options.ca_named_by);
    case CURLE_SSL_CACERT_BADFILE:
      return InvalidError(why + "; check the file of " + options.ca_named_by);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return InvalidError(why + "; write the endpoint as https://host or http://host:port");
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
      // A wrong address is more likely than a fault when nothing has ever answered there.
      if (!answered_before) {
        return FailedError(why + "; check " + options.address_named_by + " and the network");
      }
      break;
    case CURLE_WEIRD_SERVER_REPLY:
      if (!MaybeReceived(exchange)) return FailedError(why + "; is it an HTTP server?");
      break;
    default: break;
  }
  if (!NeverConnected(code) && MaybeReceived(exchange)) {
    return UnknownOutcomeError(why + "; whether it was done is not known");
  }
  return MakeStatus(Kind::kTransient, why);
}

Result<HttpAnswer> HttpClient::Connection::Run(const Context& context, const HttpOptions& options,
                                               const HttpRequest& request,
                                               std::atomic<bool>& answered) {
  Exchange exchange{.request = request, .answer = {}};
  Prepare(options, exchange);
  const NoSigpipe guard;
  curl_multi_add_handle(multi_, easy_);
  CURLcode code = CURLE_OK;
  Status status = DriveCurl(context, multi_, request.operation, code);
  const bool received = MaybeReceived(exchange);
  curl_multi_remove_handle(multi_, easy_);  // ends what is under way
  if (!status.ok()) {
    if (!received) return status;
    return UnknownOutcomeError(std::string(status.message()) +
                               "; whether it was done is not known");
  }
  if (code != CURLE_OK) return Failure(options, exchange, code, answered);
  long answer_status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &answer_status);
  exchange.answer.status = static_cast<int>(answer_status);
  answered = true;
  return std::move(exchange.answer);
}

HttpClient::HttpClient(HttpOptions options) : options_(std::move(options)) { StartCurl(); }
HttpClient::~HttpClient() = default;

std::unique_ptr<HttpClient::Connection> HttpClient::Take() {
  std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Connection>();
  auto connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

void HttpClient::GiveBack(std::unique_ptr<Connection> connection) {
  std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleConnections) idle_.push_back(std::move(connection));
}

Result<HttpAnswer> HttpClient::Send(const Context& context, const HttpRequest& request) {
  AERIE_TRY(context.Check(request.operation));
  const SteadyTime start = SystemClock().Steady();
  auto connection = Take();
  auto answer = connection->Run(context, options_, request, answered_);
  GiveBack(std::move(connection));
  LogExchange(request, answer, start);
  return answer;
}

}  // namespace aerie::objects
