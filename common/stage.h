/*
 * The contract of a stage.
 *
 * A stage is a const descriptor and a few short functions. `process` sees its state and the record, nothing else:
 * time, I/O and randomness come in through the emitter. It answers with a verdict whose value zero is STOP, so zeroed
 * memory, a forgotten branch or an unknown value never lets a record out. The chain (common/chain.h) keeps the books:
 * counters per stage, verdict and reason, the failure latch, state memory and teardown.
 *
 * Life of a worker's state:
 *   init -> { assign/restore... -> { process* -> flush -> (stands?) -> commit | abort }* -> revoke }* -> release
 * Everything between the first process after a commit or abort and the next commit or abort is one transaction. After
 * abort the state is as it was at the last commit. All calls for one state come from one thread, its worker's;
 * `shared` belongs to the process and says itself what may be called from where.
 */
#ifndef CLICKVEIL_COMMON_STAGE_H
#define CLICKVEIL_COMMON_STAGE_H

#include "common/arena.h"
#include "common/error.h"
#include "common/output.h"
#include "common/record.h"

enum verdict_kind {
    VERDICT_STOP = 0, /* can't decide safely: nothing is committed */
    VERDICT_PASS,     /* the record, as it is now, goes on to the next stage */
    VERDICT_DROP,     /* intended; counted by reason */
    VERDICT_REJECT,   /* bad input: becomes a dead letter with the reason */
    VERDICT_KINDS,
};

struct verdict {
    enum verdict_kind kind;
    unsigned reason; /* index into the stage's reasons; 0 for PASS and STOP */
};

static inline struct verdict verdict_pass(void)
{
    return (struct verdict){VERDICT_PASS, 0};
}

static inline struct verdict verdict_drop(unsigned reason)
{
    return (struct verdict){VERDICT_DROP, reason};
}

static inline struct verdict verdict_reject(unsigned reason)
{
    return (struct verdict){VERDICT_REJECT, reason};
}

/* As metrics and `clickveil explain` call it. */
static inline const char *verdict_name(enum verdict_kind kind)
{
    static const char *const names[VERDICT_KINDS] = {"stop", "pass", "drop", "reject"};
    return names[kind < VERDICT_KINDS ? kind : VERDICT_STOP];
}

/* A reason's name is its stable code in metrics, summaries and dead letters: lower case, words joined by `_`. */
struct reason {
    const char *name;
    const char *help; /* one line, what the operator should know */
};

/* What a stage may use while it works on a record or a flush. The chain fills it in. */
struct emitter {
    struct arena *arena; /* memory until the transaction ends; a NULL from it: answer STOP with `error` set */
    int64_t now_ms;      /* wall clock of this batch, Unix epoch; --now in file mode */
    bool
        draining; /* flush: the end of the input (file mode) or of the process: `update_every: drain` is due */
    bool holding; /* flush: work rests (struct followed, holds): nothing is written but what takes back */
    int32_t
        partition; /* process: of the chain's input, which state belongs to; record.origin may be another topic's */
    struct error *error; /* fill in before answering STOP or false */
    void *chain;         /* the chain's own */
};

/* Hand one output to the sink. Borrows its views until the transaction ended. False: stop (error is set). */
CLICKVEIL_MUST_CHECK bool emitter_output(struct emitter *emitter, const struct output *output);

struct config;
struct consent_judge;
struct lint;
struct metrics_histogram;
struct named_fields_key;
struct option_table;
struct ratchet_times;

struct stage_context {
    const struct config *config; /* whole, checked; lives as long as the stage */
    const void *options;         /* the stage's own options struct (filled by its option table) */
    struct arena *arena;         /* start-up memory, until release */
    void *shared;                /* the stage's shared state; NULL in shared_init */
    unsigned worker;             /* 0 .. workers-1 */
    unsigned workers;
    bool files; /* file mode */
    const struct subject_key
        *subject_key;       /* key of pseudonyms (common/subject.h), or NULL when this process has none */
    bool subject_key_lasts; /* it is the configured one; else it was made for this process alone */
    const struct named_fields_key
        *named_fields_key; /* common/named_fields.h; NULL: no programme names fields, or no stage here asks */
};

