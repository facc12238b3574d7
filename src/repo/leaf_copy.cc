#include "repo/leaf_copy.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "repo/column_blob.h"
#include "repo/patch_blob.h"

namespace aerie::repo {
namespace {

// Keeps what a comparison read, so that it is read once. Lives for one leaf.
class Recorder : public BlobSource {
 public:
  explicit Recorder(BlobSource& source) : source_(source) {}

  Result<Bytes> Load(const Context& context, const BlobRef& ref) override {
    AERIE_ASSIGN(Bytes plain, source_.Load(context, ref));
    seen_[ref.name] = plain;
    return plain;
  }
  Result<std::vector<Bytes>> LoadMany(const Context& context,
                                      const std::vector<BlobRef>& refs) override {
    AERIE_ASSIGN(std::vector<Bytes> plains, source_.LoadMany(context, refs));
    for (std::size_t i = 0; i < refs.size(); ++i) seen_[refs[i].name] = plains[i];
    return plains;
  }

  // kInternal when the comparison did not need it.
  Result<Bytes> Take(const BlobName& name) {
    const auto found = seen_.find(name);
    if (found == seen_.end()) return InternalError("copy leaf: a blob was not compared");
    return found->second;
  }

 private:
  BlobSource& source_;
  std::unordered_map<BlobName, Bytes, BlobNameHash> seen_;
};

}  // namespace

LeafCopier::LeafCopier(BlobSource& source, BlobSink& sink, std::vector<rows::FieldSchema> columns,
                       std::string partition, std::string where)
    : source_(source),
      sink_(sink),
      columns_(std::move(columns)),
      partition_(std::move(partition)),
      where_(std::move(where)) {}

Result<LeafEntry> LeafCopier::Copy(const Context& context, const LeafEntry& entry,
                                   const std::optional<CopiedLayers>& known) {
  Recorder recorder(source_);
  LeafLoader loader(recorder, columns_, partition_, where_);
  if (known) {
    AERIE_TRY(loader.LoadDigests(context, entry).status());
  } else {
    AERIE_TRY(loader.Load(context, entry).status());
  }
  LeafEntry copy{entry.range, {}, {}};
  if (known) {
    copy.base = known->base;
    copy.patches = known->patches;
  } else {
    std::vector<Bytes> blobs;
    LeafEntry base = entry;
    base.patches.clear();
    for (const BlobRef& ref : LeafBlobs(base, columns_)) {
      AERIE_ASSIGN(blobs.emplace_back(), recorder.Take(ref.name));
    }
    AERIE_ASSIGN(copy.base, StoreBase(context, entry, blobs));
  }
  while (copy.patches.size() < entry.patches.size()) {
    AERIE_ASSIGN(const Bytes plain, recorder.Take(entry.patches[copy.patches.size()]));
    AERIE_ASSIGN(const AddResult added,
                 sink_.Add(context, BlobKind::kPatch, plain, HintOfPatch(columns_, plain)));
    copy.patches.push_back(added.name);
  }
  return copy;
}

// `blobs` are those of LeafBlobs, which is the order in which they stand together in a pack.
Result<LeafLayer> LeafCopier::StoreBase(const Context& context, const LeafEntry& entry,
                                        const std::vector<Bytes>& blobs) {
  std::vector<std::uint32_t>
      numbers;  // of the columns, in the order of the blobs after the digests
  for (const bool key : {true, false}) {
    for (const ColumnBlob& column : entry.base.columns) {
      if (columns_[column.column].primary_key == key) numbers.push_back(column.column);
    }
  }
  std::vector<BlobItem> items = {{BlobKind::kRowDigests, blobs[0], {}}};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    items.push_back(
        {BlobKind::kColumn, blobs[i + 1], HintOfColumn(columns_[numbers[i]], blobs[i + 1])});
  }
  AERIE_ASSIGN(const std::vector<AddResult> added, sink_.AddMany(context, items));
  if (added.size() != items.size()) return InternalError("a blob was not answered for");
  LeafLayer layer;
  layer.digests = added[0].name;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    layer.columns.push_back({numbers[i], added[i + 1].name});
  }
  std::ranges::sort(layer.columns, {}, &ColumnBlob::column);
  return layer;
}

}  // namespace aerie::repo
