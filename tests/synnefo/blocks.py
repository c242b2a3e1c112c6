"""Blocks of data, found by what they contain, as Pithos keeps them."""
import hashlib
import os
import pathlib
import tempfile

SIZE = 4 << 20
HASH = 'sha256'


def digest(block):
    """Zero bytes at the end of a block do not count."""
    return hashlib.sha256(block.rstrip(b'\0')).hexdigest()


def top(hashes):
    """The hash of a whole object: the root of the tree over its blocks' hashes."""
    level = [bytes.fromhex(one) for one in hashes]
    if not level:
        return digest(b'')
    while len(level) & (len(level) - 1):
        level.append(bytes(32))
    while len(level) > 1:
        level = [hashlib.sha256(left + right).digest() for left, right in zip(level[::2], level[1::2])]
    return level[0].hex()


class Blocks:
    """Files in a folder; they belong to no account, and stay when no object has them."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def __contains__(self, name):
        return (self.folder / name).exists()

    def put(self, data):
        name = digest(data)
        if name not in self:
            with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
                file.write(data.rstrip(b'\0'))
            os.replace(file.name, self.folder / name)
        return name

    def get(self, name, size=SIZE):
        """The block, with the zero bytes that are missing to `size`."""
        return (self.folder / name).read_bytes().ljust(size, b'\0')

    def read(self, hashes, size, first, end):
        """The bytes from `first` up to `end` of an object of `size` bytes, piece by piece."""
        for index in range(first // SIZE, -(-end // SIZE)):
            start = index * SIZE
            block = self.get(hashes[index], min(SIZE, size - start))
            yield block[max(first - start, 0):end - start]
