"""Image files of every kind that is promised, of others, and damaged ones."""

import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest

from fastdl.images import read_image

Image = pytest.importorskip("PIL.Image")
GREY, COLOUR = (1, 28, 28), (3, 28, 28)


@pytest.fixture
def pixels(rng):
    return rng.integers(0, 256, (28, 28), "u1")


@pytest.fixture
def colours(rng):
    return rng.integers(0, 256, (28, 28, 3), "u1")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(levels, bits, colour=0, *extra):
    """A PNG of these levels (H, W) or (H, W, channels), of so many bits each."""
    rows = [
        bytes(1) + np.packbits((row.reshape(-1, 1) >> np.arange(bits)[::-1] & 1).astype("u1")).tobytes()
        for row in levels
    ]
    head = struct.pack(">IIBBBBB", levels.shape[1], levels.shape[0], bits, colour, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(extra) + body + chunk(b"IEND", b"")


def exif(orientation):
    return b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + struct.pack(">HHI", orientation, 0, 0)


# What lies in the file where a viewer, who turns it, is to see the image.
LYING = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.T,
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].T,
    8: lambda a: np.rot90(a, -1),
    0: lambda a: a,  # means nothing
    9: lambda a: a,
}


@pytest.mark.parametrize("orientation", LYING)
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_images_are_read_upright(orientation, name, tmp_path):
    upright = np.zeros((20, 30), "u1")
    upright[2:9, 3:25], upright[9:, 3:7] = 255, 128
    lying = Image.fromarray(np.ascontiguousarray(LYING[orientation](upright)))
    lying.save(tmp_path / name, exif=exif(orientation), quality=100)
    np.testing.assert_allclose(read_image(tmp_path / name, (1, 20, 30))[0], upright / 255, atol=0.02)


def test_odd_descriptions_are_no_warning(pixels, tmp_path):
    cut = exif(6)[:-6]  # the entry of the orientation ends before its value
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=cut)
    with Image.open(tmp_path / "a.png") as image, pytest.warns(UserWarning, match="Corrupt EXIF data"):
        image.getexif()
    np.testing.assert_allclose(read_image(tmp_path / "a.png", GREY)[0], pixels / 255, atol=1e-6)


def test_orientation_after_the_pixels(pixels, tmp_path):
    whole = png(np.rot90(pixels), 8)
    (tmp_path / "a.png").write_bytes(whole[:-12] + chunk(b"eXIf", exif(6)[6:]) + whole[-12:])
    np.testing.assert_allclose(read_image(tmp_path / "a.png", GREY)[0], pixels / 255, atol=1e-6)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("invert", [False, True])
def test_grey_of_any_depth_with_and_without_a_transparent_level(bits, invert, pixels, tmp_path):
    most = 2**bits - 1
    levels = pixels.astype("u2") * 257 >> (16 - bits)
    clear = int(levels[3, 5])
    kept = np.where(levels == clear, most if invert else 0, levels)
    for name, extra, seen in (("a.png", [], levels), ("b.png", [chunk(b"tRNS", struct.pack(">H", clear))], kept)):
        (tmp_path / name).write_bytes(png(levels, bits, 0, *extra))
        expected = 1 - seen / most if invert else seen / most
        np.testing.assert_allclose(read_image(tmp_path / name, GREY, invert=invert)[0], expected, atol=1 / 255)


@pytest.mark.parametrize("invert", [False, True])
def test_colour_and_palette_with_and_without_a_transparent_colour(invert, colours, tmp_path):
    ground = 255 if invert else 0
    clear = colours[3, 5]
    table = np.arange(256, dtype="u1")[:, None] * np.array([1, 3, 7], "u1")
    indices = colours[..., 0]
    clear_colour = np.where((colours == clear).all(axis=2)[..., None], ground, colours)
    clear_index = np.where((indices == indices[3, 5])[..., None], ground, table[indices])
    half = table[indices] * 0.4 + ground * 0.6
    palette = chunk(b"PLTE", table.tobytes())
    alpha = np.full(256, 255, "u1")
    alpha[indices[3, 5]] = 0
    for data, expected in (
        (png(colours, 8, 2), colours),
        (png(colours.astype("u2") * 257, 16, 2), colours),
        (png(colours, 8, 2, chunk(b"tRNS", clear.astype(">u2").tobytes())), clear_colour),
        (png(indices, 8, 3, palette), table[indices]),
        (png(indices, 8, 3, palette, chunk(b"tRNS", alpha.tobytes())), clear_index),
        (png(indices, 8, 3, palette, chunk(b"tRNS", bytes([102] * 256))), half),
    ):
        (tmp_path / "a.png").write_bytes(data)
        expected = 1 - expected / 255 if invert else expected / 255
        read = read_image(tmp_path / "a.png", COLOUR, invert=invert)
        np.testing.assert_allclose(read, expected.transpose(2, 0, 1), atol=1 / 255)
        read = read_image(tmp_path / "a.png", GREY, invert=invert)
        np.testing.assert_allclose(read[0], expected @ [0.299, 0.587, 0.114], atol=2 / 255)


