"""What the documents in docs/ say, once more and independently of the product: pseudonyms, IDs of feeds, the changelog.

Used to know beforehand which IDs an opted-out subscriber would have, and to read what is stored.
"""

import base64
import hashlib
import pathlib
import re

DAY_MS = 86400000


def _key_in(text):
    return bytes.fromhex(re.search(r"^key: ([0-9a-f]{64})$", text, re.M).group(1))


def key_of(path):
    """The 32 bytes of a key file (docs/pseudonyms.md, "Key files")."""
    return _key_in(pathlib.Path(path).read_text())


def chain_of(path):
    """What a publish key holds: the epoch and the link of that epoch (docs/feed-ids.md). Read at once: publish may replace
    the file meanwhile."""
    text = pathlib.Path(path).read_text()
    return int(re.search(r"^epoch: (-?[0-9]+)$", text, re.M).group(1)), _key_in(text)


def text64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _tag(text):
    return bytes([len(text)]) + text


# ---- canonical identifiers, of the spellings that the tests use ----


def line_of(subscriber):
    return re.sub(r"[^0-9]", "", subscriber)


def device_of(kind, identifier):
    """The canonical form, or None: limit-ad-tracking."""
    if kind == "maid":
        digits = re.sub(r"[^0-9a-f]", "", identifier.lower())
        if set(digits) == {"0"}:
            return None
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return re.sub(r"[^0-9]", "", identifier)[:14]


def pseudonym(key, subject, kind, identifier):
    message = _tag(b"pseudonym/v1") + _tag(subject.encode()) + _tag(kind.encode()) + identifier.encode()
    return hashlib.blake2b(message, digest_size=16, key=key).digest()


# ---- IDs of feeds (docs/feed-ids.md) ----


def _field(raw):
    return len(raw).to_bytes(2, "big") + raw


def link_of(chain, epoch):
    """The link of an epoch, which is not before the one that is known."""
    first, key = chain
    if epoch < first:
        raise ValueError(f"the chain begins with epoch {first}: nobody can make IDs of epoch {epoch}")
    for _ in range(first, epoch):
        key = hashlib.blake2b(_field(b"clickveil publish chain 1"), digest_size=32, key=key).digest()
    return key


def feed_id(chain, feed, epoch, of):
    name = b"".join(_field(feed[part].encode()) for part in ("advertiser", "programme", "kind", "id"))
    message = _field(b"clickveil feed epoch key 2") + name + _field(epoch.to_bytes(8, "big", signed=True))
    epoch_key = hashlib.blake2b(message, digest_size=32, key=link_of(chain, epoch)).digest()
    return text64(hashlib.blake2b(of, digest_size=16, key=epoch_key).digest())


def epoch_of(time_ms, days=7):
    return time_ms // (days * DAY_MS)


# ---- the changelog (docs/formats-state.md) ----


def is_person_key(raw):
    return raw[:2] == b"\x02\x01"


def is_mark_key(raw):
    """Of somebody whom an account's or a device's choice took along; otherwise as a person's."""
    return raw[:2] == b"\x02\x03"


def person_of_key(raw):
    """(programme, epoch, pseudonym of the line)"""
    size = raw[2]
    return raw[3:3 + size].decode(), int.from_bytes(raw[3 + size:7 + size], "big", signed=True), raw[7 + size:]


class _Reader:
    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def bytes(self, size):
        self.at += size
        if self.at > len(self.raw):
            raise ValueError("a person's state is cut off")
        return self.raw[self.at - size:self.at]

    def number(self, size=1):
        return int.from_bytes(self.bytes(size), "big")

    def counted(self):
        number = shift = 0
        while True:
            group = self.number()
            number |= (group & 0x7f) << shift
            shift += 7
            if not group & 0x80:
                return number


def person(raw):
    """A person's state, without the time of the first event, which is a run's own. The interests that are kept are a set,
    whatever the order in which they came to it."""
    reader = _Reader(raw)
    if reader.number() != 2:
        raise ValueError("a person's state has another version than docs/formats-state.md")
    standing = reader.number()
    reader.number(4)
    accounts = [reader.bytes(16).hex() for _ in range(reader.number())]
    count = reader.number()
    shared = reader.number() if count else 0
    devices = [reader.bytes(16).hex() for _ in range(count)]
    kept = [reader.number(2) for _ in range(reader.number())]
    published = {}
    for _ in range(reader.number(2)):
        tag, device, mask = reader.bytes(4).hex(), reader.number(), reader.number()
        published[(tag, device)] = sorted(kept[i] for i in range(len(kept)) if mask >> i & 1)
    counts = {}
    for _ in range(reader.number()):
        interest, device = reader.number(2), reader.number()
        app = reader.number(8) if device & 0x80 else 0
        counts[(interest, device & 0x7f, app)] = reader.counted()
    if reader.at != len(raw):
        raise ValueError("a person's state is longer than docs/formats-state.md says")
    return {"standing": standing, "accounts": accounts, "devices": devices, "shared": shared, "kept": sorted(kept),
            "published": published, "counts": counts}
