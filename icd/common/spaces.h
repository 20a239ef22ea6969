/* SPDX-License-Identifier: MIT */
/* The GPU address spaces of the NEO library below: one per GPU it drives. */
#ifndef ICD_SPACES_H
#define ICD_SPACES_H

#include <stdatomic.h>
#include <stdbool.h>

#include <i915svm/i915svm.h>

#define SPACES_MAX 16 /* render nodes looked at */

struct space {
    i915svm_device *device;
    i915svm_capabilities caps;
    i915svm_vm *vm; /* set once the process is mirrored */
};

struct spaces {
    struct space array[SPACES_MAX];
    size_t count;
    atomic_bool enabled; /* every VM mirrors this process */
    int before[SPACES_MAX];
    size_t before_count;
};

/* Around the call that makes NEO open its devices: what is new in between is NEO's. */
void spaces_before(struct spaces *spaces);
void spaces_after(struct spaces *spaces);

/* The GPU at a PCI address (NULL: the only one); NULL if NEO has no file for it. */
struct space *spaces_at(struct spaces *spaces, const char *pci_address);
/* The VM all placement calls go to: the first GPU's. */
i915svm_vm *spaces_vm(struct spaces *spaces);
/* Memory of ours: anonymous, one storage at one address. */
i915svm_result spaces_alloc(struct spaces *spaces, size_t size, size_t alignment, void **pointer);
void spaces_free(struct spaces *spaces, void *pointer);
/* Some GPU mirrors, so memory of ours can be used. */
bool spaces_can_mirror(const struct spaces *spaces);
/* Mirrors the process on every GPU that can, once. False if one refused. */
bool spaces_enable(struct spaces *spaces);

#endif