@pytest.mark.parametrize("invert", [False, True])
def test_alpha_lets_the_ground_show(invert, pixels, rng, tmp_path):
    alpha = rng.integers(0, 256, (28, 28), "u1")
    expected = (pixels / 255.0) * (alpha / 255.0) + (1 - alpha / 255.0) * invert
    expected = 1 - expected if invert else expected
    grey = np.stack([pixels, alpha], 2)
    colour = np.stack([pixels] * 3 + [alpha], 2)
    for data in (png(grey, 8, 4), png(grey.astype("u2") * 257, 16, 4), png(colour, 8, 6)):
        (tmp_path / "a.png").write_bytes(data)
        np.testing.assert_allclose(read_image(tmp_path / "a.png", GREY, invert=invert)[0], expected, atol=1.6 / 255)
        read = read_image(tmp_path / "a.png", COLOUR, invert=invert)
        np.testing.assert_allclose(read, np.stack([expected] * 3), atol=1.6 / 255)


def test_colours_that_are_not_in_the_palette_are_refused(pixels, tmp_path):
    for extra in ([], [chunk(b"PLTE", bytes(3 * int(pixels.max())))]):
        (tmp_path / "a.png").write_bytes(png(pixels, 8, 3, *extra))
        with pytest.raises(ValueError, match=r"a\.png must be .* colours that are not in its palette"):
            read_image(tmp_path / "a.png", GREY)
    (tmp_path / "a.png").write_bytes(png(pixels, 8, 3, chunk(b"PLTE", bytes(3 * int(pixels.max()) + 3))))
    assert (read_image(tmp_path / "a.png", GREY) == 0).all()


def test_a_transparent_colour_of_16_bits_is_refused(colours, tmp_path):
    (tmp_path / "a.png").write_bytes(png(colours.astype("u2") * 257, 16, 2, chunk(b"tRNS", bytes(6))))
    with pytest.raises(ValueError, match=r"a\.png must be .* a transparent colour of 16 bits a channel"):
        read_image(tmp_path / "a.png", GREY)


def test_jpeg_in_grey_colour_and_ink(pixels, tmp_path):
    smooth = np.kron(pixels[:7, :7], np.ones((4, 4), "u1"))  # JPEG's blocks need not line up
    for mode, level in (("L", smooth), ("RGB", np.stack([smooth] * 3, 2)), ("CMYK", None)):
        image = Image.fromarray(level) if level is not None else Image.merge(
            "CMYK", [Image.new("L", (28, 28))] * 3 + [Image.fromarray(255 - smooth)]
        )  # fmt: skip
        assert image.mode == mode
        image.save(tmp_path / "a.jpg", quality=100)
        np.testing.assert_allclose(read_image(tmp_path / "a.jpg", GREY)[0], smooth / 255, atol=6 / 255)
        np.testing.assert_allclose(read_image(tmp_path / "a.jpg", COLOUR)[2], smooth / 255, atol=6 / 255)


def test_the_kin_of_pgm(pixels, colours, tmp_path):
    ink = pixels > 127
    wide = pixels.astype("u2")
    for data, expected in (
        (b"P1 28 28\n" + b"".join(b"1" if dot else b"0" for dot in ink.ravel()), ~ink),  # one is ink
        (b"P4 28 28\n" + np.packbits(ink, axis=1).tobytes(), ~ink),
        (b"P2 28 28 255\n" + " ".join(map(str, pixels.ravel())).encode(), pixels / 255),
        (b"P5 28 28 255\n" + pixels.tobytes(), pixels / 255),
        (b"P5 28 28 1020\n" + (wide * 4).astype(">u2").tobytes(), pixels / 255),
        (b"P5 28 28 65535\n" + (wide * 257).astype(">u2").tobytes(), pixels / 255),
        (b"P3 28 28 255\n" + " ".join(map(str, colours.ravel())).encode(), colours / 255),
        (b"P6 28 28 255\n" + colours.tobytes(), colours / 255),
    ):
        (tmp_path / "a.pgm").write_bytes(data)
        if expected.ndim == 2:
            expected = np.stack([expected] * 3, 2)
        read = read_image(tmp_path / "a.pgm", COLOUR)
        np.testing.assert_allclose(read, expected.transpose(2, 0, 1), atol=1 / 255)


