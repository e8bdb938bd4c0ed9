"""What visitors and clients are told: the words of an error, and nothing of the inside."""

import ast
from typing import Any

import gradio as gr
import pytest
from own_loop import run_async
from running_app import ROOT

from popscore.errors import UnreadableImage
from popscore.models.spec import Json
from popscore.ui.kit.messages import refusal, sentence, told_to_clients
from popscore.ui.kit.page_functions import OutOfDate, page_function, page_value


def test_an_error_of_popscore_becomes_one_of_the_endpoint_with_its_words() -> None:
    with pytest.raises(gr.Error) as refused, told_to_clients():
        raise UnreadableImage("a.jpg could not be read: it is empty. Choose another file.")
    assert refused.value.message == "a.jpg could not be read: it is empty. Choose another file."
    assert not refused.value.print_exception
    with pytest.raises(ZeroDivisionError), told_to_clients():
        _ = 1 / 0


def test_both_kinds_of_error_have_the_same_words() -> None:
    assert sentence(refusal("It is so.")) == sentence(UnreadableImage("It is so.")) == "It is so."


def test_a_function_of_the_page_answers_with_the_words_of_what_went_wrong() -> None:
    def answer(number: int) -> Json:
        if number == 1:
            raise UnreadableImage("It is so.")
        if number == 2:
            raise OutOfDate
        return {"number": number}

    function = page_function("half", answer, at_once=1)
    assert function.__name__ == "half"

    def called(arguments: Any) -> Json:
        return run_async(function, arguments)

    assert called([0]) == {"number": 0}
    assert called([1]) == {"message": "It is so."}
    assert called([2])["stale"]
    for arguments in ([], [1, 2], None):
        assert "Reload" in called(arguments)["message"]


def test_no_tag_begins_in_a_value_of_a_page() -> None:
    assert "<" not in page_value({"file": "<script>.jpg"})


def test_errors_are_made_in_one_place() -> None:
    """No tab and no endpoint turns an error into a message by hand."""
    for file in (ROOT / "popscore" / "ui").rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        made = [call for call in calls if ast.unparse(call.func) == "gr.Error"]
        assert not made or file.name == "messages.py", file
        by_hand = [call for call in calls if ast.unparse(call) == "str(error)"]
        assert not by_hand or file.name == "messages.py", file
