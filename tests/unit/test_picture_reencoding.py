"""Uploaded pictures are read by their contents, bounded before they are decoded, and written again without the rest."""

import pytest

from mailer.actions.picture_reencoding import MAX_OCTETS, MAX_WIDTH, PictureRefused, encode_picture_again
from tests.made_pictures import (
    SVG,
    ZIP_END,
    animation,
    as_png,
    noise,
    opened,
    photo_on_its_side,
    picture,
    png_that_says_its_size,
)


@pytest.mark.parametrize(
    ("kind", "mode", "becomes"),
    [
        ("PNG", "RGB", "image/png"),
        ("PNG", "RGBA", "image/png"),
        ("PNG", "P", "image/png"),
        ("PNG", "I;16", "image/png"),
        ("JPEG", "RGB", "image/jpeg"),
        ("JPEG", "CMYK", "image/jpeg"),
        ("JPEG", "L", "image/jpeg"),
        ("GIF", "P", "image/png"),
        ("WEBP", "RGB", "image/jpeg"),
        ("WEBP", "RGBA", "image/png"),
    ],
)
def test_each_kind_becomes_one_that_all_mail_programs_show(kind: str, mode: str, becomes: str) -> None:
    """Outlook shows no WebP, so that becomes JPEG or PNG; a picture keeps its size."""
    content = picture(kind, mode=mode) if mode != "I;16" else png_of_16_bits()
    made = encode_picture_again(content)
    assert (made.content_type, made.width, made.height) == (becomes, 40, 20)
    assert opened(made.content).size == (40, 20)


def png_of_16_bits() -> bytes:
    """A PNG of one channel with 16 bits."""
    return as_png(opened(picture(mode="L")).convert("I;16"))


def test_metadata_are_gone_and_the_orientation_is_applied() -> None:
    """A photo stands upright; its place, its camera and its comment are nowhere in the result."""
    content = photo_on_its_side()
    assert b"Secret Camera" in content
    made = encode_picture_again(content)
    assert (made.width, made.height) == (20, 40)
    shown = opened(made.content)
    assert not shown.getexif()
    assert set(shown.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression"}
    assert not any(told in made.content for told in (b"Secret", b"taken at home", b"Exif"))
    texts = encode_picture_again(picture("GIF", comment=b"taken at home"))
    assert b"taken" not in texts.content


def test_large_pictures_are_scaled_down() -> None:
    """A photo of 20 megapixels becomes one of the width of sharp mails, below the limit of what is stored."""
    made = encode_picture_again(picture("JPEG", (5000, 4000)))
    assert (made.width, made.height) == (MAX_WIDTH, 1280)
    small = encode_picture_again(noise((1200, 1200)))
    assert len(small.content) <= MAX_OCTETS
    assert small.width < 1200


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (png_that_says_its_size(10_000, 5_000), "50,000,000 pixels"),
        (png_that_says_its_size(60_000, 60_000), "more than 25,000,000 pixels"),
        (png_that_says_its_size(2_000_000_000, 1), "more than 25,000,000 pixels"),
        (png_that_says_its_size(100, 100), "is damaged"),
        (picture()[:60], "is damaged"),
        (b"", "is no PNG"),
        (b"GIF89a", "is no PNG"),
        (b"%PDF-1.7 " + picture(), "something else"),
        (SVG, "something else"),
        (b'<?xml version="1.0"?><s:svg xmlns:s="http://www.w3.org/2000/svg"/>', "is no PNG"),
        (b"BM" + b"\0" * 60, "is no PNG"),
        (b"II*\0" + b"\0" * 60, "is no PNG"),
        (picture("GIF") + b"<SCRIPT>alert(1)</SCRIPT>", "something else"),
        (picture("JPEG", comment=b"<?php system($_GET[0]); ?>"), "something else"),
        (picture() + b"<!DOCTYPE html>", "something else"),
        (picture() + b"PK\x03\x04payload" + ZIP_END, "something else"),
        (animation(101), "more than 100 frames"),
        (animation(30, (1000, 1000)), "25,000,000 pixels in all frames"),
        (animation(2, (2000, 10)), "wider than 1,600"),
    ],
    ids=range(19),
)
def test_hostile_files_are_refused_with_words(content: bytes, why: str) -> None:
    """Bombs are refused by the sizes that they say; what is no picture, or more than one, by its contents."""
    with pytest.raises(PictureRefused, match=why):
        encode_picture_again(content)


def test_what_stands_behind_a_picture_is_left_out() -> None:
    """Octets behind the end are not part of the result."""
    made = encode_picture_again(picture() + b"A" * 5000)
    assert b"AAAA" not in made.content


def test_animations_stay_animations() -> None:
    """An animated GIF keeps its frames and their times."""
    made = encode_picture_again(animation(5))
    shown = opened(made.content)
    assert (made.content_type, getattr(shown, "n_frames", 1), shown.info["duration"]) == ("image/gif", 5, 50)
