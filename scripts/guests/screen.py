"""Reads the text on a VGA screen from its picture.

Why not from the memory at 0xb8000: Linux scrolls by moving the start of the screen within that memory, and leaves text
mode as soon as the driver of the card is loaded. The picture is what an operator would see, in either mode.
Every glyph of a cell of 8 by 16 dots is compared with the VGA fonts of QEMU's firmware and of the kernel. Rows in
another font, such as the UEFI shell's, come back empty.
"""
import functools
import pathlib

FIRMWARE_WITH_FONT = pathlib.Path("/usr/share/seabios/vgabios-stdvga.bin")
GLYPH_B = bytes.fromhex("0000fc6666667c66666666fc00000000")
CELL_HEIGHT = 16
FURTHEST = 6  # of 128 dots; the fonts are exact, but not those of every version
# The letters that Linux draws otherwise than the firmware once it has left text mode (lib/fonts/font_8x16.c).
LINUX_GLYPHS = {
    "0": "0000386cc6c6d6d6c6c66c3800000000",
    "M": "0000c6eefefed6c6c6c6c6c600000000",
    "T": "00007e7e5a1818181818183c00000000",
    "V": "0000c6c6c6c6c6c6c66c381000000000",
    "W": "0000c6c6c6c6d6d6d6feee6c00000000",
    "X": "0000c6c66c7c38387c6cc6c600000000",
    "Y": "0000666666663c181818183c00000000",
    "Z": "0000fec6860c183060c2c6fe00000000",
    "`": "0030180c000000000000000000000000",
    "f": "00001c36323078303030307800000000",
    "m": "0000000000ecfed6d6d6d6c600000000",
    "v": "0000000000c6c6c6c6c66c3800000000",
    "w": "0000000000c6c6d6d6d6fe6c00000000",
    "x": "0000000000c66c3838386cc600000000",
    "|": "00001818181818181818181800000000",
    "~": "0076dc00000000000000000000000000",
}
UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def read_screen(picture: bytes) -> list[str]:
    """The rows of text of a PPM picture, without the blank ones at the end."""
    width, height, dots = _parse_ppm(picture)
    # VGA text mode draws a ninth column, as the gap between letters.
    cell_width = 9 if width == 720 else 8
    lit = _lit(dots)
    rows = []
    for top in range(0, height - CELL_HEIGHT + 1, CELL_HEIGHT):
        lines = [lit[(top + y) * width : (top + y + 1) * width] for y in range(CELL_HEIGHT)]
        if not any(b"1" in line for line in lines):
            rows.append("")
            continue
        cells = range(0, width - 7, cell_width)
        row = "".join(_letter(b"".join(line[x : x + 8] for line in lines)) for x in cells)
        rows.append(row.rstrip(" _" + UNKNOWN) if _is_readable(row) else "")
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _is_readable(row: str) -> bool:
    """Whether most letters are known. One is not where the cursor is."""
    return row.count(UNKNOWN) * 4 <= len(row.replace(" ", "")) or row.count(UNKNOWN) == 1


def _parse_ppm(picture: bytes) -> tuple[int, int, bytes]:
    """Width, height, and three bytes for each dot."""
    magic, size, depth, dots = picture.split(b"\n", 3)
    width, height = map(int, size.split())
    if magic != b"P6" or depth != b"255" or len(dots) != width * height * 3:
        raise ValueError("not a picture of the screen")
    return width, height, dots


def _lit(dots: bytes) -> bytes:
    """One byte for each dot: 1 where there is any colour, 0 where it is black."""
    red, green, blue = (int.from_bytes(dots[channel::3], "big") for channel in range(3))
    any_colour = (red | green | blue).to_bytes(len(dots) // 3, "big")
    return any_colour.translate(b"0" + b"1" * 255)


@functools.cache
def _glyphs() -> list[tuple[int, str]]:
    """The printable letters, each as a number of 128 bits, in both fonts."""
    firmware = FIRMWARE_WITH_FONT.read_bytes()
    start = firmware.index(GLYPH_B) - ord("B") * CELL_HEIGHT
    glyphs = [(int(dots, 16), letter) for letter, dots in LINUX_GLYPHS.items()]
    for code in range(ord(" "), ord("~") + 1):
        dots = firmware[start + code * CELL_HEIGHT : start + (code + 1) * CELL_HEIGHT]
        glyphs.append((int.from_bytes(dots, "big"), chr(code)))
    return glyphs


@functools.cache
def _letter(cell: bytes) -> str:
    """The letter in a cell, given as 128 digits, row by row."""
    seen = int(cell, 2)
    if not seen:
        return " "
    distance, letter = min(((seen ^ glyph).bit_count(), letter) for glyph, letter in _glyphs())
    return letter if distance <= FURTHEST else UNKNOWN
