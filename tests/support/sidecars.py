"""Reads star ratings as an independent parser does."""

from xml.etree import ElementTree

RATING = "{http://ns.adobe.com/xap/1.0/}Rating"
DESCRIPTION = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"


def rating_of(content: bytes) -> list[str]:
    """All ratings in a side-car, as an independent parser reads them."""
    root = ElementTree.fromstring(content)  # noqa: S314
    found = []
    for description in root.iter(DESCRIPTION):
        found += [description.attrib[RATING]] if RATING in description.attrib else []
        found += [element.text or "" for element in description.findall(RATING)]
    return found
