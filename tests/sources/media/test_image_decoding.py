"""Files of pictures: every kind becomes one upright RGB picture, or a reason why not."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._types import Skipped
from sememe.sources import find_files, read_file
from sememe.sources.media.image_decoding import MAX_PIXELS, open_image, read_image_metadata
from tests.drawings import clock, noise

RED, BLUE = (255, 0, 0), (0, 0, 255)


def halves(width=8, height=4):
    """Left red, right blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def file_of(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def pixels(content):
    return np.asarray(open_image(content))


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, RED), (2, BLUE), (3, BLUE), (4, RED), (5, RED), (6, RED), (7, BLUE), (8, BLUE)],
)
def test_the_camera_s_orientation_is_followed(orientation, corner):
    """By the table of EXIF: 6 was taken with the camera turned left, so red, at the left, is up."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = file_of(halves(), "PNG", exif=exif)
    found = open_image(data)
    assert found.size == ((8, 4) if orientation < 5 else (4, 8))
    assert found.getpixel((0, 0)) == corner
    assert read_image_metadata(data)["width"] == found.size[0]


def test_every_kind_of_file_shows_the_same_colours():
    image = halves(16, 16)
    plain = np.asarray(image)
    for format, options in [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True})]:
        np.testing.assert_array_equal(pixels(file_of(image, format, **options)), plain)
    palette = image.convert("P", palette=Image.Palette.ADAPTIVE)
    np.testing.assert_allclose(pixels(file_of(palette, "PNG")), plain, atol=3)
    np.testing.assert_allclose(pixels(file_of(palette, "GIF")), plain, atol=3)
    np.testing.assert_allclose(
        pixels(file_of(image, "JPEG", quality=95, subsampling=0)), plain, atol=12
    )


def test_cmyk_is_shown_in_its_colours_and_not_inverted():
    white = file_of(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG")
    assert pixels(white).min() > 240
    black = file_of(Image.new("CMYK", (8, 8), (0, 0, 0, 255)), "JPEG")
    assert pixels(black).max() < 15


def test_sixteen_bits_are_scaled_and_not_cut_off():
    ramp = np.array([[0, 16384, 32768, 65535]], np.uint16)
    found = pixels(file_of(Image.fromarray(ramp), "PNG"))
    assert found[0, :, 0].tolist() == [0, 64, 128, 255]


def test_grey_of_more_than_sixteen_bits_keeps_its_range():
    wide = np.array([[0, 70_000, 140_000]], np.int32)
    assert pixels(Image.fromarray(wide))[0, :, 0].tolist() == [0, 128, 255]
    part = np.array([[0.0, 0.5, 1.0, np.nan]], np.float32)
    assert pixels(Image.fromarray(part))[0, :, 0].tolist() == [0, 128, 255, 0]
    tall = np.arange(1000, dtype=np.uint16)[:, None] * 65  # more rows than are done at once
    expected = np.rint(np.arange(1000) * 65 * 255 / 65535)
    np.testing.assert_array_equal(pixels(Image.fromarray(tall))[:, 0, 0], expected)


def test_what_shines_through_is_laid_on_white():
    clear = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    assert pixels(file_of(clear, "PNG")).tolist() == np.full((4, 4, 3), 255).tolist()
    half = Image.new("LA", (4, 4), (0, 128))
    assert abs(int(pixels(file_of(half, "PNG"))[0, 0, 0]) - 127) <= 1
    keyed = Image.new("P", (4, 4), 0)
    keyed.putpalette([9, 9, 9] * 256)
    assert pixels(file_of(keyed, "PNG", transparency=0)).min() == 255


def test_of_an_animation_the_first_picture_is_read():
    frames = [Image.new("RGB", (6, 6), RED), Image.new("RGB", (6, 6), BLUE)]
    for format in ("GIF", "WEBP", "PNG"):
        data = file_of(frames[0], format, save_all=True, append_images=frames[1:], duration=100)
        assert pixels(data)[0, 0].argmax() == 0


def test_arrays_and_pictures_are_taken_as_they_are():
    array = np.asarray(noise(3))
    np.testing.assert_array_equal(pixels(array), array)
    np.testing.assert_array_equal(pixels(noise(3)), array)
    assert pixels(np.full((5, 7), 9, np.uint8)).shape == (5, 7, 3)
    for wrong in (array.astype(np.float32), array[..., :2], np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(InvalidInputError, match="give uint8"):
            open_image(wrong)
    with pytest.raises(InvalidInputError, match="an image is int; give a path"):
        open_image(7)


def huge_png(width, height):
    """A PNG that declares a size and holds next to nothing."""

    def chunk(kind, data):
        sum_ = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", sum_)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_bomb_is_refused_before_it_is_unpacked():
    with pytest.raises(CorruptFileError, match="too large"):
        open_image(huge_png(30_000, 30_000))
    side = int(MAX_PIXELS**0.5) + 1
    with pytest.raises(CorruptFileError, match="too large"):
        read_image_metadata(huge_png(side, side))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello, I am a text", "not an image"),
        (b"%PDF-1.7 ...", "by its first bytes a PDF"),
        (file_of(clock(), "JPEG")[:4000], "cut off or damaged"),
        (file_of(clock(), "PNG")[:700], "cut off or damaged"),
        (b"\x89PNG\r\n\x1a\n", "cut off or damaged"),
        (b"\xff\xd8\xff\xe0", "cut off or damaged"),
    ],
)
def test_what_is_no_picture_is_told(data, reason):
    with pytest.raises(CorruptFileError, match=reason):
        open_image(data)


def test_damage_anywhere_gives_a_picture_or_a_reason():
    """Flipped bytes must never raise anything else."""
    rng = np.random.default_rng(0)
    for format in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"):
        whole = np.frombuffer(file_of(noise(1), format), np.uint8)
        for _ in range(60):
            data = whole.copy()
            data[rng.integers(len(data), size=4)] = rng.integers(256, size=4)
            try:
                assert open_image(data.tobytes()).mode == "RGB"
            except CorruptFileError as error:
                assert len(str(error)) > 5


def test_a_folder_gives_items_with_their_facts_and_reasons(tmp_path):
    exif = Image.Exif()
    exif[0x0132] = "2024:05:06 07:08:09"
    halves().save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "b.png").write_bytes(b"")
    (tmp_path / "c.jpg").write_text("a text", encoding="utf-8")
    (tmp_path / "d.heic").write_bytes(b"....ftypheic")
    things = [thing for file in find_files(tmp_path) for thing in read_file(file)]
    (item,) = [thing for thing in things if not isinstance(thing, Skipped)]
    assert (item.id, item.modality, item.content) == ("a.jpg", "image", tmp_path / "a.jpg")
    assert item.metadata == {"width": 8, "height": 4, "taken": "2024-05-06T07:08:09"}
    reasons = {thing.source: thing.reason for thing in things if isinstance(thing, Skipped)}
    assert reasons["b.png"].startswith("empty")
    assert reasons["c.jpg"].startswith("not an image")
    assert "save it as .jpg or .png" in reasons["d.heic"]
