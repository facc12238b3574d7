#include "alerts/email.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include <curl/curl.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/secret_source.h"
#include "objects/curl_call.h"
#include "objects/digests.h"

namespace aerie::alerts {
namespace {

using Security = EmailOptions::Security;

constexpr std::size_t kSoftLine = 75;     // of quoted-printable, before its "="
constexpr std::size_t kWordBytes = 45;    // of UTF-8 in one encoded word
constexpr std::size_t kHeaderText = 250;  // bytes of a subject

bool IsPlain(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// One line of it, whatever it holds.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return text;
}

// At most that many bytes, cut between characters.
std::string_view Cut(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

// RFC 2047: words of at most 75 characters, each whole in its characters, one to a line.
std::string HeaderText(const std::string& raw) {
  const std::string text(Cut(OneLine(raw), kHeaderText));
  // A text that looks like an encoded word is encoded, too.
  if (IsPlain(text) && text.find("=?") == std::string::npos && text.size() <= 900) return text;
  std::string out;
  for (std::string_view left = text; !left.empty();) {
    const std::string_view word = Cut(left, kWordBytes);
    if (word.empty()) break;
    left.remove_prefix(word.size());
    // A line of its own also for the first one: the header's name would make it too long.
    out += "\r\n =?UTF-8?B?" + objects::Base64(AsBytes(word)) + "?=";
  }
  return out;
}

std::string AddressHeader(const std::string& text) {
  const auto angle = text.find('<');
  if (angle == std::string::npos) return text;
  std::string name = text.substr(0, angle);
  while (!name.empty() && name.back() == ' ') name.pop_back();
  const std::string address = text.substr(angle);
  if (name.empty()) return address;
  if (!IsPlain(name)) return HeaderText(name) + " " + address;
  if (name.front() == '"') return name + " " + address;
  std::string quoted;
  for (const char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return "\"" + quoted + "\" " + address;
}

// RFC 5322, in English whatever the locale.
std::string MailDate(std::int64_t ms) {
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = ms / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  const auto two = [](int n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  return std::string(kDays[static_cast<std::size_t>(utc.tm_wday)]) + ", " + two(utc.tm_mday) + " " +
         kMonths[static_cast<std::size_t>(utc.tm_mon)] + " " + std::to_string(utc.tm_year + 1900) +
         " " + two(utc.tm_hour) + ":" + two(utc.tm_min) + ":" + two(utc.tm_sec) + " +0000";
}

// RFC 2045.
std::string QuotedPrintable(const std::string& text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  std::size_t column = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\n') {
      out += "\r\n";
      column = 0;
      continue;
    }
    const bool ends_line = i + 1 == text.size() || text[i + 1] == '\n';
    const bool plain = (byte > ' ' && byte <= '~' && byte != '=') || ((byte == ' ') && !ends_line);
    const std::size_t width = plain ? 1 : 3;
    if (column + width > kSoftLine) {
      out += "=\r\n";
      column = 0;
    }
    if (plain) {
      out += static_cast<char>(byte);
    } else {
      out += {'=', kHex[byte >> 4], kHex[byte & 15]};
    }
    column += width;
  }
  return out;
}

// One conversation with a mail server, as curl's callbacks see it.
struct Conversation {
  const std::string& mail;
  std::size_t sent = 0;
  std::string recipient{};             // of the command that waits for its reply
  std::vector<std::string> refused{};  // "a@b: 550 no such user"
  std::string reply{};                 // the last line that came
};

std::size_t OnRead(char* out, std::size_t, std::size_t room, void* user) {
  auto& talk = *static_cast<Conversation*>(user);
  const std::size_t size = std::min(room, talk.mail.size() - talk.sent);
  std::copy_n(talk.mail.begin() + static_cast<std::ptrdiff_t>(talk.sent), size, out);
  talk.sent += size;
  return size;
}

// Commands and replies as they pass: curl itself does not say which recipient was refused.
int OnLine(CURL*, curl_infotype type, char* data, std::size_t size, void* user) {
  auto& talk = *static_cast<Conversation*>(user);
  if (type != CURLINFO_HEADER_OUT && type != CURLINFO_HEADER_IN) return 0;
  const std::string line = OneLine(std::string(data, size));
  if (type == CURLINFO_HEADER_OUT) {
    constexpr std::string_view kRecipient = "RCPT TO:<";
    talk.recipient.clear();
    if (line.starts_with(kRecipient)) {
      talk.recipient = line.substr(kRecipient.size(), line.find('>') - kRecipient.size());
    }
    return 0;
  }
  talk.reply = line.substr(0, line.find_last_not_of(' ') + 1);
  const bool refuses = !line.empty() && (line[0] == '4' || line[0] == '5');
  if (refuses && !talk.recipient.empty()) {
    talk.refused.push_back(talk.recipient + ": " + talk.reply);
  }
  return 0;
}

class Email : public Channel {
 public:
  Email(EmailOptions options, const std::string& name)
      : options_(std::move(options)), operation_("tell channel " + name) {
    objects::StartCurl();
  }

  Attempt Send(const Context& context, const Message& message, bool) override {
    Secret password;
    if (!options_.password.empty()) {
      auto resolved = ResolveSecret(context, options_.password);
      if (!resolved.ok()) {
        return {.status = FailedError(
                    operation_ + ": its password: " + std::string(resolved.status().message()))};
      }
      password = *std::move(resolved);
    }
    const std::string mail = ComposeMail(message, options_);
    Conversation talk{.mail = mail};
    const Status status = Talk(context, password, talk);
    if (!status.ok()) return {.status = status};
    std::string note;
    for (const std::string& each : talk.refused) {
      note += (note.empty() ? "not taken for " : "; ") + each;
    }
    return {.status = Ok(), .note = note};
  }

 private:
  std::string Url() const {
    const bool tls = options_.security == Security::kTls;
    const int usual = tls ? 465 : options_.security == Security::kStartTls ? 587 : 25;
    const int port = options_.port != 0 ? options_.port : usual;
    return std::string(tls ? "smtps://" : "smtp://") + options_.host + ":" + std::to_string(port);
  }

  void Prepare(CURL* easy, const Secret& password, Conversation& talk, curl_slist* recipients) {
    const auto set = [easy](CURLoption option, auto value) {
      curl_easy_setopt(easy, option, value);
    };
    set(CURLOPT_URL, Url().c_str());
    set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_CONNECTTIMEOUT_MS, 10'000L);
    // Also of the QUIT at the end, which the context does not bound.
    set(CURLOPT_SERVER_RESPONSE_TIMEOUT, 30L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_USE_SSL,
        static_cast<long>(options_.security == Security::kNone ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    if (!options_.ca.empty()) set(CURLOPT_CAINFO, options_.ca.c_str());
    if (!options_.user.empty()) {
      set(CURLOPT_USERNAME, options_.user.c_str());
      set(CURLOPT_PASSWORD, std::string(password.Reveal()).c_str());
    }
    set(CURLOPT_MAIL_FROM, ("<" + MailAddress(options_.from).value_or("") + ">").c_str());
    set(CURLOPT_MAIL_RCPT, recipients);
    set(CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, &OnRead);
    set(CURLOPT_READDATA, &talk);
    set(CURLOPT_VERBOSE, 1L);  // what is verbose goes to the next function
    set(CURLOPT_DEBUGFUNCTION, &OnLine);
    set(CURLOPT_DEBUGDATA, &talk);
  }

  Status Talk(const Context& context, const Secret& password, Conversation& talk) {
    AERIE_TRY(context.Check(operation_));
    CURLM* const multi = curl_multi_init();
    CURL* const easy = curl_easy_init();
    curl_slist* recipients = nullptr;
    for (const std::string& to : options_.to) {
      recipients =
          curl_slist_append(recipients, ("<" + MailAddress(to).value_or("") + ">").c_str());
    }
    Prepare(easy, password, talk, recipients);
    char error[CURL_ERROR_SIZE] = {};
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
    CURLcode code = CURLE_OK;
    Status status;
    {
      const objects::NoSigpipe guard;
      curl_multi_add_handle(multi, easy);
      status = objects::DriveCurl(context, multi, operation_, code);
      curl_multi_remove_handle(multi, easy);
      curl_easy_cleanup(easy);
      curl_multi_cleanup(multi);
    }
    curl_slist_free_all(recipients);
    return Outcome(status, code, error, talk);
  }

  Status Outcome(const Status& driven, CURLcode code, const char* error,
                 const Conversation& talk) const {
    if (driven.ok() && code == CURLE_OK) return Ok();
    const bool refused = !talk.reply.empty() && (talk.reply[0] == '4' || talk.reply[0] == '5');
    std::string why =
        driven.ok() ? operation_ + ": " + (error[0] != '\0' ? error : curl_easy_strerror(code))
                    : std::string(driven.message());
    if (refused) {
      return MakeStatus(code == CURLE_LOGIN_DENIED ? Kind::kDenied : Kind::kTransient,
                        why + " (" + talk.reply + ")");
    }
    if (talk.sent == talk.mail.size()) {
      return UnknownOutcomeError(why + "; whether the server took it is not known");
    }
    switch (code) {
      case CURLE_LOGIN_DENIED:
        return MakeStatus(Kind::kDenied, why + "; check `user` and `password`");
      case CURLE_PEER_FAILED_VERIFICATION:
        return FailedError(why + "; name the authority's certificate by `ca`");
      case CURLE_USE_SSL_FAILED:
        return FailedError(why + "; the server offers no STARTTLS: is `security` or `port` right?");
      default: break;
    }
    return driven.ok() ? MakeStatus(Kind::kTransient, why) : driven;
  }

  const EmailOptions options_;
  const std::string operation_;
};

}  // namespace

Result<std::string> MailAddress(const std::string& text) {
  std::string address = text;
  if (const auto open = text.find('<'); open != std::string::npos) {
    if (text.back() != '>') return InvalidError("'" + text + "' is no mail address");
    address = text.substr(open + 1, text.size() - open - 2);
  }
  const auto at = address.find('@');
  const bool right = at != std::string::npos && at > 0 && at + 1 < address.size() &&
                     IsPlain(address) && address.find_first_of(" <>,;\"\\") == std::string::npos &&
                     address.find('@', at + 1) == std::string::npos && OneLine(text) == text;
  if (!right) {
    return InvalidError("'" + OneLine(text) +
                        "' is no mail address; write ops@example.com or Name <ops@example.com>");
  }
  return address;
}

std::string ComposeMail(const Message& message, const EmailOptions& options) {
  const std::string sender = MailAddress(options.from).value_or("aerie@localhost");
  const std::string domain = sender.substr(sender.find('@') + 1);
  std::string to;
  for (const std::string& each : options.to) {
    to += (to.empty() ? "" : ",\r\n ") + AddressHeader(each);
  }
  std::string mail = "From: " + AddressHeader(options.from) + "\r\nTo: " + to +
                     "\r\nSubject: " + HeaderText(Headline(message)) +
                     "\r\nDate: " + MailDate(message.at_ms) + "\r\nMessage-ID: <" + message.key +
                     "@" + domain + ">\r\nReferences: <" + message.dedup_key + "@" + domain +
                     ">\r\nAuto-Submitted: auto-generated\r\n";
  if (message.severity == Severity::kCritical && message.event != Event::kResolved) {
    mail += "Importance: high\r\n";
  }
  return mail +
         "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
         "Content-Transfer-Encoding: quoted-printable\r\n\r\n" +
         QuotedPrintable(PlainText(message));
}

std::unique_ptr<Channel> OpenEmail(const EmailOptions& options, const std::string& name) {
  return std::make_unique<Email>(options, name);
}

}  // namespace aerie::alerts
