from pathlib import Path

import pytest

from popscore.errors import InvalidSetting, PopscoreError
from popscore.settings import Settings


def read(**variables: str) -> Settings:
    return Settings.from_environment(variables)


def test_empty_environment() -> None:
    assert read() == Settings()
    assert Settings() == Settings(
        model_repo=None,
        model_revision="main",
        model_file="model.onnx",
        model_sha256=None,
        model_path=None,
        selfie_path=None,
        selfie_repo=None,
        strict=False,
        max_image_bytes=25_000_000,
        max_video_bytes=500_000_000,
        max_files=500,
        hosts=(),
        fetch_addresses=True,
    )


def test_every_variable() -> None:
    settings = read(
        POPSCORE_MODEL_REPO="some-one/pop.score_2",
        POPSCORE_MODEL_REVISION="refs/pr/1",
        POPSCORE_MODEL_FILE="onnx/fp32/model.onnx",
        POPSCORE_MODEL_SHA256="AB" * 32,
        POPSCORE_MODEL_PATH="/models/a b.onnx",
        POPSCORE_SELFIE_MODEL="some-one/selfies",
        POPSCORE_STRICT="1",
        POPSCORE_MAX_IMAGE_MB="0.5",
        POPSCORE_MAX_VIDEO_MB="2000",
        POPSCORE_MAX_FILES="7",
        POPSCORE_HOSTS="photos.example.com, *.Example.org. ,[2001:DB8:0::1],10.0.0.7",
        POPSCORE_FETCH_ADDRESSES="0",
        POPSCORE_STUDY="/study/pairs.csv",
        POPSCORE_STUDY_IMAGES="/study/photos",
        POPSCORE_STUDY_ANSWERS="/study/answers.sqlite",
    )
    assert settings == Settings(
        model_repo="some-one/pop.score_2",
        model_revision="refs/pr/1",
        model_file="onnx/fp32/model.onnx",
        model_sha256="ab" * 32,
        model_path=Path("/models/a b.onnx"),
        selfie_repo="some-one/selfies",
        strict=True,
        max_image_bytes=500_000,
        max_video_bytes=2_000_000_000,
        max_files=7,
        hosts=("photos.example.com", "*.example.org", "2001:db8::1", "10.0.0.7"),
        fetch_addresses=False,
        study_pairs=Path("/study/pairs.csv"),
        study_images=Path("/study/photos"),
        study_answers=Path("/study/answers.sqlite"),
    )


def test_reads_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POPSCORE_MAX_FILES", "3")
    assert Settings.from_environment().max_files == 3


@pytest.mark.parametrize(
    "name",
    [
        "POPSCORE_MODEL_REPO",
        "POPSCORE_MODEL_REVISION",
        "POPSCORE_MODEL_FILE",
        "POPSCORE_MODEL_SHA256",
        "POPSCORE_MODEL_PATH",
        "POPSCORE_STRICT",
        "POPSCORE_MAX_IMAGE_MB",
        "POPSCORE_MAX_VIDEO_MB",
        "POPSCORE_MAX_FILES",
        "POPSCORE_HOSTS",
        "POPSCORE_FETCH_ADDRESSES",
    ],
)
@pytest.mark.parametrize("value", ["", "  "])
def test_empty_counts_as_not_set(name: str, value: str) -> None:
    assert read(**{name: value}) == Settings()


def test_blanks_around_a_value_do_not_count() -> None:
    assert read(POPSCORE_MODEL_REPO=" a/b\n", POPSCORE_STRICT=" 1 ") == Settings(model_repo="a/b", strict=True)


def test_home_directory() -> None:
    assert read(POPSCORE_MODEL_PATH="~/model.onnx").model_path == Path.home() / "model.onnx"


@pytest.mark.parametrize("word", ["1", "true", "YES", "On"])
def test_strict(word: str) -> None:
    assert read(POPSCORE_STRICT=word).strict


@pytest.mark.parametrize("word", ["0", "false", "NO", "Off"])
def test_not_strict(word: str) -> None:
    assert not read(POPSCORE_STRICT=word).strict


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("POPSCORE_MODEL_REPO", ["popscore", "a/b/c", "/b", "a/", "../b", "a/..", "a b/c", "ü/b", "https://hf.co/a/b"]),
        ("POPSCORE_MODEL_REVISION", ["v 1", "../main", "a/../../b", "/etc", "x" * 256, "main?", "ä"]),
        ("POPSCORE_MODEL_FILE", ["/etc/model.onnx", "../model.onnx", "a//b", "a/./b", "a\\b", "a/", "a\x07b", ".."]),
        ("POPSCORE_MODEL_SHA256", ["abc", "g" * 64, "a" * 63, "a" * 65]),
        ("POPSCORE_MODEL_PATH", ["~nobody-of-this-name/model.onnx"]),
        ("POPSCORE_SELFIE_MODEL", ["~nobody-of-this-name/model.onnx", "a\x07b", "a\x00.onnx"]),
        ("POPSCORE_CACHE_DIR", ["~nobody-of-this-name/cache"]),
        ("POPSCORE_STRICT", ["2", "maybe", "-"]),
        ("POPSCORE_MAX_IMAGE_MB", ["0", "-1", "nan", "inf", "1e7", "25MB", "1,5"]),
        ("POPSCORE_MAX_VIDEO_MB", ["0", "-0.1", "nan", "-inf", "lots"]),
        ("POPSCORE_MAX_FILES", ["0", "-5", "1.5", "nan", "1000001", "many"]),
        ("POPSCORE_FETCH_ADDRESSES", ["2", "maybe", "-"]),
        (
            "POPSCORE_HOSTS",
            [
                "https://example.com",
                "example.com:8443",
                "a b",
                "*example.com",
                "example.*",
                "a..b",
                ".example.com",
                "example.com/a",
                "me@example.com",
                "bücher.example",
                "a,,b c",
                "[::g]",
                "[",
                "x" * 300,
                "a\x00b",
            ],
        ),
    ],
)
def test_bad_values_are_named(name: str, values: list[str]) -> None:
    for value in values:
        with pytest.raises(InvalidSetting) as found:
            read(**{name: value})
        message = str(found.value)
        assert message.startswith(f"{name}=") and "cannot be used" in message and len(message) < 300
        assert message.isprintable()


def test_the_error_is_also_a_standard_error() -> None:
    assert issubclass(InvalidSetting, PopscoreError) and issubclass(InvalidSetting, ValueError)


def test_commas_and_blanks_between_hosts_do_not_count() -> None:
    assert read(POPSCORE_HOSTS=" a.example ,, b.example,").hosts == ("a.example", "b.example")
    assert read(POPSCORE_HOSTS="*").hosts == ("*",)


def test_a_selfie_model_is_a_file_or_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("selfie.onnx", "models/selfie.onnx", "/models/selfie", "./models/selfie", "a/b/c"):
        settings = read(POPSCORE_SELFIE_MODEL=value)
        assert (settings.selfie_path, settings.selfie_repo) == (Path(value), None)
    assert read(POPSCORE_SELFIE_MODEL="models/selfie").selfie_repo == "models/selfie"
    assert read(POPSCORE_SELFIE_MODEL="") == Settings()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "selfie").touch()
    monkeypatch.chdir(tmp_path)
    assert read(POPSCORE_SELFIE_MODEL="models/selfie").selfie_path == Path("models/selfie")
