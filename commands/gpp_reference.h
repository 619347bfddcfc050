/* The tables that GPP strings are decided by, as a document. One thread. */
#ifndef CLICKVEIL_COMMANDS_GPP_REFERENCE_H
#define CLICKVEIL_COMMANDS_GPP_REFERENCE_H

/* Print sections, fields and rules in Markdown on standard output. */
void gpp_reference_print(void);

#endif
