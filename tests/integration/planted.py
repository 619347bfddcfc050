"""Canaries in every field of an event, known and unknown, nested too, and where the table of hops lets them be.

The table is asked of the program (`clickveil explain --fields --json`), so this follows it: a member that is written but has
no row, or is written further than its row says, is found by its name, and a value that goes further by its canary. `events`
are for file mode and Kafka alike."""
import base64
import itertools
import json
import subprocess

from canaries import Canary, search

# Legal values of fields; `field` is their row in the table.
NUMBER, MAID, IMEI = "+9994217755311", "4217c0de-9090-4a01-9c1e-0badcafe9090", "00421775530175"
LEGAL = {
    "subscriber": [NUMBER], "account": ["plantedaccount77"], "device.id": [MAID, IMEI], "region": ["FR-ZQX"],
    "url": ["plantedpath77", "plantedquery77", "planteduser77", "plantedpart77"], "host": ["plantedhost77.example"],
    "app": ["com.plantedapp77.news"], "plan": ["plantedplan77"], "gpp": ["plantedgpp77"], "us_privacy": ["plantedprivacy77"],
    "brand": ["plantedbrand77"],
}
DEPTHS = (1, 2, 14, 100)
LONG = 40000  # below input.record_max
TOO_LONG = 80000


def nested(depth, leaf):
    """Objects in arrays in objects, with the leaf as the innermost value and as the innermost key."""
    text = json.dumps({leaf: leaf})
    for level in range(depth):
        text = f"[0, {text}]" if level % 2 else f'{{"k": {text}}}'
    return text


