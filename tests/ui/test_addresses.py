"""Fetching by address: within one time and one size, from checked servers only, with a reason for everything else."""

import gzip
import re
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from web_server import WebServer, answer, dripping, redirect, web_server

from popscore.photos.sources import NamedPhoto
from popscore.ui.kit.addresses import Downloader
from popscore.ui.kit.web_places import is_web_address

LIMIT = 100_000


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as running:
        yield running


@pytest.fixture(autouse=True)
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    return tmp_path / "uploads"


def downloader(*servers: WebServer, **options: Any) -> Downloader:
    """One that takes this machine for the public internet."""
    return Downloader(
        **{
            "find": lambda *_: ["127.0.0.1"],
            "allowed": lambda _: True,
            "ports": {80, *(server.port for server in servers)},
            "total_s": 10.0,
            **options,
        }
    )


def fetch(server: WebServer, path: str = "/a.png", **options: Any) -> NamedPhoto:
    address = f"http://photos.example:{server.port}{path}"
    return downloader(server, **options).fetch(address, thing="photo", max_bytes=LIMIT)


def refused(call: Callable[[], Any], uploads: Path) -> str:
    """The sentence of a refusal, after which nothing half-written may be left."""
    with pytest.raises(gr.Error) as found:
        call()
    assert list(uploads.rglob("*")) == []
    message = str(found.value.message)
    assert len(message) < 400 and message.isprintable() and message.endswith(".")
    return message


# --- what comes ------------------------------------------------------------------------------------------------


def test_a_file_comes_whole_into_the_uploads(server: WebServer, uploads: Path) -> None:
    server.answers["/holiday/a%20b.png?size=2"] = answer(b"photo" * 1000)
    found = fetch(server, "/holiday/a%20b.png?size=2")
    assert found.name == "a b.png"
    assert found.location.read_bytes() == b"photo" * 1000
    assert found.location.is_relative_to(uploads) and [path.name for path in uploads.rglob("*.*")] == ["a b.png"]
    (head,) = server.asked
    assert f"Host: photos.example:{server.port}\r\n" in head
    assert "Accept-Encoding: identity\r\n" in head
    assert "Cookie" not in head and "Authorization" not in head


@pytest.mark.parametrize(
    ("path", "name"),
    [("/", "photo"), ("", "photo"), ("/a/b/", "b"), ("/..%2f..%2fetc", "etc"), ("/%00", "_"), ("/CON:x", "CON_x")],
)
def test_names(server: WebServer, path: str, name: str) -> None:
    server.answers[path or "/"] = answer(b"a")
    assert fetch(server, path).name == name


def test_letters_beyond_ascii(server: WebServer) -> None:
    server.answers["/K%C3%A4tzchen.png"] = answer(b"a")
    address = f"http://bücher.example:{server.port}/Kätzchen.png"
    assert downloader(server).fetch(address, thing="photo", max_bytes=9).name == "Kätzchen.png"
    assert "Host: xn--bcher-kva.example" in server.asked[0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(server: WebServer, status: int) -> None:
    server.answers["/a.png"] = redirect("/b.png", status)
    server.answers["/b.png"] = redirect(f"http://other.example:{server.port}/c.png", status)
    server.answers["/c.png"] = answer(b"here")
    found = fetch(server)
    assert found.name == "a.png" and found.location.read_bytes() == b"here"


def test_a_body_without_a_length_and_in_chunks(server: WebServer) -> None:
    server.answers["/a.png"] = answer(b"until the end", length=False)
    assert fetch(server).location.read_bytes() == b"until the end"
    chunked = b"5\r\nhello\r\n6\r\n there\r\n0\r\n\r\n"
    server.answers["/a.png"] = answer(chunked, 200, "Transfer-Encoding: chunked", length=False)
    assert fetch(server).location.read_bytes() == b"hello there"


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("GZIP", gzip.compress), ("deflate", zlib.compress)]
)
def test_what_comes_packed_is_unpacked(server: WebServer, encoding: str, pack: Callable[[bytes], bytes]) -> None:
    server.answers["/a.png"] = answer(pack(b"photo" * 9000), 200, f"Content-Encoding: {encoding}")
    assert fetch(server).location.read_bytes() == b"photo" * 9000


def test_exactly_the_limit(server: WebServer, uploads: Path) -> None:
    server.answers["/a.png"] = answer(b"x" * LIMIT)
    assert fetch(server).location.stat().st_size == LIMIT


