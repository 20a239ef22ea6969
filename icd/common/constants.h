/* SPDX-License-Identifier: MIT */
/*
 * Constants: private memory that the process may only read (const arrays, string literals, files
 * mapped privately). The mirror leaves it out, as Gen12 has no read-only pages. Where a kernel is
 * handed a pointer to it, the mapping that holds it is bound with pages made the process's own,
 * so that whatever the GPU does to them, nobody else sees it.
 */
#ifndef ICD_CONSTANTS_H
#define ICD_CONSTANTS_H

#include "spaces.h"

/* False: it is no constant, there is too much of it, or a GPU's kernel driver cannot. */
bool constants_share(struct spaces *spaces, const void *pointer);
/* Whether that has been done, and the memory is still of that kind. */
bool constants_are_shared(const void *pointer);

#endif