def decoded(raw):
    """What stands in there as base64, too: envelopes of dead letters are JSON with such members."""
    parts = [raw]
    for line in raw.splitlines():
        try:
            for value in json.loads(line).values():
                if isinstance(value, str):
                    parts.append(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
        except (ValueError, AttributeError):
            continue
    return b"\n".join(parts)


class Planted:
    def __init__(self, program, time_ms, subscriber=NUMBER):
        shown = subprocess.run([program, "explain", "--fields", "--json"], capture_output=True, check=True)
        self.table = {row["field"]: row for row in json.loads(shown.stdout)}
        self.inputs = [field for field, row in self.table.items() if "events" in row["hops"]]
        self.time_ms, self.subscriber = time_ms, subscriber
        self.legal = {**LEGAL, "subscriber": [subscriber]}
        self.number = itertools.count()
        self.where = {}  # name of a canary: the field whose row says where it may be; None: nowhere
        self.canaries = []
        for field, texts in self.legal.items():
            assert field in self.inputs, f"{field} is no field of events any more"
            for text in texts:
                self._add(f"{field} {text}", text, field)
        self.events = list(self._events())

    def _add(self, name, text, field):
        self.canaries.append(Canary(name, text))
        self.where[name] = field

    def _stray(self, why, field=None):
        """A text that may be nowhere behind the input, or where that field may be."""
        text = f"stray{next(self.number):03}canary77"
        self._add(f"{why}: {text}", text, field)
        return text

    def _good(self, **changes):
        event = {"type": "browse", "time": self.time_ms, "subscriber": self.subscriber, "account": LEGAL["account"][0],
                 "device": {"kind": "maid", "id": MAID}, "brand": "tmobile", "region": "FR-ZQX", "plan": LEGAL["plan"][0],
                 "birth_year": 1980, "host": "www.espn.com", **changes}
        return json.dumps({name: value for name, value in event.items() if value is not None})

    def _with(self, member, **changes):
        return f"{self._good(**changes)[:-1]}, {member}}}"

    def _events(self):
        path, query, user, part = LEGAL["url"]
        url = f"https://{user}:{user}@www.espn.com/{path}?q={query}#{part}"
        app = {"host": None, "app": LEGAL["app"][0]}
        yield self._good()
        yield self._good(url=url, host=None)
        yield self._good(url=url, device={"kind": "imei", "id": IMEI})
        yield self._good(host=LEGAL["host"][0])
        for kind in ("app_use", "app_install", "app_remove"):
            yield self._good(type=kind, **app)
            yield self._good(type=kind, **dict(app, app="com.nike.omega"))
        yield self._good(type="app_use", preinstalled=True, **app)
        for field in ("gpp", "us_privacy", "brand"):
            yield self._good(**{field: LEGAL[field][0]})
        yield from self._misplaced()
        yield from self._unknown()

    def _misplaced(self):
        """In the place of each known field's value: whatever comes of the event, what it says there goes nowhere."""
        for field in self.inputs:
            outer, _, inner = field.partition(".")
            for depth in DEPTHS:
                value = nested(depth, self._stray(f"{field} {depth} levels deep"))
                value = f'{{"kind": "maid", "id": "{MAID}", "{inner}": {value}}}' if inner else value
                yield self._with(f'"{outer}": {value}', **{outer: None})  # an object has its member twice
            stray = self._stray(f"{field} twice")
            if inner:
                yield self._with(f'"device": {{"kind": "maid", "id": "{MAID}", "{inner}": "{stray}"}}', device=None)
            else:
                yield self._with(f'"{field}": "{self.legal.get(field, "1")[0]}", "{field}": "{stray}"', **{field: None})
            stray = self._stray(f"{field}, very long", field)
            value = json.dumps(stray * (LONG // len(stray)))
            yield self._with(f'"{outer}": {{"kind": "imei", "id": {value}}}' if inner else f'"{outer}": {value}', **{outer: None})
            stray = self._stray(f"beside {field}, under its name in other letters")
            yield self._with(f'"{field.upper()}": "{stray}", " {field}": "{stray}", "{field}\\u0000": "{stray}"')

    def _unknown(self):
        for depth in DEPTHS:
            yield self._with(f'"x": {nested(depth, self._stray(f"unknown, {depth} levels deep"))}')
        stray = self._stray("unknown, twice")
        yield self._with(f'"x": "{stray}", "x": {{"y": "{stray}", "y": ["{stray}"]}}')
        stray = self._stray("the name of a field")
        yield self._with(f'"{stray}": 1, "a.{stray}": {{"{stray}": {{"{stray}.b": []}}}}')
        stray = self._stray("very long")
        yield self._with(f'"x": "{stray * (LONG // len(stray))}"')
        yield self._with(f'"{stray * (LONG // len(stray))}": true')
        yield self._with(f'"x": [{", ".join([json.dumps(stray)] * 1000)}]')
        stray = self._stray("too long")
        yield self._with(f'"x": "{stray * (TOO_LONG // len(stray))}"')
        stray = self._stray("inside device")
        yield self._good(device={"kind": "maid", "id": MAID, "model": stray, "x": {"y": [stray, {stray: stray}]}, stray: 1})
        for field in self.table:  # what later hops have is unknown in an event
            if field in self.inputs:
                continue
            stray = self._stray(f"{field}, which an event does not have")
            outer, _, inner = field.partition(".")
            for value in (json.dumps(stray), json.dumps([stray]), json.dumps({stray: stray}), json.dumps([["tmobile", stray]])):
                yield self._with(f'"{outer}": {{"{inner}": {value}}}' if inner else f'"{outer}": {value}')
                yield self._with(f'"{field}": {value}')

    # ---- what a hop shows ----

    def may_be(self, hop, field):
        return field is not None and hop in self.table[field]["hops"]

    def leaks(self, hop, raw):
        """Canaries that are in there though the table does not let them: name -> form. hop None: nothing may be."""
        return search([one for one in self.canaries if not self.may_be(hop, self.where[one.name])], raw)

    def shown(self, hop, raw):
        """Fields whose canaries the table lets be there, and that are."""
        allowed = [one for one in self.canaries if self.may_be(hop, self.where[one.name])]
        return {self.where[name] for name in search(allowed, raw)}

    def members(self, hop, value):
        """Members of a record as the table calls them: those with a row for that hop, and those without."""
        good, bad = set(), set()

        def walk(prefix, value):
            for name, inner in value.items():
                path = prefix + name
                if self.may_be(hop, path if path in self.table else None):
                    good.add(path)
                elif isinstance(inner, dict) and inner and path not in self.table:
                    walk(path + ".", inner)
                else:
                    bad.add(path)
        walk("", value)
        return good, bad

    def fields(self, hop):
        return {field for field, row in self.table.items() if hop in row["hops"]}
