#include "web/assets.h"

#include <regex>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace aerie::web {
namespace {

std::string Text(const Asset& asset) { return std::string(asset.bytes); }

TEST(AssetsTest, EveryAssetIsFoundByItsPathAndByNoOther) {
  ASSERT_GE(AssetCount(), 2u);
  std::set<std::string_view> etags;
  for (std::size_t i = 0; i < AssetCount(); ++i) {
    const Asset& asset = Assets()[i];
    EXPECT_EQ(FindAsset(asset.path), &asset) << asset.path;
    EXPECT_FALSE(asset.bytes.empty()) << asset.path;
    EXPECT_FALSE(asset.content_type.empty()) << asset.path;
    EXPECT_EQ(asset.etag.front(), '"') << asset.path;
    EXPECT_EQ(asset.etag.back(), '"') << asset.path;
    EXPECT_TRUE(etags.insert(asset.etag).second) << asset.path << ": etag of another file";
    if (i > 0) {
      EXPECT_LT(Assets()[i - 1].path, asset.path);
    }
    if (!asset.gzip.empty()) {
      EXPECT_LT(asset.gzip.size(), asset.bytes.size()) << asset.path;
      EXPECT_EQ(asset.gzip.substr(0, 2), "\x1f\x8b") << asset.path;
    }
  }
  for (const char* path :
       {"", "/", "/index", "/index.html/", "/../index.html", "index.html", "/z"}) {
    EXPECT_EQ(FindAsset(path), nullptr) << path;
  }
}

TEST(AssetsTest, TheIndexNamesOnlyFilesThatAreThere) {
  const std::string index = Text(IndexAsset());
  const std::regex reference(R"re((?:src|href)="([^"]*)")re");
  int found = 0;
  for (std::sregex_iterator it(index.begin(), index.end(), reference), end; it != end; ++it) {
    const std::string path = (*it)[1];
    EXPECT_NE(FindAsset(path), nullptr) << path;
    ++found;
  }
  EXPECT_GE(found, 1);
}

// Nothing inline, which the policy would forbid.
TEST(AssetsTest, TheIndexHasNeitherInlineScriptNorStyle) {
  const std::string index = Text(IndexAsset());
  EXPECT_EQ(index.find("<style"), std::string::npos);
  EXPECT_EQ(index.find(" style="), std::string::npos);
  EXPECT_FALSE(std::regex_search(index, std::regex(R"(<script(?![^>]*\bsrc=))")));
  EXPECT_FALSE(std::regex_search(index, std::regex(R"re(\son[a-z]+=")re")));
}

// What a browser would fetch: in HTML, what src, href and action name; in CSS, url() and @import.
// The addresses in scripts are XML's namespaces and what libraries say in errors: the policy keeps
// scripts from fetching.
TEST(AssetsTest, NoFileNeedsAnotherOrigin) {
  const std::regex in_html(R"re((?:src|href|action)\s*=\s*["']?(?:[a-z]+:)?//)re");
  const std::regex in_css(R"re((?:url\(\s*["']?|@import\s*["'])(?:[a-z]+:)?//)re");
  for (std::size_t i = 0; i < AssetCount(); ++i) {
    const Asset& asset = Assets()[i];
    const std::string_view type = asset.content_type.substr(0, asset.content_type.find(';'));
    if (type == "text/html" || type == "image/svg+xml") {
      EXPECT_FALSE(std::regex_search(Text(asset), in_html)) << asset.path;
    }
    if (type == "text/css") {
      EXPECT_FALSE(std::regex_search(Text(asset), in_css)) << asset.path;
      EXPECT_EQ(asset.bytes.find("data:"), std::string_view::npos) << asset.path;
    }
  }
}

TEST(AssetsTest, ThePolicyAllowsNothingInlineAndNoOtherOrigin) {
  const std::string policy = kContentSecurityPolicy;
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_EQ(policy.find("//"), std::string::npos);
  EXPECT_EQ(policy.find('*'), std::string::npos);
  EXPECT_EQ(policy.find("default-src 'none'"), 0u);
}

TEST(AssetsTest, WhatIsKeptForEverHasItsHashInItsName) {
  for (std::size_t i = 0; i < AssetCount(); ++i) {
    const Asset& asset = Assets()[i];
    if (!asset.immutable) continue;
    EXPECT_TRUE(std::regex_search(std::string(asset.path),
                                  std::regex(R"(^/assets/.*-[A-Za-z0-9_-]{8}\.[a-z0-9]+$)")))
        << asset.path;
  }
  EXPECT_FALSE(IndexAsset().immutable);
}

}  // namespace
}  // namespace aerie::web
