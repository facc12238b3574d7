#include "repo/repack.h"

#include "repo/pack_writer.h"

namespace aerie::repo {
namespace {

std::vector<WantedBlob> BlobsOf(const PackRecord& pack) {
  std::vector<WantedBlob> blobs;
  for (std::uint32_t i = 0; i < pack.entries.size(); ++i) blobs.push_back(BlobOfPack(pack, i));
  return blobs;
}

Status CopyPack(const Context& context, const RepositoryCore& core, const PackRecord& pack,
                const std::vector<std::uint32_t>& kept, PackWriter& writer) {
  std::vector<WantedBlob> wanted;
  for (const std::uint32_t number : kept) wanted.push_back(BlobOfPack(pack, number));
  return ReadEncodedBlobs(
      context, core.store, core.keys, wanted, [&](std::size_t i, ByteSpan encoded) {
        const BlobLocation& at = wanted[i].location;
        return writer.AddEncoded(context, at.kind, wanted[i].name, at.plain, encoded).status();
      });
}

}  // namespace

Status VerifyBlobs(const Context& context, const RepositoryCore& core,
                   const std::vector<WantedBlob>& blobs) {
  return ReadEncodedBlobs(context, core.store, core.keys, blobs,
                          [](std::size_t, ByteSpan) { return Ok(); });
}

Result<std::vector<PackRecord>> Repack(const Context& context, const RepositoryCore& core,
                                       const Inventory& inventory, const PrunePlan& plan,
                                       const std::function<Status()>& go_on) {
  BlobIndex written;  // of its own: everything is to be stored again
  {
    PackWriter writer(context, core.store, core.keys, written);
    for (std::size_t i = 0; i < plan.packs.size(); ++i) {
      if (plan.packs[i].fate != PackFate::kRepack) continue;
      AERIE_TRY(go_on());
      AERIE_TRY(CopyPack(context, core, inventory.packs[i].record, plan.packs[i].kept, writer));
    }
    AERIE_TRY(writer.Flush(context));
  }
  std::vector<PackRecord> packs = written.Unindexed();
  for (const PackRecord& pack : packs) {
    AERIE_TRY(go_on());
    AERIE_TRY(VerifyBlobs(context, core, BlobsOf(pack)));
  }
  return packs;
}

}  // namespace aerie::repo
