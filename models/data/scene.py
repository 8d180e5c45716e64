"""Draws scene.png, the picture that lenet_demos.dl finds edges in: hills, a house and a sun.

python3 scene.py scene.png
"""
import struct
import sys
import zlib

WIDTH, HEIGHT = 240, 180


def colour(x, y):
    """Red, green and blue of a pixel."""
    if (x - 188) ** 2 + (y - 36) ** 2 < 20 ** 2:
        return 250, 214, 90
    far = 96 - 22 * (1 - ((x - 60) / 90) ** 2) if abs(x - 60) < 90 else 96
    near = 132 - 18 * (1 - ((x - 200) / 110) ** 2) if abs(x - 200) < 110 else 132
    if 78 <= x < 142 and 92 <= y < 150:
        if 102 <= x < 118 and y >= 118:
            return 92, 58, 40
        if 100 <= y < 114 and (84 <= x < 98 or 122 <= x < 136):
            return (60, 90, 120) if (x % 7 and y % 7) else (240, 236, 220)
        return (196, 92, 70) if y % 8 and (x + 6 * (y // 8 % 2)) % 12 else (168, 74, 58)
    if 58 <= y < 92 and abs(x - 110) <= (y - 58) * 1.25:
        return (104, 66, 62) if y % 5 else (78, 48, 46)
    if y > 150 - 6 * ((x // 30) % 2):
        return (74, 134 - (x * 7 + y * 3) % 11, 62)
    if y > near:
        return 98, 156 - (y - int(near)) // 2, 84
    if y > far:
        return 122, 150, 138
    return 118 + y // 2, 172 + y // 3, 224


rows = b"".join(b"\0" + bytes(c for x in range(WIDTH) for c in colour(x, y)) for y in range(HEIGHT))


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


with open(sys.argv[1], "wb") as out:
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))
