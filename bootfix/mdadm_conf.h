// mdadm.conf(5): what arrays are called, and a DEVICE line that would hide the disks of EC2 from
// mdadm.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bootfix/text_edits.h"
#include "converter/core/fix.h"

namespace rehost {

// A line with those that continue it (they begin with a space or a tab), as words.
struct MdadmLine {
  std::string keyword;  // lower case, three letters are enough: "dev", "arr"; others as written
  int line = 0;         // counted from 1
  struct Word {
    Field place;       // in the text, quotes included
    std::string text;  // quotes taken away
  };
  std::vector<Word> words;  // behind the keyword
};

std::vector<MdadmLine> parse_mdadm_conf(std::string_view text);

// The names that the guest's /dev has for an array: {"/dev/md/0", "/dev/md0"}. From the ARRAY line
// with its UUID (or, without one, its name), else from the name in its superblock. Empty: mdadm
// makes one up.
std::vector<std::string> names_of_array(const MdArray& array, std::string_view mdadm_conf);

// Words that keep mdadm from finding members among NVMe disks: of DEVICE lines, when no line has a
// word that such a disk answers to, and devices= of ARRAY lines.
struct HidingWord {
  int line = 0;
  std::string text;
};
std::vector<HidingWord> words_hiding_nvme(std::string_view mdadm_conf);

// /etc/mdadm.conf and /etc/mdadm/mdadm.conf, those that are there, each once.
std::vector<GuestPath> mdadm_conf_files(const GuestView& guest);

// DEVICE gets the word "partitions", and devices= goes where a UUID tells the array.
extern const Fix kMdadmConfFix;

}  // namespace rehost
