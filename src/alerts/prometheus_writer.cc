#include "alerts/prometheus_writer.h"

#include <charconv>
#include <cmath>

namespace aerie::alerts {
namespace {

// In HELP a quotation mark stands for itself.
std::string Escaped(const std::string& text, bool quoted) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quoted) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return error == std::errc() ? std::string(buffer, end) : "NaN";
}

}  // namespace

void PrometheusWriter::Family(const std::string& name, Type type, const std::string& help) {
  name_ = name;
  head_ = "# HELP " + name + " " + Escaped(help, false) + "\n# TYPE " + name +
          (type == Type::kCounter ? " counter\n" : " gauge\n");
  written_.clear();
}

void PrometheusWriter::Line(const Labels& labels, const std::string& value) {
  std::string series = name_;
  for (const auto& [name, text] : labels) {
    series += (series == name_ ? "{" : ",") + name + "=\"" + Escaped(text, true) + "\"";
  }
  if (!labels.empty()) series += "}";
  if (!written_.insert(series).second) return;
  text_ += head_ + series + " " + value + "\n";
  head_.clear();
}

void PrometheusWriter::Sample(const Labels& labels, double value) { Line(labels, Number(value)); }
void PrometheusWriter::Sample(const Labels& labels, std::int64_t value) {
  Line(labels, std::to_string(value));
}
void PrometheusWriter::Seconds(const Labels& labels, std::int64_t ms) {
  Sample(labels, static_cast<double>(ms) / 1000);
}

}  // namespace aerie::alerts
