"""Files of some hundred bytes that would keep torch busy for years, or make it take all memory there is."""

import io
import random
import struct
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Run

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch", reason='torch is not installed: pip install "torch>=2.9"')

from popscore.training.conversion.pickles import look_through  # noqa: E402
from popscore.training.conversion.weights import read_weights  # noqa: E402
from popscore.training.errors import ConversionRefused  # noqa: E402

PROTO, STOP = b"\x80\x02", b"."
HUGE = b"\x8a\x05" + (10**11).to_bytes(5, "little")  # LONG1


def archive(pickled: bytes, **more: bytes) -> bytes:
    """A file in the form since PyTorch 1.6."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("archive/data.pkl", pickled)
        for name, content in {"byteorder": b"little", "version": b"3\n", **more}.items():
            made.writestr(f"archive/{name}", content)
    return file.getvalue()


def old(pickled: bytes, storages: bytes = b"]") -> bytes:
    """A file in the form before: magic number, version, system, weights, names of the storages."""
    magic = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
    system = b"}(U\x10protocol_versionM\xe9\x03U\rlittle_endian\x88U\ntype_sizes}u"
    return b"".join(PROTO + part + STOP for part in (magic, b"M\xe9\x03", system)) + pickled + PROTO + storages + STOP


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def doubled(times: int = 40) -> bytes:
    """(), then pairs of twice the one before."""
    return b")" + b"".join(b"q" + bytes([number]) + b"h" + bytes([number]) + b"\x86" for number in range(times))


def call(name: str, arguments: bytes) -> bytes:
    module, _, function = name.rpartition(".")
    return b"c" + f"{module}\n{function}\n".encode() + arguments + b"R"


def storage(count: bytes, kind: str = "FloatStorage") -> bytes:
    return b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text("0") + text("cpu") + count + b"tQ"


def tensor(parts: bytes) -> bytes:
    """_rebuild_tensor_v2 of storage, offset, size and strides."""
    return call(
        "torch._utils._rebuild_tensor_v2", b"(" + parts + b"\x89" + call("collections.OrderedDict", b")") + b"t"
    )


def named(value: bytes) -> bytes:
    return PROTO + b"}" + text("fc.bias") + value + b"s" + STOP


EXPANDED = storage(b"K\x01") + b"K\x00" + HUGE + b"\x85" + b"K\x00\x85"

BOMBS = {
    "a key of nested pairs": PROTO + b"}" + doubled() + b"K\x01s" + STOP,
    "keys of nested pairs": PROTO + b"}(" + doubled() + b"K\x01u" + STOP,
    "a key of deep tuples": PROTO + b"})" + b"\x85" * 200_000 + b"K\x01s" + STOP,
    "a function of nested lists": PROTO + doubled().replace(b"\x86", b"\x86") + b")R" + STOP,
    "a class of nested pairs": PROTO + doubled() + b")\x81" + STOP,
    "nested pairs as a storage": PROTO + b"(" + text("storage") + doubled() + b"K\x01K\x01K\x01tQ" + STOP,
    "nested pairs as the kind of thing": PROTO + b"(" + doubled() + b"K\x01K\x01K\x01tQ" + STOP,
    "nested pairs in a set": named(call("builtins.set", b"]" + doubled() + b"a\x85")),
    "nested pairs in a Counter": named(call("collections.Counter", b"]" + doubled() + b"a\x85")),
    "nested pairs in an OrderedDict": named(call("collections.OrderedDict", b"]" + doubled() + b"K\x01\x86a\x85")),
    "nested pairs of a device": named(call("torch.device", doubled())),
    "a large bytearray": named(call("__builtin__.bytearray", HUGE + b"\x85")),
    "a bytearray of a tensor": named(call("builtins.bytearray", tensor(EXPANDED) + b"\x85")),
    "a large tensor": named(call("torch.Tensor", HUGE + b"\x85")),
    "a large new tensor": named(b"ctorch\nTensor\n" + HUGE + b"\x85\x81"),
    "a large storage": named(call("torch.FloatStorage", HUGE + b"\x85")),
    "a large storage of the file": named(storage(HUGE)),
    "a storage larger than the file": named(storage(b"J\x00\x00\x00\x10", "DoubleStorage")),
    "a storage of fewer than no numbers": named(storage(b"J\xff\xff\xff\xff")),
    "a tensor larger than its storage": named(tensor(storage(b"K\x01") + b"K\x00" + HUGE + b"\x85" + b"K\x01\x85")),
    "a tensor behind its storage": named(tensor(storage(b"K\x01") + HUGE + b"K\x01\x85" + b"K\x01\x85")),
    "a set of a tensor that repeats one number": named(call("builtins.set", tensor(EXPANDED) + b"\x85")),
    "a dictionary of a tensor": named(call("collections.OrderedDict", tensor(EXPANDED) + b"\x85")),
    "a dictionary of tensors": named(call("collections.OrderedDict", b"]" + tensor(EXPANDED) + b"a\x85")),
    "a tensor changed": named(tensor(EXPANDED) + b"(" + EXPANDED + b"tb"),
    "a text in a slow encoding": named(call("_codecs.encode", text("a" * 300) + text("idna") + b"\x86")),
    "a quantised tensor": named(call("torch._utils._rebuild_qtensor", b"(" + EXPANDED + b"t")),
    "keys that fall together": PROTO
    + b"}("
    + b"".join(b"\x8a\x0c" + (number * (2**61 - 1)).to_bytes(12, "little") + b"K\x01" for number in range(1, 60_000))
    + b"u"
    + STOP,
    "a name of many names": PROTO + b"}" + text("module." * 1_000_000) + b"K\x01s" + STOP,
    "many operations": PROTO + b"}" + b"N0" * 400_000 + STOP,
    "a text of 4 GB": PROTO + b"X\xff\xff\xff\xff" + STOP,
    "a long number": PROTO + b"\x8b\xff\xff\xff\x7f" + STOP,
    "no end": PROTO + b"}",
    "a dictionary inside itself": PROTO + b"}q\x00" + text("state_dict") + b"h\x00s" + STOP,
    "a list inside itself": PROTO + b"]q\x00h\x00a" + STOP,
}


@pytest.fixture(autouse=True)
def within_a_second() -> Iterator[None]:
    start_s = time.process_time()
    yield
    assert time.process_time() - start_s < 2


def refusal(content: bytes) -> str:
    with pytest.raises(ConversionRefused) as found:
        read_weights(content, file="some.pth")
    message = str(found.value)
    assert message.startswith("some.pth was refused: ") and len(message) < 900 and message.isprintable()
    return message


@pytest.mark.parametrize("form", [archive, old])
@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs(bomb: str, form: object) -> None:
    refusal(form(BOMBS[bomb]))  # type: ignore[operator]


def test_the_command_line_refuses_the_smallest_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(archive(BOMBS["a key of nested pairs"]))
    assert (tmp_path / "w.pth").stat().st_size < 600
    found = run("convert", tmp_path / "w.pth", "--out", tmp_path / "m.onnx")
    assert found.status == 2 and found.err.startswith("popscore: w.pth was refused: ") and found.err.count("\n") == 1
    assert not (tmp_path / "m.onnx").exists()


def test_two_pickles_of_one_name() -> None:
    """Two programs that read archives need not take the same one."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made, pytest.warns(UserWarning):
        for pickled in (BOMBS["a key of nested pairs"], PROTO + b"}" + STOP):
            made.writestr("archive/data.pkl", pickled)
    assert "damaged" in refusal(file.getvalue())


