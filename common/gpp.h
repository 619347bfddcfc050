/*
 * A GPP string, taken apart: header, sections, sub-sections, fields (IAB Tech Lab, Global Privacy Platform, core 1.0).
 *
 *     header ~ section ~ section . sub-section ...
 *
 * The header is six bits of type (3), six of version (1), and the IDs of the sections as a range in Fibonacci code. Its
 * characters, and those of the sections that are decided here, are the URL-safe base64 alphabet, six bits each. What is
 * written is padded with zeros to six bits, or to eight and then to six; another length, or a one among the padding, is
 * not taken.
 *
 * Strict: what is not exactly as published has a reason, and nothing of it is believed. Section 6 is a US Privacy
 * string. Sections 24 to 27 are read as the encoders write them, from MspaVersion on, and with the documents' header
 * (SectionID, Version, SubSections) as a part of its own in front; the first six bits tell the two apart. Other
 * sections are handed out as text.
 *
 *     struct gpp_reader reader;
 *     struct gpp_section section;
 *     enum signal_reason reason = gpp_open(&reader, text);
 *     while (reason == SIGNAL_NO_REASON && gpp_next(&reader, &section))
 *         ... section.reason, section.national ...
 *     reader.reason: whether the string ended as its header said
 *
 * No allocation; the text is borrowed. Any thread, one reader each.
 */
#ifndef CLICKVEIL_COMMON_GPP_H
#define CLICKVEIL_COMMON_GPP_H

#include "common/gpp_layout.h"

enum { GPP_TEXT_SIZE_MAX = 64 * 1024 }; /* bytes; no event has more (spec 2) */

struct gpp_reader {
    struct view header;
    struct view rest;          /* sections that were not handed out yet, without the `~` in front */
    bool more;                 /* there is one */
    unsigned items;            /* of the header's range that were not read yet */
    unsigned id, group_end;    /* the last ID handed out; the last one of its group */
    size_t bit;                /* of the header: the next one */
    enum signal_reason reason; /* the header and the sections don't agree; SIGNAL_NO_REASON: they do so far */
};

/* What the documents' header of sections 24 to 27 says. */
enum gpp_header_of_section {
    GPP_HEADER_NONE = 0,
    GPP_HEADER_CORE,     /* SubSections [0] */
    GPP_HEADER_CORE_SUB, /* SubSections [0, 1] */
};

struct gpp_section {
    unsigned id;
    struct view text;
    enum signal_reason reason; /* of section 7 to 27: why it can't be read; of 6: of the US Privacy string */
    const struct gpp_layout *layout; /* of section 7 to 27 that could be read; else NULL */
    enum gpp_header_of_section header;
    bool has_sub;                   /* the sub-section is there */
    bool gpc;                       /* sub-section GPC */
    uint8_t answers[GPP_SLOTS_MAX]; /* 0 to 3, by slot; behind them those of the sub-section */
    struct national national;       /* the same, in normal form; of section 6 too */
};

/* Read the header's beginning. Anything but SIGNAL_NO_REASON: no section can be had. */
enum signal_reason gpp_open(struct gpp_reader *reader, struct view text);

/* The next section. False: there is none; look at reader->reason. */
bool gpp_next(struct gpp_reader *reader, struct gpp_section *out_section);

#endif
