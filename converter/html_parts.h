// Tables, lists and small things that report.html is put together from. Cells are text and escaped,
// unless a name says html.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rehost {

class Table {
 public:
  // `numbers`: columns that hold numbers, from 0. `style`: classes of the style sheet.
  Table(const std::vector<std::string>& headings, std::vector<size_t> numbers,
        std::string_view style = "");
  void add(const std::vector<std::string>& cells);
  void add_html(const std::vector<std::string>& cells);
  // Nothing when it has no rows; of very many the first ones.
  std::string html() const;

 private:
  std::string_view number_class(size_t column) const;

  std::vector<std::string> names_;  // of the columns, escaped
  std::vector<size_t> numbers_;
  std::string style_;
  std::string head_;
  std::string body_;
  size_t rows_ = 0;
};

// Names and what they stand for. An empty value leaves its name out.
class DefinitionList {
 public:
  void add(std::string_view name, std::string_view value);
  std::string html() const;

 private:
  std::string body_;
};

// "1 warning", "2 warnings"
std::string count_of(size_t number, std::string_view noun);

// "And 12 more: the JSON report has all of them.", when there are more than `shown`.
std::string more_html(size_t number, size_t shown);

// A bar for a share from 0 to 1.
std::string bar_html(double share);

}  // namespace rehost
