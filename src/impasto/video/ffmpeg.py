"""FFmpeg's libraries through PyAV, which only the extra `video` installs, and how a video is opened safely."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from impasto.errors import InputError, reason_of
from impasto.extras import missing_extra

try:
    import av as av
    from av.sidedata.sidedata import Type
except ImportError as missing:
    is_broken = not isinstance(missing, ModuleNotFoundError)
    problem = f"PyAV cannot be loaded ({reason_of(missing)})" if is_broken else f"films need {missing.name}"
    raise missing_extra(problem, "video") from None

DISPLAYMATRIX: Final = Type.DISPLAYMATRIX

ERRORS: Final = (av.FFmpegError, OSError)
"""What FFmpeg reports of damaged files and full disks."""
_FORMATS: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,m4v,h264,hevc,av1,obu,ivf,asf,flv,ogg,mxf,dv,nut,"
    "yuv4mpegpipe"
)
"""What is opened; a playlist could name other files, and addresses on the web."""


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a video to read; raises InputError, in one line, for what FFmpeg cannot open."""
    try:
        # Of a relative path with a colon FFmpeg takes the beginning for a protocol.
        container = av.open(os.path.abspath(path), options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"})
    except (*ERRORS, ValueError) as error:
        raise InputError(f"{path} is not a video that can be read ({reason_of(error)})") from None
    with container:
        yield container
