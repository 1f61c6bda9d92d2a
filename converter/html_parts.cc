#include "converter/html_parts.h"

#include <fmt/format.h>

#include <algorithm>

#include "converter/html_text.h"

namespace rehost {
namespace {

constexpr size_t kMostRows = 500;

}  // namespace

Table::Table(const std::vector<std::string>& headings, std::vector<size_t> numbers,
             std::string_view style)
    : numbers_(std::move(numbers)),
      style_(style.empty() ? "" : fmt::format(" class=\"{}\"", style)) {
  for (size_t i = 0; i < headings.size(); ++i) {
    names_.push_back(html_text(headings[i]));
    head_ += fmt::format("<th{}>{}</th>", number_class(i), names_.back());
  }
}

std::string_view Table::number_class(size_t column) const {
  const bool number = std::find(numbers_.begin(), numbers_.end(), column) != numbers_.end();
  return number ? " class=\"number\"" : "";
}

void Table::add(const std::vector<std::string>& cells) {
  std::vector<std::string> escaped;
  std::transform(cells.begin(), cells.end(), std::back_inserter(escaped),
                 [](const std::string& text) { return html_text(text); });
  add_html(escaped);
}

void Table::add_html(const std::vector<std::string>& cells) {
  if (++rows_ > kMostRows) {
    return;
  }
  body_ += "<tr>";
  for (size_t i = 0; i < cells.size(); ++i) {
    // On a narrow screen a row is a list, and each cell has to say its name.
    const bool named = i < names_.size() && !names_[i].empty();
    body_ += fmt::format("<td{}{}>{}</td>", number_class(i),
                         named ? fmt::format(" data-name=\"{}\"", names_[i]) : "", cells[i]);
  }
  body_ += "</tr>\n";
}

std::string Table::html() const {
  if (rows_ == 0) {
    return "";
  }
  return fmt::format("<table{}>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table>\n{}",
                     style_, head_, body_, more_html(rows_, kMostRows));
}

void DefinitionList::add(std::string_view name, std::string_view value) {
  if (!value.empty()) {
    body_ += fmt::format("<dt>{}</dt><dd>{}</dd>\n", html_text(name), html_text(value));
  }
}

std::string DefinitionList::html() const {
  return body_.empty() ? "" : "<dl>\n" + body_ + "</dl>\n";
}

std::string count_of(size_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

std::string more_html(size_t number, size_t shown) {
  return number <= shown ? ""
                         : fmt::format(
                               "<p class=\"soft\">And {} more: the JSON report has all of "
                               "them.</p>\n",
                               number - shown);
}

std::string bar_html(double share) {
  return fmt::format(
      "<svg class=\"bar\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
      "<rect width=\"{:.1f}\" height=\"4\"/></svg>",
      std::clamp(share, 0.0, 1.0) * 100);
}

}  // namespace rehost
