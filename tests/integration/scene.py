"""A small pipeline with people by name, for tests that ask who is in the feed.

`update_every: 0` writes with every transaction, so that what passes is in the feed at once. IDs are computed from the
documents and turned back into names.
"""

import json
import time

import checker
import documented
import harness

HOST = "espn.com" # a shipped rule gives it an interest


def number_of(name):
    """A person's number, in country code 999, which is nobody's."""
    return "+999" + "".join(f"{ord(letter) % 100:02d}" for letter in name[:5]).ljust(10, "0")


def event(name, at_ms=None, **more):
    return {"type": "browse", "time": at_ms or int(time.time() * 1000), "subscriber": number_of(name),
            "account": "acct-" + name, "brand": "tmobile", "region": "US-CA", "plan": "postpaid", "birth_year": 1980,
            "host": HOST, **more}


def choice(name, what, seq=1, subject="line", effective=None, **more):
    key = f"line:{number_of(name)}" if subject == "line" else f"account:acct-{name}"
    effective = effective or int(time.time() * 1000) - 1000
    return {"key": key, "value": {"choices": {"*": what}, "effective": effective, "seq": seq, **more}}


def tombstone(name):
    return {"key": f"line:{number_of(name)}", "value": None}


class Scene:
    """Topics with a prefix of their own on a broker, and the processes on them."""

    def __init__(self, work, name, bootstrap, stages=None, through=None, **changes):
        self.work, self.name, self.bootstrap, self.prefix = work, name, bootstrap, name + "."
        base = {"pipeline": name, "publish": {"update_every": "0"}, "consent": {"lease": "30s", "barrier_every": "500ms"},
                "runtime": {"commit_interval": "100ms"}}
        whole = harness.configuration(work, self.prefix, through or bootstrap)
        self.config = harness.merge(whole, harness.merge(base, changes))
        if stages:
            self.config = harness.part(self.config, stages)
        if not (work / "secrets").exists():
            harness.make_keys(work, whole)
        self.pseudonym_key = documented.key_of(work / "secrets/pseudonym.key")
        self.publish_key = documented.chain_of(work / "secrets/publish.key")
        self.feed = self.prefix + "feed.acme"
        self.count = 0

    def create_topics(self, partitions=2, without=()):
        plan = harness.topic_plan(self.config, partitions)
        harness.tool("create", self.bootstrap, *(topic for topic in plan if topic.split(":")[0] not in without))

    def topic(self, role):
        return self.config["topics"][role]

    def process(self, name="one", program=None, **changes):
        return harness.Process(self.work, f"{self.name}-{name}", self.config, program, **changes)

    def _file(self, records):
        self.count += 1
        path = self.work / f"{self.name}-{self.count}.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return path

    def send_events(self, *events):
        harness.tool("produce", self.bootstrap, self.topic("events"), self._file(events), "events")

    def send_choices(self, *choices):
        harness.tool("produce", self.bootstrap, self.topic("consent"), self._file(choices), "records")

    def hold(self, role, *records):
        """Records in a transaction that stays open until end()."""
        return harness.Held(self.bootstrap, self.topic(role), self._file(records), f"{self.name}-{self.count}")

    def hold_choices(self, *choices):
        return self.hold("consent", *choices)

    def id_of(self, name, epoch=None):
        key = documented.pseudonym(self.pseudonym_key, "line", "e164", documented.line_of(number_of(name)))
        epoch = documented.epoch_of(int(time.time() * 1000)) if epoch is None else epoch
        return documented.feed_id(self.publish_key, self.config["publish"]["feeds"][0], epoch, key)

    def published(self, *names, isolation="committed"):
        """Who of these was ever in the feed."""
        keys = {record["key"] for record in harness.dump(self.bootstrap, self.feed, isolation)}
        return {name for name in names if self.id_of(name) in keys}

    def counted(self, *names):
        """How many events of each of these the changelog counts, as its committed records say."""
        lines = {documented.pseudonym(self.pseudonym_key, "line", "e164", documented.line_of(number_of(name))): name
                 for name in names}
        state = {}
        for record in harness.dump(self.bootstrap, self.topic("state")):
            key = checker.bytes_of(record["key"])
            if documented.is_person_key(key) and key[-16:] in lines:
                state[lines[key[-16:]]] = checker.bytes_of(record["value"])
        return {name: sum(documented.person(raw)["counts"].values()) for name, raw in state.items() if raw}

    def wait_published(self, name, seconds=120):
        harness.wait_until(lambda: self.published(name), f"{name} is not in the feed", seconds, 0.1)

    def committed(self):
        group = self.config["pipeline"] + "." + self.config["stages"][0]
        return harness.offsets(self.bootstrap, self.topic("events"), group)

    def positions(self):
        """Input partition -> next offset by the last committed position record of the changelog."""
        found = {}
        for record in harness.dump(self.bootstrap, self.topic("state")):
            if record["key"] == "position":
                value = json.loads(record["value"])
                found[value["partition"]] = value["next_offset"]
        return found

    def wait_taken(self, seconds=120):
        """Until all events that are on the topic are committed."""
        ends = harness.offsets(self.bootstrap, self.topic("events"))
        harness.wait_until(
            lambda: all(self.committed().get(partition, -1) >= end for partition, end in ends.items() if end),
            lambda: f"committed {self.committed()} of {ends}", seconds, 0.1)

    def wait_answered(self, stage):
        """Until what the side input of that stage read of the consent topic, to its end, is answered and committed."""
        group = f"{self.config['pipeline']}.{stage}.side"

        def behind():
            ends = harness.offsets(self.bootstrap, self.topic("consent"))
            done = harness.offsets(self.bootstrap, self.topic("consent"), group)
            return {partition: (done.get(partition), end) for partition, end in ends.items()
                    if end and done.get(partition, -1) < end}
        harness.wait_until(lambda: not behind(), lambda: f"{group} has not answered: {behind()}", step=0.1)
