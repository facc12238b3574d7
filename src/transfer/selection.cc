#include "transfer/selection.h"

#include <algorithm>

#include "base/glob.h"

namespace aerie::transfer {
namespace {

bool IsPlainName(const std::string& pattern) {
  return pattern.find_first_of("*?[") == std::string::npos && !pattern.starts_with('!');
}

bool MatchesOne(const std::string& pattern, const rows::CollectionName& name) {
  return GlobMatches(pattern, name.collection) || GlobMatches(pattern, name.ToString());
}

std::string ListOf(const std::vector<rows::CollectionName>& names) {
  if (names.empty()) return "it has no collections";
  constexpr std::size_t kShown = 8;
  std::string text = "it has ";
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    text += (i == 0 ? "" : ", ") + names[i].ToString();
  }
  if (names.size() > kShown) text += " and " + std::to_string(names.size() - kShown) + " more";
  return text;
}

}  // namespace

bool Selects(const Selection& selection, const rows::CollectionName& name) {
  if (!selection.database.empty() && name.database != selection.database) return false;
  bool any_positive = false;
  bool matched = false;
  for (const std::string& pattern : selection.collections) {
    if (pattern.starts_with('!')) {
      if (MatchesOne(pattern.substr(1), name)) return false;
    } else {
      any_positive = true;
      matched = matched || MatchesOne(pattern, name);
    }
  }
  return matched || !any_positive;
}

bool SelectsPartition(const Selection& selection, const std::string& partition) {
  if (selection.partitions.empty()) return true;
  return std::any_of(selection.partitions.begin(), selection.partitions.end(),
                     [&](const std::string& glob) { return GlobMatches(glob, partition); });
}

Result<std::vector<std::string>> PartitionsOf(const Selection& selection,
                                              const rows::CollectionSource& source) {
  std::vector<std::string> all = source.ReadPartitions();
  if (selection.partitions.empty()) return all;
  if (source.spec().has_partition_key()) {
    return UnsupportedError("select partitions of " + source.spec().name.ToString() +
                            ": its rows are placed by a partition key; select rows by --filter");
  }
  std::string names;
  for (const std::string& name : all) names += (names.empty() ? "" : ", ") + name;
  std::erase_if(all, [&](const std::string& name) { return !SelectsPartition(selection, name); });
  if (all.empty()) {
    return NotFoundError("select partitions of " + source.spec().name.ToString() +
                         ": none has a name that --partitions gives; it has " + names);
  }
  return all;
}

Result<std::vector<rows::CollectionName>> Select(const Selection& selection,
                                                 const std::vector<rows::CollectionName>& all,
                                                 const std::string& where) {
  for (const std::string& pattern : selection.collections) {
    if (!IsPlainName(pattern)) continue;
    const bool there = std::any_of(all.begin(), all.end(), [&](const rows::CollectionName& name) {
      return MatchesOne(pattern, name) &&
             (selection.database.empty() || name.database == selection.database);
    });
    if (!there) {
      return NotFoundError("collection " + pattern + " is not in " + where + "; " + ListOf(all));
    }
  }
  std::vector<rows::CollectionName> chosen;
  std::copy_if(all.begin(), all.end(), std::back_inserter(chosen),
               [&](const rows::CollectionName& name) { return Selects(selection, name); });
  if (chosen.empty() && (!selection.collections.empty() || !selection.database.empty())) {
    std::string asked;
    for (const std::string& pattern : selection.collections) asked += " " + pattern;
    if (!selection.database.empty()) asked += " of database " + selection.database;
    return NotFoundError("no collection of " + where + " fits" + asked + "; " + ListOf(all));
  }
  return chosen;
}

}  // namespace aerie::transfer
