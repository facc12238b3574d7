#include "transfer/sync_collection.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "milvus/collection_admin.h"
#include "milvus/collection_source.h"
#include "milvus/spec_reader.h"
#include "transfer/known_rows.h"
#include "transfer/recorded_endpoint.h"
#include "transfer/restore_collection.h"
#include "transfer/restore_plan.h"
#include "transfer/sync_rows.h"

namespace aerie::transfer {
namespace {

using rows::CollectionName;
using rows::CollectionSpec;
using How = SyncOutcome::How;

// So many broken rounds, and an audit is simpler than all their journals.
constexpr std::size_t kMostJournals = 8;

// Closes a source exactly once, whatever happens.
class Opened {
 public:
  explicit Opened(std::unique_ptr<rows::CollectionSource> source) : source_(std::move(source)) {}
  Opened(Opened&&) = default;
  ~Opened() {
    if (source_ && !closed_) (void)Close(Context::Background());
  }
  rows::CollectionSource& operator*() const { return *source_; }
  rows::CollectionSource* operator->() const { return source_.get(); }
  Status Close(const Context& context) {
    if (std::exchange(closed_, true)) return Ok();
    return source_->Close(Context(context.clock()).WithTimeout(std::chrono::minutes(2)));
  }

 private:
  std::unique_ptr<rows::CollectionSource> source_;
  bool closed_ = false;
};

class CollectionSync {
 public:
  CollectionSync(const SyncJob& job, const RestorePlan::Item& item) : job_(job), item_(item) {}

  SyncOutcome Run(const Context& context) {
    out_.name = item_.from;
    out_.to = item_.to;
    const SteadyTime start = context.clock().Steady();
    out_.status = item_.refused.empty() ? Sync(context) : RefusedError(item_.refused);
    if (!out_.status.ok() && !annotated_) {
      out_.status = Annotate(out_.status, job_.options.verb + " " + item_.from.ToString() + " to " +
                                              item_.to.ToString());
    }
    out_.seconds = std::chrono::duration<double>(context.clock().Steady() - start).count();
    if (out_.how != How::kCopied) {
      job_.progress.OnProgress(
          {.type = ProgressEvent::Type::kItemDone,
           .collection = item_.to.ToString(),
           .rows_done = static_cast<std::int64_t>(out_.digest.rows),
           .bytes_done = static_cast<std::int64_t>(out_.bytes),
           .message = out_.status.ok() ? "done" : std::string(out_.status.message())});
    }
    return std::move(out_);
  }

 private:
  bool Looks() const { return job_.act == SyncJob::Act::kLook; }

  Status Sync(const Context& context) {
    const auto [from, to] = EndsOf(job_, item_.from, item_.to);
    if (Looks()) {
      AERIE_ASSIGN(peeked_, job_.state.Peek(context, from, to));
      record_ = peeked_.record;
    } else {
      AERIE_ASSIGN(pair_, job_.state.Open(context, from, to));
      record_ = pair_->record();
    }
    const auto there = milvus::DescribeCollection(context, *job_.to, item_.to);
    if (KindOf(there.status()) == Kind::kNotFound) return Looks() ? LookAtCopy() : Copy(context);
    AERIE_TRY(there.status());
    if (there->spec.name != item_.to) {
      return RefusedError(item_.to.ToString() + " is an alias of " + there->spec.name.ToString() +
                          "; name the collection itself");
    }
    // Made anew by somebody else, it is nobody's of ours.
    if (record_ && record_->to.id != there->spec.id) record_.reset();
    if (record_) out_.as_of_ms = record_->as_of_ms;
    return KeepEqual(context);
  }

  // --- A collection that is not there ---

  SyncRecord NewRecord(bool made, std::int64_t target_id, const std::string& audit) const {
    SyncRecord record;
    std::tie(record.from, record.to) = EndsOf(job_, item_.from, item_.to);
    record.from.id = item_.spec.id;
    record.to.id = target_id;
    record.made = made;
    record.audit = audit;
    return record;
  }

  Status LookAtCopy() {
    out_.how = How::kCopied;
    out_.digest.rows = static_cast<std::uint64_t>(std::max<std::int64_t>(0, item_.rows));
    out_.inserted = out_.digest.rows;
    if (item_.rows < 0) {
      out_.warnings.emplace_back(
          "its rows are not known: it is not loaded; it would be loaded to be read");
    }
    for (const std::string& line : item_.cannot_keep) {
      out_.warnings.push_back("cannot be kept: " + line);
    }
    return Ok();
  }

