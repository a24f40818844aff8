"""Changes at random: of bytes, and of what a JSON, zip, npz, npy, PNG or table means, with right check sums."""

import functools
import io
import json
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

NUMBERS = [bytes([k]) * size for k in (0, 1, 0x7F, 0x80, 0xFF) for size in (1, 2, 4, 8)]
WORDS = [
    b"[" * 2000,
    b"{" * 2000,
    b"9" * 400,
    b"-1",
    b"1e999",
    b"../",
    b"/etc/passwd",
    b"\0",
    b"\x1b[2J",
    b"=--",
    b"%00",
]
WORDS += [b"null", b"\n", b",", b'"', b"cos\nsystem\n", b"\x85" * 2000, b"PK\3\4", b"models:/", b"\xe2\x80\xae"]
NAMES = (
    "", ".", "..", "../up.png", "/etc/passwd", "C:\\x.png", "a\0b.png", "a\nb.png", "\x1b[2J.png", "x" * 4000,
    "é" * 120, "\udcff.png", "con.png", "a/" * 200 + "b.png", "-rf", "$(touch it).png", "a.png/", "\u202egnp.exe",
    "~",
    "all", "ALL", "0", "-1", "１", "none", "null", "train", "test", "__MACOSX", ".hidden", " ", "a:b", "%s%n{0}",
    "file:///etc/passwd", "http://127.0.0.1:9/x", "s3://bucket/x", "models:/x@y", "\ud800",
)  # fmt: skip
LARGE = (0, 1, -1, 2, 255, 256, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64, 10**30)
PNG = b"\x89PNG\r\n\x1a\n"
NPY = b"\x93NUMPY"
TYPES = ("'O'", "'|O8'", "'V0'", "'<U100000000'", "'|S0'", "[('a', '<f4'), ('b', 'O')]", "'<f2'", "'<c16'",
         "'<M8[s]'", "'|b1'", "'<f4', 'x': 1", "'>i8'", "()", "'<f4'")  # fmt: skip
SHAPES = ("()", "(0,)", "(2, 3)", "(-1,)", "(1000000000,)", "(99999999999999999999,)", "(0, 999999999999)", "(1.5,)",
          "(True,)", "['a']", "(1,)" * 300, "((1,),)", "(2, 3, 1)", "(4000000000, 4)")  # fmt: skip

Mutation = Callable[[bytes, random.Random], bytes]


