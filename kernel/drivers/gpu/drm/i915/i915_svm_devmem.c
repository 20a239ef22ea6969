// SPDX-License-Identifier: MIT
/*
 * DOC: Device memory
 *
 * All of the local memory region has struct pages of type DEVICE_PRIVATE, one
 * per 4 KiB, at page frame numbers that no RAM has: the core of mm then treats
 * a page that moved there like one that was swapped out, and calls us when a
 * CPU touches it. Which pages are really ours is decided later: memory is
 * taken from i915's own allocator in extents of 2 MiB, each an ordinary kernel
 * object that is not pinned. So device pages and buffer objects compete on
 * TTM's one LRU list: making an extent may evict objects, and when TTM wants
 * the memory of an extent, i915_svm_devmem_evict() moves its pages to system
 * memory first.
 *
 * Pages of an extent are handed out so that a page's place in its 64 KiB
 * follows its CPU address, whole extents so that its place in the 2 MiB does:
 * that makes large entries in the GPU's page table possible.
 *
 * Only the GPU needs to reach an extent, unless the CPU is to copy: where the
 * BAR does not show all of local memory, extents come first from what it does
 * not show. What they hold comes back by the blitter then, or not at all: when
 * the driver leaves, it does so while the GPU still works. Contents that cannot
 * come back, of a GPU that is wedged or gone, stay device pages for good, and
 * who touches them gets SIGBUS.
 *
 * Locking: see &struct i915_svm_devmem. A page is freed under page-table
 * locks, so an extent whose last page goes is only put on a list; a worker
 * gives the object back. Whoever takes an object away from its extent holds
 * the object's lock.
 */

#include <linux/kmemleak.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "gem/i915_gem_lmem.h"
#include "gem/i915_gem_object.h"
#include "gem/i915_gem_region.h"
#include "gem/i915_gem_ttm.h"
#include "i915_drv.h"
#include "i915_svm_devmem_types.h"
#include "intel_memory_region.h"

/* What one 64K entry of the GPU's page table maps. */
#define GROUP_PAGES	(SZ_64K >> PAGE_SHIFT)

/* How often i915_svm_devmem_leave() meets pages in use before it lets them be. */
#define LEAVE_TRIES	100

static struct intel_memory_region *local_region(struct drm_i915_private *i915)
{
	return i915->mm.regions[INTEL_REGION_LMEM_0];
}

static struct i915_svm_devmem *page_devmem(const struct page *page)
{
	return container_of(page->pgmap, struct i915_svm_devmem, pagemap);
}

dma_addr_t i915_svm_devmem_addr(const struct page *page)
{
	const struct i915_svm_devmem *dm = page_devmem(page);

	return dm->mr->region.start +
		((dma_addr_t)(page_to_pfn(page) - dm->base_pfn) << PAGE_SHIFT);
}

/* NULL before first use. */
static struct i915_svm_devmem *devmem(struct drm_i915_private *i915)
{
	/* Pairs with the release when it was created: what it points to is ready. */
	return smp_load_acquire(&i915->svm_devmem);
}

bool i915_svm_devmem_possible(struct drm_i915_private *i915)
{
	return local_region(i915);
}

/* Called with dm->lock held and nothing used any more. */
static void extent_die(struct i915_svm_extent *extent)
{
	struct i915_svm_devmem *dm = extent->dm;

	lockdep_assert_held(&dm->lock);
	GEM_BUG_ON(extent->used || extent->held);

	extent->closed = true;
	list_move_tail(&extent->link, &dm->dead);
	if (!dm->gone) /* else its object stays: freeing it would wake the device */
		queue_work(system_unbound_wq, &dm->reap);
}

/*
 * What folio_migrate_flags() brings and the core does not take away when it
 * frees a device page. The next owner's would be young or active before its
 * time, and MADV_SOFT_OFFLINE fail for a page that just moved to the active list.
 */
