// What an orchestrator hands to EC2 after a conversion: the parameters of RegisterImage and of
// RunInstances, as `aws ec2 register-image|run-instances --cli-input-json` takes them.
//
// rehost makes no snapshots and no image, so it cannot know their ids. In their places stand marks
// that no id can be: @SNAPSHOT_OF_VOLUME_0@, by position in the job's volumes, and @IMAGE_ID@. Left
// out they would be worse: EC2 would make a data volume without a snapshot an empty disk and say
// nothing, and a mark that was forgotten it refuses.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "converter/launch_checks.h"
#include "converter/report.h"

namespace rehost {

// What a job says, besides its report.
struct JobFacts {
  std::string id = {};    // "web01"
  std::string mode = {};  // "test", "cutover"; empty: not said
  LaunchRequest launch = {};
  std::string file_prefix = {};  // of the documents' names: "web01." of web01.register-image.json
};

std::string snapshot_mark(size_t volume);

// What a volume of the job is called on EC2, and how large it becomes.
struct MappedVolume {
  size_t volume = 0;  // position in the job's volumes
  std::string device;
  int64_t gib = 0;
  std::string type;
  const BlueprintDisk* disk = nullptr;  // null: the blueprint says nothing of it
};
// The boot volume first. Throws Error(unsupported_guest) when there are more than EC2 has names
// for.
std::vector<MappedVolume> map_volumes(const LaunchRequest& launch, const Inspection& inspection);

constexpr std::string_view kImageMark = "@IMAGE_ID@";
// EC2 cannot launch a machine stopped. This tag, with the value "stopped", is for whoever launches
// it: stop it once it runs.
constexpr std::string_view kInitialStateTag = "rehost:initial-state";

// The name of the image. The same result has the same name, and a region takes each name once: what
// has been registered is not registered again by accident.
std::string image_name(const JobFacts& job, const Report& report);

// Both need a report with an inspection; the second needs a blueprint, too.
std::string register_image_json(const JobFacts& job, const Report& report);
std::string run_instances_json(const JobFacts& job, const Report& report);

}  // namespace rehost
