#!/usr/bin/env python3
"""Consent on Kafka: complete before the first event, fresh or stop, and late opt-outs catch the open batch."""

import json
import os
import re
import signal
import subprocess
import time

import harness
from harness import require, wait_until
from scene import Scene, choice, event, tombstone
from topic_proxy import TopicProxy

tap = harness.Tap()
work = harness.directory("consent")

SHORT_LEASE = {"lease": "3s"} # only where it is to run out


def absent(bootstrap):
    scene = Scene(work, "absent", bootstrap)
    scene.create_topics(without=[scene.topic("consent")])
    scene.send_events(event("ann"))
    process = scene.process().start()
    with tap.case("consent_refuses_to_start_without_its_topic"):
        status = process.wait()
        require(status == 78, f"status {status}:\n{process.tail()}")
        require(process.logged(f"topic {scene.topic('consent')} does not exist"), process.tail())
        require(process.logged("clickveil topics create"), process.tail())
        require(not scene.published("ann", isolation="uncommitted"), "an event passed")


def empty(bootstrap):
    scene = Scene(work, "empty", bootstrap)
    scene.create_topics()
    scene.send_events(event("ann"))
    process = scene.process().start()
    with tap.case("consent_refuses_to_start_with_an_empty_topic"):
        status = process.wait()
        require(status == 78, f"status {status}:\n{process.tail()}")
        require(process.logged("floor"), process.tail())
        require(not scene.published("ann", isolation="uncommitted"), "an event passed")


def sent_until_published(scene, name, **more):
    """What a choice's end changes is seen at one of the next barriers; until then events are dropped."""
    wait_until(lambda: scene.send_events(event(name, **more)) or scene.published(name), f"{name} is not published", step=0.5)


def open_transaction(bootstrap):
    """Opt-outs in a transaction that is open when the process starts: a reader of committed records would not see them."""
    scene = Scene(work, "open", bootstrap, publish={"unanswered_consent": True}) # which would wait for that transaction's end
    scene.create_topics()
    scene.send_choices(choice("zoe", "in"))
    held = scene.hold_choices(choice("ann", "out"), choice("bob", "out", subject="account"))
    scene.send_events(event("ann"), event("bob"), event("cat"))
    process = scene.process().start()
    with tap.case("consent_believes_opt_outs_of_an_open_transaction_at_its_start"):
        process.wait_ready()
        scene.wait_taken()
        who = scene.published("ann", "bob", "cat", isolation="uncommitted")
        require(who == {"cat"}, f"in the feed: {who}")
    with tap.case("consent_believes_opt_outs_that_are_aborted_only_until_then"):
        held.end("abort")
        sent_until_published(scene, "ann")
    held = scene.hold_choices(choice("dan", "out"))
    with tap.case("consent_believes_opt_outs_of_an_open_transaction_while_it_runs"):
        time.sleep(1.5)
        scene.send_events(event("dan"), event("eve"))
        scene.wait_published("eve")
        held.end("commit")
        scene.send_events(event("dan"))
        scene.wait_taken()
        require(not scene.published("dan", isolation="uncommitted"), "dan is in the feed")
    held = scene.hold_choices(choice("hal", "in"))
    with tap.case("consent_believes_an_in_only_when_it_is_committed"):
        time.sleep(1.5)
        scene.send_events(event("hal", region="US-ME")) # where an `in` is needed
        scene.wait_taken()
        require(not scene.published("hal", isolation="uncommitted"), "hal is in the feed")
        held.end("commit")
        sent_until_published(scene, "hal", region="US-ME")
    with tap.case("nobody_is_published_again_in_the_epoch_of_the_out"):
        scene.send_choices(choice("dan", "in", seq=2, two_step=True))
        time.sleep(1.5)
        scene.send_events(event("dan"), event("ida"))
        scene.wait_published("ida")
        scene.wait_taken()
        require(not scene.published("dan", isolation="uncommitted"), "dan is in the feed")
    with tap.case("consent_takes_a_tombstone_for_an_opt_out"):
        scene.send_choices(tombstone("fay"))
        time.sleep(1.5)
        scene.send_events(event("fay"), event("gus"))
        scene.wait_published("gus")
        require(not scene.published("fay", isolation="uncommitted"), "fay is in the feed")
    tap.ok("consent_process_ends_with_status_0", process.stop() == 0, process.tail())