  // Whatever happens later: the collection that is made is known to be ours, by its id, before it
  // has its name.
  Status Claim(const Context& context) {
    AERIE_ASSIGN(const auto staging,
                 milvus::DescribeCollection(context, *job_.to, Staging(item_.to)));
    AERIE_TRY(pair_->DropJournals());
    return pair_->Save(context, NewRecord(true, staging.spec.id, "its first copy did not end"));
  }

  Status Copy(const Context& context) {
    out_.how = How::kCopied;
    const std::int64_t begun = ToUnixMillis(context.clock().Now());
    RecordedEndpoint from(
        job_.from, [this] { return pair_->NewRows(); },
        [this](const Context& task) { return Claim(task); });
    Turns turns(1);  // a sync has its own
    const RestoreJob copy{from,          job_.to, job_.features, job_.copy, job_.call_bytes,
                          job_.progress, turns};
    RestoreOutcome copied = RestoreCollection(context, copy, item_, 0);
    static_cast<CollectionOutcome&>(out_) = std::move(copied);
    annotated_ = true;
    AERIE_TRY(out_.status);
    out_.inserted = copied.rows_written;
    SyncFileWriter& rows = *from.rows();
    if (rows.rows() != out_.digest.rows) {
      return InternalError("note the rows of " + item_.to.ToString() + ": " +
                           std::to_string(rows.rows()) + " of " + std::to_string(out_.digest.rows));
    }
    AERIE_TRY(rows.Finish());
    SyncRecord record = *pair_->record();
    record.spec = from.spec();
    record.spec.aliases.clear();  // set when all collections are done
    record.from.id = record.spec.id;
    record.audited_ms = begun;
    return Commit(context, rows, std::move(record), begun);
  }

  // What was written and compared is what the target has, as of `begun`.
  Status Commit(const Context& context, const SyncFileWriter& rows, SyncRecord record,
                std::int64_t begun) {
    record.audit.clear();
    record.columns = ColumnsOf(record.spec.schema);
    record.as_of_ms = begun;
    record.digest = out_.digest;
    AERIE_TRY(pair_->Commit(context, rows, std::move(record)));
    out_.as_of_ms = begun;
    return Ok();
  }

  // --- One that is there ---

  Status KeepEqual(const Context& context) {
    AERIE_ASSIGN(const SpecChanges changes, PlanSchema(context));
    if (Looks()) return Look(context, changes);
    if (!record_) AERIE_TRY(TakeOver(context, changes));
    AERIE_TRY(ApplySchema(context, changes));
    return Rounds(context);
  }

  Result<SpecChanges> PlanSchema(const Context& context) {
    if (!Looks() && record_) AERIE_TRY(LoadAsBefore(context));
    AERIE_ASSIGN(auto reading, milvus::ReadCollectionSpec(context, *job_.to, item_.to));
    target_ = std::move(reading.spec);
    SpecChanges changes =
        PlanSpecChanges(record_ ? record_->spec : CollectionSpec(), item_.spec, target_);
    if (!changes.cannot.empty()) {
      std::string text;
      for (const std::string& line : changes.cannot) text += (text.empty() ? "" : "; ") + line;
      return RefusedError("its schema is another (" + text +
                          "), which no call changes; make it anew with aerie copy --on-conflict "
                          "replace, or sync under another name");
    }
    for (const std::string& line : changes.besides) {
      out_.warnings.push_back("it has what the source has not: " + line + "; it is left");
    }
    return changes;
  }

  // A round that changed an index and was killed left it released.
  Status LoadAsBefore(const Context& context) {
    if (!record_->load_back) return Ok();
    AERIE_ASSIGN(const auto now, milvus::ReadCollectionSpec(context, *job_.to, item_.to));
    AERIE_ASSIGN(auto lines,
                 milvus::PutBackLoadState(context, *job_.to, now.spec, *record_->load_back));
    for (std::string& line : lines) out_.warnings.push_back(std::move(line));
    record_->load_back.reset();
    return pair_->Save(context, *record_);
  }

