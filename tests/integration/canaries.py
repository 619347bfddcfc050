"""Identifiers to be looked for, in every spelling and encoding in which they could slip through.

A canary is a text; what is searched for are its bytes, its hexadecimal and base64 forms wherever they begin, UTF-16, for
digits also packed forms, and hashes without a key, which anybody could turn back for something as short as a number.
"""

import base64
import hashlib
import re
import urllib.parse


def _base64_forms(raw):
    """What base64 shows of the bytes when 0, 1 or 2 others stand before them, without what others decide."""
    forms = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).rstrip(b"=")
        first = (before * 8 + 5) // 6
        last = ((before + len(raw)) * 8) // 6
        forms.add(encoded[first:last])
    return forms | {form.translate(bytes.maketrans(b"+/", b"-_")) for form in forms}


def _packed(digits):
    """Digits as mobile networks pack them: two in a byte, also with the halves swapped; and as a binary number."""
    even = digits if len(digits) % 2 == 0 else digits + "f"
    swapped = "".join(even[i + 1] + even[i] for i in range(0, len(even), 2))
    forms = {bytes.fromhex(even), bytes.fromhex(swapped), bytes.fromhex(("0" if len(digits) % 2 else "") + digits)}
    number = int(digits)
    size = (number.bit_length() + 7) // 8
    return forms | {number.to_bytes(size, "big"), number.to_bytes(size, "little")}


def _hashes(raw):
    functions = (hashlib.md5, hashlib.sha1, hashlib.sha256, lambda data: hashlib.blake2b(data, digest_size=16),
                 lambda data: hashlib.blake2b(data, digest_size=32))
    return {function(raw).digest() for function in functions}


class Canary:
    def __init__(self, name, text):
        self.name, self.text = name, text
        self.digits = re.sub(r"[ .()+-]", "", text)
        raws = {text.encode(), urllib.parse.quote(text, safe="").encode()}
        binary = set()
        if re.fullmatch(r"[0-9]{12,}", self.digits):
            raws |= {self.digits.encode(), b"+" + self.digits.encode()}
            binary |= _packed(self.digits)
        else:
            self.digits = None
        if re.fullmatch(r"[0-9a-fA-F-]{36}", text):
            raws |= {text.replace("-", "").encode()}
            binary |= {bytes.fromhex(text.replace("-", ""))}
        for raw in list(raws):
            binary |= _hashes(raw)
        binary = {raw for raw in binary if len(raw) >= 6} # shorter ones are met by chance
        self.exact = set(binary)
        self.folded = {raw.lower() for raw in raws} | {raw.hex().encode() for raw in raws | binary}
        for raw in raws | binary:
            self.exact |= _base64_forms(raw)
        for raw in raws:
            self.exact |= {raw.decode().encode("utf-16-le"), raw.decode().encode("utf-16-be")}

    def found_in(self, hay):
        """The form in which it stands there, or None."""
        for form in self.exact:
            if form in hay.raw:
                return form
        for form in self.folded:
            if form in hay.folded:
                return form
        if self.digits and self.digits.encode() in hay.squeezed:
            return b"digits with separators"
        return None


class Hay:
    """Bytes to be searched, prepared once for all canaries."""

    def __init__(self, raw):
        self.raw = raw
        self.folded = raw.lower()
        self.squeezed = re.sub(rb"(?<=[0-9])[ \-.()_/:]{1,3}(?=[0-9])", b"", raw)


def search(canaries, raw):
    """Name of each canary that is in there, with its form."""
    hay = Hay(raw)
    found = {canary.name: canary.found_in(hay) for canary in canaries}
    return {name: form for name, form in found.items() if form}