#if defined(CONFIG_PAGE_IDLE_FLAG) && defined(CONFIG_64BIT)
#define IDLE_FLAGS (BIT(PG_young) | BIT(PG_idle))
#else
#define IDLE_FLAGS 0
#endif
#define STALE_FLAGS (BIT(PG_referenced) | BIT(PG_active) | BIT(PG_unevictable) | \
		     BIT(PG_workingset) | BIT(PG_dirty) | BIT(PG_swapbacked) | IDLE_FLAGS)

static void extent_free(struct i915_svm_extent *extent, struct page *pages,
			unsigned int n)
{
	struct i915_svm_devmem *dm = extent->dm;
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < n; i++)
		pages[i].flags &= ~STALE_FLAGS;

	spin_lock_irqsave(&dm->lock, flags);
	bitmap_clear(extent->pages, page_to_pfn(pages) - extent->first_pfn, n);
	i915_svm_account_resident(extent->account, 0, -(s64)n);
	extent->used -= n;
	if (!extent->used && !extent->held)
		extent_die(extent);
	else if (!extent->closed && extent->used + n == I915_SVM_EXTENT_PAGES)
		list_move_tail(&extent->link, &dm->partial);
	spin_unlock_irqrestore(&dm->lock, flags);
}

static void pages_free(struct page *pages, unsigned int nr)
{
	unsigned int n;

	for (; nr; pages += n, nr -= n) {
		struct i915_svm_extent *extent = i915_svm_page_extent(pages);
		const unsigned long offset = page_to_pfn(pages) - extent->first_pfn;

		n = min_t(unsigned int, nr, I915_SVM_EXTENT_PAGES - offset);
		extent_free(extent, pages, n);
	}
}

static void page_free(struct page *page)
{
	pages_free(page, 1);
}

static const struct dev_pagemap_ops pagemap_ops = {
	.page_free = page_free,
	.pages_free = pages_free,
	.migrate_to_ram = i915_svm_migrate_to_ram,
};

/* Give the memory of dead extents back. */
static void reap_work(struct work_struct *work)
{
	struct i915_svm_devmem *dm = container_of(work, typeof(*dm), reap);
	struct i915_svm_extent *extent;

	for (;;) {
		spin_lock_irq(&dm->lock);
		extent = list_first_entry_or_null(&dm->dead, typeof(*extent), link);
		if (extent)
			list_del(&extent->link);
		spin_unlock_irq(&dm->lock);
		if (!extent)
			break;

		i915_gem_object_lock(extent->obj, NULL);
		extent->obj->svm_extent = NULL;
		/* Contents are of no interest any more, should TTM come first. */
		if (extent->obj->mm.madv == I915_MADV_WILLNEED)
			extent->obj->mm.madv = I915_MADV_DONTNEED;
		i915_gem_object_unlock(extent->obj);
		i915_gem_object_put(extent->obj);
		i915_svm_account_put(extent->account);
		kfree(extent);
		cond_resched();
	}
}

static int object_place(struct i915_svm_devmem *dm,
			struct i915_svm_extent *extent)
{
	struct drm_i915_gem_object *obj = extent->obj;
	struct i915_gem_ww_ctx ww;
	dma_addr_t addr;
	int err;

	for_i915_gem_ww(&ww, err, true) {
		err = i915_gem_object_lock(obj, &ww);
		if (err)
			continue;

		err = i915_gem_object_pin_pages(obj);
		if (err)
			continue;

		/* The memory's last owner may still be on its way out. */
		err = i915_gem_object_wait_moving_fence(obj, true);
		if (err) {
			i915_gem_object_unpin_pages(obj);
			continue;
		}

		addr = i915_gem_object_get_dma_address(obj, 0);
		if (IS_ALIGNED(addr, I915_SVM_EXTENT_SIZE)) {
			extent->first_pfn = dm->base_pfn +
				((addr - dm->mr->region.start) >> PAGE_SHIFT);
			obj->svm_extent = extent;
			i915_ttm_adjust_lru(obj);
		} else {
			err = -ENXIO;
		}
		i915_gem_object_unpin_pages(obj);
	}

