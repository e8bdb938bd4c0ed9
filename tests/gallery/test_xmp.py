"""Star ratings in side-cars: new ones that programs read, old ones that are never damaged."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from photos import picture, saved
from rankings import ODD_NAMES, left_behind, ranking
from sidecars import rating_of

from popscore.gallery import xmp
from popscore.gallery.export import Exported, write_xmp

JPEG = saved(picture(), "JPEG")


@pytest.mark.parametrize(
    ("percentile", "rating"), [(0, 1), (19.9, 1), (20, 2), (39.9, 2), (40, 3), (60, 4), (79.9, 4), (80, 5), (100, 5)]
)
def test_stars(percentile: float, rating: int) -> None:
    assert xmp.stars(percentile) == rating


def test_new_sidecars_under_both_names(folder: Path) -> None:
    photo = Path("a.jpg").read_bytes()
    assert write_xmp(ranking("a.jpg", percentile=85)) == Exported(written=1)
    assert left_behind(folder) == {"a.jpg.xmp", "a.xmp"}
    for name in left_behind(folder):
        assert rating_of(Path(name).read_bytes()) == ["5"]
    assert Path("a.jpg").read_bytes() == photo


def test_the_better_of_two_photos_decides_their_common_sidecar(folder: Path) -> None:
    (folder / "a.png").write_bytes(saved(picture(), "PNG"))
    found = ranking("a.jpg", "a.png")
    better, worse = (replace(photo, percentile=value) for photo, value in zip(found.results, (70, 10), strict=True))
    write_xmp(replace(found, results=[better, worse]))
    ratings = {path.name: rating_of(path.read_bytes()) for path in folder.glob("*.xmp")}
    assert ratings == {"a.jpg.xmp": ["4"], "a.png.xmp": ["1"], "a.xmp": ["4"]}


def test_a_sidecar_of_another_case_is_found(folder: Path) -> None:
    Path("a.XMP").write_bytes(xmp.new_sidecar(1))
    write_xmp(ranking("a.jpg"))
    assert left_behind(folder) == {"a.jpg.xmp", "a.XMP"} and rating_of(Path("a.XMP").read_bytes()) == ["3"]


LIGHTROOM = b"""\xef\xbb\xbf<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 7.0">\r
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\r
  <!-- mine > "yours" -->\r
  <rdf:Description rdf:about=""\r
    xmlns:xmp = 'http://ns.adobe.com/xap/1.0/'\r
    xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"\r
    xmlns:dc="http://purl.org/dc/elements/1.1/"\r
   xmp:Label="a &gt; b &#10; 'c'"\r
   crs:Rating="9"\r
   xmp:Rating%s\r
   crs:Exposure2012="+0.35">\r
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">\xc3\xa9\r
    <![CDATA[<xmp:Rating>7</xmp:Rating>]]></rdf:li></rdf:Alt></dc:title>\r
  </rdf:Description>\r
 </rdf:RDF>\r
