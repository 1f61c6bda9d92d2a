#include "images/child_process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

bool alive(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

bool ends_soon(pid_t pid) {
  for (int i = 0; i < 6000 && alive(pid); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return !alive(pid);
}

TEST(ChildProcess, KeepsWhatTheProgramSays) {
  const CommandOutput output = run_command({"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(output.status, 3);
  EXPECT_EQ(output.output, "out\n");
  EXPECT_EQ(output.error, "err\n");
}

TEST(ChildProcess, NoShellTouchesTheArguments) {
  EXPECT_EQ(run_command({"printf", "%s|", "a b", "$HOME", "*"}).output, "a b|$HOME|*|");
}

TEST(ChildProcess, AMissingProgramIsTheWorkersTrouble) {
  EXPECT_ERROR(ErrorKind::environment, "cannot start no-such-program",
               run_command({"no-such-program"}));
}

TEST(ChildProcess, EndsWithTheObject) {
  pid_t pid = -1;
  {
    const ChildProcess child({"sleep", "100"});
    pid = child.pid();
    EXPECT_TRUE(alive(pid));
  }
  EXPECT_FALSE(alive(pid));
}

TEST(ChildProcess, AChildThatIgnoresTheRequestIsKilled) {
  ChildProcess child({"sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.01; done"});
  while (child.standard_output().empty()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  child.stop(std::chrono::milliseconds(50));
  EXPECT_FALSE(child.running());
  EXPECT_EQ(child.wait(), 128 + SIGKILL);
}

TEST(ChildProcess, HasItsOwnProcessGroup) {
  const ChildProcess child({"sleep", "100"});
  EXPECT_EQ(::getpgid(child.pid()), child.pid());
}

TEST(ChildProcess, DiesWhenWeAreKilled) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    const ChildProcess child({"sleep", "100"});
    const pid_t pid = child.pid();
    [[maybe_unused]] const ssize_t told = ::write(ends[1], &pid, sizeof(pid));
    ::pause();
  }
  pid_t child = -1;
  ASSERT_EQ(::read(ends[0], &child, sizeof(child)), static_cast<ssize_t>(sizeof(child)));
  EXPECT_TRUE(alive(child));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_TRUE(ends_soon(child));
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace rehost