# --- sizes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        answer(b"x" * (LIMIT + 1)),
        answer(b"x" * (LIMIT + 1), length=False),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        answer(
            b"%x\r\n%s\r\n0\r\n\r\n" % (LIMIT + 1, b"x" * (LIMIT + 1)), 200, "Transfer-Encoding: chunked", length=False
        ),
        answer(gzip.compress(b"\0" * 50_000_000, mtime=0), 200, "Content-Encoding: gzip"),
        answer(zlib.compress(b"\0" * 50_000_000), 200, "Content-Encoding: deflate"),
    ],
)
def test_more_than_the_limit(server: WebServer, uploads: Path, said: bytes) -> None:
    server.answers["/a.png"] = said
    message = refused(lambda: fetch(server), uploads)
    assert (
        message == f"http://photos.example:{server.port}/a.png is too large: the limit is 0.1 MB. Send a smaller one."
    )


def test_an_endless_body_ends_at_the_limit(server: WebServer, uploads: Path) -> None:
    server.answers["/a.png"] = dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 10_000, 0)
    began_s = time.monotonic()
    assert "is too large" in refused(lambda: fetch(server), uploads)
    assert time.monotonic() - began_s < 5


def test_packed_bytes_that_unpack_to_nothing_count_too(server: WebServer, uploads: Path) -> None:
    pack = zlib.compressobj()
    nothing = pack.compress(b"") + b"".join(pack.flush(zlib.Z_FULL_FLUSH) or b"\0\0\0\xff\xff" for _ in range(30_000))
    server.answers["/a.png"] = answer(nothing, 200, "Content-Encoding: deflate", length=False)
    assert "is too large" in refused(lambda: fetch(server), uploads)


# --- times -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-Long: ",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n",
    ],
)
def test_a_server_that_drips_ends_in_time(server: WebServer, uploads: Path, head: bytes) -> None:
    server.answers["/a.png"] = dripping(head)
    began_s = time.monotonic()
    assert "it took longer than 1 s" in refused(lambda: fetch(server, total_s=0.6), uploads)
    assert time.monotonic() - began_s < 5


def test_redirects_share_one_time(server: WebServer, uploads: Path) -> None:
    def slow(connection: socket.socket) -> None:
        time.sleep(0.4)
        connection.sendall(redirect("/a.png"))

    server.answers["/a.png"] = slow
    began_s = time.monotonic()
    assert "it took longer" in refused(lambda: fetch(server, total_s=1.0), uploads)
    assert time.monotonic() - began_s < 5


def test_less_time_than_for_one_address(server: WebServer, uploads: Path) -> None:
    server.answers["/a.png"] = dripping(b"HTTP/1.1 200 OK\r\n\r\n")
    address = f"http://a.example:{server.port}/a.png"
    began_s = time.monotonic()
    call = lambda: downloader(server).fetch(address, thing="photo", max_bytes=LIMIT, most_s=0.3)  # noqa: E731
    assert "it took longer" in refused(call, uploads)
    assert time.monotonic() - began_s < 5


# --- places ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ftp://a.example/a.png", "only https: and http:"),
        ("file:///etc/passwd", "only https: and http:"),
        ("gopher://a.example/", "only https: and http:"),
        ("//a.example/a.png", "only https: and http:"),
        ("http://", "names no server"),
        ("http:///a.png", "names no server"),
        ("http://user:secret@a.example/", "user name"),
        ("http://a.example@127.0.0.1/", "user name"),
        ("http://@a.example/", "user name"),
        ("http://a.example:22/", "port 22"),
        ("http://a.example:6379/", "port 6379"),
        ("http://a.example:0/", "port 0"),
        ("http://a.example:99999/", "is no address"),
        ("http://a.example:x/", "is no address"),
        ("http://[::1/", "is no address"),
        ("http://[fe80::1%25eth0]/", "no "),
        ("http://a example/", "no address can hold"),
        ("http://a.example\\@127.0.0.1/", "no address can hold"),
        ("http://a.example/\r\nX: y", "no address can hold"),
        ("http://a.example/\ud800", "no address can hold"),
        ("http://a.exa\tmple/", "no address can hold"),
        ("http://a_b!c.example/", "names no server"),
        ("http://%61.example/", "names no server"),
        ("http://" + "x" * 70 + ".example/", "is no address"),
        ("http://a.example/" + "x" * 3000, "longer than 2048"),
    ],
)
def test_addresses_that_are_not_fetched(uploads: Path, address: str, reason: str) -> None:
    def find(*_: Any) -> list[str]:
        raise AssertionError("a name was asked for")

    message = refused(lambda: Downloader(find=find).fetch(address, thing="photo", max_bytes=LIMIT), uploads)
    assert re.search(reason, message) and " could not be fetched: " in message
    assert message.endswith("Check the address, or send the photo itself.")


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]",
        "169.254.169.254", "10.0.0.1", "0.0.0.1", "0", "[::]", "[fe80::1]", "LOCALHOST", "localhost.",
        "\uff11\uff12\uff17.0.0.1",
    ],
)  # fmt: skip
def test_nothing_of_this_machine_or_its_neighbours(uploads: Path, host: str) -> None:
    message = refused(lambda: Downloader().fetch(f"http://{host}/a.png", thing="photo", max_bytes=LIMIT), uploads)
    assert "there is no public server of this name" in message


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("http://inside.example/", "no public server"),
        ("//inside.example/", "no public server"),
        ("file:///etc/passwd", "only https: and http:"),
        ("http://user@outside.example/", "user name"),
        ("http://outside.example:22/", "port 22"),
        ("http://[", "no address"),
        ("", "does not say which"),
        ("/a.png", "more than 5 times"),
    ],
)
def test_every_redirect_is_checked_anew(server: WebServer, uploads: Path, to: str, reason: str) -> None:
    server.answers["/a.png"] = redirect(to)
    found = {"photos.example": "127.0.0.1", "outside.example": "127.0.0.1", "inside.example": "10.0.0.1"}
    options = {"find": lambda host, _: [found[host]], "allowed": lambda address: address == "127.0.0.1"}
    assert reason in refused(lambda: fetch(server, **options), uploads)
    assert len(server.asked) == (6 if "5 times" in reason else 1)


