"""An independent, slow decoder and judge of GPP strings, to hold the C one against.

Written from the published documents (IAB Tech Lab, Global Privacy Platform: core and each section's field table; U.S.
Privacy String; Prebid's activity rules) and from clickveil's table of cases, not from the C sources: bits are text of
zeros and ones, fields are a dictionary, and the rules read like Prebid's. It need not know why it denies. What matters
is that it never denies less: where C allows a string, this must allow it too.
"""

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Unreadable(Exception):
    pass


# ---- the published tables: name, number of two-bit values (0: no list) ----

NOTICES = ["SaleOptOutNotice", "TargetedAdvertisingOptOutNotice"]
OPTS = ["SaleOptOut", "TargetedAdvertisingOptOut"]
MSPA = ["MspaCoveredTransaction", "MspaOptOutOptionMode", "MspaServiceProviderMode"]


def state(first, sensitive, children, additional, extra_notice=None):
    names = [first] + NOTICES + ([extra_notice] if extra_notice else []) + OPTS
    fields = [(name, 0) for name in names]
    fields.append(("SensitiveDataProcessing", sensitive))
    fields.append(("KnownChildSensitiveDataConsents", children))
    if additional:
        fields.append(("AdditionalDataProcessingConsent", 0))
    return fields + [(name, 0) for name in MSPA]


def national(sensitive, children):
    names = ["SharingNotice", "SaleOptOutNotice", "SharingOptOutNotice", "TargetedAdvertisingOptOutNotice",
             "SensitiveDataProcessingOptOutNotice", "SensitiveDataLimitUseNotice", "SaleOptOut", "SharingOptOut",
             "TargetedAdvertisingOptOut"]
    return ([(name, 0) for name in names] +
            [("SensitiveDataProcessing", sensitive), ("KnownChildSensitiveDataConsents", children),
             ("PersonalDataConsents", 0)] + [(name, 0) for name in MSPA])


CALIFORNIA = ([(name, 0) for name in ("SaleOptOutNotice", "SharingOptOutNotice", "SensitiveDataLimitUseNotice",
                                      "SaleOptOut", "SharingOptOut")] +
              [("SensitiveDataProcessing", 9), ("KnownChildSensitiveDataConsents", 2), ("PersonalDataConsents", 0)] +
              [(name, 0) for name in MSPA])

LATE = ["MspaCoveredTransaction", "MspaMode", "ProcessingNotice"] + NOTICES + OPTS

# (section, version of its first six bits): fields behind them
FIELDS = {
    (7, 1): national(12, 2),
    (7, 2): national(16, 3),
    (8, 1): CALIFORNIA,
    (9, 1): state("SharingNotice", 8, 0, False),
    (10, 1): state("SharingNotice", 7, 0, False),
    (11, 1): state("SharingNotice", 8, 0, False, "SensitiveDataProcessingOptOutNotice"),
    (12, 1): state("SharingNotice", 8, 3, False),
    (13, 1): state("ProcessingNotice", 8, 3, True),
    (14, 1): state("SharingNotice", 8, 3, True),
    (15, 1): state("ProcessingNotice", 11, 3, True),
    (16, 1): state("ProcessingNotice", 8, 0, True),
    (17, 1): state("ProcessingNotice", 9, 5, True),
    (18, 1): state("ProcessingNotice", 8, 0, False, "SensitiveDataOptOutNotice"),
    (19, 1): state("ProcessingNotice", 8, 0, True),
    (20, 1): state("ProcessingNotice", 8, 3, True),
    (21, 1): state("ProcessingNotice", 10, 5, True),
    (22, 1): state("ProcessingNotice", 8, 0, True),
    (23, 1): state("ProcessingNotice", 8, 0, True),
    (24, 1): [(name, 0) for name in LATE + ["AdditionalDataProcessingConsent"]],
    (25, 1): [(name, 0) for name in LATE + ["KnownChildSensitiveDataConsents", "AdditionalDataProcessingConsent"]],
    (26, 1): [(name, 0) for name in LATE + ["KnownChildSensitiveDataConsents", "AdditionalDataProcessingConsent"]],
    (27, 1): [(name, 0) for name in LATE + ["KnownChildSensitiveDataConsents", "AdditionalDataProcessingConsent"]],
}
GPC_SECTIONS = {7, 8, 10, 12, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}  # whose documents have the sub-section
SENSITIVE_SECTIONS = {25, 26, 27}

