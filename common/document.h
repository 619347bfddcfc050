/*
 * A YAML file as a tree in which every value knows where it was written.
 *
 * This is the part of YAML that a configuration needs and nothing that surprises: one document of mappings, lists and
 * scalars. Anchors, aliases, tags, directives, merge keys, further documents and duplicate keys are mistakes, reported
 * with their place. Bounds: 1 MiB, 20,000 values, 32 levels. Text is UTF-8 without NUL or control characters.
 *
 * Built on libyaml's event parser. The tree lives in lint's arena. One thread.
 */
#ifndef CLICKVEIL_COMMON_DOCUMENT_H
#define CLICKVEIL_COMMON_DOCUMENT_H

#include "common/lint.h"
#include "common/option.h"
#include "common/view.h"

enum {
    DOCUMENT_SIZE_MAX = 1024 * 1024, /* bytes of a file */
    DOCUMENT_NODES_MAX = 20000,
    DOCUMENT_DEPTH_MAX = 32,
};

enum document_kind {
    DOCUMENT_NULL = 0, /* nothing written, `~` or `null` */
    DOCUMENT_SCALAR,
    DOCUMENT_LIST,
    DOCUMENT_MAP,
};

struct document_node {
    enum document_kind kind;
    bool spoilt;               /* a mistake in it was reported: what it means is not judged any more */
    struct option_place place; /* of its first character */
    struct view text;          /* scalars: the value, NUL behind its end */
    unsigned count;            /* children */
    struct document_node *first, *last, *next;

    /* Of a child of a mapping. */
    struct view key; /* NUL behind its end */
    struct option_place key_place;

    /* Of an element of an OPTION_FILE_LIST: the file that it names. */
    bool file_read;
    struct document_node *file; /* NULL: could not be read, reported */
};

/* Parse text. origin: file, line and column of its first character. Everything wrong goes to lint. Returns the root, or
 * NULL when it is not YAML at all (reported) or memory is short (lint->memory_short). */
struct document_node *document_parse(struct view text, struct option_place origin, struct lint *lint);

/* Read and parse a file. named_at: where the configuration names it, for messages about a file that cannot be read;
 * NULL: nowhere. The path is kept, it must outlive the tree. */
struct document_node *document_read(const char *path, const struct option_place *named_at, struct lint *lint);

/* A new node without children, or NULL when memory is short. */
struct document_node *document_node_new(struct lint *lint, enum document_kind kind,
                                        const struct option_place *place);

/* Append a child. */
void document_append(struct document_node *parent, struct document_node *child);

/* Child of a mapping by key, or NULL. */
struct document_node *document_child(const struct document_node *map, struct view key);

/* The key of a mapping's child for a message: itself when it is a plain word (letters, digits, . _ -), else "this key",
 * since a secret may have slipped to the left of the colon. Lives as long as the tree. */
const char *document_key_name(const struct document_node *child);

/* Join a path to the folder of the file that names it; an absolute path stays, and so does the source of a key that is
 * no path (credential:NAME, fd:N; common/secret.h). file NULL or "--set": as it is. NULL when memory is short. */
const char *document_path(struct view path, const char *file, struct lint *lint);

#endif
