#include "milvus/range_planner.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace aerie::milvus {
namespace {

using rows::Key;

// What a variable cell is taken for until one was seen.
constexpr double kGuessedCell = 64;
// The largest answer that servers give (protocol.md 3.5).
constexpr double kAnswerLimit = 64 << 20;
// The first range of rows whose size is not known stays this small, should the guess be far off.
constexpr std::size_t kFirstRangeBytes = 256 << 10;
// Enough keys to see how far apart they lie.
constexpr std::int64_t kFirstPage = 1024;
constexpr double kWholeKeySpace = 2e19;
constexpr int kGuesses = 4;
constexpr int kPagesAfterFailedGuess = 3;
constexpr int kAloneAfterUneven = 16;

bool AllFixed(const std::vector<rows::FieldSchema>& columns) {
  return std::all_of(columns.begin(), columns.end(),
                     [](const auto& field) { return rows::CellWidth(field) != 0; });
}

// `from` plus a distance, not beyond the last key.
std::int64_t KeyAfter(std::int64_t from, double distance) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  const auto room = static_cast<std::uint64_t>(kMax) - static_cast<std::uint64_t>(from);
  if (distance >= static_cast<double>(room)) return kMax;
  const auto step = static_cast<std::uint64_t>(std::max(distance, 1.0));
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(from) + std::min(step, room));
}

double Distance(const Key& from, const Key& to) {
  return static_cast<double>(std::get<std::int64_t>(to)) -
         static_cast<double>(std::get<std::int64_t>(from));
}

double GuessRowBytes(const std::vector<rows::FieldSchema>& columns) {
  double bytes = 0;
  for (const auto& field : columns) {
    const std::size_t width = rows::CellWidth(field);
    bytes += width != 0 ? static_cast<double>(width) : kGuessedCell;
  }
  return std::max(bytes, 8.0);
}

}  // namespace

RowSize::RowSize(const std::vector<rows::FieldSchema>& columns)
    : one_row_(HasOpaqueColumn(columns)),
      fixed_(AllFixed(columns)),
      bytes_per_row_(GuessRowBytes(columns)) {}

void RowSize::Measured(std::size_t rows, std::size_t bytes) {
  {
    std::lock_guard lock(mutex_);
    if (rows > 0) {
      // Grows at once, shrinks slowly: too large a range costs more than too small a one.
      const double now = static_cast<double>(bytes) / static_cast<double>(rows);
      bytes_per_row_ = !measured_ ? now : std::max(now, 0.75 * bytes_per_row_ + 0.25 * now);
    }
    measured_ = true;
  }
  changed_.notify_all();
}

void RowSize::TooLarge(std::int64_t rows) {
  {
    std::lock_guard lock(mutex_);
    const double at_least = kAnswerLimit / static_cast<double>(std::max<std::int64_t>(rows, 1));
    bytes_per_row_ = std::max(bytes_per_row_, at_least);
    measured_ = true;
  }
  changed_.notify_all();
}

std::int64_t RowSize::RowsFor(std::size_t bytes) const {
  if (one_row_) return 1;
  std::lock_guard lock(mutex_);
  const double rows = static_cast<double>(bytes) / std::max(bytes_per_row_, 1.0);
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(rows), 1, RangeQuery::kMaxPage);
}

bool RowSize::known() const {
  std::lock_guard lock(mutex_);
  return measured_ || fixed_ || one_row_;
}

Status RowSize::Wait(const Context& context) const {
  if (fixed_ || one_row_) return Ok();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, context.stop(), [&] { return measured_; });
  return context.Check("plan key ranges");
}

RangePlanner::RangePlanner(const RangeQuery& query, const RowSize& row_size, PlanOptions options)
    : query_(query), row_size_(row_size), options_(std::move(options)), cursor_(options_.after) {}

Result<std::optional<PlannedRange>> RangePlanner::Next(const Context& context) {
  while (ready_.empty()) {
    if (done_) return std::optional<PlannedRange>();
    AERIE_TRY(Plan(context));
  }
  std::optional<PlannedRange> next(std::move(ready_.front()));
  ready_.pop_front();
  return next;
}

