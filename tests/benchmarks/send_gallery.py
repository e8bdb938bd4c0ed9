"""What goes up from the Rank tab, and how long it takes: photos made smaller in the browser against whole ones.

    python tests/benchmarks/send_gallery.py [--photos 60] [--megabits 10 0] [--rounds 3]

Both ways in turn, in headless Chromium, with photos of 12 megapixels. Whole photos are what a browser without workers
sends. 0 megabits is a connection without a limit.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

from playwright.sync_api import Browser, sync_playwright  # noqa: E402
from rank_gallery import make_photos, photographs  # noqa: E402
from running_app import app_process  # noqa: E402


def visit(browser: Browser, url: str, paths: list[str], megabits: float, whole: bool) -> tuple[int, float, float]:
    """Bytes sent, seconds to the first score, and seconds to the end."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    if whole:
        page.add_init_script("delete window.Worker; delete window.OffscreenCanvas;")
    page.goto(url)
    page.get_by_text("Embedded appeal model").wait_for()
    page.get_by_role("tab", name="Rank").click()
    page.locator(".pr .ps-files").wait_for(state="attached")
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    if megabits:
        each_s = megabits * 1e6 / 8
        limits = {"offline": False, "latency": 20, "downloadThroughput": each_s, "uploadThroughput": each_s}
        devtools.send("Network.emulateNetworkConditions", limits)
    sent: list[int] = []
    devtools.on(
        "Network.requestWillBeSentExtraInfo",
        lambda event: sent.extend(int(value) for key, value in event["headers"].items() if key == "Content-Length"),
    )
    began = time.perf_counter()
    page.locator(".pr .ps-files").set_input_files(paths)
    page.locator(".ps-card .ps-rank:not([hidden])").first.wait_for(timeout=1_200_000)
    first = time.perf_counter() - began
    page.locator(".pr[data-phase=done]").wait_for(timeout=1_200_000)
    end = time.perf_counter() - began
    failed = page.locator(".pr-failed li").count()
    if failed:
        raise RuntimeError(f"{failed} photos were not scored")
    context.close()
    return sum(sent), first, end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--megabits", type=float, nargs="+", default=[10, 0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        paths = [str(path) for path in make_photos(Path(folder) / "photos", photographs(), options.photos, (0.5, 1.0))]
        size = sum(Path(path).stat().st_size for path in paths)
        print(f"{len(paths)} photos, {size / 1e6:.0f} MB")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for megabits in options.megabits:
            print(f"{f'{megabits:g} Mbit/s' if megabits else 'no limit'}\n  way       MB sent   first score s   all s")
            found: dict[str, list[tuple[int, float, float]]] = {"whole": [], "smaller": []}
            for _ in range(options.rounds):
                for way in found:
                    # An app of its own each time, because it remembers scores.
                    with (
                        tempfile.TemporaryDirectory() as uploads,
                        app_process({**os.environ, "GRADIO_TEMP_DIR": uploads}) as url,
                    ):
                        found[way].append(visit(browser, url, paths, megabits, way == "whole"))
                    sent, first, end = found[way][-1]
                    print(f"  {way:<8}{sent / 1e6:>9.1f}{first:>16.1f}{end:>8.1f}", flush=True)
            for way, runs in found.items():
                middle = [statistics.median(run[at] for run in runs) for at in range(3)]
                print(f"  {way}: median {middle[0] / 1e6:.1f} MB, {middle[1]:.1f} s, {middle[2]:.1f} s")
            ratio = statistics.median(a[2] / b[2] for a, b in zip(found["smaller"], found["whole"], strict=True))
            fewer = statistics.median(b[0] / a[0] for a, b in zip(found["smaller"], found["whole"], strict=True))
            print(f"  smaller against whole: {fewer:.1f} times fewer bytes, {ratio:.2f} times as long")
        browser.close()


if __name__ == "__main__":
    main()
