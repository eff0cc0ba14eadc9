"""Chromium without a window, steered over a pair of pipes by its own protocol (chromedevtools.github.io).

Nothing but the browser is needed, and it opens no port. Whatever it says on its console is kept.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ANSWER_S_MAX = 60.0
_OPTIONS = "--headless --no-sandbox --disable-gpu --no-first-run --hide-scrollbars --disable-extensions".split()
_UNASKED = "--disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage".split()
_SAID = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}


class Page:
    """One tab. ``console``: what the browser complained of or the page said; ``asked``: what the page requested."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._left, self._number, self._session = b"", 0, ""
        self.console: list[str] = []
        self.asked: list[str] = []
        self._seen: set[str] = set()
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: object) -> dict[str, Any]:
        """Do METHOD and wait for its result."""
        self._number += 1
        asked = {"id": self._number, "method": method, "params": parameters}
        asked |= {"sessionId": self._session} if self._session else {}
        os.write(self._write, json.dumps(asked).encode() + b"\0")
        until = time.monotonic() + ANSWER_S_MAX
        while (reply := self._next(until)).get("id") != self._number:
            self._note(reply)
        assert "error" not in reply, f"{method}: {reply.get('error')}"
        result: dict[str, Any] = reply["result"]
        return result

    def open(self, url: str) -> None:
        """Go to URL and wait until it is loaded."""
        self.console.clear()
        self.asked.clear()
        self._seen.clear()
        self.send("Page.navigate", url=url)
        until = time.monotonic() + ANSWER_S_MAX
        while "Page.loadEventFired" not in self._seen:
            self._note(self._next(until))
        self.run("new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)))")

    def run(self, script: str) -> Any:
        """What SCRIPT evaluates to; the page's policy doesn't bind it."""
        reply = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    def looks(self, *, width: int = 1280, dark: bool = False) -> None:
        """As on a screen of this width, light or dark."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def key(self, name: str) -> None:
        """Press and let go Tab or Enter."""
        code = {"Tab": 9, "Enter": 13}[name]
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if (name, kind) == ("Enter", "keyDown") else {}
            self.send("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **text)

    def paper(self, file: Path) -> None:
        """The page as PDF, by its own style for print."""
        self.send("Emulation.clearDeviceMetricsOverride")
        reply = self.send("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
        file.write_bytes(base64.b64decode(reply["data"]))

    def _note(self, reply: dict[str, Any]) -> None:
        method = reply.get("method", "")
        self._seen.add(method)
        if method in _SAID:
            self.console.append(json.dumps(reply["params"])[:2000])
        if method == "Network.requestWillBeSent":
            self.asked.append(reply["params"]["request"]["url"])

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._read], [], [], max(0.0, until - time.monotonic()))
            assert ready, f"Chromium said nothing for {ANSWER_S_MAX:.0f} s"
            more = os.read(self._read, 1 << 20)
            assert more, "Chromium ended"
            self._left += more
        line, _, self._left = self._left.partition(b"\0")
        reply: dict[str, Any] = json.loads(line)
        return reply


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """A browser with one tab, gone afterwards. PROFILE: an empty folder for it."""
    binary = shutil.which("chromium")
    if binary is None:
        pytest.fail(
            "there is no chromium, in which the report is read: scripts/test installs it (apt install chromium)"
        )
    ours_read, theirs_write = os.pipe()
    theirs_read, ours_write = os.pipe()
    # It reads commands from descriptor 3 and answers on 4.
    shell = f'exec "$0" "$@" 3<&{theirs_read} 4>&{theirs_write}'
    options = [*_OPTIONS, *_UNASKED, f"--user-data-dir={profile}", "--remote-debugging-pipe"]
    running = subprocess.Popen(
        ["bash", "-c", shell, binary, *options],
        pass_fds=(theirs_read, theirs_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for end in (theirs_read, theirs_write):
        os.close(end)
    try:
        yield Page(ours_write, ours_read)
    finally:
        for end in (ours_write, ours_read):  # it ends when nobody is there to command it
            os.close(end)
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait(10)
