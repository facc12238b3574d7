#include "repo/mirrored_leaves.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace aerie::repo {
namespace {

bool IsDamage(const Status& status) {
  const Kind kind = KindOf(status);
  return kind == Kind::kCorrupt || kind == Kind::kNotFound || kind == Kind::kUnsupported;
}

// Layers of `there` that are copies of the lower layers of `leaf`, `here` being its original.
std::optional<CopiedLayers> SharedLayers(const LeafEntry& there, const LeafEntry& here,
                                         const LeafEntry& leaf) {
  if (here.base != leaf.base || here.patches.size() != there.patches.size()) return std::nullopt;
  const auto [end, unused] = std::ranges::mismatch(here.patches, leaf.patches);
  CopiedLayers layers{there.base, there.patches};
  layers.patches.resize(static_cast<std::size_t>(end - here.patches.begin()));
  return layers;
}

}  // namespace

MirroredLeaves::MirroredLeaves(const Side& there, const std::optional<Side>& here,
                               const std::string& where)
    : where_(where) {
  there_.emplace(there.source, there.root, where);
  if (here) here_.emplace(here->source, here->root, where);
}

Result<std::optional<LeafEntry>> MirroredLeaves::Next(const Context& context,
                                                      std::optional<TreeCursor>& cursor,
                                                      bool& started) {
  if (!cursor) return std::optional<LeafEntry>();
  const Status begun = std::exchange(started, true) ? Ok() : cursor->Start(context);
  Result<std::optional<LeafEntry>> leaf = std::optional<LeafEntry>();
  if (begun.ok()) {
    leaf = cursor->NextLeaf(context);
  } else {
    leaf = begun;
  }
  if (!leaf.ok() && IsDamage(leaf.status())) {
    log::Warn("an earlier snapshot cannot be read; copying more than changed",
              {{"place", where_}, {"reason", std::string(leaf.status().message())}});
    leaf = std::optional<LeafEntry>();
  }
  if (leaf.ok() && !*leaf) cursor.reset();
  return leaf;
}

Status MirroredLeaves::Read(const Context& context) {
  AERIE_ASSIGN(std::optional<LeafEntry> there, Next(context, there_, there_started_));
  AERIE_ASSIGN(std::optional<LeafEntry> here, Next(context, here_, here_started_));
  if (!there) return Ok();
  // Not its copy after all: what follows cannot be told apart either.
  if (here && here->range != there->range) {
    here.reset();
    here_.reset();
  }
  pairs_.push_back({*std::move(there), std::move(here)});
  return Ok();
}

Result<MirroredLeaves::Match> MirroredLeaves::Find(const Context& context, const LeafEntry& leaf) {
  for (;;) {
    while (!pairs_.empty() && pairs_.front().there.range.last < leaf.range.first) {
      pairs_.pop_front();
    }
    if (!there_ || (!pairs_.empty() && pairs_.back().there.range.last >= leaf.range.last)) break;
    AERIE_TRY(Read(context));
  }
  Match match;
  for (const Pair& pair : pairs_) {
    if (pair.there.range == leaf.range) match.whole = pair.there;
    if (pair.here && !match.layers) match.layers = SharedLayers(pair.there, *pair.here, leaf);
  }
  return match;
}

}  // namespace aerie::repo
