/* SPDX-License-Identifier: MIT */
/*
 * i915_svm.h - Shared Virtual Memory uAPI of i915.
 *
 * Names follow the 2019 RFC "drm/i915/svm: Add SVM support"; layouts are extended so that arrays,
 * offsets, partial unbinds and fences are possible, as its reviewers asked. All reserved
 * fields and unknown flags must be zero: else -EINVAL. Addresses and lengths are bytes.
 */
#ifndef _UAPI_I915_SVM_H_
#define _UAPI_I915_SVM_H_

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* DRM_COMMAND_BASE-relative numbers: free in 6.12 (i915 uses up to 0x3c; prelim counts down from 0x5f). */
#define DRM_I915_GEM_VM_BIND		0x48
#define DRM_I915_GEM_VM_PREFETCH	0x49
#define DRM_I915_GEM_VM_ADVISE		0x4a
#define DRM_I915_GEM_VM_QUERY		0x4b
#define DRM_I915_GEM_VM_GETPARAM	0x4c
#define DRM_I915_GEM_VM_SETPARAM	0x4d

#define DRM_IOCTL_I915_GEM_VM_BIND	DRM_IOWR(DRM_COMMAND_BASE + DRM_I915_GEM_VM_BIND, struct drm_i915_gem_vm_bind)
#define DRM_IOCTL_I915_GEM_VM_PREFETCH	DRM_IOWR(DRM_COMMAND_BASE + DRM_I915_GEM_VM_PREFETCH, struct drm_i915_gem_vm_prefetch)
#define DRM_IOCTL_I915_GEM_VM_ADVISE	DRM_IOWR(DRM_COMMAND_BASE + DRM_I915_GEM_VM_ADVISE, struct drm_i915_gem_vm_advise)
#define DRM_IOCTL_I915_GEM_VM_QUERY	DRM_IOWR(DRM_COMMAND_BASE + DRM_I915_GEM_VM_QUERY, struct drm_i915_gem_vm_query)
#define DRM_IOCTL_I915_GEM_VM_GETPARAM	DRM_IOWR(DRM_COMMAND_BASE + DRM_I915_GEM_VM_GETPARAM, struct drm_i915_gem_vm_param)
#define DRM_IOCTL_I915_GEM_VM_SETPARAM	DRM_IOWR(DRM_COMMAND_BASE + DRM_I915_GEM_VM_SETPARAM, struct drm_i915_gem_vm_param)

/*
 * DRM_IOCTL_I915_GETPARAM: which parts of SVM this device and kernel have. A kernel without it answers -EINVAL.
 */
#define I915_PARAM_HAS_SVM		0x5356
#define   I915_SVM_CAP_RUNTIME		(1u << 0) /* VM_BIND of BOs */
#define   I915_SVM_CAP_SYSTEM		(1u << 1) /* VM_BIND of CPU ranges */
#define   I915_SVM_CAP_MIRROR		(1u << 2) /* whole-process mirror; what is mapped after a submission
						   * is reachable from the next submission on */
#define   I915_SVM_CAP_DEVMEM		(1u << 3) /* CPU pages can migrate to device memory */
#define   I915_SVM_CAP_READONLY		(1u << 4) /* read-only binds possible (not on Gen11/12) */
#define   I915_SVM_CAP_USERPTR		(1u << 5) /* identity userptr is serviced by SVM */
#define   I915_SVM_CAP_FAULTS		(1u << 6) /* recoverable GPU faults (never on Gen12) */

/* Per-VM parameters: the RFC's VM_GETPARAM/VM_SETPARAM. */
#define I915_VM_PARAM			(2ull << 32)
#define I915_GEM_VM_PARAM_SVM		0x1 /* value: bits of I915_SVM_VM_*; 0 disables */
#define   I915_SVM_VM_ENABLE		(1ull << 0)
#define   I915_SVM_VM_MIRROR		(1ull << 1) /* every CPU pointer of the calling process; implies ENABLE */
#define I915_GEM_VM_PARAM_SVM_GRANULE	0x2 /* migration granule, bytes: a power of two from 4K to 2M */
#define I915_GEM_VM_PARAM_SVM_POPULATE_LIMIT 0x3 /* mirror: bytes of never-touched memory populated per submission at most */
#define I915_GEM_VM_PARAM_SVM_COPY	0x4 /* 0 blitter with CPU fallback (default), 1 CPU only */
#define I915_GEM_VM_PARAM_SVM_READ_AHEAD 0x5 /* a CPU that touches one granule of device memory after the other gets up to so
					      * many bytes at once; 0: never more than a granule. At first the most */
#define   I915_SVM_READ_AHEAD_MAX	(64u << 20)

struct drm_i915_gem_vm_param {
	__u32 vm_id;
	__u32 rsvd;
	__u64 param;	/* I915_VM_PARAM | I915_GEM_VM_PARAM_* */
	__u64 value;
};

/* Extension of DRM_IOCTL_I915_GEM_VM_CREATE: the new VM's I915_GEM_VM_PARAM_* start with these values. */
#define I915_VM_CREATE_EXT_SVM		0x5356
struct drm_i915_gem_vm_create_ext_svm {
	struct { __u64 next_extension; __u32 name; __u32 flags; __u32 rsvd[4]; } base; /* i915_user_extension */
	__u64 svm;	/* I915_SVM_VM_* */
	__u64 rsvd[3];
};

