"""Pages in a headless Chromium, through its DevTools protocol over a pair of pipes."""

import json
import os
import select
import subprocess
import tempfile
import time


class Browser:
    def __init__(self, program):
        commands, own_commands = os.pipe()
        own_answers, answers = os.pipe()
        # A folder of its own, which ends with it.
        self._folder = tempfile.TemporaryDirectory(prefix="distill-ddp-browser-", ignore_cleanup_errors=True)
        arguments = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe",
                     f"--user-data-dir={self._folder.name}"]
        # The protocol's descriptors are 3 and 4.
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{commands} 4>&{answers}', "bash", *arguments], pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(commands)
        os.close(answers)
        self._write, self._read = own_commands, own_answers
        self._pending = b""
        self._number = 0
        self.events = []

    def close(self):
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def call(self, method, parameters=None, session=None, timeout=60):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + timeout
        while True:
            answer = self._next(end)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def _next(self, end):
        while b"\0" not in self._pending:
            ready, _, _ = select.select([self._read], [], [], max(0, end - time.monotonic()))
            part = os.read(self._read, 1 << 20) if ready else b""
            if not part:
                raise RuntimeError("the browser does not answer")
            self._pending += part
        line, self._pending = self._pending.split(b"\0", 1)
        return json.loads(line)


class Page:
    """A page at a width, in light or dark, once it has loaded."""

    def __init__(self, browser, address, width, dark):
        self.browser = browser
        browser.events.clear()
        target = browser.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self.session = browser.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride",
                  {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600})
        self.call("Emulation.setEmulatedMedia",
                  {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        self.call("Page.navigate", {"url": address})
        for _ in range(200):
            if self.evaluate("document.readyState") == "complete":
                break
            time.sleep(0.05)

    def call(self, method, parameters=None):
        return self.browser.call(method, parameters, self.session)

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", {"expression": expression, "returnByValue": True})
        return result["result"].get("value")

    def picture(self):
        """A PNG of the whole page, in base64."""
        return self.call("Page.captureScreenshot", {"captureBeyondViewport": True})["data"]

    @property
    def complaints(self):
        """What the console says."""
        kinds = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        return [json.dumps(event["params"])[:300] for event in self.browser.events if event.get("method") in kinds]

    @property
    def requests(self):
        """Addresses it asked for, but those whose data stands in the address."""
        sent = [event for event in self.browser.events if event.get("method") == "Network.requestWillBeSent"]
        addresses = [event["params"]["request"]["url"] for event in sent]
        return [address for address in addresses if not address.startswith("data:")]
