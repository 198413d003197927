"""Takes an uploaded picture in: it is written again by another process, named by its contents, and stored."""

import asyncio
import hashlib
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mailer.ports.pictures import PictureFacts, PictureStore

MAX_UPLOAD_OCTETS: Final = 10 * 1024 * 1024
"""The largest file that is taken."""
MAX_FILE_NAME: Final = 200
_PROGRAM: Final = Path(__file__).with_name("picture_reencoding.py")
_REFUSED: Final = 3
"""The status by which the program refuses a file (`picture_reencoding.REFUSED`)."""
_SECONDS: Final = 25
_ONE_AT_A_TIME: Final = asyncio.Semaphore(1)


class PictureUploadRefused(ValueError):
    """An uploaded file is not taken. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class PictureUpload:
    """A file that somebody uploads for a brand."""

    brand: str
    file_name: str
    content: bytes
    by: str


async def store_uploaded_picture(store: PictureStore, upload: PictureUpload) -> PictureFacts:
    """Checks a picture, writes it again and stores it. The same picture of the same brand is stored once.

    Raises:
        PictureUploadRefused: it is no picture that mails may show, or the brand has too many.
    """
    if not upload.content:
        raise PictureUploadRefused("the file is empty; choose another one")
    if len(upload.content) > MAX_UPLOAD_OCTETS:
        raise PictureUploadRefused(f"the file is larger than {MAX_UPLOAD_OCTETS:,} bytes; make it smaller")
    content_type, width, height, content = await _encode_in_other_process(upload.content)
    facts = PictureFacts(
        id=hashlib.sha256(upload.brand.encode() + b"\0" + content).hexdigest()[:32],
        brand=upload.brand,
        content_type=content_type,
        width=width,
        height=height,
        size=len(content),
        file_name=shown_file_name(upload.file_name),
        created_by=upload.by,
        created_at=datetime.now(UTC),
    )
    try:
        return await store.add_picture(facts, content)
    except ValueError as error:
        raise PictureUploadRefused(str(error)) from error


def shown_file_name(name: str) -> str:
    """Returns the name of a file for a page: without folders and characters that cannot be shown."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in last if char.isprintable()).strip()[:MAX_FILE_NAME] or "picture"


async def _encode_in_other_process(content: bytes) -> tuple[str, int, int, bytes]:
    """Returns type, width, height and contents of the picture as the program writes it. One program runs at a time."""
    async with _ONE_AT_A_TIME:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(_PROGRAM),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={},
        )
        try:
            async with asyncio.timeout(_SECONDS):
                made, said = await process.communicate(content)
        except TimeoutError:
            raise PictureUploadRefused("the picture takes too long to read; make it smaller") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode != 0:
        why = said.decode("utf-8", "replace") if process.returncode == _REFUSED else "cannot be read; save it again"
        raise PictureUploadRefused(f"the file {why}")
    head, _, picture = made.partition(b"\n")
    content_type, width, height = head.decode().split(" ")
    return content_type, int(width), int(height), picture
