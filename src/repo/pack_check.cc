#include "repo/pack_check.h"

#include "repo/blob_codec.h"
#include "repo/damage.h"
#include "repo/object_names.h"
#include "repo/pack_reader.h"

namespace aerie::repo {

Result<PackVerdict> ReadWholePack(const Context& context, objects::ObjectStore& store,
                                  const KeyRing& keys, const PackRecord& pack,
                                  const std::function<bool(std::uint32_t number)>& skip) {
  PackVerdict verdict;
  std::vector<WantedBlob> wanted;
  for (std::uint32_t number = 0; number < pack.entries.size(); ++number) {
    if (skip && skip(number)) continue;
    wanted.push_back(BlobOfPack(pack, number));
    verdict.read_bytes += pack.entries[number].sealed;
  }
  AERIE_TRY(ReadBlobs(
      context, store, keys, wanted, [&](std::size_t i, const Result<Bytes>& plain) -> Status {
        const BlobRef ref{wanted[i].location.kind, wanted[i].name};
        const bool right = plain.ok() && NameBlob(keys.names, ref.kind, *plain) == ref.name;
        if (right) return Ok();
        if (verdict.damaged.empty()) {
          verdict.message =
              plain.ok() ? "a blob does not fit its name" : std::string(plain.status().message());
        }
        verdict.damaged.push_back(ref);
        return Ok();
      }));
  return verdict;
}

Finding DamagedPackFinding(const ObjectId& pack, const PackVerdict& verdict) {
  Finding finding{.object = PackKey(pack).text,
                  .where = "",
                  .message = verdict.message,
                  .remedy = kRepairRemedy};
  if (verdict.damaged.size() > 1) {
    finding.message += "; " + std::to_string(verdict.damaged.size()) + " blobs of it are damaged";
  }
  return finding;
}

}  // namespace aerie::repo
