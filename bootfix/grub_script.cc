#include "bootfix/grub_script.h"

#include <algorithm>
#include <array>

namespace rehost {
namespace {

constexpr std::array<std::string_view, 13> kKeywords = {"if",       "then",  "else", "elif", "fi",
                                                        "while",    "until", "do",   "done", "for",
                                                        "function", "case",  "esac"};

bool is_keyword(std::string_view word) {
  return std::find(kKeywords.begin(), kKeywords.end(), word) != kKeywords.end();
}

bool ends_word(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';' || c == '{' || c == '}' ||
         c == '|' || c == '&' || c == '<' || c == '>';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  GrubScript parse() {
    while (at_ < text_.size()) {
      step();
    }
    end_command();
    return std::move(script_);
  }

 private:
  void step() {
    const char c = text_[at_];
    if (c == ' ' || c == '\t' || c == '\r') {
      ++at_;
    } else if (c == '\\' && is_line_break(at_ + 1)) {
      at_ += text_[at_ + 1] == '\r' ? 3 : 2;  // a line goes on
    } else if (c == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == '{') {
      open_block();
    } else if (c == '}') {
      end_command();
      if (block_) {
        block_ = script_.blocks[*block_].parent;
      }
      ++at_;
    } else if (ends_word(c)) {
      end_command();
      ++at_;
    } else {
      read_word();
    }
  }

  bool is_line_break(size_t at) const {
    return text_.substr(at, 1) == "\n" || text_.substr(at, 2) == "\r\n";
  }

  void open_block() {
    const bool opened_by_command = !words_.empty();
    end_command();
    script_.blocks.push_back(
        {.opener = opened_by_command ? std::optional(script_.commands.size() - 1) : std::nullopt,
         .parent = block_});
    block_ = script_.blocks.size() - 1;
    ++at_;
  }

  void end_command() {
    if (!words_.empty()) {
      script_.commands.push_back({.words = std::move(words_), .block = block_});
      words_.clear();
    }
  }

  void read_word() {
    ScriptWord word{.begin = at_, .end = at_, .text = {}};
    bool quoted = false;
    while (at_ < text_.size() && !ends_word(text_[at_])) {
      const char c = text_[at_];
      if (c == '\\') {
        if (at_ + 1 < text_.size() && text_[at_ + 1] != '\n') {
          word.text += text_[at_ + 1];
        }
        at_ = std::min(at_ + 2, text_.size());
      } else if (c == '\'' || c == '"') {
        quoted = true;
        read_quoted(c, word.text);
      } else if (c == '$' && text_.substr(at_, 2) == "${") {
        const size_t end = std::min(text_.find('}', at_), text_.size() - 1) + 1;
        word.text += text_.substr(at_, end - at_);
        at_ = end;
      } else {
        word.text += c;
        ++at_;
      }
    }
    word.end = at_;
    if (words_.empty() && !quoted && is_keyword(word.text)) {
      return;
    }
    words_.push_back(std::move(word));
  }

  void read_quoted(char quote, std::string& text) {
    ++at_;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size() &&
          (text_[at_ + 1] == '"' || text_[at_ + 1] == '\\' || text_[at_ + 1] == '$')) {
        ++at_;
      }
      text += text_[at_++];
    }
    at_ = std::min(at_ + 1, text_.size());
  }

  std::string_view text_;
  size_t at_ = 0;
  std::optional<size_t> block_;
  std::vector<ScriptWord> words_;
  GrubScript script_;
};

}  // namespace

GrubScript parse_grub_script(std::string_view text) {
  return Parser(text).parse();
}

}  // namespace rehost
