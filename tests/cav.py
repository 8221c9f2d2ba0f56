"""CAV files by other hands: written from docs/cav.md, with libraries that the program does not use.

    cav.py open FILE [PASSWORD]      prints what a file holds, as JSON
    cav.py make FILE < JSON          writes one: about, sound (hex), chunk, and for an encrypted one password, memory,
                                     passes, lanes, salt (hex), prefix (hex)
"""

import hashlib
import json
import pathlib
import struct
import sys

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

MAGIC = bytes.fromhex("894341560d0a1a0a")
HEAD = struct.Struct(">8sBB2xIIII16s7sx")


class Tags:
    def __init__(self, head, password=None):
        self.head = head
        _, _, protection, _, memory, passes, lanes, salt, self.prefix = HEAD.unpack(head)
        self.cipher = None
        if protection == 1:
            key = hash_secret_raw(password.encode(), salt, passes, memory, lanes, 32, Type.ID, 0x13)
            self.cipher = ChaCha20Poly1305(key)

    def place(self, number, is_last):
        return struct.pack(">IB", number, is_last)

    def digest(self, place, piece):
        return hashlib.sha256(self.head + place + piece).digest()[:16]

    def seal(self, number, is_last, piece):
        place = self.place(number, is_last)
        if self.cipher:
            return self.cipher.encrypt(self.prefix + place, piece, self.head)
        return piece + self.digest(place, piece)

    def open(self, number, is_last, chunk):
        place = self.place(number, is_last)
        if self.cipher:
            return self.cipher.decrypt(self.prefix + place, chunk, self.head)
        assert chunk[-16:] == self.digest(place, chunk[:-16]), f"chunk {number}"
        return chunk[:-16]


def cut(data, size):
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return [(number, number == len(pieces) - 1, piece) for number, piece in enumerate(pieces)]


def open_file(path, password=None):
    data = pathlib.Path(path).read_bytes()
    head = data[: HEAD.size]
    magic, version, _, chunk, *_ = HEAD.unpack(head)
    assert (magic, version) == (MAGIC, 1), head
    tags = Tags(head, password)
    content = b"".join(tags.open(*piece) for piece in cut(data[HEAD.size :], chunk + 16))
    end = 4 + int.from_bytes(content[:4], "big")
    print(json.dumps({"about": json.loads(content[4:end]), "sound": content[end:].hex()}))


def make_file(path):
    wanted = json.load(sys.stdin)
    text = wanted["about"].encode()
    content = len(text).to_bytes(4, "big") + text + bytes.fromhex(wanted["sound"])
    number = lambda name: wanted.get(name, 0)
    blob = lambda name: bytes.fromhex(wanted.get(name, ""))
    is_secret = "password" in wanted
    costs = number("memory"), number("passes"), number("lanes")
    head = HEAD.pack(MAGIC, 1, is_secret, wanted["chunk"], *costs, blob("salt"), blob("prefix"))
    tags = Tags(head, wanted.get("password"))
    chunks = b"".join(tags.seal(*piece) for piece in cut(content, wanted["chunk"]))
    pathlib.Path(path).write_bytes(head + chunks)


{"open": open_file, "make": make_file}[sys.argv[1]](*sys.argv[2:])
