/* SPDX-License-Identifier: MIT */
/*
 * Shared virtual memory: the objects behind device memory. Private to
 * i915_svm_devmem.c, i915_svm_migrate.c and i915_svm_copy.c.
 */
#ifndef __I915_SVM_DEVMEM_TYPES_H__
#define __I915_SVM_DEVMEM_TYPES_H__

#include <linux/bitmap.h>
#include <linux/list.h>
#include <linux/memremap.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "i915_svm_account.h"
#include "i915_svm_devmem.h"

struct i915_request;
struct intel_context;
struct step;
struct intel_memory_region;
struct vm_fault;

#define I915_SVM_EXTENT_SIZE	SZ_2M
#define I915_SVM_EXTENT_PAGES	(I915_SVM_EXTENT_SIZE >> PAGE_SHIFT)

/*
 * What prefetch moves in one step: fewer and larger ones cost fewer
 * submissions and notifications, but lock more pages at a time.
 */
#define I915_SVM_STEP_EXTENTS	16

/* How many steps can be copied at once by i915_svm_window_copy(). */
#define I915_SVM_WINDOWS	15

enum i915_svm_dev_stat {
	I915_SVM_DEV_TO_DEVICE,		/* pages moved */
	I915_SVM_DEV_TO_SYSTEM,
	I915_SVM_DEV_FAULTS,		/* CPU touches of device pages */
	I915_SVM_DEV_EVICTED,		/* pages brought back for want of memory */
	I915_SVM_DEV_BLITTER,		/* pages copied by whom */
	I915_SVM_DEV_CPU,
	I915_SVM_DEV_BLITTER_NS,
	I915_SVM_DEV_CPU_NS,
	I915_SVM_DEV_STAT_COUNT
};

/*
 * struct i915_svm_extent - 2 MiB of local memory that holds device pages
 *
 * It is an ordinary, unpinned i915 object, on TTM's LRU list beside all
 * others; &drm_i915_gem_object.svm_extent points back, under its lock.
 */
struct i915_svm_extent {
	struct i915_svm_devmem *dm;
	struct drm_i915_gem_object *obj;
	unsigned long first_pfn;
	/** @account: of the address space whose pages it takes */
	struct i915_svm_account *account;

	/** @link: in dm->partial, dm->full, dm->dead or dm->lost; dm->lock */
	struct list_head link;
	/** @granule: what a CPU touch of a page brings back */
	unsigned long granule;
	/** @keep: evict others first */
	bool keep;
	/** @used: pages handed out and not freed; dm->lock */
	unsigned int used;
	/** @held: its creator still fills it; dm->lock */
	bool held;
	/** @closed: nothing may be handed out any more; dm->lock */
	bool closed;
	DECLARE_BITMAP(pages, I915_SVM_EXTENT_PAGES);
};

/*
 * struct i915_svm_devmem - the local memory of a device as struct pages
 *
 * dm->lock is taken when a page is freed, under page-table locks: it nests
 * inside everything and is never held across anything that sleeps.
 */
struct i915_svm_devmem {
	struct drm_i915_private *i915;
	struct intel_memory_region *mr;
	struct dev_pagemap pagemap;
	struct resource *res;
	unsigned long base_pfn;

	spinlock_t lock;
	struct list_head partial;
	struct list_head full;
	struct list_head dead;
	struct list_head lost; /* until the last page goes; the driver has left */
	struct work_struct reap;

	/** @gone: the driver has left; what is still here is lost */
	bool gone;

	/** @step: of a CPU touch or eviction, when not in use; by xchg() */
	struct step *step;
	/** @large_steps: of what moves more, likewise */
	struct step *large_steps[2];

	/** @window: copies whole 2 MiB, NULL: cannot; @windows: parts of it in use */
	struct intel_context *window;
	DECLARE_BITMAP(windows, I915_SVM_WINDOWS);

	/** @rest: holds the copy engine awake for a while, when pending */
	struct delayed_work rest;

	atomic64_t stats[I915_SVM_DEV_STAT_COUNT];
};

#define i915_svm_dev_count(dm, stat, n) \
	atomic64_add(n, &(dm)->stats[I915_SVM_DEV_##stat])

/* i915_svm_devmem.c */
struct i915_svm_extent *i915_svm_extent_create(struct i915_svm_devmem *dm,
					       const struct i915_svm_move *how);
void i915_svm_extent_release(struct i915_svm_extent *extent);
unsigned int i915_svm_devmem_take(struct i915_svm_devmem *dm,
				  struct i915_svm_extent *spare,
				  unsigned long addr,
				  const unsigned long *want,
				  unsigned int npages, struct page **pages);
static inline struct i915_svm_extent *i915_svm_page_extent(const struct page *page)
{
	return page->zone_device_data;
}

/*
 * struct i915_svm_copy - one batch of pages being copied
 */
struct i915_svm_copy {
	struct i915_svm_devmem *dm;
	/**
	 * @sys_sg: pages of system memory; @dev_sg: the device pages of them, in
	 * the same order. By what follows each other, so of different lengths.
	 */
	struct scatterlist *sys_sg, *dev_sg;
	/** @sys_last, @dev_last: their last entries */
	struct scatterlist *sys_last, *dev_last;
	/** @count: pages in each */
	unsigned int count;
	bool to_device;

	/** @rq: what copies them; until it is done @sys_sg is mapped for dma */
	struct i915_request *rq;
	/** @resets: how many there had been before */
	u32 resets;
	ktime_t began;

	/** @window: part of dm->window, if @windowed */
	unsigned int window;
	bool windowed;
};

/* i915_svm_copy.c */
void i915_svm_copy_begin(struct i915_svm_copy *copy, bool to_device);
void i915_svm_copy_add(struct i915_svm_copy *copy, struct page *sys,
		       struct page *dev, unsigned int n);
void i915_svm_copy_start(struct i915_svm_copy *copy,
			 enum i915_svm_copy_mode mode);
int i915_svm_copy_finish(struct i915_svm_copy *copy);
void i915_svm_copy_init(struct i915_svm_devmem *dm);
void i915_svm_copy_fini(struct i915_svm_devmem *dm);
void i915_svm_copy_wake(struct i915_svm_devmem *dm);
void i915_svm_copy_rest(struct i915_svm_devmem *dm);

/* i915_svm_window.c */
int i915_svm_window_copy(struct i915_svm_copy *copy);
void i915_svm_window_release(struct i915_svm_copy *copy);
void i915_svm_window_init(struct i915_svm_devmem *dm);
void i915_svm_window_fini(struct i915_svm_devmem *dm);

/* i915_svm_migrate.c */
vm_fault_t i915_svm_migrate_to_ram(struct vm_fault *vmf);
int i915_svm_migrate_extent(struct i915_svm_extent *extent);
void i915_svm_migrate_lost(struct i915_svm_devmem *dm);
void i915_svm_migrate_fini(struct i915_svm_devmem *dm);

#endif /* __I915_SVM_DEVMEM_TYPES_H__ */
