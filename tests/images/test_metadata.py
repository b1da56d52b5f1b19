"""Metadata embedded in XMP: returned as written, readable by others, and safe against foreign packets."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
import pyvips
from handmade import encoded, noise, opened
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from impasto.errors import InputError
from impasto.images import encode_picture, read_metadata
from impasto.images.metadata import pack_metadata, unpack_metadata

RECORD = {
    "program": "impasto 0.1",
    "seed": 2**62,
    "recipe": {"style_weight": 1e-3, "layers": ["conv1_1", "conv4_2"], "threads": None, "keep_best": False},
    "inputs": {"photo": "ab" * 32},
    "note": "a < b & c > d \"quoted\" 'single' %s ]]> \n\t\x00\x1f é 王 \U0001f3a8 \ufffe \udc80",
}
KINDS = [".png", ".jpg", ".webp", ".tif"]


@pytest.mark.parametrize("suffix", KINDS)
def test_metadata_is_read_back_from_bytes_and_from_a_file(suffix, tmp_path):
    data = encode_picture(noise(), suffix, metadata=RECORD)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    assert read_metadata(data) == RECORD
    assert read_metadata(path) == RECORD


@pytest.mark.parametrize("suffix", KINDS)
def test_pillow_finds_the_packet_byte_for_byte(suffix):
    info = opened(encode_picture(noise(), suffix, metadata=RECORD)).info
    packet = info["XML:com.adobe.xmp"].encode() if "XML:com.adobe.xmp" in info else info["xmp"]
    assert packet == pack_metadata(RECORD)


def test_the_packet_is_xmp_that_names_the_program():
    description = ElementTree.fromstring(pack_metadata(RECORD)).find(
        "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}RDF/{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"
    )
    assert description.get("{http://ns.adobe.com/xap/1.0/}CreatorTool") == "impasto"
    assert json.loads(description[0].text) == RECORD


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_long_metadata_fits(suffix):
    long = {"note": "x" * 300_000}
    assert read_metadata(encode_picture(noise(), suffix, metadata=long)) == long


def test_jpeg_stores_a_long_recipe_and_refuses_a_longer_one():
    fits = {"note": "x" * 59_000}
    assert read_metadata(encode_picture(noise(), ".jpg", metadata=fits)) == fits
    with pytest.raises(InputError, match=r"does not fit into JPEG: use \.png"):
        encode_picture(noise(), ".jpg", metadata={"note": "x" * 70_000})


def test_metadata_is_stored_beside_alpha_and_exif():
    exif = b"II*\0\x08\0\0\0\x01\0" + b"\x0f\x01\x02\0\x04\0\0\0abc\0" + bytes(4)
    alpha = np.full((24, 36), 0.5, np.float32)
    for suffix in KINDS:
        data = encode_picture(noise(), suffix, alpha=alpha, exif=exif, metadata=RECORD)
        assert read_metadata(data) == RECORD
        assert opened(data).getexif()[0x010F] == "abc"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF", "GIF"])
def test_pictures_of_other_programs_have_no_metadata(kind):
    assert read_metadata(encoded(Image.fromarray(noise()), kind)) is None


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"not xml at all",
        b"<open>",
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>',
        b'<a xmlns:i="urn:impasto:record:1"><i:record>not json</i:record></a>',
        b'<a xmlns:i="urn:impasto:record:1"><i:record>[1, 2]</i:record></a>',
        b'<a xmlns:i="urn:impasto:record:1"><i:record/></a>',
        b'<a xmlns:i="urn:impasto:record:1"/>',
        b'<a xmlns:i="urn:impasto:record:1"><i:record>{"a":1}</i:record>',
        b'<?xml version="1.0" encoding="nonsense"?><a xmlns:i="urn:impasto:record:1"/>',
        b'<a xmlns:i="urn:impasto:record:1"><i:record>' + b"[" * 100_000 + b"</i:record></a>",
        b'<!DOCTYPE a [<!ENTITY b "bb">]><a xmlns:i="urn:impasto:record:1"><i:record>{"x":"&b;"}</i:record></a>',
        "<a>urn:impasto:record:1</a>".encode("utf-16"),
    ],
)
def test_packets_of_other_programs_are_never_an_error(packet):
    assert unpack_metadata(packet) is None
    if packet:
        image = pyvips.Image.black(8, 8, bands=3).copy(interpretation="srgb")
        image.set_type(pyvips.GValue.blob_type, "xmp-data", packet)
        assert read_metadata(image.pngsave_buffer()) is None


def test_metadata_rewritten_by_another_program_is_found():
    namespace = 'xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:ns1="urn:impasto:record:1"'
    attribute = f"""<r:RDF {namespace}><r:Description ns1:record='{{"seed":1}}'/></r:RDF>"""
    assert unpack_metadata(attribute.encode()) == {"seed": 1}
    description = '<r:Description>\n <ns1:record> {"seed":1} </ns1:record></r:Description>'
    element = f"<r:RDF {namespace}><!-- b -->{description}</r:RDF>"
    assert unpack_metadata(element.encode() + b"\0") == {"seed": 1}


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(), _values, max_size=4))
def test_every_json_object_is_read_back(record):
    assert unpack_metadata(pack_metadata(record)) == record
