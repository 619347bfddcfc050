#!/usr/bin/env python3
"""Makes build/bench.json and a table of what tests/bench/run.sh measured.

  report.py RESULTS.jsonl BENCH.json [NAME=VALUE]...    the rest says how it was measured and with what
"""
import json
import os
import platform
import statistics
import sys
import time

GOAL_CPU_RATIO = 3  # fused against the bare pass-through
GOAL_CHAIN_EVENTS_PER_SECOND = 300_000
GOAL_RSS_MIB = 400
GOAL_LETTERS_PER_SECOND = 20_000  # where every event is a dead letter
GOAL_GPP_NS = 1000  # a decision about a GPP string of three sections
GOAL_ID_RATIO = 1.5  # of the bare keyed hash of the same length
GOAL_GUARDED_SHARE = 0.95  # of the throughput without barriers
GOAL_RULES_NS = 150  # a look-up by a million rules
GOAL_MANY_RULES_NS = 300  # by ten million
GOAL_RULE_BYTES = 48
GOAL_RULES_START_MS = 100
GOAL_RULES_COMPILE_S = 3
GOAL_IMPORT_SHARE = 0.5  # of the throughput without an import


def machine():
    cpu = "unknown"
    memory_mib = 0
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo", encoding="utf-8") as file:
        memory_mib = int(file.readline().split()[1]) // 1024
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_mib": memory_mib,
        "system": f"{platform.system()} {platform.release()}",
        "load_average": os.getloadavg()[0],
    }


def median(runs, name):
    return statistics.median(run[name] for run in runs)


def summary_of_client(runs):
    names = ["records_per_second", "cpu_seconds_per_million", "peak_rss_mib"]
    if all("beside_seconds" in run for run in runs):
        names += ["beside_seconds", "records_per_second_beside"]
    summary = {name: median(runs, name) for name in names}
    summary["cpu_seconds_per_million_range"] = [
        min(run["cpu_seconds_per_million"] for run in runs),
        max(run["cpu_seconds_per_million"] for run in runs),
    ]
    return summary


def summary_of_chain(runs):
    warm = [run["warm"] for run in runs]
    cold = [run["cold"] for run in runs]
    return {
        "events_per_core_second": median(warm, "events_per_cpu_second"),
        "events_per_core_second_new_people": median(cold, "events_per_cpu_second"),
        "kept_share": median(warm, "kept_share"),
        "allocations_per_event": max(run["allocations_hot_path_per_event"] for run in warm),
        "allocations_per_event_new_people": max(run["allocations_hot_path_per_event"] for run in cold),
        "allocations_per_transaction": max(run["allocations_commit"] / run["transactions"] for run in warm),
        "state_bytes_per_person": median(runs, "state_bytes_per_person"),
        "consent_bytes_per_entry": median(runs, "consent_bytes_per_entry"),
    }


def summary_of_gpp(runs):
    return {name: median(runs, name) for name in runs[0] if name.endswith("_ns")}


def summary_of_letters(runs):
    return {"events_per_core_second": median(runs, "events_per_core_second")}


def summary_of_ids(runs):
    kinds = [name for name, value in runs[0].items() if isinstance(value, dict)]
    return {kind: {name: median([run[kind] for run in runs], name) for name in runs[0][kind]} for kind in kinds}


def summary_of_rules(runs):
    return {name: median(runs, name) for name in runs[0] if isinstance(runs[0][name], (int, float))}


RULES = {"rules 1000000": GOAL_RULES_NS, "rules 10000000": GOAL_MANY_RULES_NS}
SUMMARIES = {"chain": summary_of_chain, "gpp": summary_of_gpp, "ids": summary_of_ids, "dead letters": summary_of_letters,
             **{name: summary_of_rules for name in RULES}}


def share_of(runs, what, name, base, base_name):
    """The median of what each round says, or None. What one round measures lies closer together than the rounds."""
    pairs = zip(runs.get(what, []), runs.get(base, []))
    shares = [run[name] / of[base_name] for run, of in pairs if name in run]
    return statistics.median(shares) if shares else None


