#include "converter/image_commands.h"

#include <fmt/format.h>

#include <cassert>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string_view>

#include "converter/core/error.h"
#include "converter/in_place.h"
#include "converter/integrity.h"
#include "images/copier.h"
#include "images/probe.h"
#include "images/source_lock.h"
#include "images/volume_writer.h"

namespace rehost {
namespace {

// A disk that is half written is neither what it was nor what it shall be.
void require_whole(const Volume& volume) {
  const std::filesystem::path journal = left_behind_journal({volume});
  if (!journal.empty()) {
    throw Error(ErrorKind::plan_conflict,
                fmt::format("writing to {0} was interrupted before: finish it with rehost commit "
                            "{0} or undo it with rehost rollback {0} (its journal is {1})",
                            volume.path, journal.string()));
  }
}

BlockManifest hash_volume(const Volume& volume, const std::string& phase, EventSink& events,
                          const std::stop_token& stop) {
  CopyOptions copy;
  copy.on_progress = [&](uint64_t done, uint64_t total) {
    events.on(Progress{phase, done, total});
  };
  copy.stop = stop;
  return hash_image(*open_volume(volume), copy);
}

void manifest(const Options& options, const Volume& volume, EventSink& events,
              const std::stop_token& stop, Report& report) {
  const SourceLock lock(volume, SourceUse::look);
  require_whole(volume);
  const BlockManifest found = hash_volume(volume, "manifest", events, stop);
  if (options.manifest.empty()) {
    print_manifest(found, [](std::string_view text) {
      if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
        throw Error(ErrorKind::environment,
                    "cannot write the manifest to stdout: " + errno_text(errno));
      }
    });
  } else {
    write_manifest(options.manifest, found);
  }
  report.outputs.push_back({.path = volume.path,
                            .size = volume.size,
                            .manifest = options.manifest,
                            .manifest_root = to_hex(found.root())});
}

// "block 17, offset 8912896" and "blocks 17-20, offset 8912896" for neighbours.
std::string list_blocks(const std::vector<uint64_t>& blocks) {
  std::string out;
  for (size_t i = 0; i < blocks.size();) {
    size_t end = i + 1;
    while (end < blocks.size() && blocks[end] == blocks[end - 1] + 1) {
      ++end;
    }
    out += end == i + 1 ? fmt::format("block {}, offset {}\n", blocks[i], blocks[i] * kBlockSize)
                        : fmt::format("blocks {}-{}, offset {}\n", blocks[i], blocks[end - 1],
                                      blocks[i] * kBlockSize);
    i = end;
  }
  return out;
}

void verify(const Options& options, const Volume& volume, EventSink& events,
            const std::stop_token& stop, Report& report) {
  const SourceLock lock(volume, SourceUse::look);
  const ManifestFile wanted(options.manifest);
  if (volume.size != wanted.disk_size()) {
    report.printed = options.json ? verify_json(report) : "";
    throw Error(ErrorKind::verification,
                fmt::format("{} has {} bytes, and {} is of a disk of {}", volume.path, volume.size,
                            options.manifest, wanted.disk_size()));
  }
  wanted.check();
  const BlockManifest found = hash_volume(volume, "verify", events, stop);
  report.bad_blocks = wanted.differing_blocks(found);
  report.printed = options.json ? verify_json(report) : list_blocks(report.bad_blocks);
  if (!report.bad_blocks.empty()) {
    throw Error(ErrorKind::verification,
                fmt::format("{} is not what {} says: {}", volume.path, options.manifest,
                            describe_blocks(report.bad_blocks)));
  }
}

void apply_delta(const Options& options, const Volume& volume, EventSink& events,
                 const std::stop_token& stop, Report& report) {
  const SourceLock lock(volume, SourceUse::convert_in_place);
  require_whole(volume);
  require_writable(volume);
  apply_delta_file(options.delta, volume, events, stop, report);
}

}  // namespace

bool is_image_command(Command command) {
  return command == Command::manifest || command == Command::verify ||
         command == Command::apply_delta;
}

void run_image_command(const Options& options, EventSink& events, const std::stop_token& stop,
                       Report& report) {
  assert(is_image_command(options.command) && options.sources.size() == 1);
  ProbeOptions probe;
  probe.format = options.source_format;
  probe.allow_backing = options.allow_backing;
  const Volume volume = probe_volume("disk0", options.sources.front(), probe);
  if (options.command == Command::manifest) {
    manifest(options, volume, events, stop, report);
  } else if (options.command == Command::verify) {
    verify(options, volume, events, stop, report);
  } else {
    apply_delta(options, volume, events, stop, report);
  }
}

}  // namespace rehost