Status RangePlanner::Plan(const Context& context) {
  if (!waited_ && cursor_ != options_.after) {
    AERIE_TRY(row_size_.Wait(context));
    waited_ = true;
  }
  while (true) {
    if (!in_stretch_) AERIE_TRY(BeginStretch(context));
    if (!ready_.empty()) return Ok();
    const bool first = !row_size_.known();
    const auto per = static_cast<std::size_t>(
        row_size_.RowsFor(first ? kFirstRangeBytes : options_.range_bytes));
    const std::size_t held = keys_.size() - used_;
    if (held < per + per / 2 && !last_page_) {
      if (MayGuess()) {
        AERIE_ASSIGN(const bool planned, Guess(context, static_cast<std::int64_t>(per)));
        if (planned) return Ok();
      }
      AERIE_TRY(FetchKeys(context));
      continue;
    }
    // A small rest goes along with the last full range.
    if (held < per + (per + 1) / 2 && last_page_) {
      in_stretch_ = false;
      done_ = !end_;
      return Emit(context, end_, static_cast<std::int64_t>(held));
    }
    if (query_.key_field().type == rows::DataType::kInt64 && per > 1) {
      spacing_ = Distance(keys_[used_], keys_[used_ + per - 1]) / static_cast<double>(per - 1);
    }
    used_ += per;
    return Emit(context, keys_[used_ - 1], static_cast<std::int64_t>(per));
  }
}

Status RangePlanner::Emit(const Context& context, std::optional<Key> to, std::int64_t rows) {
  if (!exact_) {
    AERIE_ASSIGN(rows, query_.Count(context, {cursor_, to}));
  }
  HandOut(std::move(to), rows);
  return Ok();
}

void RangePlanner::HandOut(std::optional<Key> to, std::int64_t counted,
                           const std::vector<Key>& cuts) {
  std::vector<PlannedRange> parts;
  for (const Key& cut : cuts) {
    if ((cursor_ && !(*cursor_ < cut)) || (to && !(cut < *to))) continue;
    parts.push_back({{std::exchange(cursor_, cut), cut}, 0});
  }
  parts.push_back({{std::exchange(cursor_, to), to}, 0});
  if (parts.size() == 1) {
    parts[0].counted = counted;
  } else {
    const auto group = std::make_shared<RangeGroup>(RangeGroup{counted, parts.size()});
    for (PlannedRange& part : parts) {
      part.counted = counted / static_cast<std::int64_t>(parts.size());
      part.group = group;
    }
  }
  std::move(parts.begin(), parts.end(), std::back_inserter(ready_));
}

std::int64_t RangePlanner::Together() {
  if (const int seen = row_size_.uneven(); seen != uneven_seen_) {
    uneven_seen_ = seen;
    alone_to_come_ = kAloneAfterUneven;
  }
  if (!row_size_.known()) return 1;
  if (alone_to_come_ == 0) return kTogether;
  --alone_to_come_;
  return 1;
}

bool RangePlanner::MayGuess() const {
  return spacing_ > 0 && cursor_ && pages_to_come_ == 0 && row_size_.known();
}

Result<bool> RangePlanner::Guess(const Context& context, std::int64_t per) {
  const auto from = std::get<std::int64_t>(*cursor_);
  const std::int64_t rows = per * Together();
  double width = spacing_ * static_cast<double>(rows);
  std::int64_t before = -1;
  for (int i = 0; i < kGuesses; ++i) {
    const Key to = KeyAfter(from, width);
    const bool rest = end_ ? !(to < *end_) : to == Key(std::numeric_limits<std::int64_t>::max());
    const std::optional<Key> end = rest ? end_ : std::optional<Key>(to);
    AERIE_ASSIGN(const std::int64_t counted, query_.Count(context, {cursor_, end}));
    if (counted * 2 <= rows * 3 && (rest || counted * 2 >= rows)) {
      // How wide the rest really is, nobody knows: its rows may lie as those before.
      if (counted > 0 && !rest) spacing_ = width / static_cast<double>(counted);
      std::vector<Key> cuts;
      for (std::int64_t at = per; at + per / 2 < counted; at += per) {
        cuts.emplace_back(KeyAfter(from, spacing_ * static_cast<double>(at)));
      }
      in_stretch_ = !rest;
      done_ = rest && !end_;
      keys_.clear();
      used_ = 0;
      HandOut(end, counted, cuts);
      return true;
    }
    const double factor = static_cast<double>(rows) / std::max<double>(counted, 0.01);
    // Nothing more lies in a wider stretch: perhaps nothing more follows at all.
    width = counted == before ? kWholeKeySpace : width * factor;
    before = counted;
  }
  pages_to_come_ = kPagesAfterFailedGuess;
  return false;
}