  Status ApplySchema(const Context& context, const SpecChanges& changes) {
    const bool releases =
        NeedsRelease(target_, changes) && job_.options.indexes == IndexRebuild::kRelease;
    if (releases) {
      record_->load_back = milvus::LoadSnapshotOf(target_);
      AERIE_TRY(pair_->Save(context, *record_));
    }
    auto result = ApplySpecChanges(context, *job_.to, target_, changes, job_.options.indexes);
    if (KindOf(result.status()) == Kind::kUnsupported) {
      return RefusedError(std::string(result.status().message()) +
                          "; make it anew with aerie copy --on-conflict replace");
    }
    AERIE_TRY(result.status());
    if (releases) AERIE_TRY(LoadAsBefore(context));
    out_.schema = std::move(result->done);
    for (std::string& line : result->warnings) out_.warnings.push_back(std::move(line));
    left_ = *std::move(result);
    return Ok();
  }

  // What is there belongs to somebody. It becomes ours if nothing of it is lost by that, or if that
  // was asked for.
  Status TakeOver(const Context& context, const SpecChanges& changes) {
    if (job_.options.strangers == SyncOptions::Strangers::kRefuse) {
      if (!changes.add_fields.empty()) {
        return RefusedError(item_.to.ToString() +
                            " is there with fewer fields, and no sync made it; take it over with "
                            "--adopt, or sync under another name");
      }
      AERIE_ASSIGN(const SyncedRows found, CompareBoth(context));
      AERIE_TRY(RefuseStranger(found));
    }
    record_ = NewRecord(false, target_.id, "it was taken over");
    return pair_->Save(context, *record_);
  }

  Status RefuseStranger(const SyncedRows& found) const {
    if (found.updated + found.deleted == 0) return Ok();
    return RefusedError(item_.to.ToString() + " was not made by a sync of this machine, and has " +
                        std::to_string(found.deleted) + " rows that the source has not and " +
                        std::to_string(found.updated) +
                        " that are others there; --adopt makes it equal all the same, "
                        "--suffix and --rename sync under another name");
  }

  // `reads`: its rows are; else only what it is matters, and no time tick is waited for.
  Result<Opened> OpenTarget(const Context& context, bool reads) const {
    milvus::SourceOptions options;
    if (!reads) options.since = 1;
    AERIE_ASSIGN(auto target, milvus::OpenCollectionSource(context, job_.to, item_.to, options));
    return Opened(std::move(target));
  }

  SyncRowsOptions RowsOptions() const {
    SyncRowsOptions options;
    options.writers = job_.options.writers;
    options.call_bytes = job_.call_bytes;
    options.read.batch_bytes = job_.call_bytes;
    options.read.streams = job_.options.streams;
    options.label = item_.to.ToString();
    return options;
  }

  // --- Looking only ---

  Status Look(const Context& context, const SpecChanges& changes) {
    out_.schema = changes.Lines();
    out_.why = record_ ? WhyAudit(context, peeked_.journals) : "no sync made it";
    out_.how = out_.why.empty() ? How::kDigests : How::kAudited;
    if (!changes.add_fields.empty()) {
      out_.warnings.emplace_back(
          "its rows can be compared when it has the fields that are missing");
      return Ok();
    }
    Result<SyncedRows> found = SyncedRows();
    if (out_.how == How::kDigests) {
      found = CompareWithState(context);
      if (KindOf(found.status()) == Kind::kCorrupt) {
        out_.how = How::kAudited;
        out_.why = "what was kept of the last round is damaged";
      }
    }
    if (out_.how == How::kAudited) found = CompareBoth(context);
    AERIE_TRY(found.status());
    Note(*found);
    const bool takes = record_ || job_.options.strangers == SyncOptions::Strangers::kAdopt;
    return takes ? Ok() : RefuseStranger(*found);
  }

  Result<SyncedRows> CompareWithState(const Context& context) {
    AERIE_ASSIGN(auto known, KeptRows(peeked_.rows_path, peeked_.journals));
    AERIE_ASSIGN(auto opened, job_.from.Open(context, item_.from));
    Opened source(std::move(opened));
    auto found = CompareWithKnown(context, *source, *known, RowsOptions(), job_.progress);
    AERIE_TRY(Explain(found.status(), source.Close(context)));
    return found;
  }

  Result<SyncedRows> CompareBoth(const Context& context) {
    AERIE_ASSIGN(auto opened, job_.from.Open(context, item_.from));
    Opened source(std::move(opened));
    AERIE_ASSIGN(Opened target, OpenTarget(context, true));
    const auto columns = source->spec().schema.Columns();
    Result<SyncedRows> found = SyncedRows();
    {
      const auto known = RowsOf(*target, columns, RowsOptions().read);
      found = CompareWithKnown(context, *source, *known, RowsOptions(), job_.progress);
    }
    AERIE_TRY(Explain(found.status(), source.Close(context)));
    AERIE_TRY(target.Close(context));
    return found;
  }