	return err;
}

/**
 * i915_svm_extent_create - take 2 MiB of local memory
 * @dm: the device memory
 * @how: for whom, and what a CPU touch of its pages brings back
 *
 * May evict objects and other extents. The caller hands it to
 * i915_svm_devmem_take() and then to i915_svm_extent_release().
 */
struct i915_svm_extent *i915_svm_extent_create(struct i915_svm_devmem *dm,
					       const struct i915_svm_move *how)
{
	struct i915_svm_extent *extent;
	int err;

	extent = kzalloc(sizeof(*extent), GFP_KERNEL);
	if (!extent)
		return ERR_PTR(-ENOMEM);

	extent->dm = dm;
	extent->account = i915_svm_account_get(how->account);
	extent->granule = how->granule;
	extent->keep = how->keep;
	extent->held = true;
	INIT_LIST_HEAD(&extent->link);
	extent->obj = i915_gem_object_create_lmem(dm->i915, I915_SVM_EXTENT_SIZE,
						  I915_BO_ALLOC_CONTIGUOUS |
						  (how->mode == I915_SVM_COPY_CPU ?
						   0 : I915_BO_ALLOC_GPU_ONLY));
	if (IS_ERR(extent->obj)) {
		err = PTR_ERR(extent->obj);
		goto err_free;
	}

	err = object_place(dm, extent);
	if (err)
		goto err_put;

	return extent;

err_put:
	i915_gem_object_put(extent->obj);
err_free:
	i915_svm_account_put(extent->account);
	kfree(extent);
	return ERR_PTR(err);
}

/**
 * i915_svm_extent_release - the creator needs an extent no longer
 * @extent: it; lives on while pages of it are used
 */
void i915_svm_extent_release(struct i915_svm_extent *extent)
{
	struct i915_svm_devmem *dm = extent->dm;

	spin_lock_irq(&dm->lock);
	extent->held = false;
	if (!extent->used)
		extent_die(extent);
	spin_unlock_irq(&dm->lock);
}

/* Take @n pages that follow each other, aligned to @n, or none. */
static bool extent_take(struct i915_svm_extent *extent, unsigned int n,
			struct page **pages)
{
	struct i915_svm_devmem *dm = extent->dm;
	unsigned long first;
	unsigned int i;

	lockdep_assert_held(&dm->lock);

	if (extent->closed || READ_ONCE(dm->i915->svm_leaving))
		return false;

	first = bitmap_find_next_zero_area(extent->pages, I915_SVM_EXTENT_PAGES,
					   0, n, n - 1);
	if (first >= I915_SVM_EXTENT_PAGES)
		return false;

	bitmap_set(extent->pages, first, n);
	i915_svm_account_resident(extent->account, 0, n);
	extent->used += n;
	list_move(&extent->link, extent->used == I915_SVM_EXTENT_PAGES ?
		  &dm->full : &dm->partial);

	/* As zone_device_page_init() does; nobody else knows of them yet. */
	percpu_ref_get_many(&dm->pagemap.ref, n);
	for (i = 0; i < n; i++) {
		struct page *page = pfn_to_page(extent->first_pfn + first + i);

		page->zone_device_data = extent;
		__SetPageLocked(page);
		smp_wmb(); /* locked before who looks by number can have it */
		set_page_count(page, 1);
		pages[i] = page;
	}
	return true;
}

static bool take(struct i915_svm_devmem *dm, struct i915_svm_extent *spare,
		 unsigned int n, struct page **pages)
{
	struct i915_svm_extent *extent;

	/* Whole extents only come from the new one. */
	if (n < I915_SVM_EXTENT_PAGES)
		list_for_each_entry(extent, &dm->partial, link)
			if (extent != spare &&
			    extent->account == spare->account &&
			    extent->granule == spare->granule &&
			    extent->keep == spare->keep &&
			    extent_take(extent, n, pages))
				return true;

	return extent_take(spare, n, pages);
}

