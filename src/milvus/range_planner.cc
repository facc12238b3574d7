#include "milvus/range_planner.h"

#include <algorithm>
#include <limits>

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
  if (done_) return std::optional<PlannedRange>();
  if (!waited_ && cursor_ != options_.after) {
    AERIE_TRY(row_size_.Wait(context));
    waited_ = true;
  }
  while (true) {
    if (!in_stretch_) AERIE_TRY(BeginStretch(context));
    const bool first = !row_size_.known();
    const auto per = static_cast<std::size_t>(
        row_size_.RowsFor(first ? kFirstRangeBytes : options_.range_bytes));
    const std::size_t held = keys_.size() - used_;
    if (held < per + per / 2 && !last_page_) {
      if (MayGuess()) {
        AERIE_ASSIGN(auto planned, Guess(context, static_cast<std::int64_t>(per)));
        if (planned) return planned;
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

Result<std::optional<PlannedRange>> RangePlanner::Emit(const Context& context,
                                                       std::optional<Key> to, std::int64_t rows) {
  PlannedRange planned{{cursor_, std::move(to)}, rows};
  if (whole_count_) {
    planned.counted = *whole_count_;
  } else if (!exact_) {
    AERIE_ASSIGN(planned.counted, query_.Count(context, planned.range));
  }
  cursor_ = planned.range.to;
  return std::optional<PlannedRange>(std::move(planned));
}

bool RangePlanner::MayGuess() const {
  return spacing_ > 0 && cursor_ && pages_to_come_ == 0 && row_size_.known();
}

Result<std::optional<PlannedRange>> RangePlanner::Guess(const Context& context, std::int64_t rows) {
  const auto from = std::get<std::int64_t>(*cursor_);
  double width = spacing_ * static_cast<double>(rows);
  std::int64_t before = -1;
  for (int i = 0; i < kGuesses; ++i) {
    const Key to = KeyAfter(from, width);
    const bool rest = end_ ? !(to < *end_) : to == Key(std::numeric_limits<std::int64_t>::max());
    KeyRange range{cursor_, rest ? end_ : std::optional<Key>(to)};
    AERIE_ASSIGN(const std::int64_t counted, query_.Count(context, range));
    if (counted * 2 <= rows * 3 && (rest || counted * 2 >= rows)) {
      if (counted > 0) spacing_ = width / static_cast<double>(counted);
      in_stretch_ = !rest;
      done_ = rest && !end_;
      keys_.clear();
      used_ = 0;
      cursor_ = range.to;
      return std::optional<PlannedRange>(PlannedRange{std::move(range), counted});
    }
    const double factor = static_cast<double>(rows) / std::max<double>(counted, 0.01);
    // Nothing more lies in a wider stretch: perhaps nothing more follows at all.
    width = counted == before ? kWholeKeySpace : width * factor;
    before = counted;
  }
  pages_to_come_ = kPagesAfterFailedGuess;
  return std::optional<PlannedRange>();
}

// Chooses the next end_: the next usable boundary, or none. Rows up to a boundary that fit into one
// range need no pages: the stretch is then a single range, counted by itself.
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
  whole_count_.reset();
  end_.reset();
  if (next_boundary_ == boundaries.size()) return Ok();
  end_ = boundaries[next_boundary_++];
  AERIE_ASSIGN(const std::int64_t counted, query_.Count(context, {cursor_, end_}));
  const std::int64_t fit = 3 * row_size_.RowsFor(options_.range_bytes);
  if (row_size_.known() ? counted <= fit : counted <= row_size_.RowsFor(kFirstRangeBytes)) {
    last_page_ = true;
    whole_count_ = counted;
  }
  return Ok();
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
