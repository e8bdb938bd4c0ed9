"""The app from outside: its endpoints over HTTP, its MCP tools, what it refuses, what it never does."""

import ast
import base64
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import environment
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from own_loop import run_async
from PIL import Image
from running_app import ROOT, app_process, running_app

import popscore
from popscore.settings import Settings

RESULT_KEYS = ["file", "rank", "score", "percentile", "label", "color", "width", "height", "warning"]
MODEL_KEYS = ["name", "kind", "source", "revision", "sha256", "notice"]


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def url(uploads: Path) -> Iterator[str]:
    with running_app(uploads, Settings(max_image_bytes=2_000_000, max_files=40)) as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Client:
    return Client(url, verbose=False)


def post(address: str, body: Any) -> Any:
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def call(url: str, endpoint: str, **inputs: Any) -> tuple[str, Any]:
    """One raw call of an endpoint: the event's name and its data."""
    event = post(f"{url}/gradio_api/call/v2/{endpoint}", inputs)["event_id"]
    with urllib.request.urlopen(f"{url}/gradio_api/call/{endpoint}/{event}", timeout=20) as answer:
        text = answer.read().decode()
    name, data = re.findall(r"event: (\w+)\ndata: (.*)", text)[-1]
    return name, json.loads(data)


# --- the same answers as the other doors ---------------------------------------------------------------


def test_score_image_gives_what_the_package_gives(client: Client, photos: dict[str, Path]) -> None:
    scorer = popscore.load_scorer(Settings())
    for photo in photos.values():
        answer = client.predict(image=handle_file(str(photo)), api_name="/score_image")
        assert list(answer) == [*RESULT_KEYS, "model"]
        assert list(answer["model"]) == MODEL_KEYS
        assert {key: answer[key] for key in RESULT_KEYS} == scorer.score(photo, name=photo.name).to_json()