def test_images_are_scaled(tmp_path):
    Image.fromarray(np.repeat([[[0, 60, 200], [255, 60, 0]]], 10, 0).astype("u1").repeat(15, 1)).save(
        tmp_path / "a.png"
    )
    read = read_image(tmp_path / "a.png", (3, 7, 12))
    assert read.shape == (3, 7, 12)
    assert read.dtype == np.float32
    assert read.flags.c_contiguous
    np.testing.assert_allclose(read[:, 3, 1], [0, 60 / 255, 200 / 255], atol=0.02)
    np.testing.assert_allclose(read[:, 3, -2], [1, 60 / 255, 0], atol=0.02)


def test_scaling_down_averages(tmp_path):
    Image.fromarray(np.indices((280, 280)).sum(axis=0) % 2 == 0).save(tmp_path / "a.png")
    np.testing.assert_allclose(read_image(tmp_path / "a.png", GREY), 0.5, atol=0.02)


@pytest.mark.parametrize("shape", [(28, 28), (2, 28, 28), (4, 28, 28)])
def test_shapes_that_no_image_has(shape):
    with pytest.raises(ValueError, match=r"shape must be \(1, H, W\) or \(3, H, W\); received \("):
        read_image("a.png", shape)
    with pytest.raises(ValueError, match="shape must be at least 1; received 0"):
        read_image("a.png", (1, 0, 28))


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "BMP", "WEBP", "EPS", "TGA", "ICO", "JPEG2000", "PDF"])
def test_other_formats_are_refused_unopened(kind, pixels, tmp_path, monkeypatch):
    image = Image.fromarray(pixels if kind != "TIFF" else pixels.astype("f4"))
    image.save(tmp_path / "a.png", kind)
    monkeypatch.setattr(Image, "open", pytest.fail)
    with pytest.raises(ValueError, match=r"a\.png must be a PNG, JPEG or PGM image; it begins with b'"):
        read_image(tmp_path / "a.png", GREY)


@pytest.mark.parametrize("magic", [b"Pf", b"P0CMYK", b"PyRGBA", b"P7"])
def test_what_pillow_alone_counts_as_pgm_is_refused(magic, tmp_path):
    (tmp_path / "a.pgm").write_bytes(magic + b"\n28 28\n255\n" + bytes(4 * 28 * 28))
    with pytest.raises(ValueError, match="it begins with b'P"):
        read_image(tmp_path / "a.pgm", GREY)


def test_pillow_is_asked_for_one_format_alone(pixels, tmp_path, monkeypatch):
    asked, opened = [], Image.open
    monkeypatch.setattr(Image, "open", lambda file, formats: asked.extend(formats) or opened(file, formats=formats))
    for kind in ("PNG", "JPEG", "PPM"):
        Image.fromarray(pixels).save(tmp_path / "a", kind)
        read_image(tmp_path / "a", GREY)
    assert asked == ["PNG", "JPEG", "PPM"]


def test_a_damaged_header_is_said_to_be_so(pixels, tmp_path):
    (tmp_path / "a.png").write_bytes(png(pixels[:, :0], 8))
    with pytest.raises(ValueError, match=r"a\.png must be a PNG, JPEG or PGM image; its header is damaged$"):
        read_image(tmp_path / "a.png", GREY)


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    for path, reason in (
        (tmp_path, "Is a directory"),
        (tmp_path / "pipe", "must be a file; it is a pipe"),
        ("/dev/zero", "must be a file; it is a pipe"),
        (tmp_path / "empty", "it is empty"),
        ("-", "No such file"),
        ("https://example.org/a.png", "No such file"),
    ):
        with pytest.raises(ValueError, match=rf"(?s){path} must be a PNG, JPEG or PGM image; .*{reason}"):
            read_image(path, GREY)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.pbm", "a.pgm", "a.ppm"])
def test_half_an_image_is_refused(name, colours, tmp_path):
    mode = {"a.pbm": "1", "a.pgm": "L"}.get(name, "RGB")
    Image.fromarray(colours).convert(mode).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for kept in (0.3, 0.6, 0.95):
        (tmp_path / name).write_bytes(whole[: int(kept * len(whole))])
        with pytest.raises(ValueError, match="must be a PNG, JPEG or PGM image"):
            read_image(tmp_path / name, GREY)


