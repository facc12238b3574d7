// The client against the fake: what is repeated, what is not, and how ends are told.
#include "milvus/client.h"

#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "base/trace.h"
#include "fake_milvus.h"
#include "milvus/capabilities.h"
#include "milvus/collection_admin.h"
#include "milvus/errors.h"

namespace aerie::milvus {
namespace {

using fake::Behaviour;
using fake::FakeMilvus;
using fake::Fault;
using fake::Release;

std::shared_ptr<Client> OpenOn(const FakeMilvus& server, const Context& context,
                               const ClientOptions& options = {}) {
  auto client = Client::Open(context, *ParseClusterUri(server.uri()), options);
  EXPECT_TRUE(client.ok()) << client.status();
  return client.ok() ? *client : nullptr;
}

pb::QueryRequest CountQuery() {
  pb::QueryRequest request;
  request.set_collection_name("docs");
  request.add_output_fields("count(*)");
  return request;
}

class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.Create(fake::SimpleSchema("docs"));
    client_ = OpenOn(server_, context_);
    ASSERT_NE(client_, nullptr);
  }

  std::int64_t Count() {
    return CountRows(context_, *client_, {"default", "docs"}, {}).value_or(-1);
  }

  // Pauses between repeats take no time.
  FakeClock clock_;
  const Context context_{clock_};
  FakeMilvus server_;
  std::shared_ptr<Client> client_;
};

TEST_F(ClientTest, GreetsAndTellsTheVersion) {
  EXPECT_EQ(client_->cluster(), server_.uri());
  EXPECT_EQ(client_->database(), "default");
  EXPECT_TRUE(ParseServerVersion(client_->server_version()).known());
  EXPECT_EQ(server_.Calls("Connect"), 1);
}

TEST_F(ClientTest, AServerWithoutTheGreetingIsAsGood) {
  FakeMilvus old(Behaviour::Of(Release::k2_2));
  old.Change([](Behaviour& b) { b.unimplemented.insert("Connect"); });
  const auto client = OpenOn(old, context_);
  EXPECT_EQ(ParseServerVersion(client->server_version()).minor, 2);
  EXPECT_EQ(old.Calls("GetVersion"), 1);
  old.Change([](Behaviour& b) { b.unimplemented.insert("GetVersion"); });
  EXPECT_EQ(OpenOn(old, context_)->server_version(), "");
}