def open_from_the_start(bootstrap):
    """Nothing but an open transaction: no entry yet that counts for the floor."""
    scene = Scene(work, "onlyopen", bootstrap)
    scene.create_topics()
    held = scene.hold_choices(choice("ann", "out"))
    scene.send_events(event("ann"), event("bob"))
    process = scene.process().start()
    with tap.case("consent_refuses_to_start_when_all_there_is_stands_in_an_open_transaction"):
        status = process.wait()
        require(status == 78, f"status {status}:\n{process.tail()}")
        require(not scene.published("ann", "bob", isolation="uncommitted"), "an event passed")
    held.end("commit")


def out_of_reach(bootstrap, proxy_address, proxy):
    scene = Scene(work, "reach", bootstrap, through=proxy_address, consent=SHORT_LEASE)
    scene.create_topics()
    scene.send_choices(choice("zoe", "in"))
    process = scene.process().start()
    process.wait_ready()
    scene.send_events(event("ann"))
    scene.wait_published("ann")
    proxy.topic = scene.topic("consent").encode()
    proxy.cut.set()
    with tap.case("consent_pauses_when_its_topic_is_out_of_reach_for_longer_than_the_lease"):
        def says_so():
            status, reason = process.get("/readyz")
            return status == 503 and scene.topic("consent") in reason and "lease" in reason
        wait_until(says_so, lambda: f"/readyz says: {process.get('/readyz')}")
        scene.send_choices(choice("bob", "out"))
        before = scene.committed()
        scene.send_events(event("bob"), event("cat"))
        time.sleep(4)
        require(process.alive(), process.tail())
        require(process.get("/livez")[0] == 200, f"/livez: {process.get('/livez')}")
        require(scene.committed() == before, f"committed {scene.committed()}, before {before}")
        require(not scene.published("bob", "cat", isolation="uncommitted"), "an event passed")
    with tap.case("consent_goes_on_when_its_topic_is_back"):
        proxy.cut.clear()
        process.wait_ready()
        scene.wait_published("cat")
        scene.wait_taken()
        require(not scene.published("bob", isolation="uncommitted"), "bob, who opted out meanwhile, is in the feed")
    tap.ok("consent_process_that_was_paused_ends_with_status_0", process.stop() == 0, process.tail())


def frozen_broker(bootstrap, broker):
    """The whole broker does not answer for longer than the lease."""
    scene = Scene(work, "frozen", bootstrap, consent=SHORT_LEASE)
    scene.create_topics()
    scene.send_choices(choice("zoe", "in"))
    process = scene.process().start()
    process.wait_ready()
    scene.send_events(event("ann"))
    scene.wait_published("ann")
    broker.signal(signal.SIGSTOP)
    with tap.case("consent_pauses_when_the_broker_does_not_answer_and_goes_on_afterwards"):
        try:
            wait_until(lambda: process.get("/readyz")[0] == 503, "it stays ready")
            time.sleep(2)
            require(process.alive(), process.tail())
        finally:
            broker.resume()
        process.wait_ready()
        scene.send_events(event("bob"))
        scene.wait_published("bob")
    process.stop()