def goals_of(medians, runs, consents):
    def goal(what, value, limit, reached):
        return {"what": what, "value": value, "limit": limit, "reached": reached}

    goals = []
    if "fused" in medians and "bare forward" in medians:
        ratio = medians["fused"]["cpu_seconds_per_million"] / medians["bare forward"]["cpu_seconds_per_million"]
        goals.append(goal("CPU of fused / CPU of the bare pass-through, at most", round(ratio, 2), GOAL_CPU_RATIO,
                          ratio <= GOAL_CPU_RATIO))
    if "chain" in medians:
        speed = medians["chain"]["events_per_core_second"]
        goals.append(goal("chain alone, events per second and core, at least", round(speed),
                          GOAL_CHAIN_EVENTS_PER_SECOND, speed >= GOAL_CHAIN_EVENTS_PER_SECOND))
        count = medians["chain"]["allocations_per_event"]
        goals.append(goal("allocations per event on the hot path", count, 0, count == 0))
    if "fused" in medians:
        rss = medians["fused"]["peak_rss_mib"]
        goals.append(goal(f"peak RSS of fused with {consents:,} consents and 1 worker, MiB, below", round(rss),
                          GOAL_RSS_MIB, rss < GOAL_RSS_MIB and consents >= 1_000_000))
    share = share_of(runs, "fused", "records_per_second", "unguarded", "records_per_second")
    if share is not None:
        goals.append(goal("records/s of fused / without any barrier, at least", round(share, 3), GOAL_GUARDED_SHARE,
                          share >= GOAL_GUARDED_SHARE))
    for what, how in (("import", "are imported"), ("burst", "are written, 100,000 a second,")):
        share = share_of(runs, what, "records_per_second_beside", "fused", "records_per_second")
        if share is not None:
            goals.append(goal(f"records/s of fused while a million opt-outs {how} / without, at least", round(share, 3),
                              GOAL_IMPORT_SHARE, share >= GOAL_IMPORT_SHARE))
    if "dead letters" in medians:
        speed = medians["dead letters"]["events_per_core_second"]
        goals.append(goal("a stream of dead letters, events per second and core, at least", round(speed),
                          GOAL_LETTERS_PER_SECOND, speed >= GOAL_LETTERS_PER_SECOND))
    if "ids" in medians:
        found = dict(medians["ids"])
        of_advertiser = found.pop("advertiser_id")["of_bare"]
        slowest = max(kind["of_bare"] for kind in found.values() if "of_bare" in kind)
        for what, ratio in (("pseudonym of one ID", slowest), ("advertiser's ID, with the epoch's key", of_advertiser)):
            goals.append(goal(f"{what} / the bare keyed hash of the same length, at most", ratio, GOAL_ID_RATIO,
                              ratio <= GOAL_ID_RATIO))
    if "gpp" in medians:
        slowest = max(medians["gpp"][name] for name in ("three_sections_ns", "three_sections_denied_ns"))
        goals.append(goal("a decision about a GPP string of three sections, ns, below", round(slowest), GOAL_GPP_NS,
                          slowest < GOAL_GPP_NS))
    for name, limit in RULES.items():
        if name in medians:
            goals += goals_of_rules(name.split()[1], medians[name], limit)
    return goals


def goals_of_rules(count, row, limit):
    def below(what, name, most):
        return {"what": f"{int(count):,} rules: {what}", "value": round(row[name], 1), "limit": most, "reached": row[name] <= most}

    goals = [below("a look-up of a Zipf host, ns CPU, at most", "mean_ns", limit),
             below("bytes a rule on the disk, at most", "bytes_a_rule", GOAL_RULE_BYTES)]
    if count == "1000000":
        goals += [below("mapped and ready, ms, at most", "start_ms", GOAL_RULES_START_MS),
                  below("compiled, s, at most", "compile_s", GOAL_RULES_COMPILE_S)]
    return goals


def key_of(run):
    what = run.get("what", "")
    return {"bare forward, exactly once": "bare forward", "chain alone": "chain"}.get(what, what)


def print_clients(medians):
    print(f"{'':14}{'records/s':>12}{'CPU s/million':>16}{'(least..most)':>16}{'peak RSS MiB':>14}{'CPU ratio':>11}")
    base = medians.get("bare forward", {}).get("cpu_seconds_per_million")
    for name in ("bare consume", "bare forward", "first start", "fused", "unguarded", "import", "burst", "split"):
        if name not in medians:
            continue
        row = medians[name]
        low, high = row["cpu_seconds_per_million_range"]
        ratio = f"{row['cpu_seconds_per_million'] / base:11.2f}" if base else ""
        print(f"{name:14}{row['records_per_second']:12,.0f}{row['cpu_seconds_per_million']:16.2f}"
              f"{f'{low:.2f}..{high:.2f}':>16}{row['peak_rss_mib']:14.0f}{ratio}")


def print_chain(row):
    print(f"\nchain alone: {row['events_per_core_second']:,.0f} events per second and core"
          f" ({row['events_per_core_second_new_people']:,.0f} while every person is new),"
          f" {row['kept_share']:.1%} kept")
    print(f"allocations per event: {row['allocations_per_event']:g};"
          f" while every person is new {row['allocations_per_event_new_people']:.6f};"
          f" per transaction, at its end: {row['allocations_per_transaction']:.2f}")
    print(f"memory: {row['state_bytes_per_person']:.0f} bytes of state per person,"
          f" {row['consent_bytes_per_entry']:.0f} bytes per consent entry")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        results = [json.loads(line) for line in file]
    settings = dict(argument.split("=", 1) for argument in sys.argv[3:])
    sample = next((run for run in results if "seconds" in run and "consents" in run), {})
    runs = {}
    for run in results:
        if run is not sample:
            runs.setdefault(key_of(run), []).append(run)
    medians = {name: SUMMARIES.get(name, summary_of_client)(of) for name, of in runs.items()}
    goals = goals_of(medians, runs, sample.get("consents", 0))
    report = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine(),
        "settings": settings,
        "sample": sample,
        "medians": medians,
        "goals": goals,
        "results": results,
    }
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1)
        file.write("\n")
    here = report["machine"]
    print(f"{here['cpu']}, {here['cores']} cores, load {here['load_average']:.1f}; librdkafka {settings['librdkafka']},"
          f" Kafka {settings['kafka']}, {settings['compiler']}")
    if sample:
        print(f"{sample['events']:,} events of {sample['event_bytes']:.0f} bytes from {sample['subscribers']:,} people,"
              f" {sample['consents']:,} consents; {settings['partitions']} partitions, {settings['codec']}, a commit"
              f" every {settings['commit_ms']} ms, {settings['kept_percent']} % kept; medians of"
              f" {settings['rounds']} rounds\n")
    print_clients(medians)
    if "chain" in medians:
        print_chain(medians["chain"])
    print()
    for goal in goals:
        word = "reached" if goal["reached"] else "NOT REACHED"
        print(f"{word:12} {goal['what']} {goal['limit']:,}: {goal['value']:,}")
    print(f"\n{sys.argv[2]} has every run with its command.")


if __name__ == "__main__":
    main()
