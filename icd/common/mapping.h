/* SPDX-License-Identifier: MIT */
/* What the kernel has mapped at an address of this process. */
#ifndef ICD_MAPPING_H
#define ICD_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapping {
    uintptr_t start, end;
    bool readable, writable, private;
};

/* The mapping (VMA) that holds the address. */
bool mapping_find(uintptr_t address, struct mapping *mapping);
/* The mapping that holds the address or else the next one above. */
bool mapping_find_next(uintptr_t address, struct mapping *mapping);
/* Whether every page of the range is mapped; cheaper than the above. */
bool mapping_covers(const void *start, size_t length);

/* If the memory is refused because it cannot be written: says so on stderr, once. */
void mapping_explain_refusal(const void *pointer);

#endif
