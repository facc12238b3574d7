// sftp://user@host:port/path, and the command line of ssh that leads there. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "objects/sftp_options.h"

namespace aerie::objects {

struct SftpUri {
  std::string user;        // empty: as ssh has it
  std::string host;        // a name, an address, or an alias of ~/.ssh/config
  std::uint16_t port = 0;  // 0: as ssh has it
  std::string path;        // as the server takes it: "/srv/in", or relative to the home folder
  // "sftp://user@host:port/srv/in", "sftp://host/~/in".
  std::string ToString() const;
};

// kInvalid, with the form to be used: no host, a password, an odd character, a bad port. Percent
// escapes are decoded in the path.
Result<SftpUri> ParseSftpUri(const std::string& text);

// The command that connects standard input and output to the server's SFTP. It asks nothing, takes
// no unknown host, and notices a dead line within a minute.
std::vector<std::string> SshCommand(const SftpUri& uri, const SshOptions& options);

// What ended the connection, from what ssh said, `said` without and `host_key` from its debug
// lines ("ssh-ed25519 SHA256:..."). kRefused: the host is not known, or another; kDenied: the login
// failed; kTransient: the line. Unless it `answered` before, an address that leads nowhere is
// kFailed, since it is more likely wrong than down.
Status SshFailure(const std::string& operation, const SftpUri& uri, const SshOptions& options,
                  const std::string& said, const std::string& host_key, bool answered);

}  // namespace aerie::objects