def test_five_redirects_are_not_too_many(server: WebServer) -> None:
    for number in range(5):
        server.answers[f"/{number}"] = redirect(f"/{number + 1}")
    server.answers["/5"] = answer(b"here")
    assert fetch(server, "/0").location.read_bytes() == b"here"


def test_proxies_of_the_environment_are_not_used(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.answers["/a.png"] = answer(b"here")
    assert fetch(server).location.read_bytes() == b"here"


# --- what else goes wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (answer(b"", 404), "answered 404"),
        (answer(b"x", 206), "answered 206"),
        (answer(b"", 500), "answered 500"),
        (answer(b"", 304), "answered 304"),
        (b"", "broke off"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "broke off"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", "broke off"),
        (answer(gzip.compress(b"photo" * 1000, mtime=0)[:-20], 200, "Content-Encoding: gzip"), "broke off"),
        (answer(b"no gzip", 200, "Content-Encoding: gzip"), "broke off"),
        (answer(b"x", 200, "Content-Encoding: br"), "packed in a way"),
        (answer(b"x", 200, "Content-Encoding: gzip, gzip"), "packed in a way"),
    ],
)
def test_every_failure_has_its_reason(server: WebServer, uploads: Path, said: bytes, reason: str) -> None:
    server.answers["/a.png"] = said
    assert reason in refused(lambda: fetch(server), uploads)


def test_a_server_that_is_not_there(server: WebServer, uploads: Path) -> None:
    server.close()
    assert "does not answer" in refused(lambda: fetch(server), uploads)


def test_a_disk_without_room(server: WebServer, uploads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    server.answers["/a.png"] = answer(b"a")
    monkeypatch.setattr("os.fsync", full)
    assert "No space left" in refused(lambda: fetch(server), uploads)


def test_what_comes_after_the_question_mark_is_not_repeated(server: WebServer, uploads: Path) -> None:
    assert "secret" not in refused(lambda: fetch(server, "/a.png?token=secret"), uploads)


def test_what_is_an_address() -> None:
    assert is_web_address("https://a") and is_web_address("HTTP://a")
    assert not is_web_address("/https://a") and not is_web_address("data:,") and not is_web_address("httpsx://")


# --- certificates ------------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for a name that signs itself, and its key."""
    pytest.importorskip("cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "certificate.pem", folder / "key.pem"


def test_certificates_are_checked_for_the_name_of_the_address(tmp_path: Path, uploads: Path) -> None:
    chain, key = certificate(tmp_path, "photos.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    named: list[str] = []
    context.sni_callback = lambda _socket, name, _context: named.append(name)
    trusting = lambda: ssl.create_default_context(cafile=str(chain))  # noqa: E731
    with web_server(context) as server:
        server.answers["/a.png"] = answer(b"here")
        address = f"https://photos.example:{server.port}/a.png"
        found = downloader(server, certificates=trusting).fetch(address, thing="photo", max_bytes=9)
        assert found.location.read_bytes() == b"here" and named == ["photos.example"]
        found.location.unlink()
        found.location.parent.rmdir()
        for other, options in (
            (address.replace("photos.", "other."), {"certificates": trusting}),
            (address, {}),  # nobody known has signed it
            (f"https://127.0.0.1:{server.port}/a.png", {"certificates": trusting}),
        ):
            fetching = downloader(server, **options)
            message = refused(lambda: fetching.fetch(other, thing="photo", max_bytes=9), uploads)  # noqa: B023
            assert "no certificate that is trusted" in message
