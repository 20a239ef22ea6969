/* SPDX-License-Identifier: MIT */
/* Anonymous memory that becomes an allocation of a runtime. */
#ifndef ICD_STORAGE_H
#define ICD_STORAGE_H

#include <stddef.h>

/* What a size occupies: whole pages; 0 if it is too large to be rounded. */
size_t storage_length(size_t size);
/* length from storage_length(); alignment 0 or a power of two. NULL if memory ran out. */
void *storage_map(size_t length, size_t alignment);
void storage_unmap(void *start, size_t length);

#endif
