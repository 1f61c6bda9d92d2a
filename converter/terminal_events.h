// Events for a person: a progress bar when stderr is a terminal, plain lines otherwise.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "converter/core/event.h"

namespace rehost {

enum class TerminalStyle { bar, lines };

class TerminalEvents : public EventSink {
 public:
  using Write = std::function<void(std::string_view text)>;

  TerminalEvents(Write write, TerminalStyle style) : write_(std::move(write)), style_(style) {}
  void on(const Event& event) override;

 private:
  void line(const std::string& text);  // ends a bar that is being drawn, then prints
  void draw(const Progress& progress);

  Write write_;
  TerminalStyle style_;
  bool bar_on_screen_ = false;
  int last_percent_ = -1;
};

}  // namespace rehost
