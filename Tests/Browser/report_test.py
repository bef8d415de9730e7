"""Opens a report in Chromium: on a desktop and a phone, in light and dark.

    launch/report-test.sh [--binary PATH] [--report FILE] [--pictures DIRECTORY]
"""

import argparse
import base64
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Documentation"))
from browser import Browser, Page  # noqa: E402
from sandbox import REPOSITORY, Sandbox  # noqa: E402

BROWSERS = ("chromium", "google-chrome")
# What sticks out of the page, unless it is in something that scrolls.
SCROLLING = """[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1
  && !e.closest('.scroll, pre')).map(e => e.tagName + '.' + e.className).slice(0, 5).join(' ')"""
BRIGHTNESS = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number).reduce((a, b) => a + b) / 3"
SHOWN_MAPS = "[...document.querySelectorAll('.maps svg')].filter(e => e.getBoundingClientRect().height > 0).length"
SIDE_BY_SIDE = """(() => { const [a, b] = [...document.querySelectorAll('.tables > .card')].map(e => e.getBoundingClientRect());
  return a.top === b.top && a.right <= b.left; })()"""
PAIRS = """[...document.querySelectorAll('.pair')].every((e, i, all) => {
  const [a, b] = [...e.querySelectorAll('svg')].map(e => e.getBoundingClientRect());
  return !b || a.top === b.top && a.right <= b.left; })"""
PICTURES = "[...document.images].filter(e => !e.naturalWidth).length"


def problems_of(browser, report, width, dark, pictures):
    page = Page(browser, report.as_uri(), width, dark)
    found = layout_problems(page, width)
    page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    page.evaluate("document.querySelectorAll('.fold').forEach(e => e.checked = true)")
    found += [f"console: {text}" for text in page.complaints]
    found += [f"asks for {address}" for address in page.requests if address != report.as_uri()]
    if page.evaluate("document.documentElement.scrollWidth") > width:
        found.append(f"wider than {width} pixels")
    if sticking := page.evaluate(SCROLLING):
        found.append(f"sticks out: {sticking}")
    if not page.evaluate("document.querySelectorAll('svg').length > 3 && document.querySelectorAll('article').length > 0"):
        found.append("no charts or attention maps")
    if page.evaluate(PICTURES) != 0:
        found.append("pictures that cannot be decoded")
    brightness = page.evaluate(BRIGHTNESS)
    if (brightness < 60) != dark:
        found.append(f"a background of brightness {brightness}")
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
        name = f"report-{width}-{'dark' if dark else 'light'}.png"
        (pictures / name).write_bytes(base64.b64decode(page.picture()))
    return found


def layout_problems(page, width):
    """A desktop has tables side by side and a row for each pair of maps; a phone has maps folded away."""
    found = []
    if (page.evaluate(SHOWN_MAPS) == 0) != (width < 600):
        found.append(f"{page.evaluate(SHOWN_MAPS)} attention maps before they are asked for")
    if width >= 1000 and page.evaluate(SIDE_BY_SIDE) is not True:
        found.append("tables one below the other")
    if width >= 1000 and page.evaluate(PAIRS) is not True:
        found.append("a pair of maps that is no row")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(REPOSITORY / ".build/release/distill-ddp"))
    parser.add_argument("--report", type=pathlib.Path, help="a report to open, in place of a small run's")
    parser.add_argument("--pictures", type=pathlib.Path, help="where to put pictures of the page, to look at")
    arguments = parser.parse_args()
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        sys.exit(f"report-test.sh: expected one of {', '.join(BROWSERS)} on PATH, found none; run: launch/install.sh test")
    sandbox = Sandbox(arguments.binary)
    browser = Browser(program)
    failed = False
    try:
        report = arguments.report and arguments.report.resolve()
        if report is None:
            made = sandbox.run("distill-ddp report runs/two-step --baseline runs/baseline", timeout=60)
            if made.returncode != 0:
                raise RuntimeError(made.stdout)
            report = sandbox.root / "runs/two-step/report.html"
        for width in (1280, 390):
            for dark in (False, True):
                problems = problems_of(browser, report, width, dark, arguments.pictures)
                print(f"{width} pixels, {'dark' if dark else 'light'}: {'; '.join(problems) or 'as it should be'}")
                failed = failed or bool(problems)
    finally:
        browser.close()
        sandbox.remove()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
