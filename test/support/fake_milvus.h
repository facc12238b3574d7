// A scripted Milvus for tests: a real gRPC server on 127.0.0.1, in this process, before a small
// in-memory Milvus. It plays what no server of the lab can: releases 2.2 to 3.0, read timestamps,
// nullable packing, rate limits, connections lost before and after a write was applied, crashes,
// pages that are short or out of order, and whatever a hook does between two calls.
//
//   FakeMilvus fake;                                    // the habits of 2.3.5
//   FakeMilvus modern(Behaviour::Of(Release::k2_6));
//   fake.Create(SimpleSchema("docs"));                  // created, indexed, loaded
//   fake.Apply<pb::MutationResult>(SimpleRows("docs", {1, 2, 3}));
//   fake.Inject(Fault::LostAfter("Insert", 2));         // the second Insert from now on
//   fake.Before("Query", [&](const Call& call) { if (call.number == 3) ...write rows...; });
//   Client client(fake.uri());
//
// Lives as long as the test; the destructor cuts all connections. Every method may be called from
// any thread, and from hooks; hooks run without a lock, on the server's threads, one at a time for
// each call (of different calls at the same time).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fake_behaviour.h"
#include "fake_cluster.h"

namespace aerie::fake {

// A call as hooks see it.
struct Call {
  std::string rpc;
  int number;  // of this name, from 1
  const google::protobuf::Message& request;
  std::map<std::string, std::string> metadata;  // as the client sent it
};
using BeforeHook = std::function<void(const Call&)>;
// May change the answer, which has its final type, such as pb::QueryResults.
using AfterHook = std::function<void(const Call&, google::protobuf::Message& answer)>;

class FakeMilvus {
 public:
  explicit FakeMilvus(Behaviour behaviour = Behaviour::Of(Release::k2_3));
  ~FakeMilvus();
  FakeMilvus(const FakeMilvus&) = delete;
  FakeMilvus& operator=(const FakeMilvus&) = delete;

  // "http://127.0.0.1:PORT" and "127.0.0.1:PORT"; the same after Restart.
  std::string uri() const;
  std::string address() const;

  // Changes habits; also while calls run.
  void Change(const std::function<void(Behaviour&)>& change);
  // Several faults of one call apply in the order they were injected, one to each call.
  void Inject(Fault fault);
  // One hook of each kind per name; an empty function takes it away. "*" means every call that
  // has no hook of its own. The hook before a call runs when the call arrives, also if it then
  // fails; the hook after it runs once its answer is made, also if that is then lost.
  void Before(const std::string& rpc, BeforeHook hook);
  void After(const std::string& rpc, AfterHook hook);
  // Calls of that name that arrived, also refused ones.
  int Calls(const std::string& rpc) const;

  // Does a call directly: no connection, hook, fault, authentication or count. Answer is
  // common::Status for calls that answer nothing else.
  template <class Answer, class Request>
  Answer Apply(const Request& request) {
    Answer answer;
    With([&](FakeCluster& cluster) { cluster.Do(request, &answer); });
    return answer;
  }
  // The state, under its lock; do not call the fake from inside.
  void With(const std::function<void(FakeCluster&)>& work);
  // Makes a collection, its indexes (FLAT on every vector), and loads it.
  void Create(const schema::CollectionSchema& schema, const std::string& database = "default");

  // The process dies: every connection is cut, new ones are refused, until Restart, which finds
  // everything that was applied. A crash that a call caused does the same by itself.
  void Kill();
  void Restart();
  bool running() const;

 private:
  class Service;
  struct State;
  std::unique_ptr<State> state_;
};

// Int64 key "id", Int64 "value", FloatVector "vector" of 4.
schema::CollectionSchema SimpleSchema(const std::string& collection);
// The same with a VarChar key of up to 65,535 bytes.
schema::CollectionSchema SimpleTextSchema(const std::string& collection);
// Rows for them: value and vector follow from the key's position plus `value`.
pb::InsertRequest SimpleRows(const std::string& collection, const std::vector<std::int64_t>& keys,
                             std::int64_t value = 0);
pb::InsertRequest SimpleTextRows(const std::string& collection,
                                 const std::vector<std::string>& keys, std::int64_t value = 0);

}  // namespace aerie::fake