/**
 * i915_svm_devmem_take - take device pages for some pages of a range
 * @dm: the device memory
 * @spare: an unused extent, for what does not fit elsewhere
 * @addr: CPU address of the first page of the range
 * @want: which pages
 * @npages: length of the range, at most 512
 * @pages: out: device pages, locked, with one reference; NULL where not wanted
 *
 * Returns: the number of pages taken, fewer than wanted only if the memory
 * of the extent was taken away meanwhile, or the driver leaves.
 */
unsigned int i915_svm_devmem_take(struct i915_svm_devmem *dm,
				  struct i915_svm_extent *spare,
				  unsigned long addr,
				  const unsigned long *want,
				  unsigned int npages, struct page **pages)
{
	unsigned int i, n, taken = 0;

	memset(pages, 0, npages * sizeof(*pages));

	/* Nothing is allocated any more when they go away. */
	WARN_ON_ONCE(percpu_ref_is_dying(&dm->pagemap.ref));

	spin_lock_irq(&dm->lock);
	for (i = 0; i < npages; i += n) {
		const unsigned long pfn = (addr >> PAGE_SHIFT) + i;
		const unsigned int run = find_next_zero_bit(want, npages, i) - i;

		n = 1;
		if (!run)
			continue;

		if (run == I915_SVM_EXTENT_PAGES &&
		    IS_ALIGNED(pfn, I915_SVM_EXTENT_PAGES))
			n = I915_SVM_EXTENT_PAGES;
		else if (run >= GROUP_PAGES && IS_ALIGNED(pfn, GROUP_PAGES))
			n = GROUP_PAGES;

		if (!take(dm, spare, n, pages + i)) {
			if (n == 1 || !take(dm, spare, 1, pages + i))
				break;
			n = 1;
		}
		taken += n;
	}
	spin_unlock_irq(&dm->lock);

	return taken;
}

int i915_svm_devmem_evict(struct drm_i915_gem_object *obj)
{
	struct i915_svm_extent *extent = obj->svm_extent;
	struct i915_svm_devmem *dm;
	int err;

	if (!extent)
		return 0;

	assert_object_held(obj);
	dm = extent->dm;

	spin_lock_irq(&dm->lock);
	extent->closed = true;
	if (extent->used)
		list_move_tail(&extent->link, &dm->full);
	spin_unlock_irq(&dm->lock);

	err = i915_svm_migrate_extent(extent);
	if (err) {
		spin_lock_irq(&dm->lock);
		if (extent->used) {
			extent->closed = false;
			list_move_tail(&extent->link, &dm->partial);
		}
		spin_unlock_irq(&dm->lock);
		return err;
	}

	/* Nothing in it is worth copying: let TTM drop it. */
	if (obj->mm.madv == I915_MADV_WILLNEED)
		obj->mm.madv = I915_MADV_DONTNEED;
	return 0;
}

bool i915_svm_devmem_keep(struct drm_i915_gem_object *obj)
{
	return obj->svm_extent && obj->svm_extent->keep;
}

static struct i915_svm_devmem *devmem_create(struct drm_i915_private *i915)
{
	struct i915_svm_devmem *dm;
	void *ret;

	dm = kzalloc(sizeof(*dm), GFP_KERNEL);
	if (!dm)
		return ERR_PTR(-ENOMEM);

	dm->i915 = i915;
	dm->mr = local_region(i915);
	spin_lock_init(&dm->lock);
	INIT_LIST_HEAD(&dm->partial);
	INIT_LIST_HEAD(&dm->full);
	INIT_LIST_HEAD(&dm->dead);
	INIT_LIST_HEAD(&dm->lost);
	INIT_WORK(&dm->reap, reap_work);

