"""XMP side-cars: the star rating of a photo in a small file beside it, which photo programs read.

Two names are in use for the side-car of `photo.jpg`, and no program reads both by default:

- `photo.jpg.xmp`: darktable and digiKam (where reading of side-cars is switched on).
- `photo.xmp`: Lightroom, Camera Raw, Bridge and Capture One; digiKam where "compatible with commercial
  programs" is set; darktable, once, when it imports the photo. Lightroom reads it for raw photos, so for a
  raw photo beside its JPEG, but takes the rating of a JPEG alone from the JPEG, which popscore never changes.

Sources: XMP specification part 3 (2020), section 3; digiKam `MetaEngine::sidecarFilePathForFile`; darktable
`dt_get_lightroom_xmp`.
"""

import codecs
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMP = "http://ns.adobe.com/xap/1.0/"
_DESCRIPTION, _RATING = (_RDF, "Description"), (_XMP, "Rating")
MAX_BYTES = 20_000_000
# XMP nests some ten elements deep, and programs write some twenty namespaces.
_MAX_DEPTH, _MAX_PREFIXES = 200, 1000
_ENCODINGS = {"UTF-8", "UTF-16", "US-ASCII", "ASCII"}

# What programs write for a photo that was rejected; stars are 1 to 5. Source: XMP specification part 1, xmp:Rating.
REJECTED = -1
# Percentile from which a photo has 2, 3, 4 and 5 stars: each star is a fifth of the reference photos.
STARS_FROM = (20.0, 40.0, 60.0, 80.0)

_NEW = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="popscore">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="{rating}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


class UnknownSidecar(ValueError):
    """A side-car that cannot be changed safely; the message is the reason."""


def stars(percentile: float) -> int:
    """Star rating, 1 to 5, of a photo with this percentile, see `STARS_FROM`."""
    return 1 + bisect_right(STARS_FROM, percentile)


def sidecar_paths(photo: Path) -> tuple[Path, Path]:
    """Of `photo.jpg`: `photo.jpg.xmp` and `photo.xmp`."""
    return photo.with_name(f"{photo.name}.xmp"), photo.with_name(f"{photo.stem}.xmp")


def new_sidecar(rating: int) -> bytes:
    """A side-car that says nothing but the rating."""
    return _NEW.format(rating=rating).encode()


def with_rating(content: bytes, rating: int) -> bytes:
    """A side-car with another rating. Every byte that is not the rating stays what it was.

    Args:
        content: the whole side-car.
        rating: 1 to 5, or `REJECTED`.

    Raises:
        UnknownSidecar: it is not XMP, or holds something that popscore does not understand.
    """
    if len(content) > MAX_BYTES:
        raise UnknownSidecar(f"it has more than {MAX_BYTES / 1e6:.0f} MB")
    codec = next((codec for bom, codec in _UTF_16 if content.startswith(bom)), None)
    if codec is None:
        return _changed(content, rating)
    try:
        return _changed(content.decode(codec).encode(), rating).decode().encode(codec)
    except UnicodeError:
        raise UnknownSidecar("its text is damaged") from None


_UTF_16 = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_Name = tuple[str | None, str]


@dataclass
class _Element:
    name: _Name
    prefixes: dict[str, str]
    start: int  # byte at which its start tag begins
    described: bool  # it is a Description directly in an RDF element
    children: int = 0
    attributes: dict[str, str] = field(default_factory=dict)