/* One address range to bind or unbind. */
struct drm_i915_gem_vm_bind_va {
	__u64 start;	/* GPU virtual address; for SVM_BUFFER also the CPU address. Page aligned for SVM_OBJ;
			 * rounded outwards to pages for SVM_BUFFER. */
	__u64 offset;	/* SVM_OBJ: into the object, page aligned. SVM_BUFFER: 0 */
	__u64 length;	/* bytes, > 0 */
	__u32 handle;	/* SVM_OBJ: GEM handle. SVM_BUFFER: 0. Ignored (0) with UNBIND: the range decides */
	__u32 type;
#define I915_GEM_VM_BIND_SVM_OBJ	0
#define I915_GEM_VM_BIND_SVM_BUFFER	1
	__u32 flags;
#define I915_GEM_VM_BIND_UNBIND		(1u << 0) /* any part of what is bound; splits. Unbound holes are fine. */
#define I915_GEM_VM_BIND_READONLY	(1u << 1) /* -EOPNOTSUPP without I915_SVM_CAP_READONLY */
#define I915_GEM_VM_BIND_POPULATE	(1u << 2) /* make it valid now, not at the next submission */
#define I915_GEM_VM_BIND_UNSHARE	(1u << 3) /* SVM_BUFFER: private memory that the CPU may only read takes part;
						   * its pages become copies of the process's own, which the GPU
						   * is not kept from writing */
	__u32 rsvd;
};

struct drm_i915_gem_vm_bind_fence {
	__u32 handle;	/* drm_syncobj */
	__u32 flags;
#define I915_GEM_VM_BIND_FENCE_WAIT	(1u << 0)
#define I915_GEM_VM_BIND_FENCE_SIGNAL	(1u << 1)
	__u64 value;	/* timeline point, 0 for binary */
};

/* All or nothing up to the first failing entry: the ones before it stay done, num_done says how many. */
struct drm_i915_gem_vm_bind {
	__u32 vm_id;
	__u32 num_vas;		/* 1 .. I915_GEM_VM_BIND_MAX_VAS */
#define I915_GEM_VM_BIND_MAX_VAS	65536
	__u64 vas_ptr;		/* struct drm_i915_gem_vm_bind_va[num_vas] */
	__u32 num_fences;	/* <= 1024 */
	__u32 num_done;		/* out */
	__u64 fences_ptr;	/* struct drm_i915_gem_vm_bind_fence[num_fences] */
	__u64 flags;		/* 0 */
	__u64 extensions;	/* 0 */
};

#define I915_SVM_REGION_SYSTEM		0u		/* class << 16 | instance, as drm_i915_gem_memory_class_instance */
#define I915_SVM_REGION_LOCAL		(1u << 16)

/* Move a range (CPU pages, bound BOs, or both) to a memory region. Best effort, reported exactly. */
struct drm_i915_gem_vm_prefetch {
	__u32 vm_id;
	__u32 region;		/* I915_SVM_REGION_* */
	__u64 start;
	__u64 length;
	__u64 flags;		/* 0 */
	/* out, bytes; their sum is the length rounded outwards to pages */
	__u64 moved;
	__u64 already;		/* were there before */
	__u64 failed_unmapped;	/* no CPU mapping or BO there */
	__u64 failed_type;	/* shared, file-backed, hugetlb, device: not migratable */
	__u64 failed_busy;	/* pinned or in use */
	__u64 failed_memory;	/* destination full */
	__u64 absent;		/* never touched by anyone: nothing to move */
	__u64 rsvd[2];
};

struct drm_i915_gem_vm_advise {
	__u32 vm_id;
	__u32 attribute;
#define I915_SVM_ADVISE_PREFERRED_LOCATION 0 /* value: I915_SVM_REGION_*, or ~0 for none */
#define I915_SVM_ADVISE_KEEP_IN_PLACE	1 /* value: 1 never migrate by CPU touch policy or eviction unless forced (nothing else is left), 0 off */
#define I915_SVM_ADVISE_GRANULE		2 /* value: bytes, a power of two from 4K to 2M; 0: the VM's */
	__u64 start;
	__u64 length;
	__u64 value;
	__u64 rsvd[2];
};

/* What is at an address now. A snapshot. */
struct drm_i915_gem_vm_query {
	__u32 vm_id;
	__u32 flags;		/* 0 */
	__u64 start;		/* in: address; out: start of the bound range that holds it, or of the hole */
	__u64 length;		/* in: bytes to account from start, 0: the whole bound range; out: that range's length */
	__u32 type;		/* out: I915_GEM_VM_BIND_SVM_*, or ~0 when nothing is bound */
	__u32 handle;		/* out: 0 */
	__u64 bytes_system;	/* out: of the accounted bytes, mapped to system memory */
	__u64 bytes_local;	/* out: in device memory */
	__u64 bytes_invalid;	/* out: bound, to be made valid by the next submission */
	__u64 ptes_4k, ptes_64k, ptes_2m; /* out: leaves in use, in units of that page size */
	__u64 rsvd[4];
};

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_I915_SVM_H_ */
