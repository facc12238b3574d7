#include "alerts/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alerts/prometheus_writer.h"

namespace aerie::alerts {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(PrometheusWriter, EscapesAndLeavesOutWhatSaysNothing) {
  PrometheusWriter out;
  out.Family("a_total", PrometheusWriter::Type::kCounter, "With \\ and \n and \".");
  out.Sample({{"x", "q\"b\\n\nü"}, {"y", ""}}, std::int64_t{3});
  out.Sample({{"x", "q\"b\\n\nü"}, {"y", ""}}, std::int64_t{4});  // the same again
  out.Sample({{"x", "z"}}, 0.25);
  out.Family("b", PrometheusWriter::Type::kGauge, "Nothing.");
  out.Family("c", PrometheusWriter::Type::kGauge, "Something.");
  out.Sample(std::int64_t{-1});
  out.Seconds({{"l", "m"}}, 1500);
  EXPECT_EQ(out.text(),
            "# HELP a_total With \\\\ and \\n and \".\n# TYPE a_total counter\n"
            "a_total{x=\"q\\\"b\\\\n\\nü\",y=\"\"} 3\na_total{x=\"z\"} 0.25\n"
            "# HELP c Something.\n# TYPE c gauge\nc -1\nc{l=\"m\"} 1.5\n");
}

MetricFacts Sample() {
  MetricFacts facts{.version = "1.2.3"};
  Facts& seen = facts.watched.facts;
  seen.job_counts = {{{"backup", "completed"}, 7}};
  seen.jobs = {{.number = 1,
                .kind = "backup",
                .about = "schedule nightly",
                .state = "completed",
                .ended = true,
                .started_ms = 1000,
                .ended_ms = 3500,
                .rows = 10,
                .bytes = 20}};
  seen.clusters = {
      {.name = "prod", .collections = {{.name = "default.a.b", .newest_verified_ms = 4000}}},
      {.name = "dead", .trouble = "no answer"}};
  seen.repositories = {{.name = "main", .bytes = 5, .snapshots = 2}};
  seen.storages = {{.name = "main", .used_bytes = 40, .limit_bytes = 100}};
  seen.schedules = {{.id = "standby",
                     .kind = "sync",
                     .next_ms = 9000,
                     .missed_times = 2,
                     .good_started_ms = 5000}};
  facts.watched.evaluated_ms = 10'000;
  facts.open = {{.severity = "critical"}, {.severity = "critical"}};
  facts.channels = {{.name = "mail", .delivered = 3, .failed = 2, .given_up = 1, .waiting = 4}};
  facts.process.cpu_seconds = 1.5;
  return facts;
}

TEST(Metrics, SayAllThatTheDocsPromise) {
  const std::string text = MetricsText(Sample(), FromUnixMillis(10'000));
  for (const char* line : {
           "aerie_build_info{version=\"1.2.3\"} 1",
           "aerie_jobs{kind=\"backup\",state=\"completed\"} 7",
           "aerie_job_last_end_timestamp_seconds{kind=\"backup\",about=\"schedule nightly\"} 3.5",
           "aerie_job_last_success{kind=\"backup\",about=\"schedule nightly\"} 1",
           "aerie_job_last_duration_seconds{kind=\"backup\",about=\"schedule nightly\"} 2.5",
           "aerie_job_last_rows{kind=\"backup\",about=\"schedule nightly\"} 10",
           "aerie_job_last_bytes{kind=\"backup\",about=\"schedule nightly\"} 20",
           "aerie_newest_verified_backup_timestamp_seconds{cluster=\"prod\",database=\"default\","
           "collection=\"a.b\"} 4",
           "aerie_cluster_up{cluster=\"prod\"} 1",
           "aerie_cluster_up{cluster=\"dead\"} 0",
           "aerie_repository_bytes{repository=\"main\"} 5",
           "aerie_repository_snapshots{repository=\"main\"} 2",
           "aerie_storage_free_bytes{storage=\"main\"} 60",
           "aerie_schedule_next_timestamp_seconds{schedule=\"standby\",kind=\"sync\"} 9",
           "aerie_schedule_missed_runs{schedule=\"standby\",kind=\"sync\"} 2",
           "aerie_sync_lag_seconds{schedule=\"standby\"} 5",
           "aerie_alerts_open{severity=\"critical\"} 2",
           "aerie_alerts_open{severity=\"warning\"} 0",
           "aerie_alert_deliveries_total{channel=\"mail\",outcome=\"delivered\"} 3",
           "aerie_alert_deliveries_waiting{channel=\"mail\"} 4",
           "aerie_alerts_evaluated_timestamp_seconds 10",
           "process_cpu_seconds_total 1.5",
       }) {
    EXPECT_THAT(text, HasSubstr(std::string(line) + "\n"));
  }
  EXPECT_THAT(text, Not(HasSubstr("aerie_storage_full")));
  EXPECT_THAT(text, Not(HasSubstr("aerie_heartbeat")));
  EXPECT_THAT(text, Not(HasSubstr("process_open_fds")));
}

TEST(Metrics, OfTheProcessAreThere) {
  const ProcessFigures figures = ReadProcess();
  EXPECT_GT(figures.resident_bytes, 100'000);
  EXPECT_GT(figures.virtual_bytes, figures.resident_bytes);
  EXPECT_GT(figures.open_fds, 2);
  EXPECT_GE(figures.max_fds, figures.open_fds);
  EXPECT_GE(figures.threads, 1);
  EXPECT_GT(figures.start_seconds, 1'600'000'000);
  EXPECT_GE(figures.cpu_seconds, 0);
}

}  // namespace
}  // namespace aerie::alerts