def test_rank_images_gives_what_the_package_gives(client: Client, photos: dict[str, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(photos["cat"].read_bytes()[:20_000])
    again = tmp_path / "cat.jpg"
    Image.open(photos["cat"]).convert("RGB").save(again, quality=85)
    paths = [*photos.values(), broken, again]
    ranking = popscore.rank_images(
        [popscore.NamedPhoto(path, Path(path).name) for path in paths],
        scorer=popscore.load_scorer(Settings()),
        group_similar=True,
    )
    answer = client.predict(
        files=[handle_file(str(path)) for path in paths], top_k=0, group_similar=True, api_name="/rank_images"
    )
    assert answer == ranking.to_json()
    assert [result["rank"] for result in answer["results"]] == [1, 2, 3, 4, 5]
    assert len({result["group"] for result in answer["results"]}) == 4
    assert [error["error"] for error in answer["errors"]] == ["UnreadableImage"]


def test_rank_images_has_defaults_and_top_k(client: Client, photos: dict[str, Path]) -> None:
    files = [handle_file(str(path)) for path in photos.values()]
    everything = client.predict(files=files, api_name="/rank_images")
    assert len(everything["results"]) == 4
    assert everything["results"][-1]["gap"] is None
    assert "group" not in everything["results"][0]
    best = client.predict(files=files, top_k=1, api_name="/rank_images")
    assert [result["file"] for result in best["results"]] == [everything["results"][0]["file"]]


def test_rank_images_looks_for_people_where_asked(client: Client, photos: dict[str, Path]) -> None:
    paths = [photos["astronaut"], photos["coffee"]]
    answer = client.predict(files=[handle_file(str(path)) for path in paths], people=True, api_name="/rank_images")
    ranking = popscore.rank_images(
        [popscore.NamedPhoto(path, path.name) for path in paths], scorer=popscore.load_scorer(Settings()), people=True
    )
    assert answer == ranking.to_json()
    assert {result["file"]: result["faces"] for result in answer["results"]} == {"astronaut.png": 1, "coffee.png": 0}


def test_rank_images_refuses_too_many_files_none_and_server_files(client: Client, url: str, cat: Path) -> None:
    with pytest.raises(AppError, match="41 photos are too many: the limit is 40"):
        client.predict(files=[handle_file(str(cat))] * 41, api_name="/rank_images")
    with pytest.raises(AppError, match="no photos"):
        client.predict(files=[], api_name="/rank_images")
    name, _ = call(url, "rank_images", files=[{"path": "/etc/passwd"}])
    assert name == "error"


def test_compare_images_gives_what_the_package_gives(client: Client, photos: dict[str, Path]) -> None:
    a, b = photos["cat"], photos["coffee"]
    answer = client.predict(first=handle_file(str(a)), second=handle_file(str(b)), api_name="/compare_images")
    named = (popscore.NamedPhoto(path, path.name) for path in (a, b))
    assert answer == popscore.compare_images(*named, scorer=popscore.load_scorer(Settings())).to_json()
    assert answer["win_probability"] > 0.5
    with pytest.raises(AppError, match="Two photos are needed"):
        client.predict(first=handle_file(str(a)), second=None, api_name="/compare_images")


def test_explain_image_gives_what_the_package_gives(client: Client, cat: Path) -> None:
    overlay, answer = client.predict(image=handle_file(str(cat)), api_name="/explain_image")
    scorer = popscore.load_scorer(Settings())
    expected = popscore.explain(popscore.NamedPhoto(cat, cat.name), scorer=scorer)
    assert answer == {**expected.to_json(), "model": scorer.model.to_json()}
    with Image.open(overlay) as picture:
        assert picture.format == "PNG" and min(picture.size) >= 300
    with pytest.raises(AppError, match="There is no photo"):
        client.predict(image=None, api_name="/explain_image")


def test_best_crops_gives_what_the_package_gives(client: Client, cat: Path) -> None:
    scorer = popscore.load_scorer(Settings())
    photo = popscore.NamedPhoto(cat, cat.name)
    answer = client.predict(image=handle_file(str(cat)), aspects=["4:5", "free"], api_name="/best_crops")
    assert answer == popscore.best_crops(photo, aspects=["4:5", "free"], scorer=scorer).to_json()
    assert len(client.predict(image=handle_file(str(cat)), api_name="/best_crops")["results"]) == 5
    for aspect in ("0:1", "abc", "1:99"):
        with pytest.raises(AppError, match=aspect):
            client.predict(image=handle_file(str(cat)), aspects=[aspect], api_name="/best_crops")


def test_what_if_gives_what_the_package_gives(client: Client, cat: Path) -> None:
    answer = client.predict(image=handle_file(str(cat)), api_name="/what_if")
    photo = popscore.NamedPhoto(cat, cat.name)
    assert answer == popscore.what_if(photo, scorer=popscore.load_scorer(Settings())).to_json()


def test_share_card_gives_a_card_without_what_the_file_says(client: Client, cat: Path) -> None:
    with Image.open(client.predict(image=handle_file(str(cat)), api_name="/share_card")) as card:
        assert (card.format, card.size) == ("PNG", (1080, 1350))


def test_faces_gives_what_the_package_gives(client: Client, photos: dict[str, Path]) -> None:
    photo = photos["astronaut"]
    answer = client.predict(image=handle_file(str(photo)), api_name="/faces")
    assert answer["results"] == [popscore.find_faces(popscore.NamedPhoto(photo, photo.name)).to_json()]
    assert len(answer["results"][0]["faces"]) == 1


def test_score_selfie_gives_what_the_package_gives(client: Client, photos: dict[str, Path]) -> None:
    photo = photos["astronaut"]
    answer = client.predict(image=handle_file(str(photo)), api_name="/score_selfie")
    expected = popscore.score_selfie(popscore.NamedPhoto(photo, photo.name), settings=Settings())
    assert answer == {**expected.to_json(), "model": expected.model.to_json()}
    assert answer["probability_from"] == "percentile"


@pytest.mark.parametrize("endpoint", ["explain_image", "best_crops", "what_if", "share_card", "faces", "score_selfie"])
def test_a_closer_look_at_a_bad_file_gives_its_reason(client: Client, cat: Path, tmp_path: Path, endpoint: str) -> None:
    cut = tmp_path / "cut.png"
    cut.write_bytes(cat.read_bytes()[:5000])
    with pytest.raises(AppError, match=r"cut\.png could not be read"):
        client.predict(image=handle_file(str(cut)), api_name=f"/{endpoint}")


@pytest.mark.slow
def test_rank_video_gives_what_the_package_gives(client: Client, clip: Path) -> None:
    ranking = popscore.rank_video(clip, scorer=popscore.load_scorer(Settings()), every=10, top=2, name=clip.name)
    answer = client.predict(video=handle_file(str(clip)), every_n=10, fast=False, top_k=2, api_name="/rank_video")
    assert answer == ranking.to_json()
    assert answer["results"][0]["rank"] == 1
    assert {"frame_index", "time_s", "image"} <= set(answer["results"][0])


def test_rank_video_refuses_what_is_no_video(client: Client, cat: Path, url: str) -> None:
    with pytest.raises(AppError, match="is a photo, not a video"):
        client.predict(video=handle_file(str(cat)), api_name="/rank_video")
    with pytest.raises(AppError, match="no video"):
        client.predict(video=None, api_name="/rank_video")
    name, _ = call(url, "rank_video", video={"path": "/etc/passwd"})
    assert name == "error"


def test_the_file_keeps_its_original_name(client: Client, cat: Path, tmp_path: Path) -> None:
    named = tmp_path / "Kätzchen am Fenster (1).png"
    named.write_bytes(cat.read_bytes())
    answer = client.predict(image=handle_file(str(named)), api_name="/score_image")
    assert str(tmp_path) not in json.dumps(answer)
    assert Path(answer["file"]).suffix == ".png"
    assert "path" not in answer


def test_orientation_16_bit_and_cmyk_reach_the_scorer_unharmed(client: Client, cat: Path, tmp_path: Path) -> None:
    scorer = popscore.load_scorer(Settings())
    upright = Image.open(cat).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    upright.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    deep = np.asarray(upright.convert("L"), dtype=np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    for name in ("turned.png", "cmyk.jpg", "deep.png"):
        answer = client.predict(image=handle_file(str(tmp_path / name)), api_name="/score_image")
        assert answer["score"] == scorer.score(tmp_path / name).to_json()["score"], name
    turned = client.predict(image=handle_file(str(tmp_path / "turned.png")), api_name="/score_image")
    assert (turned["width"], turned["height"]) == upright.size
    assert turned["score"] == scorer.score(upright).to_json()["score"]


def test_model_info_gives_what_the_model_command_gives(client: Client) -> None:
    answer = client.predict(api_name="/model_info")
    assert answer == popscore.load_scorer(Settings()).model.to_full_json()
    assert answer["kind"] == "appeal"
    assert answer["source"] == "embedded"


def test_plain_http_works_without_a_client_library(url: str, cat: Path) -> None:
    boundary = "popscore"
    body = (
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="cat.png"\r\n'
            "Content-Type: image/png\r\n\r\n"
        ).encode()
        + cat.read_bytes()
        + f"\r\n--{boundary}--\r\n".encode()
    )
    request = urllib.request.Request(
        f"{url}/gradio_api/upload", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        (uploaded,) = json.load(answer)
    name, data = call(url, "score_image", image={"path": uploaded})
    assert name == "complete"
    assert data[0]["file"] == "cat.png"


# --- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("meta", [{}, {"meta": {"_type": "gradio.FileData"}}])
@pytest.mark.parametrize("path", ["/etc/passwd", str(ROOT / "README.md"), str(ROOT / "docs" / "score.webp"), "..", ""])
def test_a_server_file_is_never_opened(url: str, path: str, meta: dict[str, Any]) -> None:
    name, data = call(url, "score_image", image={"path": path, **meta})
    assert name == "error"
    assert "passwd" not in json.dumps(data)
    assert str(ROOT) not in json.dumps(data)


def test_a_path_that_leaves_the_upload_folder_is_refused(url: str, uploads: Path, tmp_path: Path, cat: Path) -> None:
    outside = tmp_path / "outside.png"
    outside.write_bytes(cat.read_bytes())
    folder = uploads / "abc"
    folder.mkdir(exist_ok=True)
    (folder / "link.png").symlink_to(outside)
    for path in (f"{uploads}/abc/../../outside.png", f"{folder}/link.png", f"{uploads}"):
        name, _ = call(url, "score_image", image={"path": path})
        assert name == "error", path


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello", "not an image"),
        (b"%PDF-1.7 \n", "PDF"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 3_000_000, "too large"),
    ],
)
def test_a_bad_file_gives_its_reason_and_no_server_path(
    client: Client, tmp_path: Path, content: bytes, reason: str
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(content)
    with pytest.raises(AppError, match=reason) as refusal:
        client.predict(image=handle_file(str(bad)), api_name="/score_image")
    assert "bad.jpg" in str(refusal.value)
    assert "/tmp" not in str(refusal.value)  # noqa: S108


def test_no_photo_is_a_clear_error(client: Client) -> None:
    with pytest.raises(AppError, match="no photo"):
        client.predict(image=None, api_name="/score_image")


# --- what the interface looks like to a stranger -----------------------------------------------------------


def test_only_the_named_endpoints_are_public(client: Client) -> None:
    described = client.view_api(return_format="dict", print_info=False)
    assert set(described["named_endpoints"]) == {
        "/score_image",
        "/rank_images",
        "/compare_images",
        "/rank_video",
        "/explain_image",
        "/best_crops",
        "/what_if",
        "/share_card",
        "/faces",
        "/score_selfie",
        "/model_info",
    }
    assert described["unnamed_endpoints"] == {}
    for endpoint in described["named_endpoints"].values():
        for value in [*endpoint["parameters"], *endpoint["returns"]]:
            assert value["label"] and not value["label"].startswith("value_"), value


def test_mcp_tools_are_described_and_answer(url: str, cat: Path) -> None:
    # Addresses that MCP clients send are fetched, but none on this machine, so the photo goes as data.
    photo = "data:image/png;base64," + base64.b64encode(cat.read_bytes()).decode()

    async def talk() -> tuple[dict[str, Any], Any, Any, Any]:
        async with (
            streamable_http_client(f"{url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            scored = await session.call_tool("score_image", {"image": photo})
            ranked = await session.call_tool("rank_images", {"files": [photo, photo]})
            return tools, await session.call_tool("model_info", {}), scored, ranked

    tools, model, scored, ranked = run_async(talk)
    looks = {"explain_image", "best_crops", "what_if", "share_card", "faces", "score_selfie"}
    assert set(tools) == looks | {"score_image", "rank_images", "compare_images", "rank_video", "model_info"}
    assert "Score one photo" in tools["score_image"].description
    assert list(tools["score_image"].inputSchema["properties"]) == ["image"]
    for tool, sent in (("score_image", "image"), ("rank_images", "files"), ("rank_video", "video")):
        described = tools[tool].inputSchema["properties"][sent]
        assert described.get("items", described)["type"] == "string"
        assert "https: or data: address" in described["description"]
    # Gradio writes the answer as Python does, with single quotes.
    assert ast.literal_eval(model.content[0].text)["kind"] == "appeal"
    assert ast.literal_eval(scored.content[0].text)["label"] in ("Excellent", "Good", "Fair", "Poor")
    assert [photo["rank"] for photo in ast.literal_eval(ranked.content[0].text)["results"]] == [1, 1]


@pytest.mark.parametrize(
    "address", ["/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/x.png", "https://localhost/x"]
)
def test_addresses_of_this_machine_are_not_fetched(client: Client, address: str) -> None:
    with pytest.raises(AppError, match=r"could not be fetched|is sent as an upload"):
        client.predict(files=[address], api_name="/rank_images")


@pytest.mark.parametrize("page", ["monitoring", "monitoring/summary", "gradio_api/monitoring/summary"])
def test_there_is_no_monitoring_page(url: str, page: str) -> None:
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{url}/{page}", timeout=5)


def test_every_component_has_a_label(url: str) -> None:
    with urllib.request.urlopen(f"{url}/config", timeout=5) as answer:
        config = json.load(answer)
    layout_only = {"row", "column", "tabs", "tabitem", "form", "api", "button", "html"}
    unlabelled = [c for c in config["components"] if c["type"] not in layout_only and not c["props"].get("label")]
    assert not unlabelled
    assert not config["analytics_enabled"]


def test_many_calls_at_once_give_the_same_score(client: Client, cat: Path) -> None:
    jobs = [client.submit(image=handle_file(str(cat)), api_name="/score_image") for _ in range(12)]
    assert len({job.result(timeout=60)["score"] for job in jobs}) == 1


# --- the app as a process ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_page_is_up_while_the_hub_is_silent_and_then_the_embedded_model_answers(
    tmp_path: Path, hub: Any, cat: Path
) -> None:
    hub.silent = True
    variables = environment(
        tmp_path, HF_ENDPOINT=hub.url, POPSCORE_MODEL_REPO="someone/model", GRADIO_TEMP_DIR=tmp_path / "uploads"
    )
    with app_process(variables) as url:
        began = time.monotonic()
        answer = Client(url, verbose=False).predict(image=handle_file(str(cat)), api_name="/score_image")
        assert answer["model"]["source"] == "embedded"
        assert "someone/model" in answer["model"]["notice"]
        assert time.monotonic() - began < 40


@pytest.mark.slow
def test_the_app_command_is_the_same_as_app_py(tmp_path: Path) -> None:
    with app_process(environment(tmp_path, GRADIO_TEMP_DIR=tmp_path / "uploads"), "-m", "popscore", "app") as url:
        assert Client(url, verbose=False).predict(api_name="/model_info")["source"] == "embedded"
