"""Pictures made for tests: good ones, and ones that somebody uploads to do harm."""

import io
import struct
import zlib
from typing import Any

from PIL import Image


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 20), mode: str = "RGB", **options: Any) -> bytes:
    """A picture of one colour in a format."""
    written = io.BytesIO()
    Image.new(mode, size, (255, 160, 0, 90) if mode == "RGBA" else "orange").save(written, kind, **options)
    return written.getvalue()


def noise(size: tuple[int, int]) -> bytes:
    """A PNG that cannot be compressed."""
    return as_png(Image.effect_noise(size, 200).convert("RGBA"))


def as_png(shown: Image.Image) -> bytes:
    """A picture as a PNG."""
    written = io.BytesIO()
    shown.save(written, "PNG")
    return written.getvalue()


def opened(content: bytes) -> Image.Image:
    """A picture to look at."""
    return Image.open(io.BytesIO(content))


def photo_on_its_side() -> bytes:
    """A JPEG of 40 by 20 pixels whose metadata turn it, and tell a place, a camera and a comment."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Secret Camera"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    return picture("JPEG", exif=exif, comment=b"taken at home")


def png_that_says_its_size(width: int, height: int) -> bytes:
    """A PNG that says that it has these sides, with no more than a few octets of pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def animation(frames: int, size: tuple[int, int] = (8, 8)) -> bytes:
    """A GIF of this many frames."""
    shown = [Image.new("RGB", size, (number % 256, number // 256, 80)) for number in range(frames)]
    written = io.BytesIO()
    shown[0].save(written, "GIF", save_all=True, append_images=shown[1:], duration=50, loop=0)
    return written.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
ZIP_END = b"PK\x05\x06" + b"\0" * 18
