/* SPDX-License-Identifier: MIT */
/*
 * i915svm.h - Shared Virtual Memory of i915 for user-space runtimes.
 *
 * Every function may be called from any thread. A child of fork() inherits the handles but not
 * the GPU address space (it belongs to the parent's memory map): there every call answers
 * I915SVM_ERROR_FORKED, without taking a lock, until the child opens its own device.
 */
#ifndef I915SVM_H
#define I915SVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define I915SVM_VERSION_MAJOR 0
#define I915SVM_VERSION_MINOR 1
#define I915SVM_VERSION_PATCH 0

typedef enum i915svm_result {
    I915SVM_OK = 0,
    I915SVM_ERROR_INVALID_ARGUMENT,
    I915SVM_ERROR_OUT_OF_HOST_MEMORY,
    I915SVM_ERROR_OUT_OF_DEVICE_MEMORY,
    I915SVM_ERROR_NO_DEVICE,       /* no i915 render node, or the fd is not one */
    I915SVM_ERROR_NOT_SUPPORTED,   /* this kernel or device cannot do it */
    I915SVM_ERROR_NO_SVM,          /* the kernel's i915 has no SVM at all */
    I915SVM_ERROR_NOT_ENABLED,     /* SVM is not enabled on this VM */
    I915SVM_ERROR_UNKNOWN_VM,      /* no VM of that id on this fd */
    I915SVM_ERROR_UNKNOWN_POINTER, /* not allocated (or bound) through this VM */
    I915SVM_ERROR_UNMAPPED,        /* part of the range has no memory behind it */
    I915SVM_ERROR_OVERLAP,         /* part of the range is bound to something else */
    I915SVM_ERROR_WRONG_PROCESS,   /* the VM belongs to another process */
    I915SVM_ERROR_FORKED,          /* handle inherited through fork() */
    I915SVM_ERROR_BUSY,            /* retries ran out, or the memory is pinned */
    I915SVM_ERROR_INTERRUPTED,
    I915SVM_ERROR_PERMISSION,
    I915SVM_ERROR_DEVICE_LOST,
    I915SVM_ERROR_TOO_MANY, /* a list longer than the kernel takes */
    I915SVM_ERROR_SYSTEM,   /* any other errno: see i915svm_last_errno() */
    I915SVM_RESULT_COUNT
} i915svm_result;

/* English text for a result; never NULL. */
const char *i915svm_result_string(i915svm_result result);
/* errno behind the last failure on the calling thread, 0 if it had none. */
int i915svm_last_errno(void);

/* ---- devices --------------------------------------------------------------------------- */

typedef struct i915svm_device i915svm_device;

/* What kernel and device can do: bits of i915svm_capabilities.flags. */
#define I915SVM_CAP_RUNTIME  (1u << 0) /* buffer objects can be bound */
#define I915SVM_CAP_SYSTEM   (1u << 1) /* CPU memory can be bound */
#define I915SVM_CAP_MIRROR   (1u << 2) /* the whole process can be mirrored */
#define I915SVM_CAP_DEVMEM   (1u << 3) /* CPU pages can live in device memory */
#define I915SVM_CAP_READONLY (1u << 4) /* read-only binds */
#define I915SVM_CAP_USERPTR  (1u << 5) /* a userptr at its own CPU address is serviced by SVM */
#define I915SVM_CAP_FAULTS   (1u << 6) /* recoverable GPU page faults */

typedef struct i915svm_capabilities {
    uint32_t flags;        /* 0 on a kernel without SVM */
    uint32_t chip_id;      /* PCI device id */
    uint64_t address_bits; /* width of the GPU virtual address space */
    uint64_t local_bytes;  /* device memory, 0 on an integrated GPU */
    uint64_t system_bytes; /* system memory the device may use */
    bool link_atomics;     /* PCIe atomic operations between device and host are enabled */
    char render_node[64];  /* e.g. /dev/dri/renderD128 */
    char pci_address[16];  /* DDDD:BB:DD.F, empty if unknown */
} i915svm_capabilities;

/* Takes a duplicate of fd: the same DRM file, hence the same VM ids. */
i915svm_result i915svm_device_open_fd(int fd, i915svm_device **device);
/* Opens a render node; path NULL means the first i915 one. */
i915svm_result i915svm_device_open_path(const char *path, i915svm_device **device);
void i915svm_device_close(i915svm_device *device);
int i915svm_device_fd(const i915svm_device *device);
i915svm_result i915svm_device_capabilities(i915svm_device *device, i915svm_capabilities *caps);

/*
 * File descriptors of this process that are open i915 render nodes, in ascending order: how a
 * layer finds the files of the runtime below it. At most max are stored; *count is the total.
 */
i915svm_result i915svm_find_fds(int *fds, size_t max, size_t *count);

/* ---- address spaces -------------------------------------------------------------------- */

typedef struct i915svm_vm i915svm_vm;

#define I915SVM_VM_MIRROR (1u << 0) /* every CPU pointer of this process is a GPU pointer */

/* A VM of our own; destroyed with the handle. */
i915svm_result i915svm_vm_create(i915svm_device *device, uint32_t flags, i915svm_vm **vm);
/* A VM somebody else made on the same DRM file; SVM is enabled on it. Not destroyed by us. */
i915svm_result i915svm_vm_attach(i915svm_device *device, uint32_t vm_id, uint32_t flags,
                                 i915svm_vm **vm);
/* Frees what was allocated through the handle. */
void i915svm_vm_close(i915svm_vm *vm);
uint32_t i915svm_vm_id(const i915svm_vm *vm);