def of_bytes(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed in one to six places."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice((1, 2, 4, 16, 200)))
        before, within, after = data[:start], data[start:end], data[end:]
        data = chance.choice((
            before + chance.randbytes(len(within)) + after,
            before + bytes(byte ^ 1 << chance.randrange(8) for byte in within[:1]) + within[1:] + after,
            before + chance.choice(NUMBERS) + after,
            before + chance.choice(WORDS) + within + after,
            before + after,
            before + within * chance.choice((2, 4, 1000)) + after,
            before,
            within + after + before,
        ))  # fmt: skip
    return data


def of_any(data: bytes, chance: random.Random) -> bytes:
    """A change of bytes, or one of what the format means, as likely where the format is known."""
    known = _format(data)
    return of_bytes(data, chance) if known is None or chance.random() < 0.4 else known(data, chance)


def _format(data: bytes) -> Mutation | None:
    if data.startswith(b"PK"):
        return of_zip
    if data.startswith(PNG):
        return of_png
    if data.startswith(NPY):
        return of_npy
    if data.lstrip()[:1] in (b"{", b"["):
        return of_json
    return of_table if b"\n" in data and b"," in data and data.isascii() else None


def value(chance: random.Random, of: Any = None) -> Any:
    """A value that is not expected where another one stands."""
    nested: Any = 0
    for _ in range(chance.choice((3, 19, 21, 300))):
        nested = [nested] if chance.random() < 0.5 else {"a": nested}
    return chance.choice((
        None, True, False, [], {}, [of], {"a": of}, str(of), float("nan"), float("inf"), -0.0, 0.5, 1e308, nested,
        chance.choice(LARGE), chance.choice(NAMES), chance.choice(LARGE), chance.choice(NAMES), [0] * 2000,
        {str(k): k for k in range(300)}, chance.randbytes(6).decode("latin1"), -(10**400),
    ))  # fmt: skip


def of_json(data: bytes, chance: random.Random) -> bytes:
    """Values swapped by others of another type, size or depth; keys taken away, renamed and repeated."""
    try:
        whole = [json.loads(data)]
    except (ValueError, RecursionError):
        return of_bytes(data, chance)
    for _ in range(chance.choice((1, 1, 2, 3))):
        places = list(_places(whole))
        container, key = chance.choice(places)
        act = chance.randrange(6)
        if act == 0 and container is not whole:
            del container[key]
        elif act == 1 and isinstance(container, dict):
            container[chance.choice(NAMES)] = container.pop(key)
        elif act == 2:
            other, from_key = chance.choice(places)
            if other is not container and from_key in (other if isinstance(other, dict) else range(len(other))):
                container[key] = json.loads(json.dumps(other[from_key]))
        else:
            container[key] = value(chance, container[key])
    text = json.dumps(whole[0], indent=chance.choice((None, 1)))
    if chance.random() < 0.05:  # a number that Python reads for a long time, a key twice
        text = re.sub(r"\d", chance.choice(("9" * 5000, "1e400")), text, count=1)
    if chance.random() < 0.05:
        text = text.replace("{", '{"a": 1, "a": 2, ', 1)
    return text.encode()


def _places(container: Any):
    for key in list(container) if isinstance(container, dict) else range(len(container)):
        yield container, key
        if isinstance(container[key], dict | list):
            yield from _places(container[key])


def of_table(data: bytes, chance: random.Random) -> bytes:
    """Fields and lines of a table moved, repeated and replaced; other line ends, separators and encodings."""
    text = data.decode()
    for _ in range(chance.choice((1, 2, 3))):
        lines = text.splitlines() or [""]
        place = chance.randrange(len(lines))
        fields = lines[place].split(",")
        act = chance.randrange(7)
        if act == 0:
            lines.insert(place, chance.choice(lines))
        elif act == 1:
            del lines[place]
        elif act == 2:
            fields[chance.randrange(len(fields))] = chance.choice(NAMES).replace("\n", " ")
            lines[place] = ",".join(fields)
        elif act == 3:
            lines[place] = ",".join([*fields, *fields])
        elif act == 4:
            lines[place] = '"' + lines[place]
        elif act == 5:
            lines = [line.replace(",", chance.choice(";\t|")) for line in lines]
        else:
            chance.shuffle(lines)
        text = chance.choice(("\n", "\n", "\r\n", "\r")).join(lines)
    code = chance.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "latin1"))
    return text.encode(code, "replace")


def of_zip(data: bytes, chance: random.Random) -> bytes:
    """A member changed and packed again with its right check sum, odd names and kinds of them, or wrong headers."""
    if chance.random() < 0.3:
        return _headers(data, chance)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except Exception:
        return of_bytes(data, chance)
    file, changed = io.BytesIO(), chance.randrange(len(members) or 1)
    with zipfile.ZipFile(file, "w") as archive:
        for number, (name, content) in enumerate(members):
            info, act = zipfile.ZipInfo(name), chance.randrange(9) if number == changed else 9
            if act <= 3:
                content = of_any(content, chance)
            elif act == 4:
                info.filename = chance.choice(NAMES).encode(errors="replace").decode() or "empty"
            elif act == 5:
                info.external_attr = chance.choice((0xA1FF, 0x11FF, 0x21FF, 0x41FF, 0xC1FF)) << 16
            elif act == 6:
                info.compress_type = chance.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
                content = content if chance.random() < 0.8 else bytes(2**25)
            elif act == 7:
                archive.writestr(zipfile.ZipInfo(name), content)
            elif act == 8:
                continue
            archive.writestr(info, content)
        archive.comment = b"PK\5\6" * 4 if chance.random() < 0.05 else b""
    return chance.choice((b"", b"", b"", NPY, b"\0" * 9)) + file.getvalue()


def _headers(data: bytes, chance: random.Random) -> bytes:
    """Sizes, places, methods and flags in the headers of a zip that are not so."""
    kinds = {b"PK\3\4": ((6, "H"), (8, "H"), (14, "I"), (18, "I"), (22, "I"), (26, "H"), (28, "H")),
             b"PK\1\2": ((8, "H"), (10, "H"), (16, "I"), (20, "I"), (24, "I"), (28, "H"), (30, "H"), (42, "I")),
             b"PK\5\6": ((8, "H"), (10, "H"), (12, "I"), (16, "I"), (20, "H"))}  # fmt: skip
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        mark = chance.choice(list(kinds))
        found = [match.start() for match in re.finditer(re.escape(mark), data)]
        offset, kind = chance.choice(kinds[mark])
        if found and (place := chance.choice(found) + offset) + struct.calcsize(kind) <= len(changed):
            size = 8 * struct.calcsize(kind)
            old = struct.unpack_from(f"<{kind}", changed, place)[0]
            new = chance.choice((*LARGE, old + 1, old - 1, old * 2, chance.getrandbits(size))) % 2**size
            struct.pack_into(f"<{kind}", changed, place, new)
    return bytes(changed)