  // That what was read is another collection by now explains whatever went wrong.
  static Status Explain(const Status& status, const Status& closed) {
    return !closed.ok() && (status.ok() || KindOf(closed) == Kind::kRefused) ? closed : status;
  }

  void Note(const SyncedRows& found) {
    out_.inserted += found.inserted;
    out_.updated += found.updated;
    out_.deleted += found.deleted;
    out_.digest = found.digest;
    out_.bytes += found.bytes;
    out_.report = found.report;
    for (const std::string& line : found.report.warnings) out_.warnings.push_back(line);
  }

  // --- Rounds ---

  std::string WhyAudit(const Context& context, const std::vector<std::string>& journals) const {
    const SyncRecord& record = *record_;
    const SyncOptions& options = job_.options;
    if (!record.audit.empty()) return record.audit;
    if (options.audit == SyncOptions::Audit::kAlways) return "it was asked for";
    if (record.rows_file.empty()) return "it is not known what the target has";
    if (record.from.id != item_.spec.id) return "the source was made anew";
    if (record.columns != ColumnsOf(item_.spec.schema)) return "the fields changed";
    if (journals.size() > kMostJournals) return "too many rounds broke off";
    const std::int64_t age = ToUnixMillis(context.clock().Now()) - record.audited_ms;
    const auto every =
        std::chrono::duration_cast<std::chrono::milliseconds>(options.audit_every).count();
    // A clock that was set back says nothing about the age.
    if (every > 0 && (age >= every || age < 0)) return "it was due";
    return {};
  }

  Status Rounds(const Context& context) {
    AERIE_ASSIGN(const auto journals, pair_->Journals());
    out_.why = WhyAudit(context, journals);
    const bool by_digests = out_.why.empty();
    AERIE_ASSIGN(std::string wrong, by_digests ? ByDigests(context, journals) : Audit(context));
    if (wrong.empty()) return Ok();
    // An audit finds what it is, and puts it right.
    const std::uint64_t before = out_.inserted + out_.updated + out_.deleted;
    out_.why = wrong;
    AERIE_ASSIGN(const std::string still, Audit(context));
    if (!still.empty()) {
      return MakeStatus(Kind::kDifferent, still + ", after an audit; somebody writes to " +
                                              item_.to.ToString() +
                                              ": stop that, or sync under "
                                              "another name");
    }
    const std::uint64_t repaired = out_.inserted + out_.updated + out_.deleted - before;
    out_.warnings.push_back(wrong + "; an audit put " + std::to_string(repaired) + " rows right");
    return Ok();
  }

  // What is wrong with the target in spite of it, or nothing.
  Result<std::string> ByDigests(const Context& context, const std::vector<std::string>& journals) {
    out_.how = How::kDigests;
    auto known = KeptRows(pair_->RowsPath(), journals);
    Result<std::string> wrong = std::string();
    if (known.ok()) {
      wrong = Round(context, [&](const Opened&, const Opened&) { return std::move(*known); });
    }
    const Status& failed = known.ok() ? wrong.status() : known.status();
    const Kind kind = KindOf(failed);
    if (kind != Kind::kCorrupt && kind != Kind::kNotFound) return wrong;
    // Not there, or not as it was written. If it was something else, the audit fails of it too.
    if (known.ok() && kind == Kind::kNotFound) return wrong;
    return "what was kept of the last round cannot be used (" + std::string(failed.message()) + ")";
  }

  // An audit needs no journal: until it is committed, the next round is one as well.
  Result<std::string> Audit(const Context& context) {
    out_.how = How::kAudited;
    SyncRecord record = *pair_->record();
    record.audit = out_.why;
    AERIE_TRY(pair_->Save(context, record));
    AERIE_TRY(pair_->DropJournals());
    return Round(context, [this](const Opened& source, const Opened& target) {
      return RowsOf(*target, source->spec().schema.Columns(), RowsOptions().read);
    });
  }

