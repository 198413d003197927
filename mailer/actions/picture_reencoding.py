"""Reads an uploaded picture and writes it again from its pixels alone. It runs as a program, in a process of its own.

Only PNG, JPEG, GIF and WebP are read, whatever the name of the file says. Sizes are checked before anything is decoded.
The result has no metadata: no place, no camera, no comment, and nothing behind the end of the picture. The program
reads the file from its input and writes a line with type, width and height, then the new file. A refusal is a text on
its error output and status 3. It imports nothing of this package, so that it starts quickly.
"""

import io
import resource
import sys
import warnings
from dataclasses import dataclass
from math import sqrt
from typing import Final

from PIL import Image, ImageCms, ImageOps, ImageSequence, UnidentifiedImageError

MAX_PIXELS: Final = 25_000_000
"""The most pixels of a picture, or of all frames of an animation together."""
MAX_SIDE: Final = 10_000
MAX_FRAMES: Final = 100
MAX_WIDTH: Final = 1600
"""The width in pixels to which wider pictures are scaled down: twice that of a mail, for sharp screens."""
MAX_OCTETS: Final = 2 * 1024 * 1024
"""The largest result."""
REFUSED: Final = 3
"""The status of the program if it refuses the file."""
_MEMORY: Final = 1024 * 1024 * 1024
_SECONDS: Final = 20
_FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP")
_OTHER_CONTENTS: Final = (b"<script", b"<html", b"<!doctype", b"<svg", b"<?php", b"<iframe", b"javascript:")
"""Beginnings of what a browser could run, which no program for pictures writes into one."""
_ZIP_END: Final = b"PK\x05\x06"
_SMALLER: Final = 0.95


class PictureRefused(ValueError):
    """A file is no picture that mails may show. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A picture that was written again: its type, its size in pixels, its contents."""

    content_type: str
    width: int
    height: int
    content: bytes


def encode_picture_again(content: bytes) -> EncodedPicture:
    """Returns a picture written again from its pixels.

    Raises:
        PictureRefused: it is of another type, too large, damaged, or holds something else beside a picture.
    """
    _check_other_contents(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
                _check_size(picture)
                return _encode(picture)
    except PictureRefused:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise PictureRefused(f"has more than {MAX_PIXELS:,} pixels; make it smaller") from None
    except UnidentifiedImageError:
        raise PictureRefused("is no PNG, JPEG, GIF or WebP picture by its content; save it as one of these") from None
    except Exception:  # decoders raise errors of any type for damaged files
        raise PictureRefused("is damaged and cannot be read; save it again") from None


def _check_other_contents(content: bytes) -> None:
    lowered = content.lower()
    tail = content[-(65_535 + 22) :]
    end = tail.rfind(_ZIP_END)
    is_archive = end >= 0 and end + 22 + int.from_bytes(tail[end + 20 : end + 22], "little") == len(tail)
    if is_archive or b"%pdf-" in lowered[:1024] or any(other in lowered for other in _OTHER_CONTENTS):
        raise PictureRefused("holds something else beside a picture; save it again as PNG or JPEG")


def _check_size(picture: Image.Image) -> None:
    width, height = picture.size
    if width > MAX_SIDE or height > MAX_SIDE:
        raise PictureRefused(f"has {width:,} by {height:,} pixels; a side may have {MAX_SIDE:,}: make it smaller")
    if width * height > MAX_PIXELS:
        raise PictureRefused(f"has {width * height:,} pixels; at most {MAX_PIXELS:,} are allowed: make it smaller")


def _encode(picture: Image.Image) -> EncodedPicture:
    if picture.format == "GIF" and getattr(picture, "is_animated", False):
        return _encode_animation(picture)
    if picture.format == "JPEG":
        picture.draft("RGB", (MAX_WIDTH * 2, MAX_WIDTH * 2))  # decodes fewer pixels of a large photo
    upright = ImageOps.exif_transpose(_in_srgb(picture))
    has_alpha = "A" in upright.getbands() or "transparency" in upright.info
    upright = upright.convert("RGBA" if has_alpha else "RGB")
    is_photo = picture.format in ("JPEG", "WEBP") and not has_alpha
    write = _jpeg_octets if is_photo else _png_octets
    shown = _scaled_to_width(upright, min(upright.width, MAX_WIDTH))
    while len(content := write(shown)) > MAX_OCTETS:
        # Octets grow with the square of the width, or less.
        shown = _scaled_to_width(shown, int(shown.width * sqrt(MAX_OCTETS / len(content)) * _SMALLER))
    return EncodedPicture("image/jpeg" if is_photo else "image/png", shown.width, shown.height, content)


def _in_srgb(picture: Image.Image) -> Image.Image:
    """Returns a picture in the colours that all programs show, since its colour profile is not kept."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA", "CMYK"):
        return picture
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    try:
        made = ImageCms.profileToProfile(
            picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode=mode
        )
    except ImageCms.PyCMSError:
        return picture
    return made or picture


def _scaled_to_width(picture: Image.Image, width: int) -> Image.Image:
    height = max(1, round(picture.height * width / picture.width))
    return picture if width == picture.width else picture.resize((width, height), Image.Resampling.LANCZOS)


def _jpeg_octets(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    _without_metadata(picture).save(written, "JPEG", quality=85, optimize=True, progressive=True)
    return written.getvalue()


def _png_octets(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    _without_metadata(picture).save(written, "PNG")
    return written.getvalue()


def _without_metadata(picture: Image.Image) -> Image.Image:
    picture.info = {}
    return picture


def _encode_animation(picture: Image.Image) -> EncodedPicture:
    """Returns an animated GIF written again, in its own size."""
    frames, times = list[Image.Image](), list[int]()
    if picture.width > MAX_WIDTH:
        raise PictureRefused(f"is an animation that is wider than {MAX_WIDTH:,} pixels; make it smaller")
    for number, frame in enumerate(ImageSequence.Iterator(picture), 1):
        if number > MAX_FRAMES or number * picture.width * picture.height > MAX_PIXELS:
            raise PictureRefused(
                f"has more than {MAX_FRAMES} frames, or {MAX_PIXELS:,} pixels in all frames; make it shorter or smaller"
            )
        times.append(int(frame.info.get("duration", 100)))
        frames.append(_without_metadata(frame.convert("RGBA")))
    loops = picture.info.get("loop", 0)
    written = io.BytesIO()
    frames[0].save(written, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=loops, disposal=2)
    content = written.getvalue()
    if len(content) > MAX_OCTETS:
        raise PictureRefused(f"is an animation of more than {MAX_OCTETS:,} bytes; make it shorter or smaller")
    return EncodedPicture("image/gif", picture.width, picture.height, content)


def main() -> int:
    """Runs the program, with its own memory and time bounded."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    try:
        made = encode_picture_again(sys.stdin.buffer.read())
    except PictureRefused as refusal:
        sys.stderr.write(str(refusal))
        return REFUSED
    sys.stdout.buffer.write(f"{made.content_type} {made.width} {made.height}\n".encode() + made.content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
