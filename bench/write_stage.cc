// The write stage of a restore or copy by itself: rows out of the latest snapshot, or of another
// cluster, into a collection that is there, indexed, loaded and empty, with nothing compared. Not a
// way to restore or copy: for measuring only.
//
//   bench_write_stage --repo PATH --uri URI --collection NAME --into NAME [--writers 2]
//   bench_write_stage --from URI  --uri URI --collection NAME --into NAME [--writers 2]
//
// The repository's passphrase is taken from AERIE_PASSWORD. Prints {"seconds":, "rows":, "bytes":}.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "app/session.h"
#include "milvus/collection_writer.h"
#include "milvus/spec_reader.h"
#include "transfer/endpoint.h"

namespace {

using aerie::Result;
using aerie::Status;

void Need(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "bench_write_stage: %s\n", std::string(status.message()).c_str());
  std::exit(1);
}
template <class T>
T Need(Result<T> result) {
  Need(result.status());
  return std::move(*result);
}

std::string Option(int argc, char** argv, const std::string& name, const std::string& otherwise) {
  for (int i = 1; i + 1 < argc; i += 2) {
    if (argv[i] == "--" + name) return argv[i + 1];
  }
  return otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const auto context = aerie::Context::Background();
  const aerie::app::Session session{aerie::app::Config()};
  const auto cluster = Need(session.Cluster(context, Option(argc, argv, "uri", ""), {}));
  const std::string from = Option(argc, argv, "from", "");
  std::optional<aerie::app::OpenedRepository> opened;
  std::unique_ptr<aerie::transfer::Endpoint> endpoint;
  if (from.empty()) {
    opened = Need(session.Repository(context, Option(argc, argv, "repo", ""), {},
                                     aerie::app::IfAbsent::kFail));
    endpoint = aerie::transfer::MakeSnapshotEndpoint(
        *opened->repository, Need(opened->repository->FindSnapshot(context, "latest")));
  } else {
    endpoint =
        aerie::transfer::MakeClusterEndpoint(Need(session.Cluster(context, from, {})).client, {});
  }
  const auto source = Need(endpoint->Open(
      context, {cluster.client->database(), Option(argc, argv, "collection", "bench")}));
  const auto target = Need(aerie::milvus::ReadCollectionSpec(
                               context, *cluster.client,
                               {cluster.client->database(), Option(argc, argv, "into", "")}))
                          .spec;

  const auto start = std::chrono::steady_clock::now();
  aerie::milvus::WriterOptions options;
  options.writers = std::atoi(Option(argc, argv, "writers", "2").c_str());
  const auto writer =
      Need(aerie::milvus::OpenCollectionWriter(context, cluster.client, target, options));
  std::size_t bytes = 0;
  for (const std::string& partition : source->ReadPartitions()) {
    const auto reader = Need(source->OpenReader(context, partition, {}));
    while (auto batch = Need(reader->Next(context))) {
      bytes += batch->ByteSize();
      Need(writer->Write(context, std::move(*batch)));
    }
  }
  const auto receipt = Need(writer->Commit(context));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  Need(source->Close(context));
  std::printf("{\"seconds\":%.3f,\"rows\":%llu,\"bytes\":%zu}\n", seconds.count(),
              static_cast<unsigned long long>(receipt.written.rows), bytes);
  return 0;
}
