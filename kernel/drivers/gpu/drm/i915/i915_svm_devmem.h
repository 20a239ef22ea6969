/* SPDX-License-Identifier: MIT */
/*
 * Shared virtual memory: device memory (DEVICE_PRIVATE pages of the local
 * region), copies between it and system memory, migration both ways.
 */
#ifndef __I915_SVM_DEVMEM_H__
#define __I915_SVM_DEVMEM_H__

#include <linux/err.h>
#include <linux/types.h>

struct drm_i915_gem_object;
struct drm_i915_private;
struct drm_printer;
struct i915_svm_account;
struct i915_svm_devmem;
struct i915_svm_extent;
struct mm_struct;
struct page;

/*
 * struct i915_svm_migrated - where the bytes of a range went
 *
 * The sum of all members is the length of the range.
 */
struct i915_svm_migrated {
	u64 moved;
	u64 already;		/* were there before */
	u64 failed_unmapped;	/* no mapping of the CPU there */
	u64 failed_type;	/* shared, file, hugetlb, device memory */
	u64 failed_busy;	/* pinned, locked, or changed meanwhile */
	u64 failed_memory;	/* the destination is full */
	u64 absent;		/* nothing there to move */
};

enum i915_svm_copy_mode {
	I915_SVM_COPY_BLITTER,	/* the CPU where the blitter cannot */
	I915_SVM_COPY_CPU,
};

/* How a range is to be moved. */
struct i915_svm_move {
	struct i915_svm_account *account; /* of the address space */
	bool to_device;
	bool keep;		/* evicted last */
	u64 granule;		/* power of two that a CPU touch brings back */
	enum i915_svm_copy_mode mode;
};

#if IS_ENABLED(CONFIG_DRM_I915_SVM) && IS_ENABLED(CONFIG_DEVICE_PRIVATE)

/*
 * The device memory of @i915, made on first use. ERR_PTR(-ENODEV) without
 * local memory. Lives until i915_svm_devmem_fini().
 */
struct i915_svm_devmem *i915_svm_devmem_get(struct drm_i915_private *i915);
void i915_svm_devmem_init(struct drm_i915_private *i915);
void i915_svm_devmem_leave(struct drm_i915_private *i915);
void i915_svm_devmem_fini(struct drm_i915_private *i915);
bool i915_svm_devmem_possible(struct drm_i915_private *i915);

/*
 * Device address (offset in local memory) of a device page of this device;
 * its owner, as of &hmm_range.dev_private_owner, is the drm_i915_private.
 */
dma_addr_t i915_svm_devmem_addr(const struct page *page);

/*
 * Move [start, end), page aligned, of @mm's memory. Callers hold no lock but
 * may hold svm->mutex; @mm is kept alive by them. *out is valid on error too.
 */
int i915_svm_migrate_range(struct i915_svm_devmem *dm, struct mm_struct *mm,
			   u64 start, u64 end, const struct i915_svm_move *how,
			   struct i915_svm_migrated *out);

/*
 * i915 is about to take the memory behind @obj away: bring the pages in it
 * to system memory. Called under the object's lock. -EBUSY when some stay, -EIO
 * when nobody could copy them.
 */
int i915_svm_devmem_evict(struct drm_i915_gem_object *obj);

/* Is it better to evict anything else first? Called under the object's lock. */
bool i915_svm_devmem_keep(struct drm_i915_gem_object *obj);

void i915_svm_devmem_show(struct drm_i915_private *i915, struct drm_printer *p);

#else

static inline struct i915_svm_devmem *
i915_svm_devmem_get(struct drm_i915_private *i915)
{
	return ERR_PTR(-ENODEV);
}

static inline void i915_svm_devmem_init(struct drm_i915_private *i915) {}
static inline void i915_svm_devmem_leave(struct drm_i915_private *i915) {}
static inline void i915_svm_devmem_fini(struct drm_i915_private *i915) {}

static inline bool i915_svm_devmem_possible(struct drm_i915_private *i915)
{
	return false;
}

static inline dma_addr_t i915_svm_devmem_addr(const struct page *page)
{
	return 0;
}

static inline int
i915_svm_migrate_range(struct i915_svm_devmem *dm, struct mm_struct *mm,
		       u64 start, u64 end, const struct i915_svm_move *how,
		       struct i915_svm_migrated *out)
{
	return -ENODEV;
}

static inline int i915_svm_devmem_evict(struct drm_i915_gem_object *obj)
{
	return 0;
}

static inline bool i915_svm_devmem_keep(struct drm_i915_gem_object *obj)
{
	return false;
}

static inline void i915_svm_devmem_show(struct drm_i915_private *i915,
					struct drm_printer *p) {}

#endif

#endif /* __I915_SVM_DEVMEM_H__ */