// Chooses the next end_: the next usable boundary, or none. Rows up to a boundary that fit into one
// range need no pages; nor do those up to a later one, with the boundaries between as cuts.
Status RangePlanner::BeginStretch(const Context& context) {
  const auto& boundaries = options_.boundaries;
  while (next_boundary_ < boundaries.size() && cursor_ &&
         !(*cursor_ < boundaries[next_boundary_])) {
    ++next_boundary_;
  }
  in_stretch_ = true;
  keys_.clear();
  used_ = 0;
  exact_ = true;
  last_page_ = false;
  end_.reset();
  const std::size_t left = boundaries.size() - next_boundary_;
  if (left == 0) return Ok();
  const std::size_t together = std::min(left, static_cast<std::size_t>(Together()));
  AERIE_ASSIGN(bool taken, TakeStretch(context, together));
  if (!taken && together > 1) {
    AERIE_ASSIGN(taken, TakeStretch(context, 1));
  }
  in_stretch_ = !taken;
  return Ok();
}

Result<bool> RangePlanner::TakeStretch(const Context& context, std::size_t count) {
  const auto first = options_.boundaries.begin() + static_cast<std::ptrdiff_t>(next_boundary_);
  const auto last = first + static_cast<std::ptrdiff_t>(count) - 1;
  end_ = *last;
  if (cursor_ && !(*cursor_ < *end_)) return false;
  AERIE_ASSIGN(const std::int64_t counted, query_.Count(context, {cursor_, end_}));
  const std::int64_t per = row_size_.RowsFor(options_.range_bytes);
  const std::int64_t fit = count > 1           ? static_cast<std::int64_t>(count) * per * 3 / 2
                           : row_size_.known() ? 3 * per
                                               : row_size_.RowsFor(kFirstRangeBytes);
  if (counted > fit) return false;
  next_boundary_ += count;
  HandOut(end_, counted, std::vector<Key>(first, last));
  return true;
}

Status RangePlanner::FetchKeys(const Context& context) {
  keys_.erase(keys_.begin(), keys_.begin() + static_cast<std::ptrdiff_t>(used_));
  used_ = 0;
  if (keys_.empty()) exact_ = true;
  const KeyRange rest{keys_.empty() ? cursor_ : std::optional<Key>(keys_.back()), end_};
  const bool first = spacing_ == 0 && keys_.empty() &&
                     row_size_.RowsFor(options_.range_bytes) > 1 &&
                     query_.key_field().type == rows::DataType::kInt64;
  const std::int64_t limit = first ? kFirstPage : RangeQuery::kMaxPage;
  AERIE_ASSIGN(std::vector<Key> page, query_.Keys(context, rest, limit));
  pages_to_come_ = std::max(pages_to_come_ - 1, 0);
  const auto size = static_cast<std::int64_t>(page.size());
  const bool is_full = size >= limit;
  KeyRange covered = rest;
  if (is_full) covered.to = page.back();
  AERIE_ASSIGN(const std::int64_t counted, query_.Count(context, covered));
  // A short page is the end only if the count agrees, give or take what one range absorbs.
  last_page_ =
      page.empty() || (!is_full && counted <= size + row_size_.RowsFor(options_.range_bytes));
  exact_ = exact_ && counted == size;
  keys_.insert(keys_.end(), std::make_move_iterator(page.begin()),
               std::make_move_iterator(page.end()));
  return Ok();
}

Result<std::vector<PlannedRange>> SplitRange(const Context& context, const RangeQuery& query,
                                             const KeyRange& range, std::int64_t aim) {
  std::vector<Key> keys;
  KeyRange rest = range;
  while (!rest.Empty()) {
    AERIE_ASSIGN(std::vector<Key> page, query.Keys(context, rest, RangeQuery::kMaxPage));
    if (page.empty()) break;
    rest.after = page.back();
    keys.insert(keys.end(), std::make_move_iterator(page.begin()),
                std::make_move_iterator(page.end()));
  }
  if (keys.size() < 2) {
    return MakeStatus(Kind::kTooLarge,
                      "read " + query.object() + " keys " + range.ToText() +
                          ": one row is larger than the server's answers may be; raise "
                          "proxy.grpc.serverMaxSendSize on the server");
  }
  const std::size_t per =
      std::min(static_cast<std::size_t>(std::max<std::int64_t>(aim, 1)), (keys.size() + 1) / 2);
  std::vector<PlannedRange> parts;
  KeyRange part{range.after, {}};
  for (std::size_t end = per; end < keys.size(); end += per) {
    part.to = keys[end - 1];
    parts.push_back({part, static_cast<std::int64_t>(per)});
    part.after = part.to;
  }
  part.to = range.to;
  const std::size_t placed = parts.size() * per;
  parts.push_back({part, static_cast<std::int64_t>(keys.size() - placed)});
  return parts;
}

}  // namespace aerie::milvus