/* A record of a followed topic, as its one reading thread sees it. */
struct followed_record {
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* -1: none */
    int64_t now_ms;       /* wall clock of its reading, Unix epoch; 0: not known */
    struct view key;      /* absent: null key */
    struct view value;    /* absent: tombstone */
    struct view author;   /* header `clickveil-author` of records that clickveil wrote, or absent */
    bool committed; /* from the read-committed view; else the read-uncommitted one at or above its position */
};

/* Why work rests although a followed topic is fresh. */
struct followed_hold {
    const char *what;      /* static, for people */
    uint64_t found, limit; /* of what `what` names */
};

struct snapshot_head;
struct snapshot_reader;
struct snapshot_writer;

/* How what the shared state came to by the committed view outlives the process (spec 3, rule 11; common/snapshot_file.h).
 * Called by the follower thread; what is not committed is not in it and is read again. */
struct followed_snapshot {
    /* Fill in what the content depends on (key_check, settings_check), and the number of entries. */
    void (*identify)(const void *shared, struct snapshot_head *out_head);
    /* An earlier process had so many entries then. Before anything is read. */
    void (*expect)(void *shared, uint64_t entries, int64_t made_ms);
    /* Begin a snapshot of the state as it is now. */
    bool (*freeze)(void *shared, struct snapshot_writer *writer, struct error *error);
    /* Write on, at most SNAPSHOT_PUT_MAX bytes a call; records may be applied between calls. */
    bool (*save)(void *shared, struct snapshot_writer *writer, bool *out_more, struct error *error);
    void (*thaw)(void *shared); /* written, or given up */
    /* Read one into a state that is empty. False, or the file proves to be damaged: `forget` follows. */
    bool (*restore)(void *shared, struct snapshot_reader *reader);
    bool (*forget)(void *shared, struct error *error);
};

/* A topic that every process reads whole: complete before work starts, fresh or stop (architecture 2). Hooks are
 * called by the one follower thread (file mode: before the first event). */
struct followed {
    enum topic_role topic;
    /* Take one record into the shared state. False stops the process (error says why). */
    bool (*apply)(void *shared, const struct followed_record *record, struct error *error);
    /* The first full read will bring about so many records. NULL: nothing. */
    void (*begin)(void *shared, uint64_t records);
    /* These come next to `apply`, in this order, unless it fails: what they have in common can be prepared. They and
     * their views last until then. NULL: nothing. */
    void (*ahead)(void *shared, const struct followed_record *records, size_t count);
    /* The committed view of a partition has reached `offset` (exclusive): what the uncommitted view added below it
     * has been decided. */
    void (*committed_to)(void *shared, int32_t partition, int64_t offset);
    /* The first full read is done. False refuses to start (floor not reached). */
    bool (*complete)(void *shared, struct error *error);
    /* NULL: there is no such thing. Records that were left out because the operator acknowledged them (spec 3, rule 5:
     * logged and shown). */
    uint64_t (*acknowledged)(void *shared);
    /* Complete and fresh, but work must rest until somebody says that what was read is meant (spec 3, rule 8)? Then there
     * are flushes alone (struct emitter, holding). Any thread. NULL: never. */
    bool (*holds)(const void *shared, struct followed_hold *out_hold);
    const struct followed_snapshot *snapshot; /* NULL: is read whole at each start */
    /* How long after its Kafka timestamp a record may be of use, reckoned amply; the topic may delete what is older. `options`
     * are the stage's. NULL: for ever, nothing may vanish but what compaction takes. */
    int64_t (*useful_ms)(const struct config *config, const void *options);
    bool
        asks_settings; /* the topic is not read while its settings are such that it forgets what is of use (topic_plan.h) */
};

