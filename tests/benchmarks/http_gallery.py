"""A gallery over HTTP against the same call in process.

    python tests/benchmarks/http_gallery.py [--photos 50] [--rounds 5] [--width 4000]

Each round makes new photos for each side, because the app remembers the scores of those it has seen. Three ways
over HTTP: plain requests, all photos in one upload, as curl and the page do; gradio_client, which uploads them one
by one and loads the machine's certificates for each, even for an address without TLS; and gradio_client told not to.
Prints medians and spread.
"""

import argparse
import json
import re
import shutil
import statistics
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from gradio_client import Client, handle_file
from PIL import Image

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]

from running_app import running_app  # noqa: E402

import popscore  # noqa: E402
from popscore.settings import Settings  # noqa: E402

_NO_TLS = "the same, ssl_verify=False"


def make_photos(folder: Path, count: int, width: int, seed: int) -> list[Path]:
    """Photographs of scikit-image, enlarged, with noise, as a phone would save them."""
    source = Path(str(find_spec("skimage").submodule_search_locations[0])) / "data"
    random = np.random.default_rng(seed)
    photos = []
    for index in range(count):
        name = ("chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg")[index % 4]
        large = Image.open(source / name).convert("RGB").resize((width, width * 3 // 4), Image.Resampling.BICUBIC)
        pixels = np.asarray(large, dtype=np.int16)
        noise = random.integers(-9, 10, (*pixels.shape[:2], 1), dtype=np.int16)
        noisy = Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))
        photos.append(folder / f"photo {seed:02d} {index:03d}.jpg")
        noisy.save(photos[-1], quality=90)
    return photos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--width", type=int, default=4000)
    options = parser.parse_args()
    scorer = popscore.load_scorer(Settings())
    times: dict[str, list[float]] = {"in process": [], "plain HTTP": [], "gradio_client": [], _NO_TLS: []}
    with tempfile.TemporaryDirectory() as work, running_app(Path(work) / "uploads") as url:
        client, without_tls = Client(url, verbose=False), Client(url, verbose=False, ssl_verify=False)
        ways = {
            "in process": lambda photos: popscore.rank_images(photos, scorer=scorer).to_json(),
            "plain HTTP": lambda photos: plain_http(url, photos),
            "gradio_client": lambda photos: with_client(client, photos),
            _NO_TLS: lambda photos: with_client(without_tls, photos),
        }
        for seed in range(options.rounds + 1):
            for place, (name, way) in enumerate(ways.items()):
                folder = Path(work) / f"{seed} {place}"
                folder.mkdir()
                photos = make_photos(folder, options.photos, options.width, 10 * seed + place)
                began_s = time.perf_counter()
                answer = way(photos)
                taken_s = time.perf_counter() - began_s
                assert len(answer["results"]) == options.photos
                if seed:  # the first round warms up
                    times[name].append(taken_s)
                shutil.rmtree(folder)
    print(f"{options.photos} photos of {options.width} x {options.width * 3 // 4} pixels, {options.rounds} rounds")
    print("median (min to max); the ratio is to in process, pair by pair")
    for name, values in times.items():
        ratios = [value / here for value, here in zip(values, times["in process"], strict=True)]
        print(
            f"  {name:<28} {statistics.median(values):6.2f} s ({min(values):.2f} to {max(values):.2f})"
            f"   ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


def with_client(client: Client, photos: list[Path]) -> Any:
    """An upload for each photo, one call, one answer."""
    return client.predict(files=[handle_file(str(photo)) for photo in photos], api_name="/rank_images")


def plain_http(url: str, photos: list[Path]) -> Any:
    """One upload, one call, one answer."""
    with httpx.Client(timeout=600) as http:
        files = [("files", (photo.name, photo.read_bytes())) for photo in photos]
        uploaded = http.post(f"{url}/gradio_api/upload", files=files).json()
        call = {"files": [{"path": path, "meta": {"_type": "gradio.FileData"}} for path in uploaded]}
        event = http.post(f"{url}/gradio_api/call/v2/rank_images", json=call).json()["event_id"]
        answer = http.get(f"{url}/gradio_api/call/rank_images/{event}").text
    (data,) = re.findall(r"event: complete\ndata: (.*)", answer)
    return json.loads(data)[0]


if __name__ == "__main__":
    main()