	dm->res = request_free_mem_region(&iomem_resource,
					  round_up(resource_size(&dm->mr->region),
						   I915_SVM_EXTENT_SIZE),
					  "i915-svm");
	if (IS_ERR(dm->res)) {
		ret = dm->res;
		goto err_free;
	}

	dm->base_pfn = dm->res->start >> PAGE_SHIFT;
	dm->pagemap.type = MEMORY_DEVICE_PRIVATE;
	dm->pagemap.range.start = dm->res->start;
	dm->pagemap.range.end = dm->res->end;
	dm->pagemap.nr_range = 1;
	dm->pagemap.ops = &pagemap_ops;
	dm->pagemap.owner = i915;
	i915_svm_copy_init(dm);

	ret = memremap_pages(&dm->pagemap, dev_to_node(i915->drm.dev));
	if (IS_ERR(ret))
		goto err_region;

	return dm;

err_region:
	i915_svm_copy_fini(dm);
	release_mem_region(dm->res->start, resource_size(dm->res));
err_free:
	kfree(dm);
	return ERR_CAST(ret);
}

struct i915_svm_devmem *i915_svm_devmem_get(struct drm_i915_private *i915)
{
	struct i915_svm_devmem *dm = devmem(i915);

	if (dm)
		return dm;
	if (!i915_svm_devmem_possible(i915))
		return ERR_PTR(-ENODEV);

	mutex_lock(&i915->svm_devmem_mutex);
	dm = i915->svm_devmem;
	if (!dm) {
		dm = i915->svm_leaving ? ERR_PTR(-ENODEV) : devmem_create(i915);
		if (!IS_ERR(dm)) /* pairs with the acquire of who finds it */
			smp_store_release(&i915->svm_devmem, dm);
	}
	mutex_unlock(&i915->svm_devmem_mutex);

	return dm;
}

void i915_svm_devmem_init(struct drm_i915_private *i915)
{
	mutex_init(&i915->svm_devmem_mutex);
}

/* What it holds cannot be brought back, ever. */
static void extent_lose(struct i915_svm_extent *extent)
{
	struct i915_svm_devmem *dm = extent->dm;

	spin_lock_irq(&dm->lock);
	if (extent->used) {
		extent->closed = true;
		list_move_tail(&extent->link, &dm->lost);
	}
	spin_unlock_irq(&dm->lock);
}

/* The object of an extent that still holds pages; with a reference. */
static struct drm_i915_gem_object *any_object(struct i915_svm_devmem *dm)
{
	struct drm_i915_gem_object *obj = NULL;
	struct i915_svm_extent *extent;

	spin_lock_irq(&dm->lock);
	extent = list_first_entry_or_null(&dm->partial, typeof(*extent), link);
	if (!extent)
		extent = list_first_entry_or_null(&dm->full, typeof(*extent), link);
	if (extent)
		obj = i915_gem_object_get(extent->obj);
	spin_unlock_irq(&dm->lock);

	return obj;
}

/*
 * Bring back what some extent holds, or with @lose give up what nobody can copy.
 * Returns false when there is none.
 */
static bool bring_back_one(struct i915_svm_devmem *dm, bool lose, int *err)
{
	struct drm_i915_gem_object *obj = any_object(dm);

	if (!obj)
		return false;

	i915_gem_object_lock(obj, NULL);
	*err = i915_svm_devmem_evict(obj);
	if (lose && *err == -EIO)
		extent_lose(obj->svm_extent);
	i915_gem_object_unlock(obj);
	i915_gem_object_put(obj);
	cond_resched();

	return true;
}

/**
 * i915_svm_devmem_leave - bring everything back while the blitter still can
 * @i915: the device, about to lose its driver
 *
 * What resists is left to i915_svm_devmem_fini().
 */