/* A topic that is an input of one stage beside the chain (spec 3, rule 9): what stands in it is not an event, but what
 * the stage makes of each record must be written exactly once, and never wait behind the events.
 *
 * Each process that runs the stage has one worker more for it: a consumer group and a transactional producer of its
 * own, committed records only, from the first one on where the group has no position (but takes_back); inputs, outputs and positions in
 * one transaction, as for events. It starts when the process's followed topics are complete, and rests while one is
 * not fresh; not while one holds, since an opt-out is never delayed, nor for one that is made of its own answers. File
 * mode: called for every record of the consent file, after `complete`, before the first event. In a partition records
 * come in the order of their offsets; after an abort, or by a process that takes over, from the last commit again.
 *
 * All calls but `init` come from one thread. `shared` is the stage's shared state, which workers and the follower use
 * meanwhile. */
struct side_input {
    enum topic_role topic; /* not the chain's own input */
    /* A record comes only when the process's follower of that topic has taken it in (the committed view), so that the
     * stage's shared state already knows it and maybe newer ones. Without: as soon as it is committed. */
    bool behind_followed;
    /* What it makes of records only takes back what the chain has put out: where nothing ever was, a group without a position
     * begins at the end (common/kafka_begin.h). */
    bool takes_back;

    size_t state_size;                                                                   /* 0: none */
    bool (*init)(void *state, const struct stage_context *context, struct error *error); /* NULL: nothing */
    void (*release)(void *state); /* accepts zeroed memory; NULL: nothing */

    /* Take one record and emit what it results in (emitter_output; the record's own views end with the call: what goes
     * on is copied to emitter.arena). emitter.partition is the record's. False: can't go on, nothing is committed
     * (emitter->error says why; `abort_transaction` there: a smaller batch may help). */
    bool (*process)(void *state, const struct followed_record *record, struct emitter *emitter);
    /* End of a transaction. NULL: nothing. */
    bool (*flush)(void *state, struct emitter *emitter, bool *out_more);
    void (*commit)(void *state); /* NULL: nothing to do */
    void (*abort)(void *state);  /* NULL: nothing to undo */
    /* When there is work that no record brings, Unix epoch ms; INT64_MAX: none. NULL: none. A transaction with nothing
     * but a flush follows. */
    int64_t (*next_due_ms)(const void *state);
};

/* State that belongs to an input partition and outlives the process in a changelog. */
struct partitioned {
    /* The partition of the chain's input became this worker's. partitions: their number in the topic. */
    bool (*assign)(void *state, int32_t partition, int32_t partitions, struct error *error);
    /* Take one committed changelog record of that partition (value absent: deleted). Not the `position` records. */
    bool (*restore)(void *state, int32_t partition, struct view key, struct view value, struct error *error);
    /* All changelog records were given. */
    bool (*restored)(void *state, int32_t partition, struct error *error);
    /* The partition is no longer this worker's: forget its state. Never inside a transaction. */
    void (*revoke)(void *state, int32_t partition);
};

/* What topics, checks and advertisers' tools need to know of a feed. */
struct stage_feed {
    struct view topic, advertiser, programme;
    int64_t epoch_ms; /* length of its epochs */
};

struct stage {
    const char *name;    /* as in the configuration's `stages` */
    const char *summary; /* one line */
    const struct option_table
        *options; /* NULL: has none; the section of the configuration bears the stage's name */
    const struct reason *reasons;
    unsigned reason_count;
    enum topic_role
        output; /* topic of its output where the chain is cut behind it; TOPIC_NONE: nothing goes on */
    enum topic_role
        writes; /* topic that it or its side input writes to besides (consent, retractions); TOPIC_NONE: none */

    /* Path of the pseudonym key's file, for the stage that owns it (spec 9, pseudonymize.key). NULL: not this one. */
    struct view (*subject_key_path)(const void *options);
    /* Path of the file of a chain of keys, for the stage that has one, and how its epochs go by time (common/ratchet.h).
     * `options` are the stage's. NULL: not this one. */
    struct view (*key_chain)(const struct config *config, const void *options,
                             struct ratchet_times *out_times);
    /* It seals or opens the fields that programmes name: struct stage_context, named_fields_key. */
    bool named_fields;
    /* Name of a feed's topic, by index; absent behind the last one. NULL: has no feeds. */
    struct view (*feed_topic)(const void *options, unsigned feed);
    /* Fill in what there is to know of a feed; false behind the last one. NULL: has no feeds. */
    bool (*feed)(const void *options, unsigned feed, struct stage_feed *out_feed);

