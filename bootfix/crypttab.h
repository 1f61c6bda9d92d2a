// crypttab(5): encrypted devices by UUID instead of by device name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bootfix/text_edits.h"
#include "converter/core/edit.h"
#include "converter/core/fix.h"

namespace rehost {

struct CrypttabEntry {
  int line = 0;  // counted from 1
  Field device_field;
  std::vector<Field> fields;
  std::string name;
  std::string device;
  std::vector<std::string> options;
  // Made anew at every boot, from a random key: it has no UUID that lasts, only its partition has.
  bool ephemeral = false;

  bool required() const;
};

std::vector<CrypttabEntry> parse_crypttab(std::string_view text);

struct CrypttabRewrite {
  std::string text;
  std::vector<Warning> warnings;
};

CrypttabRewrite stabilise_crypttab(std::string_view text, const Inspection& inspection);

extern const Fix kCrypttabFix;

}  // namespace rehost
