"""A Slurm cluster of this one machine: munged, slurmctld and slurmd from Debian, in a directory of their own, gone afterwards."""
import contextlib
import getpass
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

STARTS = 60  # seconds until a daemon answers; machines are busy
NODE_LOST = 10  # seconds until Slurm takes a silent node for lost


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]


def until(what, true, seconds):
    """Waits for a condition."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} seconds")
        time.sleep(0.1)


def children_of(pid):
    """All processes below one, the deepest first."""
    found = []
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], check=False, stdout=subprocess.PIPE, text=True).stdout
    for child in map(int, listed.split()):
        found += children_of(child) + [child]
    return found


def kill_with_children(pid):
    """As if the power had gone."""
    for process in [pid, *reversed(children_of(pid))]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


class Cluster:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        for name in ("state", "spool", "run"):
            (self.directory / name).mkdir(parents=True)
        self.conf = self.directory / "slurm.conf"
        # As in slurm-task: the client programs know the cluster by this alone.
        self.environment = {**os.environ, "SLURM_CONF": str(self.conf)}
        self.daemons = {}
        self.write_configuration()

    def write_configuration(self):
        control, node = free_ports(2)
        host = socket.gethostname().split(".")[0]
        user = getpass.getuser()
        d = self.directory
        self.conf.write_text(f"""\
ClusterName=rehost
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
# A job that is queued again waits until its old credential is void: five seconds instead of two minutes.
AuthInfo=socket={d}/run/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={d}/state
SlurmdSpoolDir={d}/spool
SlurmctldPidFile={d}/run/slurmctld.pid
SlurmdPidFile={d}/run/slurmd.pid
SlurmctldLogFile={d}/slurmctld.log
SlurmdLogFile={d}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2
SlurmdTimeout={NODE_LOST}
ReturnToService=2
MinJobAge=3600
NodeName=worker NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4096
PartitionName=main Nodes=worker Default=YES MaxTime=INFINITE State=UP
""")

    def start(self):
        key = self.directory / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        (self.directory / "run").chmod(0o755)
        d = self.directory
        # --force: the directory is below one that others may write.
        self.start_daemon("munged", "munged", "--foreground", "--force", f"--socket={d}/run/munge.socket", f"--key-file={key}",
                          f"--pid-file={d}/run/munged.pid", f"--log-file={d}/munged.log", f"--seed-file={d}/munge.seed")
        until("munged makes its socket", (d / "run/munge.socket").exists, STARTS)
        self.start_daemon("slurmctld", "slurmctld", "-D")
        until("slurmctld answers", lambda: self.ask("scontrol", "ping") is not None, STARTS)
        self.start_node()

    def start_node(self):
        self.start_daemon("slurmd", "slurmd", "-D", "-N", "worker")
        until("the node is idle", lambda: (self.ask("sinfo", "--noheader", "--format=%T") or "").strip() in ("idle", "mixed", "allocated"), STARTS)

    def start_daemon(self, name, *words):
        log = open(self.directory / f"{name}.out", "ab")
        # None outlives the test, even one that is killed.
        self.daemons[name] = subprocess.Popen(["setpriv", "--pdeathsig=KILL", *words], env=self.environment, stdin=subprocess.DEVNULL,
                                              stdout=log, stderr=log, cwd=self.directory)
        log.close()

    def lose_node(self):
        """slurmd, its steps and their jobs are gone at once; the step daemons are no children of slurmd, but their names are."""
        node = self.daemons.pop("slurmd")
        steps = self.step_daemons()
        kill_with_children(node.pid)
        for step in steps:
            kill_with_children(step)
        node.wait()

    def step_daemons(self):
        """Of this cluster: a slurmstepd has its configuration in its environment or its job's script among its children."""
        listed = subprocess.run(["pgrep", "-f", "^slurmstepd: "], check=False, stdout=subprocess.PIPE, text=True).stdout
        ours = []
        for pid in map(int, listed.split()):
            children = subprocess.run(["ps", "-o", "args=", "--ppid", str(pid)], check=False, stdout=subprocess.PIPE, text=True).stdout
            if str(self.directory) in children:
                ours.append(pid)
        return ours

    def stop(self):
        if "slurmctld" in self.daemons:
            self.ask("scancel", "--state=PENDING")
            self.ask("scancel", "--state=RUNNING", "--signal=KILL", "--full")
        for step in self.step_daemons():
            kill_with_children(step)
        for name in ("slurmd", "slurmctld", "munged"):
            daemon = self.daemons.pop(name, None)
            if daemon is None:
                continue
            daemon.terminate()
            try:
                daemon.wait(STARTS)
            except subprocess.TimeoutExpired:
                kill_with_children(daemon.pid)
                daemon.wait()

    def ask(self, *words):
        """What a client of Slurm prints; None when it fails."""
        done = subprocess.run(words, env=self.environment, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return done.stdout if done.returncode == 0 else None

    def tasks(self, array):
        """Index to (state, exit status, restarts)."""
        found = {}
        for line in (self.ask("scontrol", "--oneliner", "show", "job", array) or "").splitlines():
            words = dict(re.findall(r"(\w+)=(\S*)", line))
            if words["ArrayTaskId"].isdigit():
                found[int(words["ArrayTaskId"])] = words["JobState"], int(words["ExitCode"].split(":")[0]), int(words["Restarts"])
        return found

    def logs(self):
        """The ends of what the daemons said, for a test that failed."""
        return "\n".join(f"== {path.name}\n{path.read_text(errors='replace')[-3000:]}"
                         for path in sorted([*self.directory.glob("*.log"), *self.directory.glob("*.out")]))