    /* Checks that need more than the stage's own section (feeds against programmes, say). config_load calls it once
     * everything else is filled in, for every stage whose section is there; reports by lint_report. NULL: none. */
    void (*lint)(const struct config *config, const void *options, struct lint *lint);

    size_t shared_size; /* 0: none */
    bool (*shared_init)(void *shared, const struct stage_context *context, struct error *error);
    void (*shared_release)(void *shared); /* accepts zeroed memory */

    size_t state_size;
    bool (*init)(void *state, const struct stage_context *context, struct error *error);
    void (*release)(void *state); /* accepts zeroed memory */

    struct verdict (*process)(void *state, struct record *record, struct emitter *emitter);

    /* End of a transaction: write changelog records and what is due (TOPIC_FEED outputs are sent behind the consent
     * barrier). Sets *out_more when more is due than fits: the next transaction follows at once. NULL: nothing. */
    bool (*flush)(void *state, struct emitter *emitter, bool *out_more);
    /* Behind the barrier: false when a change since the transaction began touched a subject in it, so that it must
     * be aborted and processed again (spec 3, rule 3). NULL: stands. */
    bool (*stands)(void *state);
    void (*commit)(void *state); /* NULL: nothing to do */
    void (*abort)(void *state);  /* NULL: nothing to undo */

    /* Start time of the next slot or other due work, Unix epoch ms; INT64_MAX: none. NULL: none. */
    int64_t (*next_due_ms)(const void *state);
    /* Is a drain the time for work that has no other? Then a worker that is asked to stop while it restores its state
     * restores it first. NULL: no. */
    bool (*waits_for_drain)(const void *state);

    /* Swap in changed rule files; on any error the old stay. Called by the process's main thread while workers process:
     * it changes nothing that a worker's state may hold, a transaction ends with what it began with, and takes no start-up
     * memory. NULL: nothing to reload. */
    bool (*reload)(void *shared, const struct stage_context *context, struct error *error);
    /* The files that `reload` would read: calls add(context, path) for each. When one changes, the process reloads by itself.
     * NULL: none. */
    void (*files)(const void *options, void (*add)(void *context, const char *path), void *context);

    /* Look after what is no worker's work and may wait for a disk. The process's main thread calls it before workers
     * start, and several times a second while they work; not in file mode. False: the process must stop (error says why).
     * NULL: nothing to do. */
    bool (*tend)(void *shared, int64_t now_ms, struct error *error);

    const struct consent_judge *judge;     /* what stored choices come to, for tools; NULL: not this one's */
    const struct followed *followed;       /* NULL: follows no topic */
    const struct side_input *side;         /* NULL: has no side input */
    const struct partitioned *partitioned; /* NULL: keeps no state over records */
    /* What was decided for each programme, committed: calls visit(context, programme, reason, count) for each reason that
     * occurred, NULL for what was kept. Any thread. NULL: decides nothing by programme. */
    void (*programmes)(const void *shared,
                       void (*visit)(void *context, unsigned programme, const char *reason, uint64_t count),
                       void *context);
    /* Where stage gauges come from (entries, age, people): calls add(context, name, value). Any thread. NULL: none. */
    void (*gauges)(const void *shared, void (*add)(void *context, const char *name, double value),
                   void *context);
    /* How long things take that only the stage knows (from a choice to the last tombstone): calls add for each. Any thread.
     * NULL: none. */
    void (*delays)(const void *shared,
                   void (*add)(void *context, const char *name, const struct metrics_histogram *histogram),
                   void *context);
    /* When the oldest choice was made that the stage has not done everything about, Unix epoch ms; INT64_MAX: there is none.
     * Any thread. NULL: acts upon choices at once. */
    int64_t (*oldest_choice_ms)(const void *shared);
};

#endif