void i915_svm_devmem_leave(struct drm_i915_private *i915)
{
	struct i915_svm_devmem *dm;
	unsigned int failed = 0;
	int err;

	mutex_lock(&i915->svm_devmem_mutex);
	WRITE_ONCE(i915->svm_leaving, true);
	dm = i915->svm_devmem;
	mutex_unlock(&i915->svm_devmem_mutex);
	if (!dm)
		return;

	/* Who does not know yet has taken its pages when we have the lock. */
	spin_lock_irq(&dm->lock);
	spin_unlock_irq(&dm->lock);

	while (failed < LEAVE_TRIES && bring_back_one(dm, false, &err))
		failed += !!err;
}

/*
 * Pages are left whose contents are lost. They stay as they are until their
 * processes unmap them, and for them all that they refer to, and this code,
 * stays until the machine is booted again.
 */
static bool keep_lost(struct i915_svm_devmem *dm)
{
	struct i915_svm_extent *extent;
	unsigned long pages = 0;

	spin_lock_irq(&dm->lock);
	list_for_each_entry(extent, &dm->lost, link)
		pages += extent->used;
	spin_unlock_irq(&dm->lock);
	if (!pages)
		return false;

	drm_err(&dm->i915->drm,
		"SVM: %lu pages in local memory are lost, touching them raises SIGBUS\n", pages);
	kmemleak_not_leak(dm);
	drm_dev_get(&dm->i915->drm);
	__module_get(THIS_MODULE);
	i915_svm_migrate_lost(dm); /* waits for CPU touches that are under way */
	return true;
}

/**
 * i915_svm_devmem_fini - bring everything back, for good
 * @i915: the device, whose GT is wedged: the CPU copies
 *
 * Nothing allocates device memory any more; processes may still touch it.
 */
void i915_svm_devmem_fini(struct drm_i915_private *i915)
{
	struct i915_svm_devmem *dm = i915->svm_devmem;
	bool lost;
	int err;

	if (!dm)
		return;

	while (bring_back_one(dm, true, &err))
		if (err && err != -EIO)
			drm_notice_once(&i915->drm,
					"SVM: waiting for device pages in use\n");

	flush_work(&dm->reap);
	lost = keep_lost(dm);
	if (!lost)
		memunmap_pages(&dm->pagemap); /* waits for CPU touches that are under way */
	i915_svm_copy_fini(dm);
	i915_svm_migrate_fini(dm);
	i915->svm_devmem = NULL;
	if (lost)
		return;

	release_mem_region(dm->res->start, resource_size(dm->res));
	kfree(dm);
}

void i915_svm_devmem_show(struct drm_i915_private *i915, struct drm_printer *p)
{
	static const char * const names[] = {
		[I915_SVM_DEV_TO_DEVICE] = "pages moved to device",
		[I915_SVM_DEV_TO_SYSTEM] = "pages moved to system",
		[I915_SVM_DEV_FAULTS] = "CPU touches of device pages",
		[I915_SVM_DEV_EVICTED] = "pages evicted",
		[I915_SVM_DEV_BLITTER] = "pages copied by blitter",
		[I915_SVM_DEV_CPU] = "pages copied by CPU",
		[I915_SVM_DEV_BLITTER_NS] = "ns of blitter copies",
		[I915_SVM_DEV_CPU_NS] = "ns of CPU copies",
	};
	struct i915_svm_devmem *dm = devmem(i915);
	struct i915_svm_extent *extent;
	unsigned int extents = 0, pages = 0, i;

	static_assert(ARRAY_SIZE(names) == I915_SVM_DEV_STAT_COUNT);

	if (!dm)
		return;

	spin_lock_irq(&dm->lock);
	list_for_each_entry(extent, &dm->partial, link) {
		extents++;
		pages += extent->used;
	}
	list_for_each_entry(extent, &dm->full, link) {
		extents++;
		pages += extent->used;
	}
	spin_unlock_irq(&dm->lock);

	drm_printf(p, "extents of 2 MiB: %u\n", extents);
	drm_printf(p, "device pages in use: %u\n", pages);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		drm_printf(p, "%s: %llu\n", names[i],
			   (u64)atomic64_read(&dm->stats[i]));
}