def test_an_archive_behind_another() -> None:
    """What counts offsets from the begin of the file finds the first one."""
    assert "damaged" in refusal(archive(BOMBS["a key of nested pairs"]) + archive(PROTO + b"}" + STOP))


def test_a_large_pickle() -> None:
    assert "more than 10 MB of names" in refusal(archive(PROTO + text("x" * 11_000_000) + STOP))


def test_python_2_wrote_all_pairs_at_once() -> None:
    """An OrderedDict of pairs, as in files of 2019."""
    pair = b"]" + text("fc.bias") + b"a" + tensor(storage(b"K\x02") + b"K\x00" + b"K\x02\x85" + b"K\x01\x85") + b"a"
    look_through(PROTO + call("collections.OrderedDict", b"]" + pair + b"a\x85") + STOP, data_bytes=8)


@pytest.mark.parametrize("old_format", [False, True])
def test_bytes_changed_at_random(old_format: bool) -> None:
    """Whatever comes out, it is refused, and soon."""
    file = io.BytesIO()
    state = {"fc.weight": torch.ones(1, 8), "fc.bias": torch.nn.Parameter(torch.ones(1)), "epoch": 3, "seen": (1, 2)}
    torch.save({"state_dict": state}, file, _use_new_zipfile_serialization=not old_format)
    content = file.getvalue()
    with zipfile.ZipFile(io.BytesIO(content)) if not old_format else open("/dev/null") as found:
        pickled = b"" if old_format else found.read("archive/data.pkl")  # type: ignore[union-attr]
    chance = random.Random(2)  # noqa: S311
    for _ in range(150):
        broken = bytearray(content if old_format else pickled)
        for _ in range(chance.randrange(1, 4)):
            broken[chance.randrange(2, len(broken))] = chance.randrange(256)
        refusal(bytes(broken) if old_format else archive(bytes(broken), **{"data/0": bytes(32), "data/1": bytes(4)}))
