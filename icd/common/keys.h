/* SPDX-License-Identifier: MIT */
/* NEO's debug keys: read from the environment once, when its library is loaded. */
#ifndef ICD_KEYS_H
#define ICD_KEYS_H

#include <stdbool.h>

struct neo_keys {
    bool set_read, set_shared;
};

/* Whether any i915 of this machine mirrors processes; without one NEO is left as it is. */
bool neo_keys_wanted(void);
/* To be called around dlopen(): what the user has set himself is kept, the rest restored. */
void neo_keys_set(struct neo_keys *keys);
void neo_keys_restore(const struct neo_keys *keys);

#endif
