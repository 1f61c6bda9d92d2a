"""Headless Chromium for tests, from Debian's chromium and chromium-driver, spoken to in WebDriver's own words. Every name
resolves to nothing, and what the browser asks for is written down."""
import base64
import json
import re
import shutil
import subprocess
import tempfile
import urllib.request

HANGS = 180  # seconds: machines are busy
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND"]


class Browser:
    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="rehost-browser-")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            port = next(match[1] for line in self.driver.stdout if (match := re.search(r"started successfully on port (\d+)", line)))
            self.base = f"http://127.0.0.1:{port}"
            answer = self._send("POST", "/session", {"capabilities": {"alwaysMatch": {
                "browserName": "chrome", "goog:loggingPrefs": {"performance": "ALL"},
                "goog:chromeOptions": {"binary": shutil.which("chromium"), "args": [*FLAGS, f"--user-data-dir={self.profile}"]}}}})
            self.base += "/session/" + answer["sessionId"]
        except BaseException:
            self.close()
            raise

    def close(self):
        if "/session/" in getattr(self, "base", ""):
            self._send("DELETE", "")
        self.driver.terminate()
        self.driver.wait(HANGS)
        self.driver.stdout.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def _send(self, method, path, body=None):
        request = urllib.request.Request(self.base + path, method=method, data=None if body is None else json.dumps(body).encode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=HANGS) as response:
            return json.load(response)["value"]

    def open(self, path):
        """Loads a page and returns the addresses that it asked for, its own first."""
        self._requests()
        self._send("POST", "/url", {"url": path.as_uri()})
        return self._requests()

    def _requests(self):
        messages = [json.loads(entry["message"])["message"] for entry in self._send("POST", "/se/log", {"type": "performance"})]
        return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]

    def ask(self, script):
        """What a script finds out about the page; the page's own rules do not bind it."""
        return self._send("POST", "/execute/sync", {"script": script, "args": []})

    def devtools(self, command, **parameters):
        return self._send("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def resize(self, width, height=900):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def emulate(self, media="", colours="light"):
        self.devtools("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": colours}])

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self._send("GET", "/screenshot")))
