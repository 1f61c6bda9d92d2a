#include "converter/logging.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "converter/core/error.h"
#include "converter/json_events.h"
#include "converter/patient_write.h"
#include "converter/printable.h"

namespace rehost {
namespace {

// A name that a job or a guest chose begins no line of its own, and a terminal obeys none.
std::string on_one_line(std::string_view text) {
  std::string line;
  for (const char c : printable(text)) {
    line += c == '\n' ? "\\n" : std::string(1, c);
  }
  return line;
}

class LineFormatter : public spdlog::formatter {
 public:
  explicit LineFormatter(bool json) : json_(json) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const std::string_view level(spdlog::level::to_string_view(message.level).data());
    const std::string text =
        without_passwords(std::string_view(message.payload.data(), message.payload.size()));
    std::string line;
    if (json_) {
      using Json = nlohmann::ordered_json;
      const Json json{{"time", utc_now()}, {"level", level}, {"message", text}};
      line = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    } else {
      line = fmt::format("{} {} {}", utc_now(), level, on_one_line(text));
    }
    line += '\n';
    out.append(line.data(), line.data() + line.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(json_);
  }

 private:
  bool json_;
};

class StderrSink : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    write_to_stderr(std::string_view(line.data(), line.size()));
  }
  void flush_() override {}
};

}  // namespace

std::string without_passwords(std::string_view text) {
  constexpr std::string_view kMark = "://";
  std::string out;
  size_t at = 0;
  while (true) {
    const size_t mark = text.find(kMark, at);
    if (mark == std::string_view::npos) {
      return out.append(text.substr(at));
    }
    const size_t begin = mark + kMark.size();
    out.append(text.substr(at, begin - at));
    const size_t end = std::min(text.find_first_of("/?# \t\r\n\"'", begin), text.size());
    const std::string_view authority = text.substr(begin, end - begin);
    const size_t host = authority.rfind('@');
    const bool secret = host != std::string_view::npos &&
                        authority.substr(0, host).find(':') != std::string_view::npos;
    at = secret ? begin + host : begin;
    out.append(secret ? "***" : "");
  }
}

void log_event(const Event& event) {
  if (const auto* started = std::get_if<PhaseStarted>(&event)) {
    spdlog::info("{} begins", started->phase);
  } else if (const auto* finished = std::get_if<PhaseFinished>(&event)) {
    spdlog::info("{} took {:.1f} s", finished->phase, finished->seconds);
  } else if (const auto* edit = std::get_if<EditApplied>(&event)) {
    spdlog::info("{}: {}", edit->fix, edit->summary);
  } else if (const auto* raised = std::get_if<WarningRaised>(&event)) {
    spdlog::warn("{}: {} [{}]", raised->warning.subject, raised->warning.sentence,
                 raised->warning.code);
  } else if (const auto* end = std::get_if<Finished>(&event)) {
    spdlog::log(end->exit_code == 0 ? spdlog::level::info : spdlog::level::err, "{}: {}",
                end->outcome, end->sentence);
  }
}

void set_up_logging(const Options& options) {
  std::shared_ptr<spdlog::logger> logger;  // spdlog's own registry shares it
  try {
    spdlog::drop("rehost");
    logger = options.log_file.empty()
                 ? std::make_shared<spdlog::logger>("rehost", std::make_shared<StderrSink>())
                 : spdlog::basic_logger_mt("rehost", options.log_file);
  } catch (const spdlog::spdlog_ex& error) {
    throw Error(ErrorKind::environment,
                fmt::format("--log-file {}: {}", options.log_file, error.what()));
  }
  logger->set_formatter(std::make_unique<LineFormatter>(options.log_format == "json"));
  logger->set_level(spdlog::level::from_str(options.log_level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace rehost