</x:xmpmeta>\r
"""
DARKTABLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:darktable="http://darktable.sf.net/"
   xmp:Rating="%s" darktable:xmp_version="5">
   <darktable:history><rdf:Seq><rdf:li darktable:num="0" darktable:params="gz02eJx"/></rdf:Seq></darktable:history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""
DIGIKAM = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xap="http://ns.adobe.com/xap/1.0/"><xap:Rating>%s</xap:Rating></rdf:Description>
<rdf:Description rdf:about="" xmlns:digiKam="http://www.digikam.org/ns/1.0/" digiKam:PickLabel="0"/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


@pytest.mark.parametrize(
    ("form", "before", "after"),
    [
        (LIGHTROOM, b'="2"', b'="4"'),
        (LIGHTROOM, b" = '-1'", b" = '4'"),
        (LIGHTROOM, b'=""', b'="4"'),
        (DARKTABLE, b"0", b"4"),
        (DIGIKAM, b"2", b"4"),
        (DIGIKAM, b" 2\n", b"4"),
        (DIGIKAM, b"", b"4"),
        (DIGIKAM, b"<!-- two --><![CDATA[2]]>", b"4"),
    ],
)
def test_only_the_rating_of_a_sidecar_changes(form: bytes, before: bytes, after: bytes) -> None:
    found = xmp.with_rating(form.replace(b"%s", before), 4)
    assert found == form.replace(b"%s", after)
    assert rating_of(found) == ["4"]


RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">%s</rdf:RDF>'
XMP_NS = 'xmlns:xmp="http://ns.adobe.com/xap/1.0/"'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<rdf:Description/>", f'<rdf:Description {XMP_NS} xmp:Rating="4"/>'),
        (f"<rdf:Description {XMP_NS}/>", f'<rdf:Description xmp:Rating="4" {XMP_NS}/>'),
        (f"<rdf:Description {XMP_NS.replace('xmp', 'q', 1).replace('xmlq', 'xmlns')}/>", None),
        (
            '<rdf:Description xmlns:xmp="urn:x"/>',
            '<rdf:Description xmlns:xap="http://ns.adobe.com/xap/1.0/" xap:Rating="4" xmlns:xmp="urn:x"/>',
        ),
        (
            f"<rdf:Description {XMP_NS}><xmp:Rating/></rdf:Description>",
            f"<rdf:Description {XMP_NS}><xmp:Rating>4</xmp:Rating></rdf:Description>",
        ),
        (
            f"<rdf:Description {XMP_NS}><xmp:Rating  />a</rdf:Description>",
            f"<rdf:Description {XMP_NS}><xmp:Rating  >4</xmp:Rating>a</rdf:Description>",
        ),
        (
            f'<rdf:Description {XMP_NS} xmp:Rating="-1"/>\n<rdf:Description {XMP_NS}><xmp:Rating></xmp:Rating>'
            "</rdf:Description>",
            f'<rdf:Description {XMP_NS} xmp:Rating="4"/>\n<rdf:Description {XMP_NS}><xmp:Rating>4</xmp:Rating>'
            "</rdf:Description>",
        ),
        (
            f'<rdf:Description {XMP_NS} note="xmp:Rating=\'3\' />" xmp:Rating = "1" />',
            f'<rdf:Description {XMP_NS} note="xmp:Rating=\'3\' />" xmp:Rating = "4" />',
        ),
        (
            '<rdf:Description xmlns="http://ns.adobe.com/xap/1.0/" Rating="2"><Rating>1</Rating></rdf:Description>',
            '<rdf:Description xmlns="http://ns.adobe.com/xap/1.0/" Rating="2"><Rating>4</Rating></rdf:Description>',
        ),
    ],
)
def test_forms_of_a_rating(before: str, after: str | None) -> None:
    found = xmp.with_rating((RDF % before).encode(), 4)
    assert set(rating_of(found)) == {"4"}
    assert after is None or found.decode() == RDF % after
    assert xmp.with_rating(found, 4) == found


def test_a_rating_of_something_inside_the_photo_is_not_the_photos() -> None:
    inner = f'<rdf:Description {XMP_NS} xmp:Rating="1"><xmp:Rating>2</xmp:Rating></rdf:Description>'
    inner = f'<x:a xmlns:x="urn:x">{inner}</x:a>'
    found = xmp.with_rating((RDF % f"<rdf:Description>{inner}</rdf:Description>").encode(), 4).decode()
    assert found == RDF % f'<rdf:Description {XMP_NS} xmp:Rating="4">{inner}</rdf:Description>'


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16(codec: str) -> None:
    text = DIGIKAM.decode().replace("%s", "2").replace('digiKam:PickLabel="0"', 'digiKam:Title="写真"')
    content = text.encode(codec) if codec == "utf-16" else "\ufeff".encode(codec) + text.encode(codec)
    found = xmp.with_rating(content, 5)
    assert found.decode("utf-16") == text.replace(">2<", ">5<")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no XML", "not well-formed"),
        (LIGHTROOM.replace(b"%s", b'="2"')[:-30], "not well-formed"),
        (b"<a><b></a>", "not well-formed"),
        ((RDF % "<rdf:Description/><nowhere:a/>").encode(), "not well-formed"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x/>', "document type"),
        (b"<x/>", "no rdf:Description"),
        ((RDF % "").encode(), "no rdf:Description"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><x/>', "encoding"),
        ((RDF % f"<rdf:Description {XMP_NS}><xmp:Rating><a/></xmp:Rating></rdf:Description>").encode(), "of a form"),
        ((RDF % f'<rdf:Description {XMP_NS}><xmp:Rating rdf:resource="x"/></rdf:Description>').encode(), "of a form"),
        (JPEG, "not well-formed"),
        (b"\xff\xfe<\x00x", "damaged|not well-formed"),
        (b" " * 20_000_001, "more than 20 MB"),
    ],
)
def test_a_sidecar_that_is_not_understood_stays_as_it_is(folder: Path, content: bytes, reason: str) -> None:
    with pytest.raises(xmp.UnknownSidecar, match=reason):
        xmp.with_rating(content, 3)
    if content.strip():
        Path("a.jpg.xmp").write_bytes(content)
        found = write_xmp(ranking("a.jpg", "b.jpg"))
        assert (found.written, [error.file for error in found.errors]) == (1, ["a.jpg"])
        assert str(found.errors[0].error).startswith("a.jpg.xmp was left as it is: it")
        assert Path("a.jpg.xmp").read_bytes() == content and Path("b.jpg.xmp").exists()


def test_an_unchanged_sidecar_is_not_written_again(folder: Path) -> None:
    write_xmp(ranking("a.jpg"))
    os.utime("a.jpg.xmp", (1, 1))
    write_xmp(ranking("a.jpg"))
    assert Path("a.jpg.xmp").stat().st_mtime == 1


def test_an_empty_sidecar_is_filled(folder: Path) -> None:
    Path("a.jpg.xmp").touch()
    assert write_xmp(ranking("a.jpg")).errors == () or not write_xmp(ranking("a.jpg")).errors
    assert rating_of(Path("a.jpg.xmp").read_bytes()) == ["3"]


def test_a_photo_that_vanished_has_no_sidecar(folder: Path) -> None:
    found = write_xmp(ranking("gone.jpg", "a.jpg", "b.jpg"))
    assert found.written == 2 and [error.file for error in found.errors] == ["gone.jpg"]
    assert not Path("gone.jpg.xmp").exists()
    (folder / "c.xmp").mkdir()
    (failed,) = write_xmp(ranking("c.jpg")).errors
    assert "c.xmp" in str(failed.error) or "c.jpg" in str(failed.error)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_sidecars_of_odd_names(folder: Path, name: str) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(JPEG)
    assert write_xmp(ranking(name)).written == 1
    assert rating_of(Path(f"{name}.xmp").read_bytes()) == ["3"]


@pytest.mark.parametrize("kind", ["a pipe", "a device", "a folder", "20 GB"])
def test_a_sidecar_that_must_not_be_read_costs_nothing_but_its_own_rating(folder: Path, kind: str) -> None:
    sidecar = folder / "a.jpg.xmp"
    if kind == "a pipe":
        os.mkfifo(sidecar)
    elif kind == "a device":
        sidecar.symlink_to("/dev/zero")
    elif kind == "a folder":
        sidecar.mkdir()
    else:
        with sidecar.open("wb") as file:
            file.truncate(20_000_000_000)  # takes no room on the disk
    done = write_xmp(ranking("a.jpg", "b.jpg"))
    assert [error.file for error in done.errors] == ["a.jpg"]
    assert str(done.errors[0].error).startswith("a.jpg.xmp was ")
    assert (folder / "b.jpg.xmp").is_file() and (folder / "a.xmp").is_file()


@pytest.mark.parametrize("declares", [True, False])
def test_a_sidecar_that_nests_without_end_is_left_alone(declares: bool) -> None:
    start, end = xmp.new_sidecar(3).split(b" </rdf:RDF>")
    names = [f' xmlns:n{number}="urn:{number}"' if declares else "" for number in range(20_000)]
    nested = "".join(f"<a{name}>" for name in names) + "</a>" * len(names)
    with pytest.raises(xmp.UnknownSidecar, match="nests more than any side-car needs"):
        xmp.with_rating(start + nested.encode() + b" </rdf:RDF>" + end, 4)
