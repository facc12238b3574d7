#include "objects/sftp_uri.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "objects/percent.h"

namespace aerie::objects {
namespace {

constexpr std::string_view kScheme = "sftp://";
constexpr char kForm[] = "; write it as sftp://user@host:port/folder, or /~/folder below the home";

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

// What stands between user and path: "host", "host:22", "[::1]:22".
Status ParseHost(const std::string& text, const std::string& operation, SftpUri& uri) {
  std::string port;
  if (text.starts_with("[")) {
    const std::size_t end = text.find(']');
    if (end == std::string::npos) return InvalidError(operation + ": a [ without its ]" + kForm);
    uri.host = text.substr(1, end - 1);
    if (!std::all_of(uri.host.begin(), uri.host.end(),
                     [](char c) { return IsNameCharacter(c) || c == ':' || c == '%'; })) {
      return InvalidError(operation + ": no address in brackets" + kForm);
    }
    port = text.substr(end + 1);
  } else {
    const std::size_t colon = text.find(':');
    uri.host = text.substr(0, colon);
    if (colon != std::string::npos) port = text.substr(colon);
    if (!std::all_of(uri.host.begin(), uri.host.end(), IsNameCharacter)) {
      return InvalidError(operation + ": an odd character in the host's name" + kForm);
    }
  }
  // ssh would take it for an option.
  if (uri.host.empty() || uri.host.starts_with("-")) {
    return InvalidError(operation + ": it names no host" + kForm);
  }
  if (port.empty()) return Ok();
  const char* const end = port.data() + port.size();
  const auto [stop, error] = std::from_chars(port.data() + 1, end, uri.port);
  if (port[0] != ':' || error != std::errc() || stop != end || uri.port == 0) {
    return InvalidError(operation + ": no port is " + port + kForm);
  }
  return Ok();
}

// A value of an ssh option that is a path: in quotes, its percent signs no tokens.
std::string Quoted(const std::string& path) {
  std::string out = "\"";
  for (const char c : path) {
    if (c == '%') out += '%';
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

bool Says(const std::string& said, std::string_view words) {
  return said.find(words) != std::string::npos;
}

// The last line that says something.
std::string LastLine(const std::string& said) {
  std::size_t end = said.find_last_not_of("\r\n ");
  if (end == std::string::npos) return "";
  const std::size_t begin = said.find_last_of('\n', end);
  std::string line = said.substr(begin + 1, end - begin);
  std::erase(line, '\r');
  return line;
}

std::string PortWords(const SftpUri& uri) {
  return uri.port == 0 ? "" : "-p " + std::to_string(uri.port) + " ";
}

}  // namespace

std::string SftpUri::ToString() const {
  std::string out(kScheme);
  if (!user.empty()) out += user + "@";
  out += host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != 0) out += ":" + std::to_string(port);
  return path.starts_with("/") ? out + path : out + (path == "." ? "/~" : "/~/" + path);
}

Result<SftpUri> ParseSftpUri(const std::string& text) {
  // Never the text itself: a password may stand in it.
  const std::string operation = "open an sftp:// address";
  const std::size_t slash = std::min(text.find('/', kScheme.size()), text.size());
  const std::string authority = text.substr(kScheme.size(), slash - kScheme.size());
  SftpUri uri;
  const std::size_t at = authority.rfind('@');
  if (at != std::string::npos) uri.user = authority.substr(0, at);
  if (uri.user.find(':') != std::string::npos) {
    return InvalidError(operation +
                        ": a password stands in it; log in by a key instead (--ssh-key, "
                        "or an agent)");
  }
  if (!std::all_of(uri.user.begin(), uri.user.end(), IsNameCharacter) ||
      uri.user.starts_with("-") || (at != std::string::npos && uri.user.empty())) {
    return InvalidError(operation + ": an odd name of the user" + kForm);
  }
  AERIE_TRY(ParseHost(authority.substr(at == std::string::npos ? 0 : at + 1), operation, uri));
  AERIE_ASSIGN(uri.path, DecodePercent(text.substr(slash), operation));
  while (uri.path.size() > 1 && uri.path.ends_with("/")) uri.path.pop_back();
  if (uri.path.empty() || uri.path == "/") {
    return InvalidError(operation + ": it names no folder" + kForm);
  }
  if (uri.path.find_first_of("\r\n") != std::string::npos) {
    return InvalidError(operation + ": a line break in the path" + kForm);
  }
  if (uri.path == "/~") uri.path = ".";
  if (uri.path.starts_with("/~/")) uri.path.erase(0, 3);
  return uri;
}

std::vector<std::string> SshCommand(const SftpUri& uri, const SshOptions& options) {
  std::vector<std::string> command = {"ssh"};
  for (const char* const option :
       {"BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10", "ServerAliveInterval=15",
        "ServerAliveCountMax=3", "ControlPath=none", "ClearAllForwardings=yes", "ForwardAgent=no",
        "ForwardX11=no", "PermitLocalCommand=no", "RequestTTY=no", "EscapeChar=none",
        // Says which key an unknown host has.
        "LogLevel=DEBUG1"}) {
    command.insert(command.end(), {"-o", option});
  }
  if (!options.key_file.empty()) {
    command.insert(command.end(),
                   {"-o", "IdentitiesOnly=yes", "-o", "IdentityFile=" + Quoted(options.key_file)});
  }
  if (!options.known_hosts.empty()) {
    command.insert(command.end(), {"-o", "GlobalKnownHostsFile=/dev/null", "-o",
                                   "UserKnownHostsFile=" + Quoted(options.known_hosts)});
  }
  if (uri.port != 0) command.insert(command.end(), {"-p", std::to_string(uri.port)});
  if (!uri.user.empty()) command.insert(command.end(), {"-l", uri.user});
  command.insert(command.end(), {"-s", "--", uri.host, "sftp"});
  return command;
}

Status SshFailure(const std::string& operation, const SftpUri& uri, const SshOptions& options,
                  const std::string& said, const std::string& host_key, bool answered) {
  const std::string known =
      options.known_hosts.empty() ? "~/.ssh/known_hosts" : options.known_hosts;
  const std::string shows = host_key.empty() ? "" : ", it shows " + host_key;
  if (Says(said, "IDENTIFICATION HAS CHANGED")) {
    return RefusedError(operation + ": " + uri.host + " has another key than " + known + " says" +
                        shows +
                        "; somebody may listen in: ask who runs it, then correct that file");
  }
  if (Says(said, "Host key verification failed")) {
    return RefusedError(operation + ": " + uri.host + " is not in " + known + shows +
                        "; compare that fingerprint with who runs it, then enter the host: "
                        "ssh-keyscan " +
                        PortWords(uri) + uri.host + " >> " + known);
  }
  const std::string line = LastLine(said);
  if (Says(said, "Permission denied (")) {
    return MakeStatus(Kind::kDenied,
                      operation + ": " + line +
                          "; the server accepts none of the keys: name the right one with "
                          "--ssh-key, or add its public half to authorized_keys there");
  }
  if (Says(said, "subsystem request failed")) {
    return FailedError(operation +
                       ": the server offers no SFTP; its sshd_config needs a line "
                       "Subsystem sftp internal-sftp");
  }
  const std::string why = operation + ": " + (line.empty() ? "the connection is lost" : line);
  if (answered) return MakeStatus(Kind::kTransient, why);
  if (Says(said, "Could not resolve") || Says(said, "Connection refused") ||
      Says(said, "No route to host")) {
    return FailedError(why + "; check the address, the port and the network");
  }
  for (const char* const words :
       {"timed out", "Connection reset", "Connection closed", "Broken pipe", "not responding"}) {
    if (Says(said, words)) return MakeStatus(Kind::kTransient, why);
  }
  return FailedError(why);
}

}  // namespace aerie::objects
