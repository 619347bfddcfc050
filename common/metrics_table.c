#include "common/metrics_table.h"

#include "common/event.h"
#include "common/stage.h"

const struct metric_row metrics_table[METRICS] = {
    [METRIC_BUILD_INFO] = {"clickveil_build_info", METRIC_GAUGE, "", "version,librdkafka,stages",
                           "Always 1. The labels say what runs: versions, and the stages of this process."},
    [METRIC_READY] =
        {"clickveil_ready", METRIC_GAUGE, "", "",
         "1 when /readyz answers 200: followed topics are complete and fresh, and every worker is "
         "in its group."},
    [METRIC_RECORDS] =
        {"clickveil_stage_records_total", METRIC_COUNTER, "records", "stage,verdict,reason",
         "Verdicts of the stages on records of committed transactions; the stage `input` is the "
         "decoder. `pass` has no reason."},
    [METRIC_INPUT_RECORDS] = {"clickveil_input_records_total", METRIC_COUNTER, "records", "",
                              "Records of the input topic in committed transactions."},
    [METRIC_REPLAYED_RECORDS] = {"clickveil_replayed_records_total", METRIC_COUNTER, "records", "",
                                 "Records that were delivered again below our own position, and left out."},
    [METRIC_OUTPUT_RECORDS] =
        {"clickveil_output_records_total", METRIC_COUNTER, "records", "",
         "Records written in committed transactions: to the next stage, feeds, changelog, "
         "dead letters."},
    [METRIC_FEED_RECORDS] = {"clickveil_feed_records_total", METRIC_COUNTER, "records", "",
                             "Records written to feeds in committed transactions, tombstones included."},
    [METRIC_OPT_OUT_CLOCK] = {"clickveil_opt_out_clock_business_days", METRIC_GAUGE, "days", "",
                              "Age, in business days, of the oldest choice that this process may not have "
                              "done everything about: by the lag of its side inputs, by when followed topics "
                              "were last read to their end, and, with publish, until the last tombstone of "
                              "everybody who said no (since a restart by the newest choice of each). "
                              "California gives 15 (11 CCR 7026(f)); Monday to Friday, UTC, holidays counted "
                              "too."},
    [METRIC_LAG_RECORDS] = {"clickveil_lag_records", METRIC_GAUGE, "records", "topic,partition",
                            "End of the partition minus our committed position, for each partition that this "
                            "process holds; measured every few seconds."},
    [METRIC_LAG_SECONDS] = {"clickveil_lag_seconds", METRIC_GAUGE, "seconds", "topic,partition",
                            "Age of the newest committed record while the partition has more, else 0."},
    [METRIC_TRANSACTIONS] = {"clickveil_transactions_total", METRIC_COUNTER, "transactions", "result",
                             "Kafka transactions by result: `committed` or `aborted`."},
    [METRIC_BARRIER_ABORTS] =
        {"clickveil_barrier_aborts_total", METRIC_COUNTER, "transactions", "",
         "Aborted transactions (counted under `aborted` too) because a choice touched a "
         "subject in the batch."},
    [METRIC_TRANSACTION_DURATION] = {"clickveil_transaction_duration_seconds", METRIC_HISTOGRAM, "seconds",
                                     "", "From the beginning of a transaction to its commit."},
    [METRIC_EVENT_TO_COMMIT] =
        {"clickveil_event_to_commit_seconds", METRIC_HISTOGRAM, "seconds", "",
         "From a record's Kafka timestamp to the commit of the transaction that it was "
         "processed in."},
    [METRIC_PRODUCERS_RECREATED] = {"clickveil_producers_recreated_total", METRIC_COUNTER, "producers", "",
                                    "Producers made anew after an error that was fatal or whose result was "
                                    "unknown."},
    [METRIC_REBALANCES] = {"clickveil_rebalances_total", METRIC_COUNTER, "rebalances", "",
                           "Assignments of partitions to workers of this process."},
    [METRIC_WORKER_PHASE] = {"clickveil_worker_phase", METRIC_GAUGE, "", "worker,phase",
                             "1 for the phase that a worker is in: connecting, waiting, joining, restoring, "
                             "running, paused, recovering, draining, stopped or failed."},
    [METRIC_WORKER_PARTITIONS] = {"clickveil_worker_partitions", METRIC_GAUGE, "partitions", "worker",
                                  "Partitions of the input that a worker holds."},
    [METRIC_WORKER_RESTORE_RATIO] = {"clickveil_worker_restore_ratio", METRIC_GAUGE, "ratio", "worker",
                                     "Share of the changelog that a worker has read back, 0 to 1."},
    [METRIC_WORKER_ARENA] = {"clickveil_worker_arena_bytes", METRIC_GAUGE, "bytes", "worker",
                             "Memory that a worker holds for the records of a transaction; bounded by "
                             "runtime.memory_max."},
    [METRIC_SIDE_PHASE] =
        {"clickveil_side_phase", METRIC_GAUGE, "", "stage,phase",
         "1 for the phase of the worker of a stage's side input, which answers the records of the consent "
         "topic; phases as of clickveil_worker_phase."},
    [METRIC_SIDE_PARTITIONS] = {"clickveil_side_partitions", METRIC_GAUGE, "partitions", "stage",
                                "Partitions of the side input that this process holds; one process may hold "
                                "all, and the others none."},
    [METRIC_SIDE_RECORDS] = {"clickveil_side_records_total", METRIC_COUNTER, "records", "stage",
                             "Records of the side input in committed transactions."},
    [METRIC_SIDE_OUTPUT_RECORDS] =
        {"clickveil_side_output_records_total", METRIC_COUNTER, "records", "stage",
         "Records that were written in answer to them, in committed transactions."},
    [METRIC_SIDE_TRANSACTIONS] =
        {"clickveil_side_transactions_total", METRIC_COUNTER, "transactions", "stage,result",
         "Kafka transactions of the side input by result: `committed` or `aborted`."},
    [METRIC_SIDE_LAG_RECORDS] = {"clickveil_side_lag_records", METRIC_GAUGE, "records",
                                 "stage,topic,partition",
                                 "End of the partition minus the side input's committed position, for each "
                                 "partition that this process holds."},
    [METRIC_SIDE_LAG_SECONDS] = {"clickveil_side_lag_seconds", METRIC_GAUGE, "seconds",
                                 "stage,topic,partition",
                                 "Age of the newest committed record of the side input while the partition "
                                 "has more, else 0."},
    [METRIC_FOLLOWED_PHASE] =
        {"clickveil_followed_phase", METRIC_GAUGE, "", "topic,phase",
         "1 for the phase of a topic that is followed whole, such as consent: connecting, "
         "reading, following or failed."},
    [METRIC_FOLLOWED_BOOTSTRAP_RATIO] = {"clickveil_followed_bootstrap_ratio", METRIC_GAUGE, "ratio", "topic",
                                         "Share of the topic that the first full read has taken, 0 to 1; no "
                                         "event is processed before it is 1."},
    [METRIC_FOLLOWED_AGE] = {"clickveil_followed_age_seconds", METRIC_GAUGE, "seconds", "topic",
                             "Since the topic was last read to its end; absent before the first time. Beyond "
                             "the lease events are paused."},
    [METRIC_FOLLOWED_LEASE] = {"clickveil_followed_lease_seconds", METRIC_GAUGE, "seconds", "topic",
                               "How old the last read to the end may be."},
    [METRIC_FOLLOWED_FRESH] = {"clickveil_followed_fresh", METRIC_GAUGE, "", "topic",
                               "1 when the topic is complete and no older than its lease."},
    [METRIC_FOLLOWED_HOLDS] =
        {"clickveil_followed_holds", METRIC_GAUGE, "", "topic",
         "1 while events rest although the topic is fresh, until somebody confirms what was "
         "read in it: the brake on new `in`s and on a table that has shrunk."},
    [METRIC_FOLLOWED_RECORDS] = {"clickveil_followed_records_total", METRIC_COUNTER, "records", "topic",
                                 "Records read of the topic, committed and uncommitted view together."},
    [METRIC_PROGRAMME_EVENTS] = {"clickveil_programme_events_total", METRIC_COUNTER, "events",
                                 "programme,reason",
                                 "Events that consent decided for each programme, by reason; reason `kept`: "
                                 "it goes on for this programme. "
                                 "An event may go on for several."},
    [METRIC_STAGE_VALUE] =
        {"clickveil_stage_value", METRIC_GAUGE, "", "stage,name",
         "What a stage says about itself: entries of the consent table, loaded rules, people "
         "in memory and the like; a `bytes` in the name is the unit."},
    [METRIC_STAGE_DELAY] =
        {"clickveil_stage_delay_seconds", METRIC_HISTOGRAM, "seconds", "stage,name",
         "How long things took that a stage measures. publish: `choice_to_last_event`, from a choice that "
         "took something back to the moment from which no event of the person is kept any more; "
         "`choice_to_last_tombstone`, to the last tombstone of the person."},
    [METRIC_RELOADS] =
        {"clickveil_reloads_total", METRIC_COUNTER, "reloads", "result",
         "Reloads of rule files by result: `done` or `failed`. After a failed one the old files "
         "stay in force; /statusz says what was wrong."},
    [METRIC_RESIDENT_MEMORY] = {"process_resident_memory_bytes", METRIC_GAUGE, "bytes", "",
                                "Memory of the process that is in RAM."},
    [METRIC_CPU_SECONDS] = {"process_cpu_seconds_total", METRIC_COUNTER, "seconds", "",
                            "CPU time of the process, user and system."},
    [METRIC_START_TIME] = {"process_start_time_seconds", METRIC_GAUGE, "seconds", "",
                           "When the pipeline started, Unix epoch."},
};

