"""The report of a stack that has worked: every panel has data, the figures are the stack's own, a browser shows it."""

import json
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from command_line import CommandLine
from dashboard_panels import places
from windtunnel.settings import ROOT
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

DAG = "selftest.dashboards"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@dataclass
class Panel:
    """One panel of the page: what it is called, how it is drawn, and all of its words."""

    shape: str
    title: str = ""
    text: str = ""


class Panels(HTMLParser):
    """The panels of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.all: list[Panel] = []
        self._is_title = False
        self.feed(page)

    def titled(self, title: str) -> Panel:
        return next(panel for panel in self.all if panel.title == title)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "article":
            self.all.append(Panel(dict(attrs).get("data-shape") or ""))
        self._is_title = tag == "h4"

    def handle_data(self, data: str) -> None:
        if self._is_title and not self.all[-1].title:
            self.all[-1].title = data
        elif self.all:
            self.all[-1].text += data


@pytest.fixture(scope="module")
def worked(cli: CommandLine, stack: Stack) -> CommandLine:
    """A stack in which tasks have just ended, so that the gauges of tasks are there; a rate needs a second time."""
    runs = 1 if stack.api().find("dags", DAG, "dagRuns")["dag_runs"] else 2
    for _ in range(runs):
        cli("run", DAG, "--timeout", "300")
    return cli


@pytest.fixture(scope="module")
def page(worked: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"

    def complete() -> bool:
        said = summary(worked, path)
        assert said["failed"] == []
        return not said["empty"]

    wait_until(complete, f"data in every panel of {path}", timeout=120, interval=10)
    return path


def summary(cli: CommandLine, path: Path, *more: str) -> Any:
    return cli.json("report", "--since", "30m", "--output", str(path), *more)


def test_every_panel_has_data_but_those_that_need_a_fault(page: Path) -> None:
    panels = Panels(page.read_text()).all
    empty = {panel.title: panel.text for panel in panels if panel.shape == "empty"}
    assert all("no data" in why and "needs a" in why for why in empty.values()), empty
    assert len(panels) > 50


def test_the_workers_limit_is_the_stacks(page: Path, stack: Stack) -> None:
    limit = stack.container("worker").memory_limit_bytes
    assert f"{limit / 2**30:g} GiB" in Panels(page.read_text()).titled("Limit of a worker").text


def test_the_tasks_of_the_main_job_are_among_the_peaks(page: Path) -> None:
    assert "pubmed_rebuild." in Panels(page.read_text()).titled("Highest task peaks").text


def test_pictures(worked: CommandLine, tmp_path: Path) -> None:
    files = [Path(it) for it in summary(worked, tmp_path / "r.html", "--png")["files"]]
    pictures = [it for it in files if it.suffix == ".png"]
    themes, boards = 2, {one.board.uid for one in places()}
    assert len(pictures) == themes * len(boards)
    assert all(it.read_bytes().startswith(b"\x89PNG") for it in pictures)


def test_it_is_served_live_until_ctrl_c(worked: CommandLine) -> None:
    command = [str(ROOT / "windtunnel"), "--name", worked.name, "report", "--watch", "--port", "0"]
    # A shell's background job, as which tests may run, ignores Ctrl-C, and so would its children.
    heeds = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    served = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=heeds)
    assert served.stdout
    try:
        match = re.search(r"http://127\.0\.0\.1:\d+/", served.stdout.readline())
        assert match
        first = httpx.get(match[0], timeout=60, trust_env=False)
        assert first.status_code == 200 and "setTimeout(refresh" in first.text
        changed = wait_until(
            lambda: httpx.get(match[0], timeout=60, trust_env=False).text != first.text, "newer data", timeout=60
        )
        assert changed
    finally:
        served.send_signal(signal.SIGINT)
    assert served.wait(30) == 0


def test_no_such_span_is_2(cli: CommandLine) -> None:
    assert "--since" in cli("report", "--since", "soon", expect=2).stderr


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it(page: Path, width: int, theme: str, tmp_path: Path) -> None:
    probed = tmp_path / "probed.html"
    probed.write_text(page.read_text().replace("</body>", f"<script>{PROBE}</script></body>"))
    # In a frame, because a window of Chromium's own is never narrower than 500.
    frame = tmp_path / "frame.html"
    frame.write_text(f'<script>{LISTENER}</script><iframe src="probed.html?theme={theme}" width={width} height=900>')
    done = subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom",
         "--virtual-time-budget=5000", f"--user-data-dir={tmp_path / 'profile'}", f"file://{frame}"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr, done.stderr
    match = re.search(r'data-probe="([^"]*)"', done.stdout)
    assert match
    seen = json.loads(match[1].replace("&quot;", '"'))
    assert seen["window"] == width and seen["theme"] == theme
    assert seen["wide"] <= width, f"wider than the window: {seen}"
    assert seen["smallest"] >= 10, f"too small to read: {seen}"
    assert seen["empty"] == [], f"drawings without a size: {seen}"
    assert seen["readout"], f"the pointer reads nothing: {seen}"


# What a person would look for, asked of the page as the browser has laid it out.
PROBE = """
const shown = [...document.querySelectorAll(".chart span, .legend, td, h4")];
const plots = [...document.querySelectorAll(".plot")];
const box = plots[0].getBoundingClientRect();
plots[0].dispatchEvent(new PointerEvent("pointermove",
  { bubbles: true, clientX: box.left + box.width - 2, clientY: box.top + 5 }));
parent.postMessage(JSON.stringify({
  theme: document.documentElement.dataset.theme,
  window: innerWidth, wide: document.documentElement.scrollWidth,
  smallest: Math.min(...shown.map(it => parseFloat(getComputedStyle(it).fontSize))),
  empty: plots.filter(it => it.offsetWidth < 100 || it.offsetHeight < 60).map(it => it.closest("article").id),
  readout: document.getElementById("readout").textContent,
}), "*");
"""
LISTENER = "onmessage = event => { document.body.dataset.probe = event.data; };"