def damaged(rng):
    """Small files of every format with some bytes changed, left out or put in."""
    colours = rng.integers(0, 256, (6, 5, 3), "u1")
    seeds = [
        png(colours, 8, 2, chunk(b"tRNS", bytes(6))),
        png(colours[..., 0], 8, 3, chunk(b"PLTE", bytes(range(30))), chunk(b"tRNS", bytes(9))),
        png(colours[..., 0] >> 6, 2, 0, chunk(b"eXIf", exif(6)[6:]), chunk(b"iCCP", b"a\0\0" + zlib.compress(b"icc"))),
        png(colours.astype("u2"), 16, 2, chunk(b"zTXt", b"a\0\0" + zlib.compress(b"text"))),
        b"P1 # ink\n3 2\n1 0 1 0 1 0\n",
        b"P2 3 2 9\n1 2 3 4 5 6\n",
        b"P5 3 2 300\n" + bytes(12),
        b"P6 3 2 255\n" + bytes(18),
    ]
    from io import BytesIO

    for arguments in ({"exif": exif(6)}, {"progressive": True}, {"comment": b"hm"}):
        Image.fromarray(colours).save(file := BytesIO(), "JPEG", **arguments)
        seeds.append(file.getvalue())
    while True:
        data = bytearray(seeds[rng.integers(len(seeds))])
        for _ in range(rng.integers(1, 5)):
            at, size = rng.integers(len(data)), rng.integers(1, 9)
            data[at : at + (0 if rng.random() < 0.3 else size)] = (
                b""
                if rng.random() < 0.3
                else rng.choice([0, 1, 127, 255, rng.integers(256)], size).astype("u1").tobytes()
            )
            if not data:
                break
        for at in range(8, len(data) - 12 if rng.random() < 0.7 else 0):  # checks that hold let damage in deeper
            (length,) = struct.unpack(">I", data[at : at + 4])
            if data[at + 4 : at + 8].isalpha() and at + 12 + length <= len(data):
                end = at + 8 + length
                data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        yield bytes(data)


def test_damage_is_one_clear_error(rng, tmp_path):
    path, refused = tmp_path / "a", 0
    for _, data in zip(range(600), damaged(rng), strict=False):
        path.write_bytes(data)
        try:
            read = read_image(path, GREY)
        except ValueError as error:
            assert str(error).startswith(f"{path} must be a PNG, JPEG or PGM image; ")  # noqa: PT017
            refused += 1
        else:
            assert read.shape == GREY
            assert (read >= 0).all()
            assert (read <= 1).all()
    assert 100 < refused < 600


def test_every_error_of_pillow_names_the_file(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(png(np.zeros((2, 2), "u1"), 8))
    for error in (
        SyntaxError("x"), struct.error("x"), OSError("x"), ValueError("x"), MemoryError(), KeyError("x"),
        IndexError("x"), Image.DecompressionBombError("x"), Image.UnidentifiedImageError("x"), AttributeError("x"),
    ):  # fmt: skip

        def fail(*_, raised=error, **__):
            raise raised

        monkeypatch.setattr(Image, "open", fail)
        with pytest.raises(ValueError, match=r"a\.png must be a PNG, JPEG or PGM image; [\w']"):
            read_image(tmp_path / "a.png", GREY)


@pytest.mark.parametrize(("width", "height"), [(20_000, 20_000), (50_000_000, 1), (7072, 7072), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_before_any_is_decoded(width, height, tmp_path, monkeypatch):
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(1000)))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + body)
    (tmp_path / "a.pgm").write_bytes(b"P5 %d %d 255\n" % (width, height))
    from PIL import ImageFile

    monkeypatch.setattr(ImageFile.ImageFile, "load", pytest.fail)
    for name in ("a.png", "a.pgm"):
        with pytest.raises(ValueError, match=r"at most 50,000,000 pixels|exceeds limit"):
            read_image(tmp_path / name, GREY)


MEMORY = """
import resource, sys
from fastdl.images import read_image
from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_image(sys.argv[1], (1, 28, 28))
except ValueError as error:
    print(error, file=sys.stderr)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used)
"""


def test_memory_is_bounded_by_the_pixels_and_not_by_what_unfolds(tmp_path):
    unfolding = zlib.compress(bytes(10**8), 9)
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6), 9))
    level = np.zeros((4, 4), "u1")
    for extra, reason in (
        ([chunk(b"iCCP", b"a\0\0" + unfolding)], "too large"),
        ([chunk(b"zTXt", b"a\0\0" + unfolding)], "too large"),
        ([text] * 200, "Too much memory"),
        ([], ""),
    ):
        data = png(level, 8, 0, *extra)
        if not extra:  # pixels that go on behind the last
            data = data[:33] + chunk(b"IDAT", unfolding) + data[-12:]
        (tmp_path / "a.png").write_bytes(data)
        command = [sys.executable, "-c", MEMORY, str(tmp_path / "a.png")]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        assert reason in result.stderr
        assert int(result.stdout) < 100_000  # of 1,024 bytes, and 200 texts alone would take twice as much
