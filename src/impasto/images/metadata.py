"""The record of a run (recipe, seed, versions, hashes of the inputs) inside the painted file.

It is one JSON object in an XMP packet (XMP specification, part 1), which PNG, JPEG, WebP and TIFF all have a place for
and other programs leave alone. JSON is written in ASCII, so no character can be lost on the way.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from impasto.images.decode import open_header
from impasto.images.sources import read_bytes

_NAMESPACE: Final = "urn:impasto:record:1"
_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_PACKET: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    f'xmp:CreatorTool="impasto" xmlns:impasto="{_NAMESPACE}"><impasto:record>%s</impasto:record>'
    '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)


def write_packet(metadata: Mapping[str, Any]) -> bytes:
    """Return the XMP packet that holds a JSON object."""
    return (_PACKET % escape(json.dumps(metadata, separators=(",", ":")))).encode()


def read_packet(packet: bytes) -> dict[str, Any] | None:
    """Return the JSON object in an XMP packet; None if it holds none of ours, or cannot be understood."""
    # Entities are never ours, and expanding them is a known attack.
    if _NAMESPACE.encode() not in packet or b"<!DOCTYPE" in packet:
        return None
    try:
        root = ElementTree.fromstring(packet.rstrip(b"\0"))
        record = json.loads(_text_of(root))
    except (ElementTree.ParseError, LookupError, RecursionError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def read_metadata(source: Path | bytes) -> dict[str, Any] | None:
    """Return what impasto wrote into a picture, given by its path or its bytes; None for a picture of other origin.

    Raises InputError if there is no such file or it is not a picture.
    """
    data, name = (source, "the picture") if isinstance(source, bytes) else (read_bytes(source), str(source))
    packet = xmp_of(data, name)
    return None if packet is None else read_packet(packet)


def xmp_of(data: bytes, name: str = "the picture") -> bytes | None:
    """Return the XMP packet of an encoded picture as it stands in the file, or None."""
    image = open_header(data, name)
    return bytes(image.get("xmp-data")) if image.get_typeof("xmp-data") else None


def _text_of(root: ElementTree.Element) -> str:
    """Find the record as we write it, or as the attribute that other programs may turn it into."""
    key = f"{{{_NAMESPACE}}}record"
    for element in root.iter():
        text = element.text if element.tag == key else element.get(key)
        if text is not None:
            return text
    return ""
