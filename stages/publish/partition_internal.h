/*
 * What the files of a partition share with each other, and with nobody else.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_PARTITION_INTERNAL_H
#define CLICKVEIL_STAGES_PUBLISH_PARTITION_INTERNAL_H

#include "stages/publish/partition.h"

/* A person who isn't there, with the IDs of the user. 0: error says why. */
uint32_t partition_make_person(struct partition *partition, uint8_t programme, int32_t epoch,
                               const struct pseudonym *line, struct error *error);

/* Take a person out, with everything that hangs on it. */
void partition_forget(struct partition *partition, uint32_t reference);

/* One more ID of a person (device: LIVE_ID_STATE_ONLY, one without an ID); false: no memory. Put it on the wheel,
 * which waits while the partition is restored. Take one, named by what links to it, off the wheel and away from its
 * person. */
CLICKVEIL_MUST_CHECK bool partition_make_id(struct partition *partition, uint32_t person_reference,
                                            unsigned feed, unsigned device);
void partition_link_id(struct partition *partition, uint32_t reference);
void partition_drop_id(struct partition *partition, struct person *person, uint32_t *link);

/* A device (arena NULL: restoring) or an account that the person doesn't have. */
CLICKVEIL_MUST_CHECK bool partition_add_device(struct partition *partition, uint32_t reference,
                                               const struct pseudonym *device, struct arena *arena,
                                               struct error *error);
CLICKVEIL_MUST_CHECK bool partition_add_account(struct partition *partition, uint32_t reference,
                                                const struct pseudonym *account, struct error *error);

/* Take the person's later devices and accounts out of the index: those from the given counts on. */
void partition_unlink_subjects(struct partition *partition, uint32_t reference, unsigned device,
                               unsigned account);

/* The person's capped set is another one; counts of people follow. The capped set follows from what is there now. */
void partition_set_capped(struct partition *partition, struct person *person,
                          const struct interest_set *capped);
CLICKVEIL_MUST_CHECK bool partition_recap(struct partition *partition, struct person *person,
                                          struct error *error);

/* Before the open transaction changes a person or one of the live IDs: note it as it is, for an abort and for the
 * changelog; once a person has been made: note that it wasn't there. Memory from the transaction's arena; false: it is
 * full, nothing was noted. */
CLICKVEIL_MUST_CHECK bool partition_touch(struct partition *partition, uint32_t reference,
                                          struct arena *arena, struct error *error);
CLICKVEIL_MUST_CHECK bool partition_touch_id(struct partition *partition, uint32_t id, struct arena *arena,
                                             struct error *error);
CLICKVEIL_MUST_CHECK bool partition_note_new(struct partition *partition, uint32_t reference,
                                             struct arena *arena, struct error *error);

/* The person waits for tombstones since that day; 0: it doesn't. Counts follow. */
void partition_set_waiting(struct partition *partition, struct person *person, uint16_t day);

/* False, and error says that the memory is used up. */
bool partition_no_memory(struct error *error);

#endif