i915svm_result i915svm_vm_set_mirror(i915svm_vm *vm, bool on);
i915svm_result i915svm_vm_get_mirror(i915svm_vm *vm, bool *on);
/* Migration granule in bytes: a power of two from 4 KiB to 2 MiB, at first 2 MiB. */
i915svm_result i915svm_vm_set_granule(i915svm_vm *vm, uint64_t bytes);
i915svm_result i915svm_vm_get_granule(i915svm_vm *vm, uint64_t *bytes);
/*
 * What a CPU that touches one granule of device memory after the other is brought at once, in
 * bytes: 64 MiB at first and at most; 0: never more than a granule.
 */
i915svm_result i915svm_vm_set_read_ahead(i915svm_vm *vm, uint64_t bytes);
i915svm_result i915svm_vm_get_read_ahead(i915svm_vm *vm, uint64_t *bytes);
/* Mirror: never-touched memory populated per submission at most, in bytes. */
i915svm_result i915svm_vm_set_populate_limit(i915svm_vm *vm, uint64_t bytes);

/* ---- memory ---------------------------------------------------------------------------- */

typedef enum i915svm_location {
    I915SVM_LOCATION_SYSTEM = 0,
    I915SVM_LOCATION_DEVICE = 1,
    I915SVM_LOCATION_NONE = 2, /* advise: no preference */
} i915svm_location;

typedef enum i915svm_kind {
    I915SVM_KIND_SYSTEM = 0, /* anonymous memory, bound (or mirrored), migrated page by page */
    I915SVM_KIND_RUNTIME,    /* a buffer object mapped for CPU and GPU at one address */
} i915svm_kind;

#define I915SVM_ALIGNMENT_MAX ((size_t)1 << 30)

typedef struct i915svm_alloc_info {
    size_t size;
    size_t alignment; /* 0, or a power of two up to I915SVM_ALIGNMENT_MAX; at least a page is kept,
                       * for 2 MiB and more a large page */
    i915svm_kind kind;
    i915svm_location location; /* where it starts */
} i915svm_alloc_info;

i915svm_result i915svm_alloc(i915svm_vm *vm, const i915svm_alloc_info *info, void **pointer);
/* pointer must be what i915svm_alloc() gave. */
i915svm_result i915svm_free(i915svm_vm *vm, void *pointer);

#define I915SVM_BIND_READONLY (1u << 0)
#define I915SVM_BIND_POPULATE (1u << 1) /* make it valid now, not at the next submission */
/* Private memory that may only be read takes part: its pages become copies of the process's own,
 * which the GPU is not kept from writing. */
#define I915SVM_BIND_UNSHARE (1u << 2)

/* CPU memory at its own address. Rounded outwards to pages. */
i915svm_result i915svm_bind(i915svm_vm *vm, const void *start, size_t length, uint32_t flags);
/* A buffer object at any free address. */
i915svm_result i915svm_bind_object(i915svm_vm *vm, uint32_t handle, uint64_t offset,
                                   uint64_t address, uint64_t length, uint32_t flags);
/* Any part of what is bound; holes are fine. */
i915svm_result i915svm_unbind(i915svm_vm *vm, uint64_t address, uint64_t length);

/*
 * Stock kernels: the userptr object i915svm_bind() made for the page at address, to be listed
 * in execbuf pinned at that address. With SVM nothing has to be listed: *handle is 0.
 */
i915svm_result i915svm_exec_handle(i915svm_vm *vm, const void *address, uint32_t *handle);

typedef struct i915svm_prefetch_result {
    uint64_t moved, already; /* bytes, as all below */
    uint64_t failed_unmapped, failed_type, failed_busy, failed_memory;
    uint64_t absent; /* never touched: nothing to move */
} i915svm_prefetch_result;

/* result may be NULL. Best effort: I915SVM_OK also when some bytes could not move. */
i915svm_result i915svm_prefetch(i915svm_vm *vm, const void *start, size_t length,
                                i915svm_location to, i915svm_prefetch_result *result);

i915svm_result i915svm_advise_location(i915svm_vm *vm, const void *start, size_t length,
                                       i915svm_location preferred);
i915svm_result i915svm_advise_keep(i915svm_vm *vm, const void *start, size_t length, bool keep);
i915svm_result i915svm_advise_granule(i915svm_vm *vm, const void *start, size_t length,
                                      uint64_t bytes);

typedef struct i915svm_range {
    uint64_t start, length; /* the bound range (or hole) that holds the address */
    bool bound;
    i915svm_kind kind;                                  /* valid if bound */
    uint64_t bytes_system, bytes_device, bytes_invalid; /* of the accounted bytes */
    uint64_t pages_4k, pages_64k, pages_2m;             /* GPU page-table leaves */
} i915svm_range;

/* length 0: the whole bound range that holds the address. */
i915svm_result i915svm_query(i915svm_vm *vm, const void *address, size_t length,
                             i915svm_range *range);

/* Base and size of the allocation that holds the pointer (interior pointers are fine). */
i915svm_result i915svm_find(i915svm_vm *vm, const void *pointer, void **base, size_t *size);

typedef struct i915svm_statistics {
    uint64_t allocations, allocated_bytes; /* live */
    uint64_t binds, unbinds;               /* calls that succeeded */
    uint64_t prefetches, advices;
    uint64_t bytes_to_device, bytes_to_system; /* moved by our prefetches */
    uint64_t bytes_not_moved;                  /* asked for but failed, for any reason */
} i915svm_statistics;

i915svm_result i915svm_vm_statistics(i915svm_vm *vm, i915svm_statistics *statistics);

#ifdef __cplusplus
}
#endif

#endif /* I915SVM_H */
