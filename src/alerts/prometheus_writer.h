// Prometheus's text format, version 0.0.4.
//
// Source: "Exposition formats" of the Prometheus documentation. One family after the other, each
// once; a value object, for one thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace aerie::alerts {

using Labels = std::vector<std::pair<std::string, std::string>>;

class PrometheusWriter {
 public:
  enum class Type { kCounter, kGauge };

  // Begins a family. `name` and `help` are ours; a family without a sample leaves no trace.
  void Family(const std::string& name, Type type, const std::string& help);
  // Of the family that was begun last. A second one of equal labels is left out.
  void Sample(const Labels& labels, double value);
  void Sample(const Labels& labels, std::int64_t value);
  void Sample(std::int64_t value) { Sample({}, value); }
  // Milliseconds as seconds.
  void Seconds(const Labels& labels, std::int64_t ms);

  std::string text() const { return text_; }

 private:
  void Line(const Labels& labels, const std::string& value);

  std::string text_;
  std::string name_;
  std::string head_;  // of a family that has no sample yet
  std::set<std::string> written_;
};

}  // namespace aerie::alerts
