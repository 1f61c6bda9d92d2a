"""Writes jobs for `rehost run`, runs them, and holds whatever comes out against the schemas of docs/schemas."""
import copy
import json
import os
import pathlib
import subprocess

import jsonschema

from rehost_cli import REHOST, RUN_HANGS, CliTest

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "docs/schemas"


def schema(name):
    """A validator that is strict about its own schema, too."""
    document = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document)


def job_document(**fields):
    """The smallest job, changed."""
    document = {"version": 1, "id": "web01", "mode": "test", "volumes": [{"path": "disk0.raw", "role": "boot"}],
                "action": {"type": "image", "directory": "out"}}
    document.update(copy.deepcopy(fields))
    return document


class JobResult:
    def __init__(self, status, stderr, events, report):
        self.status = status
        self.stderr = stderr
        self.events = events
        self.report = report

    def of(self, event):
        return [e for e in self.events if e["event"] == event]


class JobTest(CliTest):
    def setUp(self):
        super().setUp()
        self.job_file = self.dir / "job.json"
        self.report_file = self.dir / "job.report.json"
        self.events_file = self.dir / "job.events.jsonl"

    def write_job(self, document, path=None):
        path = path or self.job_file
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    def start(self, *words, **options):
        return subprocess.Popen([REHOST, "run", "--job", self.job_file, "--work-dir", self.work, "--events", self.events_file, *map(str, words)],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def end(self, process, timeout=RUN_HANGS):
        stdout, stderr = process.communicate(timeout=timeout)
        self.assertEqual(stdout, "")
        self.assertNotIn("bug in rehost", stderr)
        report = json.loads(self.report_file.read_text()) if self.report_file.exists() else None
        if report is not None:
            schema("report").validate(report)
        return JobResult(process.returncode, stderr, self.check_events(self.events_file.read_text()), report)

    def run_job(self, document=None, *words):
        if document is not None:
            self.write_job(document)
        return self.end(self.start(*words))

    def check_events(self, text):
        """One object a line as the schema has it, numbered, progress never going back, one last event and nothing behind it."""
        validator = schema("events")
        events = [json.loads(line) for line in text.splitlines()]
        done, phase = (0, 0), None
        for i, event in enumerate(events):
            validator.validate(event)
            self.assertEqual(event["sequence"], i)
            if event["event"] == "phase_started":
                done, phase = (0, 0), event["phase"]
            if event["event"] == "progress":
                self.assertEqual(event["phase"], phase)
                self.assertGreaterEqual(event["done"], done[0])
                self.assertGreaterEqual(event["fraction"], done[1])
                done = event["done"], event["fraction"]
        self.assertEqual([i for i, e in enumerate(events) if e["event"] == "finished"], [len(events) - 1])
        return events

    def refuses_job(self, code, sentence, document=None, *words):
        """The run ends with this exit status; its last event, and its report if there is one, say why."""
        result = self.run_job(document, *words)
        last = result.events[-1]
        self.assertEqual((result.status, last["exit_code"], last["mgn_event"]), (code, code, "CONVERSION_FAIL"), result.stderr)
        self.assertIn(sentence, last["sentence"])
        self.assertFalse(list(self.dir.glob("*.lock")))
        if result.report is not None:
            self.assertEqual(result.report["exit_code"], code)
            self.assertIn(sentence, result.report["error"])
        self.assertEqual(list(self.out.iterdir()), [])
        return result