def of_npy(data: bytes, chance: random.Random) -> bytes:
    """Another type, shape or order of an array than that of its bytes."""
    try:
        length = struct.unpack_from("<H", data, 8)[0]
        head, rest = data[10 : 10 + length].decode("latin1"), data[10 + length :]
    except struct.error:
        return of_bytes(data, chance)
    act = chance.randrange(5)
    if act == 0:
        head = re.sub(r"'descr': [^,]+", lambda _: f"'descr': {chance.choice(TYPES)}", head)
    elif act == 1:
        head = re.sub(r"'shape': \([^)]*\)", lambda _: f"'shape': {chance.choice(SHAPES)}", head)
    elif act == 2:
        head = head.replace("False", chance.choice(("True", "None", "0", "1e999", "(" * 300)))
    elif act == 3:
        rest = chance.choice((b"", rest[:-1], rest * 2, chance.randbytes(len(rest)), b"\xff" * len(rest)))
    else:
        head = chance.choice(("{" * 200, "__import__('os').system('id')", "{'descr': " + "-" * 9000 + "1}", head * 9))
    head = head.rstrip("\n ") + "\n"
    version = chance.choice((b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\x09\0"))
    size = struct.pack("<H" if version == b"\1\0" else "<I", min(len(head), 65535))
    return NPY + version + size + head.encode("latin1", "replace") + rest


def of_png(data: bytes, chance: random.Random) -> bytes:
    """Chunks changed, repeated, moved, taken away and added, all with the right check sum."""
    chunks, place = [], len(PNG)
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        chunks.append((kind, data[place + 8 : place + 8 + length]))
        place += 12 + length
    for _ in range(chance.choice((1, 1, 2, 3))):
        if not chunks:
            break
        k, act = chance.randrange(len(chunks)), chance.randrange(7)
        kind, content = chunks[k]
        if act == 0 and kind == b"IHDR" and len(content) == 13:
            fields = list(struct.unpack(">IIBBBBB", content))
            which = chance.randrange(7)
            fields[which] = chance.choice(LARGE) % (2**32 if which < 2 else 256)
            chunks[k] = kind, struct.pack(">IIBBBBB", *fields)
        elif act == 1:
            chunks[k] = kind, of_bytes(content, chance)
        elif act == 2:
            chunks.insert(k, chance.choice(chunks))
        elif act == 3:
            del chunks[k]
        elif act == 4:
            chance.shuffle(chunks)
        elif act == 5:
            chunks[k] = kind, packed_zeros(chance.choice((1, 10**5, 3 * 10**7)))
        else:
            chunks.insert(k, _chunk(chance))
    return PNG + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


@functools.cache
def packed_zeros(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


def _chunk(chance: random.Random) -> tuple[bytes, bytes]:
    packed = packed_zeros(chance.choice((9, 10**6, 10**8)))
    some = chance.randbytes(chance.choice((0, 1, 8, 26, 300)))
    return chance.choice((
        (b"PLTE", some), (b"tRNS", some), (b"gAMA", some), (b"pHYs", some), (b"acTL", some), (b"fcTL", some),
        (b"fdAT", some), (b"eXIf", some), (b"zTXt", b"a\0\0" + packed), (b"iCCP", b"a\0\0" + packed),
        (b"iTXt", b"a\0\1\0\0\0" + packed), (b"tEXt", b"a\0" + some * 9), (b"IDAT", some), (b"IEND", some),
        (b"abcd", some), (b"ABCD", some),
    ))  # fmt: skip


def of_words(data: bytes, chance: random.Random) -> bytes:
    """Words of a line swapped, repeated, taken away, or with another value."""
    words = data.decode(errors="replace").split(" ")
    for _ in range(chance.choice((1, 1, 2, 4))):
        k, act = chance.randrange(len(words)) if words else 0, chance.randrange(6)
        if not words or act == 0:
            words.insert(k, str(value(chance)))
        elif act == 1:
            del words[k]
        elif act == 2:
            words[k], words[-1] = words[-1], words[k]
        elif act == 3:
            words.insert(k, chance.choice(words))
        elif act == 4:
            words[k] = words[k].partition("=")[0] + "=" + str(value(chance))
        else:
            words[k] = str(value(chance, words[k]))
    text = " ".join(words).encode(errors="replace")
    return of_bytes(text, chance) if chance.random() < 0.2 else text