def late_opt_out(bootstrap, name, program, barrier):
    """The choice arrives between the event and the commit of its transaction."""
    def attempt(how, seconds):
        interval_ms = int(seconds * 2500)
        scene = Scene(work, f"late-{name}-{how}-{interval_ms}", bootstrap,
                      runtime={"commit_interval": f"{interval_ms}ms", "transaction_timeout": "30s"})
        scene.create_topics(partitions=1)
        scene.send_choices(choice("zoe", "in"))
        process = scene.process(program=program).start()
        process.wait_ready()
        scene.send_events(event("eve")) # so that the first transaction has been
        scene.wait_published("eve")
        sent = time.monotonic()
        scene.send_events(event("ann"), event("bob"))
        time.sleep(seconds)
        held = None
        if how == "committed":
            scene.send_choices(choice("ann", "out"))
        else:
            held = scene.hold_choices(choice("ann", "out"))
        in_time = time.monotonic() < sent + interval_ms / 1000 # the transaction began later than `sent`
        scene.wait_published("bob")
        scene.wait_taken()
        passed = bool(scene.published("ann", isolation="uncommitted"))
        metrics = process.get("/metrics")[1]
        if held:
            held.end("commit")
        process.stop()
        if not barrier: # not passed: the choice was there before the event
            return in_time and passed
        if in_time and passed:
            broken.append(f"ann is in the feed\n{process.tail()}")
        aborted = re.search(r"^clickveil_barrier_aborts_total (\d+)$", metrics, re.M)
        require(aborted, metrics[-3000:])
        return in_time and aborted.group(1) != "0" # none: the choice was there before the event

    for how in ("committed", "uncommitted"):
        broken = []
        if barrier:
            with tap.case(f"barrier_counts_the_abort_for_an_opt_out_that_is_{how}"):
                harness.bracketed(lambda seconds: attempt(how, seconds), "no transaction was aborted for it")
            tap.ok(f"barrier_catches_an_opt_out_that_is_{how}_during_the_transaction", not broken, "\n".join(broken))
        else:
            with tap.case(f"without_the_barrier_an_opt_out_that_is_{how}_during_the_transaction_comes_too_late"):
                harness.bracketed(lambda seconds: attempt(how, seconds), "ann is never in the feed")


def topic_made_anew(bootstrap):
    scene = Scene(work, "anew", bootstrap)
    scene.create_topics()
    scene.send_choices(*(choice(f"p{i}", "out") for i in range(20)))
    process = scene.process().start()
    process.wait_ready()
    with tap.case("consent_stops_when_its_topic_is_deleted_and_made_anew"):
        harness.tool("delete", bootstrap, scene.topic("consent"))
        time.sleep(1)
        harness.tool("create", bootstrap, f"{scene.topic('consent')}:3:cleanup.policy=compact")
        scene.send_choices(choice("zoe", "in"))
        scene.send_events(event("p1"))
        wait_until(lambda: not process.alive(), lambda: f"it goes on: {process.get('/statusz')}\n{process.tail()}")
        status = process.wait()
        require(status not in (0, 70) and status > 0, f"status {status}\n{process.tail()}")
        require(process.logged("made anew") or process.logged("does not exist"), process.tail())
        require(not scene.published("p1", isolation="uncommitted"), "somebody who had opted out is in the feed")


def forgetful(bootstrap):
    """A topic that deletes what is old forgets who said no: nothing is read of it."""
    for policy in ("delete", "compact+delete"):
        scene = Scene(work, "forgetful-" + policy.replace("+", "-"), bootstrap)
        scene.create_topics(without=[scene.topic("consent")])
        harness.tool("create", bootstrap, f"{scene.topic('consent')}:2:cleanup.policy={policy}")
        scene.send_choices(choice("zoe", "in"))
        with tap.case(f"consent_refuses_a_topic_whose_cleanup_policy_is_{policy.replace('+', '_and_')}"):
            process = scene.process().start()
            require(process.wait() == 78, process.tail())
            require(process.logged(f"cleanup.policy is {policy.replace('+', ',')}, and must be compact"), process.tail())


def state_made_anew(bootstrap):
    """What workers know of people is in no topic any more: whoever takes over could take back nothing."""
    scene = Scene(work, "state", bootstrap)
    scene.create_topics()
    scene.send_choices(choice("zoe", "in"))
    process = scene.process().start()
    process.wait_ready()
    for number in range(8): # a transaction or more each, so that the topic is long
        scene.send_events(*(event(f"p{number}{other}") for other in range(20)))
        scene.wait_taken()
    with tap.case("process_stops_when_its_state_topic_is_deleted_and_made_anew"):
        time.sleep(6) # its ends are looked at every few seconds
        harness.tool("delete", bootstrap, scene.topic("state"))
        time.sleep(1)
        harness.tool("create", bootstrap, f"{scene.topic('state')}:2:cleanup.policy=compact")
        wait_until(lambda: not process.alive(), lambda: f"it goes on: {process.get('/statusz')}\n{process.tail()}")
        status = process.wait()
        require(status not in (0, 70) and status > 0, f"status {status}\n{process.tail()}")
        require(process.logged("made anew") or process.logged("does not exist"), process.tail())