TEST_F(ClientTest, ACallCarriesTheTraceThatItIsMadeForAndNoneElse) {
  std::vector<std::map<std::string, std::string>> seen;
  server_.Before("Query", [&](const fake::Call& call) { seen.push_back(call.metadata); });
  const auto ask = [&] { EXPECT_TRUE(client_->Query(context_, CountQuery()).ok()); };
  ask();
  {
    const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const TraceScope scope(*ParseTrace(parent, "vendor=a"));
    server_.Inject(Fault::LostBefore("Query", 1, 1));
    ask();  // and its repeat
    const TraceScope bare(*ParseTrace(parent, ""));
    ask();
    const TraceScope ours(Trace{.id = "0af7651916cd43dd8448eb211c80319c"});
    ask();
  }
  ask();
  ASSERT_EQ(seen.size(), 6U);
  for (const std::size_t i : {0U, 4U, 5U}) {
    EXPECT_FALSE(seen[i].contains("traceparent") || seen[i].contains("tracestate")) << i;
  }
  for (const std::size_t i : {1U, 2U, 3U}) {
    EXPECT_EQ(seen[i]["traceparent"], "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  }
  EXPECT_EQ(seen[1]["tracestate"], "vendor=a");
  EXPECT_EQ(seen[2]["tracestate"], "vendor=a");
  EXPECT_FALSE(seen[3].contains("tracestate"));
}

TEST_F(ClientTest, AReadIsRepeatedWhenTheConnectionWasLost) {
  server_.Inject(Fault::LostBefore("Query", 1, 2));
  server_.Inject(Fault::LostAfter("Query", 1, 1));
  const auto answer = client_->Query(context_, CountQuery());
  EXPECT_TRUE(answer.ok()) << answer.status();
  EXPECT_GE(server_.Calls("Query"), 3);
}

TEST_F(ClientTest, ARetriableCodeOfAReadIsRepeatedAndOthersAreNot) {
  server_.Inject(Fault::Milvus("Query", code::kNotReady, true, "service not ready", 2));
  EXPECT_TRUE(client_->Query(context_, CountQuery()).ok());
  EXPECT_EQ(server_.Calls("Query"), 3);
  server_.Inject(Fault::Milvus("Query", code::kInvalidParameter, false, "no", 1));
  const auto refused = client_->Query(context_, CountQuery());
  EXPECT_EQ(KindOf(refused.status()), Kind::kFailed);
  EXPECT_EQ(server_.Calls("Query"), 4);
}

TEST_F(ClientTest, RepeatsEndWithTheLastReason) {
  server_.Inject(Fault::Milvus("Query", code::kNotReady, true, "service not ready", 100));
  const auto answer = client_->Query(context_, CountQuery());
  EXPECT_EQ(KindOf(answer.status()), Kind::kTransient);
  EXPECT_EQ(MilvusCode(answer.status()), code::kNotReady);
  EXPECT_NE(std::string(answer.status().message()).find("attempts"), std::string::npos);
  EXPECT_EQ(server_.Calls("Query"), RetryPolicy().max_attempts);
}

TEST_F(ClientTest, AWriteThatMayHaveBeenAppliedIsNotRepeated) {
  for (const Fault& fault : {Fault::LostAfter("Insert"), Fault::LostBefore("Insert")}) {
    const int before = server_.Calls("Insert");
    server_.Inject(fault);
    const auto answer = client_->Insert(context_, fake::SimpleRows("docs", {1, 2}));
    EXPECT_EQ(KindOf(answer.status()), Kind::kUnknownOutcome) << answer.status();
    EXPECT_EQ(server_.Calls("Insert"), before + 1);
  }
  EXPECT_EQ(Count(), 2) << "only the first was applied";
}

TEST_F(ClientTest, AThrottledWriteIsWaitedForAndAppliedOnce) {
  server_.Inject(Fault::RateLimit("Insert", 12));
  const auto answer = client_->Insert(context_, fake::SimpleRows("docs", {1, 2}));
  EXPECT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(server_.Calls("Insert"), 13);
  EXPECT_GE(clock_.slept(), std::chrono::seconds(20));
  EXPECT_EQ(Count(), 2);
}

TEST_F(ClientTest, AWriteToAServerThatIsDownIsKnownNotToBeApplied) {
  server_.Kill();
  // The first may still meet the connection that just died.
  client_->Insert(context_, fake::SimpleRows("docs", {1})).IgnoreError();
  const auto answer = client_->Insert(context_, fake::SimpleRows("docs", {2}));
  EXPECT_EQ(KindOf(answer.status()), Kind::kTransient) << answer.status();
  EXPECT_NE(std::string(answer.status().message()).find("connection refused"), std::string::npos)
      << answer.status();
}

TEST_F(ClientTest, AReadSurvivesARestart) {
  server_.Kill();
  std::thread restart([&] { server_.Restart(); });
  // On the machine's clock: here the wait is for a real connection.
  const auto answer = client_->Query(Context::Background(), CountQuery());
  restart.join();
  EXPECT_TRUE(answer.ok()) << answer.status();
}

TEST_F(ClientTest, CancelEndsACallInFlight) {
  // Shared with the hook, which may still run on the server's thread when the test has ended.
  const auto arrived = std::make_shared<std::promise<void>>();
  std::promise<void> release;
  server_.Before("Query", [arrived, released = release.get_future().share()](const fake::Call&) {
    arrived->set_value();
    released.wait();
  });
  CancelScope scope(context_);
  std::thread canceller([&] {
    arrived->get_future().wait();
    scope.Cancel();
  });
  const auto answer = client_->Query(scope.context(), CountQuery());
  EXPECT_EQ(KindOf(answer.status()), Kind::kCancelled) << answer.status();
  canceller.join();
  release.set_value();
}

TEST_F(ClientTest, ADeadlineIsATimeoutOfAReadAndLeavesAWriteOpen) {
  for (const char* rpc : {"Query", "Insert"}) {
    std::promise<void> release;
    auto released = release.get_future().share();
    server_.Before(rpc, [released](const fake::Call&) { released.wait(); });
    const Context brief = Context::Background().WithTimeout(std::chrono::milliseconds(300));
    const bool read = std::string(rpc) == "Query";
    const Status status = read ? client_->Query(brief, CountQuery()).status()
                               : client_->Insert(brief, fake::SimpleRows("docs", {1})).status();
    EXPECT_EQ(KindOf(status), read ? Kind::kTimeout : Kind::kUnknownOutcome) << status;
    release.set_value();
    server_.Before(rpc, {});
  }
}

TEST_F(ClientTest, AnAnswerOverTheLimitIsTooLargeAndNotRepeated) {
  server_.Apply<pb::MutationResult>(fake::SimpleRows("docs", {1, 2, 3}));
  server_.Change([](Behaviour& b) { b.answer_limit_bytes = 10; });
  pb::QueryRequest request;
  request.set_collection_name("docs");
  request.set_expr("id >= 0");
  request.add_output_fields("*");
  const auto answer = client_->Query(context_, request);
  EXPECT_EQ(KindOf(answer.status()), Kind::kTooLarge) << answer.status();
  EXPECT_EQ(server_.Calls("Query"), 1);
}

TEST_F(ClientTest, TheDatabaseIsAlwaysNamed) {
  std::string seen;
  server_.Before("DescribeCollection", [&](const fake::Call& call) {
    seen = static_cast<const pb::DescribeCollectionRequest&>(call.request).db_name();
  });
  ClientOptions options;
  options.database = "other";
  const auto other = OpenOn(server_, context_, options);
  pb::DescribeCollectionRequest request;
  request.set_collection_name("docs");
  EXPECT_FALSE(other->DescribeCollection(context_, request).ok());
  EXPECT_EQ(seen, "other");
  request.set_db_name("default");
  EXPECT_TRUE(other->DescribeCollection(context_, request).ok());
  EXPECT_EQ(seen, "default");
}

TEST_F(ClientTest, RenamingStaysInTheDatabase) {
  std::string seen;
  server_.Before("RenameCollection", [&](const fake::Call& call) {
    seen = static_cast<const pb::RenameCollectionRequest&>(call.request).newdbname();
  });
  pb::RenameCollectionRequest request;
  request.set_db_name("d");
  request.set_oldname("a");
  request.set_newname("b");
  client_->RenameCollection(context_, request).IgnoreError();
  EXPECT_EQ(seen, "d");
}

TEST_F(ClientTest, CredentialsAreSentAndNeverShown) {
  server_.Change([](Behaviour& b) { b.authentication = true; });
  for (const char* login : {"", "root:wr0ngSecret@", "t0kenSecret@"}) {
    const auto uri = ParseClusterUri("http://" + std::string(login) + server_.address());
    const auto client = Client::Open(context_, *uri, {});
    ASSERT_FALSE(client.ok()) << login;
    EXPECT_EQ(KindOf(client.status()), Kind::kDenied) << client.status();
    EXPECT_EQ(client.status().ToString().find("Secret"), std::string::npos) << client.status();
  }
  const auto uri = ParseClusterUri("http://root:Milvus@" + server_.address());
  const auto client = Client::Open(context_, *uri, {});
  EXPECT_TRUE(client.ok()) << client.status();
  EXPECT_EQ((*client)->cluster(), "http://***@" + server_.address());
  ClientOptions options;
  options.user = "root";
  options.password = "Milvus";
  EXPECT_TRUE(Client::Open(context_, *ParseClusterUri(server_.uri()), options).ok());
}

TEST_F(ClientTest, OptionsThatDoNotFitAreNamed) {
  const auto open = [&](const ClientOptions& options) {
    const auto client = Client::Open(context_, *ParseClusterUri(server_.uri()), options);
    EXPECT_EQ(KindOf(client.status()), Kind::kInvalid) << client.status();
    return std::string(client.status().message());
  };
  ClientOptions options;
  options.password = "p";
  EXPECT_NE(open(options).find("without a user"), std::string::npos);
  options.user = "u";
  options.token = "t";
  EXPECT_NE(open(options).find("both a token and a user"), std::string::npos);
  options = {};
  options.tls.cert_file = "/nowhere/client.pem";
  EXPECT_NE(open(options).find("go together"), std::string::npos);
  options.tls.key_file = "/nowhere/client.key";
  EXPECT_NE(open(options).find("/nowhere/client.pem: cannot be read"), std::string::npos);
  options = {};
  options.tls.ca_file = AERIE_SOURCE_DIR "/CMakeLists.txt";
  EXPECT_NE(open(options).find("not a PEM file"), std::string::npos);
}

TEST_F(ClientTest, CallsAreLookedForByUnimplementedOnly) {
  FakeMilvus old(Behaviour::Of(Release::k2_2));
  const auto client = OpenOn(old, context_);
  EXPECT_TRUE(client->HasCall(context_, "DescribeCollection").value_or(false));
  EXPECT_FALSE(client->HasCall(context_, "NoSuchCall").value_or(true));
  Capabilities capabilities(client);
  EXPECT_FALSE(capabilities.ListAliases(context_).value_or(true));
  EXPECT_FALSE(capabilities.Upsert(context_).value_or(true));
  const auto features = capabilities.Features(context_);
  ASSERT_TRUE(features.ok()) << features.status();
  EXPECT_EQ(features->arrays, Answer::kNo);
}

TEST(ClientConnect, AnAddressNobodyAnswersGivesOneClearLine) {
  int port = 0;
  {
    const FakeMilvus gone;
    port = ParseClusterUri(gone.uri())->port;
  }
  const auto start = std::chrono::steady_clock::now();
  const std::string address = "127.0.0.1:" + std::to_string(port);
  const auto refused = Client::Open(Context::Background(), *ParseClusterUri(address), {});
  EXPECT_EQ(KindOf(refused.status()), Kind::kTransient);
  EXPECT_EQ(
      std::string(refused.status().message())
          .rfind("connect to http://" + address + ": connection refused; check the address", 0),
      0u)
      << refused.status();
  const auto unknown =
      Client::Open(Context::Background(), *ParseClusterUri("http://nohost.invalid:19530"), {});
  EXPECT_EQ(std::string(unknown.status().message())
                .rfind("connect to http://nohost.invalid:19530: no such host; check the name", 0),
            0u)
      << unknown.status();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace aerie::milvus
