#!/usr/bin/env python3
"""The files of scripts/engines, without the engines: each against its own schema or checker, and all of them against the table
of exit statuses in the program. What runs for real is in slurm_test.py and image_test.py.

Needs Debian's own python3 and its modules: botocore, jsonschema, yaml.
"""
import copy
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import botocore.session
import botocore.validate
import jsonschema
import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from rehost_cli import REHOST  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ENGINES = HERE.parents[1] / "scripts/engines"
DONE, KILLED = 0, 137
ENDS_WITHIN = 10  # seconds after SIGTERM, as the program promises


def error_table():
    """Exit status to 'retryable' or 'final', as the program prints it."""
    printed = subprocess.run([REHOST, "list", "errors"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {int(line.split()[0]): line.split()[2] for line in printed.splitlines()}


class EngineFiles(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="rehost-engines-")
        self.addCleanup(holder.cleanup)
        self.dir = pathlib.Path(holder.name)

    def assert_retries_as_the_program_says(self, retried):
        """`retried(status)` is what the engine does with a task that ended so. A killed one is worth another try everywhere."""
        table = error_table()
        self.assertGreaterEqual(len(table), 9)
        for status, retry in table.items():
            self.assertEqual(retried(status), retry == "retryable", f"exit status {status} is {retry}")
        self.assertTrue(retried(KILLED))

    def script(self, name, text):
        path = self.dir / name
        path.write_text(text)
        path.chmod(0o755)
        return path


class Kubernetes(EngineFiles):
    FILES = ("kubernetes-job.yaml", "kubernetes-indexed-job.yaml")

    @classmethod
    def setUpClass(cls):
        schema = json.loads((HERE / "kubernetes-job.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        cls.validator = jsonschema.Draft202012Validator(schema)

    @staticmethod
    def load(name):
        document, = yaml.safe_load_all((ENGINES / name).read_text())
        return document

    def errors(self, job):
        return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in self.validator.iter_errors(job)]

    def test_the_files_are_jobs_by_the_schema_of_kubernetes(self):
        for name in self.FILES:
            self.assertEqual(self.errors(self.load(name)), [], name)

    def test_the_schema_refuses_what_kubernetes_would(self):
        def misspell(job):
            job["spec"]["podFailurePolcy"] = job["spec"].pop("podFailurePolicy")

        def unknown_operator(job):
            job["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]["operator"] = "Is"

        def text_for_number(job):
            job["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = "30"

        def no_template(job):
            del job["spec"]["template"]

        def deep_inside(job):
            job["spec"]["template"]["spec"]["containers"][0]["securityContext"]["capabilities"]["remove"] = ["ALL"]

        def not_a_quantity(job):
            job["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = "2 gigabytes"
        for change in (misspell, unknown_operator, text_for_number, no_template, deep_inside, not_a_quantity):
            job = copy.deepcopy(self.load(self.FILES[0]))
            change(job)
            self.assertEqual(len(self.errors(job)) > 0, True, change.__name__)

    @staticmethod
    def action(job, status):
        """What the first rule that matches says, as the documentation of podFailurePolicy has it."""
        for rule in job["spec"]["podFailurePolicy"]["rules"]:
            wanted = rule.get("onExitCodes")
            if wanted and (status in wanted["values"]) == (wanted["operator"] == "In"):
                return rule["action"]
        return "Count"

    def test_a_retry_follows_the_exit_status(self):
        for name in self.FILES:
            job = self.load(name)
            final = "FailIndex" if job["spec"].get("completionMode") == "Indexed" else "FailJob"
            self.assert_retries_as_the_program_says(lambda status, job=job: self.action(job, status) == "Count")
            self.assertEqual({self.action(job, status) for status, retry in error_table().items() if retry == "final"}, {final})
            self.assertLessEqual(job["spec"].get("backoffLimitPerIndex", job["spec"].get("backoffLimit", 6)), 3)

    def test_what_the_api_server_checks_beyond_its_schema(self):
        for name in self.FILES:
            job = self.load(name)
            spec, pod = job["spec"], job["spec"]["template"]["spec"]
            self.assertEqual(pod["restartPolicy"], "Never", "podFailurePolicy allows no other")
            self.assertEqual("backoffLimitPerIndex" in spec, spec.get("completionMode") == "Indexed")
            names = {c["name"] for c in pod["containers"]}
            for rule in spec["podFailurePolicy"]["rules"]:
                self.assertEqual(len(rule.keys() & {"onExitCodes", "onPodConditions"}), 1)
                codes = rule.get("onExitCodes")
                if codes:
                    self.assertIn(codes["containerName"], names)
                    self.assertEqual(codes["values"], sorted(set(codes["values"])))
                    self.assertNotIn(DONE, codes["values"])
            volumes = {v["name"] for v in pod["volumes"]}
            used = {m["name"] for c in pod["containers"] for m in c.get("volumeMounts", []) + c.get("volumeDevices", [])}
            self.assertEqual(used, volumes)
            for container in pod["containers"]:
                paths = [m.get("mountPath", m.get("devicePath")) for m in container["volumeMounts"] + container.get("volumeDevices", [])]
                self.assertEqual(len(paths), len(set(paths)))
            self.assertEqual(spec["template"]["metadata"]["labels"], job["metadata"]["labels"])
            self.assertGreater(pod["terminationGracePeriodSeconds"], ENDS_WITHIN)


class AwsBatch(EngineFiles):
    def setUp(self):
        super().setUp()
        self.definition = json.loads((ENGINES / "aws-batch-job-definition.json").read_text())
        model = botocore.session.get_session().get_service_model("batch")
        self.shape = model.operation_model("RegisterJobDefinition").input_shape

    def errors(self, definition):
        """What botocore refuses, and the enumerations that it leaves to the service."""
        report = botocore.validate.ParamValidator().validate(definition, self.shape)
        return ([report.generate_report()] if report.has_errors() else []) + list(self.bad_enums("", definition, self.shape))

    def bad_enums(self, place, value, shape):
        if shape.type_name == "structure" and isinstance(value, dict):
            for name in value.keys() & shape.members.keys():
                yield from self.bad_enums(f"{place}.{name}", value[name], shape.members[name])
        elif shape.type_name == "list" and isinstance(value, list):
            for i, row in enumerate(value):
                yield from self.bad_enums(f"{place}[{i}]", row, shape.member)
        elif shape.type_name == "string" and getattr(shape, "enum", None) and value not in shape.enum:
            yield f"{place} is {value!r}, not one of {shape.enum}"

    def test_the_definition_is_one_by_the_model_of_batch(self):
        self.assertEqual(self.errors(self.definition), [])

    def test_the_model_refuses_what_batch_would(self):
        def misspell(d):
            d["retryStrategy"]["evaluateOnExits"] = d["retryStrategy"].pop("evaluateOnExit")

        def unknown_action(d):
            d["retryStrategy"]["evaluateOnExit"][0]["action"] = "STOP"

        def number_for_text(d):
            d["retryStrategy"]["evaluateOnExit"][0]["onExitCode"] = 1

        def no_type(d):
            del d["type"]
        for change in (misspell, unknown_action, number_for_text, no_type):
            definition = copy.deepcopy(self.definition)
            change(definition)
            self.assertNotEqual(self.errors(definition), [], change.__name__)

    def retried(self, status):
        """The first rule that matches; without one Batch tries again (API reference, EvaluateOnExit)."""
        for rule in self.definition["retryStrategy"]["evaluateOnExit"]:
            pattern = rule["onExitCode"]
            if str(status) == pattern or (pattern.endswith("*") and str(status).startswith(pattern[:-1])):
                return rule["action"] == "RETRY"
        return True

    def test_a_retry_follows_the_exit_status(self):
        self.assert_retries_as_the_program_says(self.retried)
        strategy = self.definition["retryStrategy"]
        self.assertLessEqual(len(strategy["evaluateOnExit"]), 5, "more are refused")
        self.assertIn(strategy["attempts"], range(2, 11))
        for rule in strategy["evaluateOnExit"]:
            self.assertRegex(rule["onExitCode"], r"^[0-9]*\*?$")

    def test_what_a_name_stands_for_is_there(self):
        container = self.definition["containerProperties"]
        self.assertEqual({m["sourceVolume"] for m in container["mountPoints"]}, {v["name"] for v in container["volumes"]})
        names = {word[len("Ref::"):] for word in container["command"] if word.startswith("Ref::")}
        self.assertEqual(names, set(self.definition["parameters"]))


class Systemd(EngineFiles):
    UNIT = "rehost@.service"

    def setUp(self):
        super().setUp()
        self.text = (ENGINES / self.UNIT).read_text()

    def verify(self, text):
        """What systemd has to say about the unit, with the program where it has been built."""
        (self.dir / self.UNIT).write_text(re.sub(r"^ExecStart=rehost ", f"ExecStart={REHOST} ", text, flags=re.M))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", self.dir / "rehost@web01.service"], check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        return done.stdout + ("" if done.returncode == 0 else f"exit status {done.returncode}")

    def values(self, name):
        return [word for line in re.findall(rf"^{name}=(.*)$", self.text, re.M) for word in line.split()]

    def test_systemd_understands_every_line(self):
        self.assertEqual(self.verify(self.text), "")

    def test_systemd_would_say_what_it_does_not_understand(self):
        self.assertNotEqual(self.verify(self.text.replace("RestartSec=30", "RestartSecs=30")), "")
        self.assertNotEqual(self.verify(self.text.replace("KillMode=mixed", "KillMode=gentle")), "")
        self.assertNotEqual(self.verify(re.sub(r"^ExecStart=.*\n", "", self.text, flags=re.M)), "")

    def test_its_exposure_stays_small(self):
        self.verify(self.text)
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager", self.dir / "rehost@web01.service"],
                              check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_retry_follows_the_exit_status(self):
        self.assertEqual(self.values("Restart"), ["on-failure"])
        prevented = set(map(int, self.values("RestartPreventExitStatus")))
        self.assert_retries_as_the_program_says(lambda status: status not in prevented)
        self.assertEqual(self.values("StartLimitIntervalSec"), ["infinity"])
        self.assertIn(int(self.values("StartLimitBurst")[0]), range(2, 6))
        self.assertGreater(int(self.values("TimeoutStopSec")[0]), ENDS_WITHIN)

    def test_its_user_is_one_that_sysusers_makes(self):
        (self.dir / "etc").mkdir()
        for name, line in (("passwd", "root:x:0:0:root:/root:/bin/bash\n"), ("group", "root:x:0:\ndisk:x:6:\n")):
            (self.dir / "etc" / name).write_text(line)
        done = subprocess.run(["systemd-sysusers", f"--root={self.dir}", ENGINES / "rehost.conf"], check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(f"\n{self.values('User')[0]}:x:", (self.dir / "etc/passwd").read_text())
        self.assertRegex((self.dir / "etc/group").read_text(), r"\nkvm:x:\d+:rehost\n")


class Container(EngineFiles):
    def setUp(self):
        super().setUp()
        text = (ENGINES / "Containerfile").read_text()
        self.lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.M)).splitlines()

    def words(self, instruction):
        return [line.split(None, 1)[1] for line in self.lines if line.split(None, 1)[:1] == [instruction]]

    def packages(self):
        install, = self.words("RUN")[:1]
        words = re.search(r"apt-get install (.*?)&&", install)[1].split()
        return [w for w in words if not w.startswith(("-", "$"))]

    def test_every_library_of_the_program_comes_from_a_package_in_it(self):
        needed = re.findall(r"NEEDED\s+(\S+)", subprocess.run(["objdump", "-p", REHOST], check=True, stdout=subprocess.PIPE, text=True).stdout)
        self.assertGreater(len(needed), 10)
        of_the_base = {"libc6", "libgcc-s1", "libstdc++6", "libasan8", "libubsan1"}  # the last two when this is the sanitizers' build
        missing = []
        for library in needed:
            owner = subprocess.run(["dpkg-query", "-S", f"*/{library}"], check=True, stdout=subprocess.PIPE, text=True).stdout
            names = {line.split(":")[0] for line in owner.splitlines()}
            if not names & (set(self.packages()) | of_the_base):
                missing.append(f"{library} of {names}")
        self.assertEqual(missing, [])

    def test_its_packages_are_debian_s(self):
        for package in self.packages():
            shown = subprocess.run(["apt-cache", "policy", package], check=True, stdout=subprocess.PIPE, text=True).stdout
            self.assertRegex(shown, r"Candidate: [0-9]", package)

    def test_it_does_not_run_as_root_and_gets_the_signals_itself(self):
        self.assertEqual(self.words("USER"), ["1000:1000"])
        self.assertIn("useradd --uid 1000 ", self.words("RUN")[-1])
        self.assertEqual(self.words("ENTRYPOINT"), ['["rehost"]'])
        self.assertEqual(self.words("ADD"), [])


class Task(EngineFiles):
    """rehost-task and slurm-task with a program in the place of rehost that says how it was called."""

    def setUp(self):
        super().setUp()
        (self.dir / "web 01.json").write_text("{}")
        (self.dir / "jobs.list").write_text(f"web 01.json\n{self.dir}/db.json\n")
        self.program = self.script("rehost", '#!/bin/sh\nprintf "%s\\n" "$@"\nexit "${STATUS:-0}"\n')
        self.script("scontrol", f'#!/bin/sh\necho "$@" >>{self.dir}/scontrol.log\n')

    def run_task(self, *words, program="rehost-task", **variables):
        environment = {"PATH": f"{self.dir}:{os.environ['PATH']}", **variables}
        return subprocess.run([ENGINES / program, *words], check=False, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_each_engine_s_index_finds_its_job(self):
        for variable in ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX"):
            for index, job, name in ((0, self.dir / "web 01.json", "web 01"), (1, self.dir / "db.json", "db")):
                done = self.run_task(self.dir / "jobs.list", self.dir / "out", **{variable: str(index)})
                self.assertEqual(done.returncode, 0, done.stderr)
                out = self.dir / "out" / name
                self.assertEqual(done.stdout.splitlines(), ["run", "--job", str(job), "--report", str(out / "report.json"),
                                                            "--events", str(out / "events.jsonl"), "--quiet"])
                self.assertTrue(out.is_dir())

    def test_an_index_that_is_given_goes_before_the_engine_s(self):
        done = self.run_task(self.dir / "jobs.list", self.dir / "out", "1", JOB_COMPLETION_INDEX="0")
        self.assertIn(f"{self.dir}/db.json", done.stdout.splitlines())

    def test_the_exit_status_is_that_of_rehost(self):
        done = self.run_task(self.dir / "jobs.list", self.dir / "out", JOB_COMPLETION_INDEX="0", STATUS="8")
        self.assertEqual(done.returncode, 8)

    def test_a_task_without_a_job_says_why(self):
        jobs, out = self.dir / "jobs.list", self.dir / "out"
        (self.dir / "file").write_text("")
        for status, sentence, words, variables in (
                (2, "takes LIST, RESULTS", [jobs], {"JOB_COMPLETION_INDEX": "0"}),
                (2, "none of SLURM_ARRAY_TASK_ID", [jobs, out], {}),
                (2, "'1x', not a number", [jobs, out], {"JOB_COMPLETION_INDEX": "1x"}),
                (2, "cannot do task 2: ", [jobs, out], {"JOB_COMPLETION_INDEX": "2"}),
                (2, "no such file", [self.dir / "none", out], {"JOB_COMPLETION_INDEX": "0"}),
                (6, "cannot make the directory", [jobs, self.dir / "file"], {"JOB_COMPLETION_INDEX": "0"})):
            done = self.run_task(*words, **variables)
            self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
            self.assertIn(sentence, done.stderr)

    def requeued(self, status, attempt):
        log = self.dir / "scontrol.log"
        log.unlink(missing_ok=True)
        program = self.script("ends", "#!/bin/sh\nkill -9 $$\n") if status == KILLED else self.program
        done = self.run_task(self.dir / "jobs.list", self.dir / "out", program="slurm-task", REHOST=str(program), REHOST_ENGINES=str(ENGINES),
                             STATUS=str(status), SLURM_ARRAY_TASK_ID="0", SLURM_ARRAY_JOB_ID="77", SLURM_RESTART_COUNT=str(attempt))
        self.assertEqual(done.returncode, status, done.stderr)
        if not log.exists():
            return False
        self.assertEqual(log.read_text(), "requeue 77_0\n")
        return True

    def test_slurm_s_retry_follows_the_exit_status_and_ends(self):
        self.assertFalse(self.requeued(DONE, 0))
        self.assert_retries_as_the_program_says(lambda status: self.requeued(status, 0))
        self.assertTrue(self.requeued(7, 1))
        self.assertFalse(self.requeued(7, 2))

    def test_slurm_script_leaves_the_list_of_an_earlier_array_alone(self):
        self.script("sbatch", f"#!/bin/sh\nprintf '%s\\n' \"$@\" >>{self.dir}/sbatch.log\necho 77\n")
        slurm, results = ENGINES.parent / "slurm", self.dir / "res"
        jobs = [self.dir / name for name in ("first.json", "second.json")]
        for job in jobs:
            job.write_text("{}")
            subprocess.run([slurm, "--results", results, job], check=True, stdout=subprocess.PIPE,
                           env={**os.environ, "PATH": f"{self.dir}:{os.environ['PATH']}"})
        words = (self.dir / "sbatch.log").read_text().splitlines()
        lists = [pathlib.Path(word) for word in words if word.endswith(".list")]
        self.assertEqual([path.read_text() for path in lists], [f"{job.resolve()}\n" for job in jobs])
        self.assertEqual(words.count(f"--output={results.resolve()}/task-%A_%a.log"), 2)

    def test_slurm_script_refuses_what_it_cannot_submit(self):
        self.script("sbatch", "#!/bin/sh\necho sbatch: no partition >&2\nexit 1\n")
        slurm = ENGINES.parent / "slurm"
        job, other = self.dir / "db.json", self.dir / "other"
        job.write_text("{}")
        other.mkdir()
        shutil.copy(job, other / "db.json")
        for status, sentence, words in ((2, "cannot submit", [self.dir / "none.json"]), (2, "both would write", [job, other / "db.json"]),
                                        (3, "cannot submit: sbatch says why", [job]), (2, "required", [])):
            done = subprocess.run([slurm, "--results", self.dir / "res", *words], check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  env={**os.environ, "PATH": f"{self.dir}:{os.environ['PATH']}"})
            self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
            self.assertIn(sentence, done.stderr)


if __name__ == "__main__":
    unittest.main()
