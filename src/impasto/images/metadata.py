"""The recipe, seed, versions and input hashes of a run, embedded in the picture file.

They are one JSON object in an XMP packet (XMP specification, part 1), which PNG, JPEG, WebP and TIFF can store and
other programs keep. The JSON is ASCII, so that no character is lost.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from impasto.images.decode import open_header
from impasto.images.read import read_bytes
from impasto.untrusted import load_json

_NAMESPACE: Final = "urn:impasto:record:1"
_ENDS: Final = 128 * 1024
"""Bytes at the beginning and the end of a file where the packet is, before or after the pixels."""
_KEY: Final = f"{{{_NAMESPACE}}}record"
_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_PACKET: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    f'xmp:CreatorTool="impasto" xmlns:impasto="{_NAMESPACE}"><impasto:record>%s</impasto:record>'
    '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)


MADE_HERE: Final[Mapping[str, Any]] = {"program": "impasto"}
"""Metadata of a picture that impasto made, but did not paint by a recipe."""


def read_metadata(source: Path | bytes) -> dict[str, Any] | None:
    """Return the metadata that impasto embedded in a picture.

    Args:
        source: The path or the bytes of a picture file.

    Returns:
        The JSON object; None if another program made the picture.

    Raises:
        InputError: There is no such file, or it is not a picture.
    """
    data, name = (source, "the picture") if isinstance(source, bytes) else (read_bytes(source), str(source))
    packet = xmp_packet(data, name)
    return None if packet is None else unpack_metadata(packet)


def is_made_here(path: Path) -> bool:
    """Return True if impasto wrote a picture file; only its ends are read, so that thousands can be asked."""
    with suppress(OSError), path.open("rb") as file:
        ends = file.read(_ENDS)
        file.seek(max(path.stat().st_size - _ENDS, len(ends)))
        return _NAMESPACE.encode() in ends + file.read()
    return False


def xmp_packet(data: bytes, name: str = "the picture") -> bytes | None:
    """Return the XMP packet of a picture file as it is stored, or None."""
    image = open_header(data, name)
    return bytes(image.get("xmp-data")) if image.get_typeof("xmp-data") else None


def pack_metadata(metadata: Mapping[str, Any]) -> bytes:
    """Return an XMP packet that holds a JSON object."""
    return (_PACKET % escape(json.dumps(metadata, separators=(",", ":")))).encode()


def unpack_metadata(packet: bytes) -> dict[str, Any] | None:
    """Return impasto's JSON object in an XMP packet; None if it is missing or cannot be parsed."""
    # impasto never writes entities, and expanding them is a known attack.
    if _NAMESPACE.encode() not in packet or b"<!DOCTYPE" in packet:
        return None
    try:
        # Other programs may have turned the element into an attribute.
        elements = ElementTree.fromstring(packet.rstrip(b"\0")).iter()
        texts = (element.text if element.tag == _KEY else element.get(_KEY) for element in elements)
        record = load_json(next((text for text in texts if text is not None), ""))
    except (ElementTree.ParseError, LookupError, ValueError):
        return None
    return record if isinstance(record, dict) else None
