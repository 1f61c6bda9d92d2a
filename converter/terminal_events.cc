#include "converter/terminal_events.h"

#include <fmt/format.h>

#include "converter/printable.h"

namespace rehost {

void TerminalEvents::line(const std::string& text) {
  if (bar_on_screen_) {
    write_("\r\033[K");
    bar_on_screen_ = false;
  }
  write_(printable(text) + "\n");
}

void TerminalEvents::draw(const Progress& progress) {
  if (style_ != TerminalStyle::bar || progress.total == 0) {
    return;
  }
  constexpr int kWidth = 40;
  const double fraction = static_cast<double>(progress.done) / static_cast<double>(progress.total);
  const int percent = static_cast<int>(fraction * 100);
  if (percent == last_percent_ && bar_on_screen_) {
    return;
  }
  last_percent_ = percent;
  const auto filled = static_cast<size_t>(fraction * kWidth);
  const std::string bar = std::string(filled, '#') + std::string(kWidth - filled, ' ');
  write_(fmt::format("\r  {:<8} [{}] {:3d} %", progress.phase, bar, percent));
  bar_on_screen_ = true;
}

void TerminalEvents::on(const Event& event) {
  if (const auto* finished = std::get_if<PhaseFinished>(&event)) {
    line(fmt::format("  {:<8} {:6.1f} s", finished->phase, finished->seconds));
    last_percent_ = -1;
  } else if (const auto* started = std::get_if<PhaseStarted>(&event)) {
    if (style_ == TerminalStyle::bar) {
      write_(fmt::format("\r  {:<8} ...", started->phase));
      bar_on_screen_ = true;
    }
  } else if (const auto* progress = std::get_if<Progress>(&event)) {
    draw(*progress);
  } else if (const auto* edit = std::get_if<EditApplied>(&event)) {
    line(fmt::format("    {}: {}", edit->fix, edit->summary));
  } else if (const auto* raised = std::get_if<WarningRaised>(&event)) {
    line(fmt::format("  warning: {}: {} [{}]", raised->warning.subject, raised->warning.sentence,
                     raised->warning.code));
  } else if (const auto* end = std::get_if<Finished>(&event)) {
    line(end->exit_code == 0 ? fmt::format("rehost: {}", end->sentence)
                             : fmt::format("rehost: {}: {}", end->outcome, end->sentence));
  }
}

}  // namespace rehost