class _Places:
    """Where in a side-car the rating stands, and where a new one may go."""

    def __init__(self, content: bytes) -> None:
        self.descriptions: list[_Element] = []
        self.as_attribute: list[tuple[_Element, str]] = []  # the tag, and the attribute's name in it
        self.as_element: list[tuple[_Element, int]] = []  # the start tag, and where the end tag begins
        self._open: list[_Element] = []
        # The text is UTF-8 by now, whatever its first line says.
        self._parser = expat.ParserCreate(encoding="UTF-8")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.XmlDeclHandler = self._declared
        self._parser.StartDoctypeDeclHandler = self._doctype
        try:
            self._parser.Parse(content, True)
            # Once more, for prefixes that stand for nothing: programs refuse such a file.
            expat.ParserCreate(encoding="UTF-8", namespace_separator=" ").Parse(content, True)
        except expat.ExpatError as error:
            raise UnknownSidecar(f"it is not well-formed XML (line {error.lineno})") from None

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding and encoding.upper() not in _ENCODINGS:
            raise UnknownSidecar(f"its encoding is {encoding[:20]!r}")

    def _doctype(self, *_: object) -> None:
        raise UnknownSidecar("it has a document type, which XMP does not have")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        parent = self._open[-1] if self._open else None
        own = {key.partition(":")[2]: value for key, value in attributes.items() if key.split(":")[0] == "xmlns"}
        prefixes = parent.prefixes if parent else {}
        if own:  # most elements declare nothing, and share what those around them declared
            prefixes = {**prefixes, **own}
        if len(self._open) >= _MAX_DEPTH or len(prefixes) > _MAX_PREFIXES:
            raise UnknownSidecar("it nests more than any side-car needs")
        name = _expanded(tag, prefixes, default=prefixes.get(""))
        in_rdf = parent is not None and parent.name == (_RDF, "RDF")
        element = _Element(
            name,
            prefixes,
            self._parser.CurrentByteIndex,
            described=in_rdf and name == _DESCRIPTION,
            attributes=attributes,
        )
        if parent is not None:
            parent.children += 1
        if element.described:
            self.descriptions.append(element)
            found = [key for key in attributes if _expanded(key, prefixes, default=None) == _RATING]
            self.as_attribute.extend((element, key) for key in found)
        self._open.append(element)

    def _end(self, _tag: str) -> None:
        element = self._open.pop()
        if element.name == _RATING and self._open and self._open[-1].described:
            if element.children or any(not key.startswith("xmlns") for key in element.attributes):
                raise UnknownSidecar("its rating is of a form that popscore does not know")
            self.as_element.append((element, self._parser.CurrentByteIndex))


def _expanded(name: str, prefixes: dict[str, str], *, default: str | None) -> _Name:
    prefix, colon, local = name.rpartition(":")
    return (prefixes.get(prefix), local) if colon else (default, name)


_ATTRIBUTE = re.compile(rb"""([^\s=/>]+)\s*=\s*("[^"]*"|'[^']*')""")
_START_TAG = re.compile(rb"""<([^\s/>]+)((?:\s+[^\s=/>]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(/?)>""")


def _changed(content: bytes, rating: int) -> bytes:
    places = _Places(content)
    value = str(rating).encode()
    edits = [(*_attribute_span(content, element.start, name), value) for element, name in places.as_attribute]
    for element, end in places.as_element:
        tag = _start_tag(content, element.start)
        if tag[3]:  # <xmp:Rating/>
            edits.append((tag.end() - 2, tag.end(), b">" + value + b"</" + tag[1] + b">"))
        else:
            edits.append((tag.end(), end, value))
    if not edits:
        if not places.descriptions:
            raise UnknownSidecar("it has no rdf:Description")
        edits.append(_insertion(content, places.descriptions[0], value))
    for start, end, new in sorted(edits, reverse=True):
        content = content[:start] + new + content[end:]
    _Places(content)  # what cannot be read again must not be written
    return content


def _insertion(content: bytes, description: _Element, value: bytes) -> tuple[int, int, bytes]:
    prefixes = description.prefixes
    prefix = next((prefix for prefix, uri in prefixes.items() if uri == _XMP and prefix), None)
    declaration = b""
    if prefix is None:
        prefix = next(name for name in ("xmp", "xap", *(f"xmp{n}" for n in range(1000))) if name not in prefixes)
        declaration = f' xmlns:{prefix}="{_XMP}"'.encode()
    at = _start_tag(content, description.start).end(1)
    return at, at, declaration + f" {prefix}:Rating=".encode() + b'"' + value + b'"'


def _attribute_span(content: bytes, start: int, name: str) -> tuple[int, int]:
    """Where the value of an attribute stands, quotes left out."""
    tag = _start_tag(content, start)
    for found in _ATTRIBUTE.finditer(content, tag.start(2), tag.end(2)):
        if found[1] == name.encode():
            return found.start(2) + 1, found.end(2) - 1
    raise UnknownSidecar("its rating is of a form that popscore does not know")


def _start_tag(content: bytes, start: int) -> re.Match[bytes]:
    found = _START_TAG.match(content, start)
    if found is None:  # never seen in XML that expat accepts
        raise UnknownSidecar("it holds a tag that popscore does not understand")
    return found
