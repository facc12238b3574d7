// How SFTP is spoken. Plain value.
#pragma once

#include <string>
#include <vector>

namespace aerie::objects {

// How ssh logs in; empty: as its own configuration says.
struct SshOptions {
  std::string key_file;     // this key and no other
  std::string known_hosts;  // instead of the user's and the system's
};

struct SftpOptions {
  SshOptions ssh = {};
  // Bytes a second of all transfers together, so that a part does not fill a line that is to be
  // shared; 0: as fast as it goes. LimitedStore keeps all of them within a limit.
  double max_send_rate = 0;
  double max_receive_rate = 0;
  // Run instead of ssh, for tests: an sftp-server on this machine.
  std::vector<std::string> command = {};
};

}  // namespace aerie::objects
