/* SPDX-License-Identifier: MIT */
#include "keys.h"

#include <stdlib.h>

#include <i915svm/i915svm.h>

/* Without this key NEO ignores all others (debug_settings_manager.cpp). */
#define KEY_READ "NEOReadDebugKeys"
/* NEO then hands unknown pointers to kernels unchanged instead of refusing them. */
#define KEY_SHARED "EnableSharedSystemUsmSupport"

bool neo_keys_wanted(void)
{
    i915svm_device *device;
    i915svm_capabilities caps;
    if (i915svm_device_open_path(NULL, &device) != I915SVM_OK)
        return false;
    i915svm_device_capabilities(device, &caps);
    i915svm_device_close(device);
    return caps.flags & I915SVM_CAP_MIRROR;
}

static bool set_if_absent(const char *name)
{
    return !getenv(name) && setenv(name, "1", 0) == 0;
}

void neo_keys_set(struct neo_keys *keys)
{
    keys->set_read = set_if_absent(KEY_READ);
    keys->set_shared = set_if_absent(KEY_SHARED);
}

void neo_keys_restore(const struct neo_keys *keys)
{
    if (keys->set_read)
        unsetenv(KEY_READ);
    if (keys->set_shared)
        unsetenv(KEY_SHARED);
}