  template <class MakeKnown>
  Result<std::string> Round(const Context& context, const MakeKnown& make_known) {
    Phase(out_.how == How::kAudited ? "audit" : "sync");
    const std::int64_t begun = ToUnixMillis(context.clock().Now());
    AERIE_ASSIGN(const std::uint64_t before, milvus::TakeTimestamp(context, *job_.to));
    AERIE_ASSIGN(auto opened, job_.from.Open(context, item_.from));
    Opened source(std::move(opened));
    AERIE_ASSIGN(Opened target, OpenTarget(context, out_.how == How::kAudited));
    if (target->spec().id != pair_->record()->to.id ||
        ColumnsOf(source->spec().schema) != ColumnsOf(target->spec().schema)) {
      return RefusedError("it was made anew or altered meanwhile; run the command again");
    }
    AERIE_ASSIGN(const auto rows, pair_->NewRows());
    AERIE_ASSIGN(const auto journal, pair_->NewJournal());
    std::string wrong;
    SyncSink sink{.to = job_.to,
                  .target = target->spec(),
                  .rows = *rows,
                  .journal = *journal,
                  .journal_is = out_.how == How::kAudited ? SyncSink::Journal::kNotSynced
                                                          : SyncSink::Journal::kSynced,
                  .close_source = [&](const Context& task) { return source.Close(task); },
                  .count =
                      [&](const Context& task, const SyncedRows& read, std::uint64_t at) {
                        AERIE_ASSIGN(wrong, WrongCount(task, read, at));
                        return Ok();
                      },
                  .before = before};
    const CollectionSpec from = source->spec();
    Result<SyncedRows> done = SyncedRows();
    {
      const std::unique_ptr<KnownRows> known = make_known(source, target);
      done =
          WriteDifferences(context, *source, *known, std::move(sink), RowsOptions(), job_.progress);
    }
    AERIE_TRY(Explain(done.status(), source.Close(context)));
    Note(*done);
    AERIE_TRY(target.Close(context));
    if (!wrong.empty()) return wrong;
    AERIE_TRY(Commit(context, *rows, NextRecord(from, begun), begun));
    return std::string();
  }

  SyncRecord NextRecord(const CollectionSpec& from, std::int64_t begun) const {
    SyncRecord record = *pair_->record();
    const std::vector<std::string> aliases = record.spec.aliases;
    record.from.id = from.id;
    record.spec = from;
    record.spec.aliases = aliases;  // those that were set; they come last
    for (const auto& index : left_.indexes_left) record.spec.indexes.push_back(index);
    for (const auto& pair : left_.properties_left) record.spec.properties.push_back(pair);
    if (out_.how == How::kAudited) record.audited_ms = begun;
    return record;
  }

  // Where the target has not as many rows as were read: somebody else writes there.
  Result<std::string> WrongCount(const Context& context, const SyncedRows& done,
                                 std::uint64_t at) const {
    for (const auto& [partition, rows] : done.rows_of) {
      milvus::CountOptions count;
      count.partition = partition;
      // All partitions together wait for one time tick; what looks wrong is counted strictly.
      if (at > 0) count.guarantee_ts = at;
      AERIE_ASSIGN(std::int64_t counted, milvus::CountRows(context, *job_.to, item_.to, count));
      if (static_cast<std::uint64_t>(counted) == rows) continue;
      count.guarantee_ts.reset();
      AERIE_ASSIGN(counted, milvus::CountRows(context, *job_.to, item_.to, count));
      if (static_cast<std::uint64_t>(counted) == rows) continue;
      return (partition.empty() ? "it" : "partition " + partition) + " had " +
             std::to_string(counted) + " rows instead of " + std::to_string(rows);
    }
    return std::string();
  }

  void Phase(const char* phase) const {
    job_.progress.OnProgress({.type = ProgressEvent::Type::kPhase,
                              .phase = phase,
                              .collection = item_.to.ToString(),
                              .message = {}});
  }

  const SyncJob& job_;
  const RestorePlan::Item& item_;
  SyncOutcome out_;
  bool annotated_ = false;
  std::unique_ptr<SyncPair> pair_;  // null when it only looks
  SyncState::Peeked peeked_;        // when it only looks
  std::optional<SyncRecord> record_;
  CollectionSpec target_;
  SpecResult left_;
};

}  // namespace

std::pair<SyncEnd, SyncEnd> EndsOf(const SyncJob& job, const CollectionName& from,
                                   const CollectionName& to) {
  return {SyncEnd{job.from.cluster()->cluster(), from, 0}, SyncEnd{job.to->cluster(), to, 0}};
}

SyncOutcome SyncCollection(const Context& context, const SyncJob& job,
                           const RestorePlan::Item& item) {
  return CollectionSync(job, item).Run(context);
}

}  // namespace aerie::transfer