const char *metrics_type_name(enum metric_type type)
{
    switch (type) {
    case METRIC_COUNTER:
        return "counter";
    case METRIC_GAUGE:
        return "gauge";
    case METRIC_HISTOGRAM:
        return "histogram";
    case METRIC_TYPE_NONE:
        break;
    }
    ensure(!"a type");
    return "";
}

static void write_reasons(const char *stage, const struct reason *reasons, unsigned count, FILE *out)
{
    for (unsigned i = 0; i < count; i++)
        fprintf(out, "| `%s` | `%s` | %s |\n", stage, reasons[i].name, reasons[i].help);
}

void metrics_reference_write(const struct stage *const *stages, FILE *out)
{
    fputs(
        "# Metrics\n\n"
        "What `/metrics` shows, made from the table that it is written by (`clickveil check "
        "--metrics-reference`). Prometheus text format 0.0.4; counters count committed transactions only and "
        "begin at zero with the process. No label holds an identifier.\n\n"
        "| name | type | unit | labels | what it says |\n| --- | --- | --- | --- | --- |\n",
        out);
    for (unsigned i = 0; i < METRICS; i++) {
        const struct metric_row *row = &metrics_table[i];
        fprintf(out, "| `%s` | %s | %s | %s | %s |\n", row->name, metrics_type_name(row->type), row->unit,
                row->labels, row->help);
    }
    fputs(
        "\n## Reasons\n\n"
        "Values of the label `reason` of `clickveil_stage_records_total`, which are also those of summaries "
        "and dead letters.\n\n"
        "| stage | reason | what it means |\n| --- | --- | --- |\n",
        out);
    write_reasons("input", event_reasons, event_reason_count, out);
    for (unsigned i = 0; stages[i]; i++)
        write_reasons(stages[i]->name, stages[i]->reasons, stages[i]->reason_count, out);
}
