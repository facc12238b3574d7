// What the peers of bench/ share: a connection on the generated stubs, options and a clock.
//
// Nothing of Aerie's rooms is used here on purpose: the peers are the least that a program must do
// to move the same rows. Programs end on the first error. One BareClient serves several threads.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "aerie_milvus_service.grpc.pb.h"

namespace bench {

namespace pb = ::milvus::proto::milvus;
namespace pbschema = ::milvus::proto::schema;
namespace pbcommon = ::milvus::proto::common;

[[noreturn]] inline void Die(const std::string& text) {
  std::fprintf(stderr, "bench: %s\n", text.c_str());
  std::exit(1);
}

// --name value, --name value, ...
class Options {
 public:
  Options(int argc, char** argv) : words_(argv + 1, argv + argc) {
    if (words_.size() % 2 != 0) Die("options come in pairs: --name value");
  }
  std::string Text(const std::string& name, const std::string& otherwise) const {
    for (std::size_t i = 0; i < words_.size(); i += 2) {
      if (words_[i] == "--" + name) return words_[i + 1];
    }
    return otherwise;
  }
  std::int64_t Number(const std::string& name, std::int64_t otherwise) const {
    const std::string text = Text(name, "");
    return text.empty() ? otherwise : std::atoll(text.c_str());
  }

 private:
  const std::vector<std::string> words_;
};

class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

class BareClient {
 public:
  // `address` is host:port. Streams get a connection each, as Aerie's client does it.
  BareClient(const std::string& address, int connections) {
    for (int i = 0; i < connections; ++i) {
      grpc::ChannelArguments arguments;
      arguments.SetMaxReceiveMessageSize(-1);
      arguments.SetMaxSendMessageSize(-1);
      arguments.SetInt("bench_connection", i);  // else gRPC shares one connection
      stubs_.push_back(pb::MilvusService::NewStub(
          grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments)));
    }
  }

  template <class Answer, class Request>
  Answer Call(grpc::Status (pb::MilvusService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                              Answer*),
              const Request& request, std::size_t connection = 0) const {
    grpc::ClientContext context;
    Answer answer;
    auto& stub = static_cast<pb::MilvusService::Stub&>(*stubs_[connection % stubs_.size()]);
    const grpc::Status status = (stub.*method)(&context, request, &answer);
    if (!status.ok()) Die(status.error_message());
    CheckServer(answer);
    return answer;
  }

 private:
  static void CheckServer(const pbcommon::Status& status) {
    if (status.code() != 0 || status.error_code() != pbcommon::Success) Die(status.reason());
  }
  template <class Answer>
  static void CheckServer(const Answer& answer) {
    CheckServer(answer.status());
  }

  std::vector<std::unique_ptr<pb::MilvusService::Stub>> stubs_;
};

// All columns of the keys `first` to below `last` of one partition, as of a timestamp.
inline pb::QueryRequest RangeQuery(const std::string& collection, const std::string& partition,
                                   std::int64_t first, std::int64_t last, std::uint64_t as_of) {
  pb::QueryRequest request;
  request.set_collection_name(collection);
  request.add_partition_names(partition);
  request.set_expr("id >= " + std::to_string(first) + " and id < " + std::to_string(last));
  request.add_output_fields("*");
  request.set_consistency_level(pbcommon::Customized);
  request.set_guarantee_timestamp(as_of);
  return request;
}

// Runs fn(item, thread) for each item in [0, count), `threads` at once; the seconds it took.
template <class Fn>
double InParallel(std::int64_t count, int threads, const Fn& fn) {
  const Stopwatch watch;
  std::atomic<std::int64_t> next = 0;
  std::vector<std::thread> pool;
  for (int thread = 0; thread < threads; ++thread) {
    pool.emplace_back([&, thread] {
      for (std::int64_t i = next++; i < count; i = next++) fn(i, static_cast<std::size_t>(thread));
    });
  }
  for (std::thread& thread : pool) thread.join();
  return watch.Seconds();
}

}  // namespace bench
