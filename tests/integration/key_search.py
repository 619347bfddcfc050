"""Looking for keys where none may be: in what a process shows of itself, and in bytes such as those of a core file."""
import base64
import hashlib
import re
from pathlib import Path

import documented

EPOCHS = 3  # from that of the file on


def _field(raw):
    return len(raw).to_bytes(2, "big") + raw


def _of_feed(link, purpose, size, feed, epoch):
    fields = [purpose, *(feed[part].encode() for part in ("advertiser", "programme", "kind", "id")),
              epoch.to_bytes(8, "big", signed=True)]
    return hashlib.blake2b(b"".join(map(_field, fields)), digest_size=size, key=link).digest()


class Keys:
    """Every key of a folder of key files, and those that follow from the chain; in the forms that they might be seen in."""

    def __init__(self, folder, feeds):
        self.keys = {}
        for path in Path(folder).iterdir():
            if path.is_file() and path.read_bytes().startswith(b"clickveil-key:") and path.suffix != ".pub":
                self.keys[f"{path.stem} key"] = documented.key_of(path)
        chain = documented.chain_of(Path(folder) / "publish.key")
        for epoch in range(chain[0], chain[0] + EPOCHS):
            link = documented.link_of(chain, epoch)
            self.keys[f"publish link {epoch}"] = link
            for feed in feeds:
                name = f"{feed['advertiser']} {epoch}"
                self.keys[f"publish ID key {name}"] = _of_feed(link, b"clickveil feed epoch key 2", 32, feed, epoch)
                self.keys[f"publish slot key {name}"] = _of_feed(link, b"clickveil feed slot key 2", 16, feed, epoch)
        self.forms = {}
        for name, key in self.keys.items():
            # Halves are looked for too: copies may be cut, and a key of 32 bytes is still one of 16.
            parts = {"": key} if len(key) == 16 else {" first half": key[:16], " second half": key[16:]}
            for part, raw in parts.items():
                self.forms[f"{name}{part}, bytes"] = raw
                self.forms[f"{name}{part}, hex"] = raw.hex().encode()
                self.forms[f"{name}{part}, HEX"] = raw.hex().upper().encode()
            for kind, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
                self.forms[f"{name}, {kind}"] = encode(key)[:20]

    def found_in(self, raw):
        return [name for name, form in self.forms.items() if form in raw]


def _seen(pid, names, keys):
    raw = b""
    for name in names:
        for path in Path("/proc").glob(f"{pid}/{name}"):
            try:
                raw += path.read_bytes() + b"\0"
            except OSError:
                pass  # what nobody may read shows nothing
    return keys.found_in(raw)


def seen_outside(pid, keys):
    """What `ps` (its arguments and names), the environment and the maps show."""
    return {
        "ps": _seen(pid, ["cmdline", "comm", "stat", "status", "task/*/comm"], keys),
        "the_environment": _seen(pid, ["environ"], keys),
        "the_maps": _seen(pid, ["maps", "smaps"], keys),
    }


def core_holds(pid, keys):
    """Keys in the memory that a core file takes, however it is filtered, and in what is left out (VmFlags dd)."""
    areas, area = [], None
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)", line)
        if head:
            area = {"from": int(head[1], 16), "to": int(head[2], 16), "mode": head[3], "name": head[4], "out": False}
            areas.append(area)
        elif line.startswith("VmFlags:"):
            area["out"] = "dd" in line.split()
    core, left_out = [], []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for area in areas:
            if "r" not in area["mode"] or area["name"] in ("[vvar]", "[vsyscall]"):
                continue
            raw, at = bytearray(), area["from"]
            while at < area["to"]:
                memory.seek(at)
                try:
                    part = memory.read(min(area["to"] - at, 1 << 20))
                except OSError:
                    break  # nothing behind it
                at += len(part)
                if part.strip(b"\0"):  # most of it was never written to
                    raw += part
            found = keys.found_in(raw)
            if area["out"]:
                left_out += found
            else:
                core += [f"{name} in {area['name'] or 'an area of its own'}" for name in found]
    return core, left_out
