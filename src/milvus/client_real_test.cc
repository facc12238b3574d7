// The client on real Milvus servers with authorization, TLS, mutual TLS; killed and paused.
#include <thread>

#include <absl/strings/escaping.h>
#include <gtest/gtest.h>

#include "milvus/client.h"
#include "milvus/errors.h"
#include "milvus/spec_reader.h"
#include "real_milvus.h"

namespace aerie::milvus {
namespace {

using test::RealMilvus;
using test::RealMilvusOptions;

const Context kContext = Context::Background().WithTimeout(std::chrono::minutes(5));

std::unique_ptr<RealMilvus> Launch(const RealMilvusOptions& options) {
  auto server = RealMilvus::Launch(options);
  EXPECT_TRUE(server.ok()) << server.status();
  return server.ok() ? *std::move(server) : nullptr;
}

Result<std::shared_ptr<Client>> Open(const std::string& uri, const ClientOptions& options = {}) {
  AERIE_ASSIGN(const auto parsed, ParseClusterUri(uri));
  return Client::Open(kContext, parsed, options);
}

TEST(ClientReal, PasswordsAndPrivilegesAreChecked) {
  RealMilvusOptions options;
  options.auth = true;
  const auto server = Launch(options);
  ASSERT_NE(server, nullptr);
  const std::string address = server->Get("address");
  const auto root = Open("http://root:Milvus@" + address);
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_TRUE(ListDatabases(kContext, **root).ok());

  for (const std::string login : {"", "root:wr0ngSecret@", "nobody:wr0ngSecret@", "Secret@"}) {
    const auto denied = Open("http://" + login + address);
    EXPECT_EQ(KindOf(denied.status()), Kind::kDenied) << denied.status();
    EXPECT_EQ(denied.status().ToString().find("Secret"), std::string::npos) << denied.status();
  }

  pb::CreateCredentialRequest user;
  user.set_username("reader");
  user.set_password(absl::Base64Escape("r:e@d/er"));
  ASSERT_EQ((*root)->CreateCredential(kContext, user), Ok());
  const auto reader = Open("http://reader:r%3Ae%40d%2Fer@" + address);
  ASSERT_TRUE(reader.ok()) << reader.status();
  pb::FlushRequest flush;
  flush.add_collection_names("docs");
  const auto refused = (*reader)->Flush(kContext, flush);
  EXPECT_EQ(KindOf(refused.status()), Kind::kDenied) << refused.status();
  EXPECT_NE(std::string(refused.status().message()).find("grant the privilege"), std::string::npos)
      << refused.status();
}

TEST(ClientReal, TlsChecksTheServersCertificate) {
  RealMilvusOptions options;
  options.tls = true;
  const auto server = Launch(options);
  ASSERT_NE(server, nullptr);
  ClientOptions good;
  good.tls.ca_file = server->Get("ca");
  const auto client = Open(server->uri(), good);
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_TRUE(ListDatabases(kContext, **client).ok());
  EXPECT_EQ((*client)->cluster(), server->uri());
  // A CA alone turns TLS on.
  EXPECT_TRUE(Open(server->Get("address"), good).ok());

  ClientOptions named = good;
  named.tls.server_name = "localhost";
  EXPECT_TRUE(Open(server->uri(), named).ok());
  named.tls.server_name = "elsewhere.example";
  const auto other_name = Open(server->uri(), named);
  EXPECT_EQ(KindOf(other_name.status()), Kind::kDenied) << other_name.status();

  const auto strangers = Open(server->uri());
  EXPECT_EQ(KindOf(strangers.status()), Kind::kDenied) << strangers.status();
  EXPECT_NE(std::string(strangers.status().message()).find("TLS handshake"), std::string::npos)
      << strangers.status();
  const auto plain = Open("http://" + server->Get("address"));
  EXPECT_FALSE(plain.ok());
  EXPECT_NE(std::string(plain.status().message()).find("TLS"), std::string::npos) << plain.status();
}

TEST(ClientReal, MutualTlsNeedsTheClientsCertificate) {
  RealMilvusOptions options;
  options.mutual_tls = true;
  const auto server = Launch(options);
  ASSERT_NE(server, nullptr);
  ClientOptions tls;
  tls.tls.ca_file = server->Get("ca");
  const auto without = Open(server->uri(), tls);
  EXPECT_FALSE(without.ok());
  EXPECT_NE(std::string(without.status().message()).find("certificate"), std::string::npos)
      << without.status();
  tls.tls.cert_file = server->Get("client_cert");
  tls.tls.key_file = server->Get("client_key");
  const auto with = Open(server->uri(), tls);
  ASSERT_TRUE(with.ok()) << with.status();
  EXPECT_TRUE(ListDatabases(kContext, **with).ok());
}

TEST(ClientReal, AServerThatDiesIsToldAndOneThatComesBackIsUsed) {
  const auto server = Launch({});
  ASSERT_NE(server, nullptr);
  const auto client = Open(server->uri());
  ASSERT_TRUE(client.ok()) << client.status();

  // A plain address that expects TLS: nothing hangs.
  ClientOptions system_roots;
  const auto tls = Open("https://" + server->Get("address"), system_roots);
  EXPECT_FALSE(tls.ok());
  EXPECT_NE(std::string(tls.status().message()).find("TLS"), std::string::npos) << tls.status();

  ASSERT_EQ(server->Pause(), Ok());
  pb::DropAliasRequest drop;
  drop.set_alias("none");
  const Context brief = Context::Background().WithTimeout(std::chrono::milliseconds(500));
  EXPECT_EQ(KindOf((*client)->DropAlias(brief, drop)), Kind::kUnknownOutcome);
  EXPECT_EQ(KindOf(ListDatabases(brief, **client).status()), Kind::kTimeout);
  ASSERT_EQ(server->Resume(), Ok());

  ASSERT_EQ(server->Kill(), Ok());
  const auto dead = ListDatabases(kContext, **client);
  EXPECT_EQ(KindOf(dead.status()), Kind::kTransient) << dead.status();
  EXPECT_EQ(KindOf((*client)->DropAlias(kContext, drop)), Kind::kTransient) << "nothing was sent";
  ASSERT_EQ(server->Start(), Ok());
  const auto alive = ListDatabases(kContext, **client);
  EXPECT_TRUE(alive.ok()) << alive.status();
}

}  // namespace
}  // namespace aerie::milvus
