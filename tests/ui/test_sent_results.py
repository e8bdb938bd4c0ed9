"""Results that a page sends back are what they say, or are refused."""

from typing import Any

import gradio as gr
import pytest

from popscore.results import PeopleSeen
from popscore.ui.kit.sent_results import sent_results

ROW: dict[str, Any] = {
    "file": "a.jpg",
    "score": 3.25,
    "percentile": 57.1,
    "label": "Good",
    "color": "#3B82F6",
    "width": 4000,
    "height": 3000,
    "warning": None,
    "rank": 2,
    "gap": 0.5,
    "too_close": True,
    "tier": 1,
    "group": 2,
    "group_best": True,
    "decision": "keep",
}


def test_what_the_page_was_told_comes_back_as_it_was() -> None:
    rows = [
        ROW,
        {**ROW, "file": "b.jpg", "decision": "reject"},
        {**ROW, "file": "c.jpg", "decision": None, "gap": None, "faces": 2, "eyes_closed": 0, "face_sharpness": 0.4},
    ]
    results, decisions = sent_results(rows, 10)
    assert decisions == {0: "keep", 1: "reject"}
    assert results[0].to_json() == {key: value for key, value in ROW.items() if key != "decision"}
    assert [photo.index for photo in results] == [0, 1, 2]
    assert results[2].gap is None
    assert results[2].people == PeopleSeen(faces=2, eyes_closed=0, face_sharpness=0.4)


def test_colours_are_those_of_the_bands_whatever_is_sent() -> None:
    (result,), _ = sent_results([{**ROW, "color": "<script>"}], 1)
    assert result.color == "#3B82F6"


@pytest.mark.parametrize(
    "change",
    [
        {"file": ""},
        {"file": 3},
        {"file": "a" * 5000},
        {"score": "3"},
        {"faces": -1},
        {"faces": 1.5},
        {"faces": 1, "eyes_closed": "1"},
        {"faces": 1, "face_sharpness": float("nan")},
        {"score": float("nan")},
        {"score": float("inf")},
        {"score": 1e300},
        {"score": True},
        {"percentile": None},
        {"label": "Best"},
        {"label": ["Good"]},
        {"width": 0},
        {"width": 2.5},
        {"rank": -1},
        {"tier": None},
        {"group": "1"},
        {"warning": "ugly"},
        {"gap": "x"},
        {"decision": "maybe"},
        {"decision": 1},
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(gr.Error, match="Reload the page"):
        sent_results([{**ROW, **change}], 10)


@pytest.mark.parametrize("sent", [None, [], {}, "rows", [1], [None], [[ROW]], [ROW] * 11])
def test_no_list_of_results(sent: object) -> None:
    with pytest.raises(gr.Error, match="Reload the page"):
        sent_results(sent, 10)