def acknowledged(bootstrap):
    """A record whose key says nothing stops the stage, until the operator acknowledges it."""
    scene = Scene(work, "known", bootstrap)
    scene.create_topics()
    scene.send_choices(choice("zoe", "in"), {"key": "line:+1415canary", "value": None})
    scene.send_events(event("ann"))
    process = scene.process("stopped").start()
    with tap.case("consent_stops_at_a_key_that_cannot_be_read_and_says_how_to_acknowledge_it"):
        status = process.wait()
        require(status == 65, f"status {status}:\n{process.tail()}")
        places = re.findall(r'consent\.ignore: \[\\?"(\d+:\d+)', process.tail())
        require(places, process.tail())
        require(not process.logged("canary"), process.tail())
    process = scene.process("acknowledging", consent={"ignore": [places[-1]]}).start()
    with tap.case("consent_goes_on_without_an_acknowledged_record_and_says_so"):
        scene.wait_published("ann")
        require(process.logged("followed_records_acknowledged"), process.tail())
        shown = json.loads(process.get("/statusz")[1])["gauges"]["consent"]["consent_records_ignored"]
        require(shown == 1, f"shown: {shown}")
    process.stop()


def one_identity_twice(bootstrap):
    scene = Scene(work, "twin", bootstrap)
    scene.create_topics()
    scene.send_choices(choice("zoe", "in"))
    older = scene.process("older", instance="same").start()
    older.wait_ready()
    scene.send_events(event("ann"))
    scene.wait_published("ann")
    younger = scene.process("younger", instance="same").start()
    with tap.case("older_of_two_instances_with_one_identity_is_fenced_and_says_so"):
        younger.wait_ready()
        for i in range(60): # it learns of it when it next uses its producer
            if not older.alive():
                break
            scene.send_events(*(event(f"q{i}{j}") for j in range(4)))
            time.sleep(0.5)
        status = older.wait()
        require(status > 0, f"status {status}")
        require(older.logged("instance"), older.tail())
        scene.send_events(event("bob"))
        scene.wait_published("bob")
        require(younger.alive(), younger.tail())
    younger.stop()


def without_barrier():
    """Builds the product as it must not be."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "TESTS"))}
    environment["TEST_BUILD"] = "barrier-off"
    built = subprocess.run(["make", "-s", "-j2", "-C", harness.ROOT, "TEST_BUILD=barrier-off", "build"],
                           env=environment, capture_output=True, text=True)
    require(built.returncode == 0, f"the build without the barrier failed:\n{built.stderr}")
    return harness.ROOT / "build/barrier-off/clickveil"


def main():
    port, proxied, proxy_port = (harness.free_port() for _ in range(3))
    broker = harness.Broker(
        "consent", port=port, *(
            f"listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxied},CONTROLLER://127.0.0.1:{port + 1}",
            # clients come back to the address that the broker gives them: the proxy's
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxy_port}",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT"))
    proxy = TopicProxy(proxy_port, f"127.0.0.1:{proxied}")
    bootstrap = broker.bootstrap
    cases = {
        "absent": lambda: absent(bootstrap),
        "empty": lambda: empty(bootstrap),
        "forgetful": lambda: forgetful(bootstrap),
        "known": lambda: acknowledged(bootstrap),
        "open": lambda: open_transaction(bootstrap),
        "onlyopen": lambda: open_from_the_start(bootstrap),
        "reach": lambda: out_of_reach(bootstrap, f"127.0.0.1:{proxy_port}", proxy),
        "frozen": lambda: frozen_broker(bootstrap, broker),
        "late": lambda: late_opt_out(bootstrap, "on", None, True),
        "late-off": lambda: late_opt_out(bootstrap, "off", without_barrier(), False),
        "anew": lambda: topic_made_anew(bootstrap),
        "state": lambda: state_made_anew(bootstrap),
        "twin": lambda: one_identity_twice(bootstrap),
    }
    for name in os.environ.get("CONSENT_CASES", " ".join(cases)).split():
        tap.note(name)
        try:
            cases[name]()
        except Exception as error: # the other cases still run
            tap.ok(f"consent_{name}", False, f"{type(error).__name__}: {error}")
    tap.end()


if __name__ == "__main__":
    main()