# The national number of each sensitive slot; sections that are not here number as the national section does.
SENSITIVE_NUMBERS = {
    8: [[9], [10], [8], [1, 2, 11], [12], [6], [7], [3], [4]],
    11: [[1], [2], [4], [5], [3], [6], [7], [8]],
    15: [[1], [2], [3], [4], [16], [5], [15], [14], [6], [7], [8]],
    17: [[1], [2], [3], [4], [5], [6], [7], [8], [16]],
    21: [[1], [2], [3], [4], [5], [6], [7], [8], [16], [10]],
}
NEVER = {6, 7, 9, 10, 12, 14, 16}  # genetic, biometric, identity, account, messages, victim, transgender
LOCATION = 8


# ---- bits ----

def bits_of(text):
    if any(c not in ALPHABET for c in text):
        raise Unreadable("alphabet")
    return "".join(format(ALPHABET.index(c), "06b") for c in text)


def content(text, size):
    """The first `size` bits of a text that is padded to six or to eight bits with zeros."""
    bits = bits_of(text)
    six = -(-size // 6) * 6
    eight = -(-(-(-size // 8) * 8) // 6) * 6
    if len(bits) not in (six, eight) or "1" in bits[size:]:
        raise Unreadable("length or padding")
    return bits[:size]


def fibonacci(bits, at):
    end = bits.find("11", at)
    if end < 0:
        raise Unreadable("Fibonacci")
    value, numbers = 0, [1, 2]
    for bit in bits[at:end + 1]:
        if bit == "1":
            value += numbers[0]
        numbers = [numbers[1], numbers[0] + numbers[1]]
    return value, end + 2


def header_ids(text):
    bits = bits_of(text)
    if bits[:12] != "000011000001" or len(bits) < 24:
        raise Unreadable("type or version")
    ids, last, at = [], 0, 24
    for _ in range(int(bits[12:24], 2)):
        if at >= len(bits):
            raise Unreadable("range")
        group = bits[at] == "1"
        first, at = fibonacci(bits, at + 1)
        first += last
        last = first
        if group:
            length, at = fibonacci(bits, at)
            last += length
        if last > 100000 or len(ids) > 5000:
            raise Unreadable("range")
        ids += range(first, last + 1)
    content(text, at)
    return ids


# ---- sections ----

def values(bits, fields):
    said, at = {}, 0
    for name, count in fields:
        wanted = max(count, 1)
        read = [int(bits[at + 2 * i:at + 2 * i + 2], 2) for i in range(wanted)]
        said[name] = read if count else read[0]
        at += 2 * wanted
    return said


def size_of(fields):
    return sum(2 * max(count, 1) for _, count in fields)


OWN_HEADERS = {  # what the documents' header may list: core alone, core and the other
    "000000000000": False, "00000000000101": False, "000000000001011": True, "0000000000011111": True}


def own_header(text, section):
    for form, sub in OWN_HEADERS.items():
        try:
            if content(text, 12 + len(form)) == format(section, "06b") + "000001" + form:
                return sub
        except Unreadable:
            continue
    raise Unreadable("header of the section")


def decode_section(section, text):
    parts = text.split(".")
    if "" in parts:
        raise Unreadable("empty")
    said, listed = {}, None
    if section >= 24 and bits_of(parts[0])[:6] == format(section, "06b"):
        listed = own_header(parts.pop(0), section)
        if not parts:
            raise Unreadable("no core")
    version = int(bits_of(parts[0])[:6], 2)
    fields = FIELDS.get((section, version))
    if fields is None:
        raise Unreadable("version")
    said.update(values(content(parts[0], 6 + size_of(fields))[6:], fields))
    if listed is not None and listed != (len(parts) > 1):
        raise Unreadable("header of the section")
    if len(parts) > 2:
        raise Unreadable("sub-sections")
    if len(parts) == 2 and section in GPC_SECTIONS:
        bits = content(parts[1], 3)
        if bits[:2] != "01":
            raise Unreadable("type of sub-section")
        said["Gpc"] = int(bits[2])
    elif len(parts) == 2 and section in SENSITIVE_SECTIONS:
        more = [("SensitiveDataProcessing", 8)]
        said.update(values(content(parts[1], 16), more))
    elif len(parts) == 2:
        raise Unreadable("sub-section")
    return said


# ---- rules ----

def children_denied(section, said, under_age):
    answers = said.get("KnownChildSensitiveDataConsents")
    if answers is None:
        return False
    if not isinstance(answers, list):
        answers = [answers]
    if under_age >= 18 or section not in (7, 13):
        # without a section that tells ages apart, Prebid's normalisation never lets a known child pass
        if section not in (17, 21) or under_age >= 18:
            return any(answers)
        return any(answers[:3]) or 1 in answers[3:]
    younger, middle = (1, 0) if section == 7 else (0, 1)
    older = answers[2:]
    return bool(answers[younger]) or answers[middle] == 1 or 1 in older


def denied(section, said, under_age):
    """Does what a section says object?"""
    flat = [v for value in said.values() for v in (value if isinstance(value, list) else [value])]
    if 3 in flat or said.get("Gpc") == 1:
        return True
    notices = [name for name in said if name.endswith("Notice")]
    if any(said[name] == 2 for name in notices):
        return True
    for scope in ("Sale", "Sharing", "TargetedAdvertising"):
        out = said.get(scope + "OptOut")
        if out == 1 or (out == 2 and said.get(scope + "OptOutNotice") == 0):
            return True
    if said.get("SharingOptOut") == 2 and said.get("SharingNotice") == 0:
        return True
    without = any(said.get(name) == 0 for name in ("SensitiveDataProcessingOptOutNotice", "SensitiveDataOptOutNotice",
                                                   "SensitiveDataLimitUseNotice"))
    slots = said.get("SensitiveDataProcessing", [])
    numbers = SENSITIVE_NUMBERS.get(section, [[i + 1] for i in range(len(slots))])
    for answer, meanings in zip(slots, numbers, strict=True):
        for number in meanings:
            if number in NEVER and answer != 0:
                return True
            if number not in NEVER and number != LOCATION and (answer == 1 or (answer == 2 and without)):
                return True
    if children_denied(section, said, under_age):
        return True
    if 1 in (said.get("PersonalDataConsents"), said.get("AdditionalDataProcessingConsent")):
        return True
    return (said["MspaCoveredTransaction"] == 0 or said.get("MspaServiceProviderMode") == 1 or
            said.get("MspaMode") == 2)


# All strings of US Privacy that do not object: clickveil's table of cases, written out.
US_PRIVACY = {"1YNN", "1YNY", "1YN-", "1---", "1Y--", "1Y-Y", "1Y-N", "1--N"}


def section_denied(section, text, under_age):
    if section == 6:
        return text not in US_PRIVACY
    return denied(section, decode_section(section, text), under_age)


def sid_ids(text):
    ids = []
    for part in text.split(","):
        if part == "-1":
            continue
        if not part.isascii() or not part.isdigit() or (part != "0" and part.startswith("0")) or int(part) > 65535:
            raise Unreadable("gpp_sid")
        ids += [int(part)] if part != "0" else []
    if len(set(ids)) != len(ids):
        raise Unreadable("gpp_sid twice")
    return ids


def allows(text, sid=None, under_age=18):
    """Would an event with this `gpp` and `gpp_sid` meet no objection?"""
    try:
        sections = []
        if text is not None:
            if any(c not in ALPHABET + "~." for c in text):
                return False
            parts = text.split("~")
            ids = header_ids(parts[0])
            if len(ids) != len(parts) - 1 or "" in parts or 3 in ids:
                return False
            for section, part in zip(ids, parts[1:], strict=True):
                if 6 <= section <= 27 and section_denied(section, part, under_age):
                    return False
            sections = ids
        named = sid_ids(sid) if sid is not None else []
    except Unreadable:
        return False
    if any(section not in sections for section in named) or any(section > 27 for section in named):
        return False
    decided = any(6 <= section <= 27 for section in sections)
    return decided or not any(section > 27 for section in sections)


# ---- writing, for tables and mutations ----

def pad(bits, octets=False):
    if octets:
        bits += "0" * (-len(bits) % 8)
    bits += "0" * (-len(bits) % 6)
    return "".join(ALPHABET[int(bits[i:i + 6], 2)] for i in range(0, len(bits), 6))


def fibonacci_bits(value):
    numbers = [1, 2]
    while numbers[-1] <= value:
        numbers.append(numbers[-1] + numbers[-2])
    bits = ""
    for number in reversed(numbers[:-1]):
        if number <= value:
            bits, value = "1" + bits, value - number
        elif bits:
            bits = "0" + bits
    return bits + "1"


def header_bits(ids):
    groups = []
    for section in ids:
        if groups and groups[-1][1] == section - 1:
            groups[-1][1] = section
        else:
            groups.append([section, section])
    bits, last = "000011000001" + format(len(groups), "012b"), 0
    for first, end in groups:
        bits += ("1" if end > first else "0") + fibonacci_bits(first - last)
        if end > first:
            bits += fibonacci_bits(end - first)
        last = end
    return bits


def section_bits(section, version, said):
    bits = format(version, "06b")
    for name, count in FIELDS[section, min(version, 2) if section == 7 else 1]:
        value = said[name]
        for one in value if count else [value]:
            bits += format(one, "02b")
    return bits


def write(sections, octets=False):
    """A whole string from {section: text}."""
    return "~".join([pad(header_bits(sorted(sections)), octets)] + [sections[i] for i in sorted(sections)])
