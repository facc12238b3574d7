#include "web/assets.h"

#include <algorithm>
#include <cstdlib>

#include "web/page.h"

namespace aerie::web {

const Asset* Assets() { return kPage; }

std::size_t AssetCount() { return kPageSize; }

const Asset* FindAsset(std::string_view path) {
  const Asset* end = kPage + kPageSize;
  const Asset* found = std::lower_bound(
      kPage, end, path,
      [](const Asset& asset, std::string_view wanted) { return asset.path < wanted; });
  return found != end && found->path == path ? found : nullptr;
}

const Asset& IndexAsset() {
  const Asset* index = FindAsset("/index.html");
  if (index == nullptr) std::abort();  // scripts/build-web made no page
  return *index;
}

bool HasPage() { return kHasPage; }

}  // namespace aerie::web
