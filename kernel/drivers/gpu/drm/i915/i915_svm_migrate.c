// SPDX-License-Identifier: MIT
/*
 * DOC: Migration
 *
 * Pages move between system memory and device memory in steps of some
 * MiB, by the core's migrate_vma interface: pages are locked and unmapped
 * from all CPUs (which runs our own notifiers: the GPU loses them too),
 * copied, and replaced. Nobody can see a page half-way.
 *
 * There are three ways to come here:
 *
 *  - i915_svm_migrate_range(), asked for by prefetch: both ways, two steps in
 *    flight, so that one is copied while the next is collected;
 *  - i915_svm_migrate_to_ram(), when a CPU touches a device page: brings back
 *    the whole granule around it, at worst the one page, and, when the granule
 *    before it was what was touched last, more and more of what follows. The
 *    process may be any that maps the page (a forked child, a debugger):
 *    nothing here looks at an address space of the GPU;
 *  - i915_svm_migrate_extent(), when i915 needs the local memory for something
 *    else: by device page, without looking at CPU addresses at all.
 *
 * Locking: mmap_lock is held for reading in the first two. No lock of ours is
 * held, except the object's own lock in the third, under which pages are only
 * ever try-locked. Hence allocation of local memory, which takes object locks
 * and may evict, is done before a step locks its first page.
 */

#include <linux/delay.h>
#include <linux/hmm.h>
#include <linux/hugetlb.h>
#include <linux/ktime.h>
#include <linux/mempolicy.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/userfaultfd_k.h>

#include "i915_drv.h"
#include "i915_svm_devmem_types.h"
#include "i915_svm_trace.h"

/* Let writers of mmap_lock in after this much. */
#define LOCK_SLICE	SZ_64M
/* Snapshots that change under us are taken again so often. */
#define SNAPSHOT_TRIES	16
#define STEP_SIZE	(I915_SVM_STEP_EXTENTS * I915_SVM_EXTENT_SIZE)
#define STEP_PAGES	(STEP_SIZE >> PAGE_SHIFT)
/* Each touch that follows the one before brings back this many times as much. */
#define AHEAD_GROWTH	8
/* An extent whose pages are locked by others is tried again so often. */
#define EVICT_TRIES	16

/*
 * struct step - one migrate_vma transaction and its copy
 */
struct step {
	struct migrate_vma args;
	struct i915_svm_copy copy;
	struct i915_svm_extent *spare[I915_SVM_STEP_EXTENTS]; /* by 2 MiB of addresses */
	unsigned int max;
	bool open;	/* between setup and finalize */
	bool failed;	/* neither blitter nor CPU could copy */
	unsigned long asked; /* pages after so many come back only because they are near */
	ktime_t began;	/* of the part that runs now */
	u64 ns;		/* of the parts that ended */
	unsigned long *src, *dst;
	struct page **pages; /* device pages taken, by index */
};

static void step_free(struct step *step)
{
	kvfree(step);
}

/* A step for up to @max pages, with all its arrays behind it. */
static struct step *step_alloc(struct i915_svm_devmem *dm, unsigned int max)
{
	struct step *step;
	size_t size;
	void *p;

	size = ALIGN(sizeof(*step), sizeof(void *));
	size += max * (2 * sizeof(unsigned long) + sizeof(struct page *) +
		       2 * sizeof(struct scatterlist));

	step = kvmalloc(size, GFP_KERNEL | __GFP_NOWARN);
	if (!step)
		return NULL;
	memset(step, 0, sizeof(*step)); /* the arrays are, where they are used */

	p = (void *)step + ALIGN(sizeof(*step), sizeof(void *));
	step->copy.sys_sg = p;
	p += max * sizeof(struct scatterlist);
	step->copy.dev_sg = p;
	p += max * sizeof(struct scatterlist);
	step->src = p;
	p += max * sizeof(unsigned long);
	step->dst = p;
	p += max * sizeof(unsigned long);
	step->pages = p;

	step->max = max;
	step->copy.dm = dm;
	return step;
}

/* A step for up to @max pages: a former one, if nobody else has it. */
static struct step *step_take(struct i915_svm_devmem *dm, unsigned int max)
{
	struct step *step;
	unsigned int i;

	if (max <= I915_SVM_EXTENT_PAGES)
		return xchg(&dm->step, NULL) ?: step_alloc(dm, I915_SVM_EXTENT_PAGES);

	for (i = 0; i < ARRAY_SIZE(dm->large_steps); i++) {
		step = xchg(&dm->large_steps[i], NULL);
		if (step)
			return step;
	}
	return step_alloc(dm, STEP_PAGES);
}

static void step_give(struct i915_svm_devmem *dm, struct step *step)
{
	unsigned int i;

	if (!step)
		return;

	if (step->max == I915_SVM_EXTENT_PAGES)
		step = xchg(&dm->step, step);
	else if (step->max == STEP_PAGES)
		for (i = 0; i < ARRAY_SIZE(dm->large_steps) && step; i++)
			step = xchg(&dm->large_steps[i], step);
	step_free(step);
}

void i915_svm_migrate_fini(struct i915_svm_devmem *dm)
{
	unsigned int i;

	step_free(xchg(&dm->step, NULL));
	for (i = 0; i < ARRAY_SIZE(dm->large_steps); i++)
		step_free(xchg(&dm->large_steps[i], NULL));
}

static void step_args(struct step *step, struct vm_area_struct *vma,
		      unsigned long start, unsigned long end,
		      unsigned long flags, struct page *fault_page)
{
	GEM_BUG_ON(end - start > (u64)step->max << PAGE_SHIFT);

	step->args = (struct migrate_vma) {
		.vma = vma,
		.start = start,
		.end = end,
		.src = step->src,
		.dst = step->dst,
		.pgmap_owner = step->copy.dm->i915,
		.flags = flags,
		.fault_page = fault_page,
	};
	memset(step->dst, 0, ((end - start) >> PAGE_SHIFT) * sizeof(*step->dst));
	step->began = ktime_get();
	step->ns = 0;
	step->failed = false;
	step->asked = ULONG_MAX;
}

static void step_pause(struct step *step)
{
	step->ns += ktime_to_ns(ktime_sub(ktime_get(), step->began));
}

static bool source_moves(unsigned long src)
{
	const unsigned long moves = MIGRATE_PFN_VALID | MIGRATE_PFN_MIGRATE;

	return (src & moves) == moves;
}

/* A copy failed as a whole: let nothing of it replace its source. */
static void drop_destinations(unsigned long *dst, unsigned long npages)
{
	unsigned long i;

	for (i = 0; i < npages; i++) {
		struct page *page = migrate_pfn_to_page(dst[i]);

		if (!page)
			continue;
		unlock_page(page);
		if (dst[i] & MIGRATE_PFN_COMPOUND) {
			__free_pages(page, ilog2(I915_SVM_EXTENT_PAGES));
			memset(dst + i, 0, I915_SVM_EXTENT_PAGES * sizeof(*dst));
			i += I915_SVM_EXTENT_PAGES - 1;
			continue;
		}
		put_page(page);
		dst[i] = 0;
	}
}

/* The number of the device page of a pair that moved, or 0. */
static unsigned long moved_pfn(const struct step *step, unsigned long i)
{
	const unsigned long src = step->src[i], dst = step->dst[i];

	if (!source_moves(src) || !dst)
		return 0;

	return (step->copy.to_device ? dst : src) >> MIGRATE_PFN_SHIFT;
}

/* The largest page that begins @n pages at a place in memory and device memory. */
static enum i915_svm_leaf leaf_of(unsigned long pfn, unsigned long dev_pfn,
				  unsigned long n)
{
	enum i915_svm_leaf leaf = I915_SVM_LEAF_2M;

	while (leaf != I915_SVM_LEAF_4K &&
	       (n < i915_svm_leaf_pages(leaf) ||
		!IS_ALIGNED(pfn | dev_pfn, i915_svm_leaf_pages(leaf))))
		leaf--;

	return leaf;
}

/* How many pages from @i on moved to or from device pages that follow each other. */
static unsigned long moved_run(const struct step *step, unsigned long i,
			       unsigned long npages, unsigned long dev_pfn)
{
	/* An extent has one account. */
	const unsigned long limit = I915_SVM_EXTENT_PAGES - dev_pfn % I915_SVM_EXTENT_PAGES;
	unsigned long n = 1;

	while (n < limit && i + n < npages && moved_pfn(step, i + n) == dev_pfn + n)
		n++;

	return n;
}

/*
 * Count what moved of a step whose first page has number @pfn, by size of
 * what is contiguous. Its sources are still there. Returns the number of pages.
 */
static unsigned long count_moved(const struct step *step, unsigned long pfn,
				 unsigned long npages)
{
	const enum i915_svm_flow flow = step->copy.to_device ?
		I915_SVM_FLOW_TO_DEVICE : I915_SVM_FLOW_TO_SYSTEM;
	unsigned long i = 0, end, moved = 0;

	while (i < npages) {
		unsigned long dev_pfn = moved_pfn(step, i);
		u64 count[I915_SVM_LEAF_COUNT] = {};
		struct i915_svm_account *account;
		enum i915_svm_leaf leaf;

		if (!dev_pfn) {
			i++;
			continue;
		}

		account = i915_svm_page_extent(pfn_to_page(dev_pfn))->account;
		end = i + moved_run(step, i, npages, dev_pfn);
		moved += end - i;
		while (i < end) {
			leaf = leaf_of(pfn + i, dev_pfn, end - i);
			count[leaf]++;
			i += i915_svm_leaf_pages(leaf);
			dev_pfn += i915_svm_leaf_pages(leaf);
		}
		for (leaf = 0; leaf < I915_SVM_LEAF_COUNT; leaf++)
			if (count[leaf])
				i915_svm_account_flow(account, flow, leaf, count[leaf],
						      div_u64(step->ns * count[leaf] *
							      i915_svm_leaf_pages(leaf),
							      step->copy.count));
	}

	return moved;
}

static void release_spares(struct step *step)
{
	unsigned int i;

	for (i = 0; i < I915_SVM_STEP_EXTENTS; i++)
		if (step->spare[i])
			i915_svm_extent_release(fetch_and_zero(&step->spare[i]));
}

/* Returns the number of pages that moved. */
static unsigned long step_finish(struct step *step)
{
	struct i915_svm_devmem *dm = step->copy.dm;
	unsigned long moved;

	if (!step->open)
		return 0;

	step->began = ktime_get();
	step->failed = i915_svm_copy_finish(&step->copy);
	if (step->failed)
		drop_destinations(step->dst, step->args.npages);

	migrate_vma_pages(&step->args);
	step_pause(step);
	moved = count_moved(step, step->args.start >> PAGE_SHIFT, step->args.npages);
	migrate_vma_finalize(&step->args);
	step->open = false;

	trace_i915_svm_migrate(step->args.start, step->args.npages, moved,
			       step->copy.to_device);
	if (step->copy.to_device)
		i915_svm_dev_count(dm, TO_DEVICE, moved);
	else
		i915_svm_dev_count(dm, TO_SYSTEM, moved);

	release_spares(step);
	return moved;
}

#define GFP_EAGER	((GFP_HIGHUSER_MOVABLE | __GFP_NOWARN | __GFP_NORETRY) & \
			 ~__GFP_DIRECT_RECLAIM)

/*
 * Pages that follow each other, for the GPU's large entries and fewer pieces
 * to copy; never at the price of reclaim. Not zeroed: all of it is written.
 */
static struct page *alloc_contiguous(struct vm_area_struct *vma, unsigned int order)
{
	/* A policy of the mapping places each page for itself. */
	if (vma && vma_policy(vma))
		return NULL;

	return alloc_pages(GFP_EAGER, order);
}

static struct page *alloc_single(struct vm_area_struct *vma, unsigned long addr,
				 bool asked)
{
	const gfp_t gfp = asked ? GFP_HIGHUSER_MOVABLE | __GFP_NOWARN : GFP_EAGER;

	return vma ? alloc_page_vma(gfp, vma, addr) : alloc_page(gfp);
}

/*
 * As many as possible of @n pages for @addr, at least one; *whole tells that
 * they are not split and may become a huge page. Returns how many, 0 without
 * memory.
 */
static unsigned long alloc_system(struct vm_area_struct *vma, unsigned long addr,
				  unsigned long n, bool asked,
				  struct page **first, bool *whole)
{
	enum i915_svm_leaf leaf;

	for (leaf = leaf_of(addr >> PAGE_SHIFT, 0, n); leaf != I915_SVM_LEAF_4K; leaf--) {
		const unsigned int order = ilog2(i915_svm_leaf_pages(leaf));

		*first = alloc_contiguous(vma, order);
		if (!*first)
			continue;
		/* Eviction has no mapping for a huge page. */
		*whole = IS_ENABLED(CONFIG_ARCH_ENABLE_THP_MIGRATION) && vma &&
			leaf == I915_SVM_LEAF_2M;
		if (!*whole)
			split_page(*first, order);
		return i915_svm_leaf_pages(leaf);
	}

	*whole = false;
	*first = alloc_single(vma, addr, asked);
	return *first ? 1 : 0;
}

/*
 * Add the pairs of @n entries to what is copied; where there is no destination there
 * is nothing to copy.
 */
static void copy_pairs(struct i915_svm_copy *copy, const unsigned long *src,
		       const unsigned long *dst, unsigned long n)
{
	unsigned long i, run;

	for (i = 0; i < n; i += run) {
		const unsigned long src_pfn = src[i] >> MIGRATE_PFN_SHIFT;
		const unsigned long dst_pfn = dst[i] >> MIGRATE_PFN_SHIFT;

		run = 1;
		if (!dst[i])
			continue;
		while (i + run < n && dst[i + run] >> MIGRATE_PFN_SHIFT == dst_pfn + run &&
		       src[i + run] >> MIGRATE_PFN_SHIFT == src_pfn + run)
			run++;
		if (copy->to_device)
			i915_svm_copy_add(copy, pfn_to_page(src_pfn), pfn_to_page(dst_pfn), run);
		else
			i915_svm_copy_add(copy, pfn_to_page(dst_pfn), pfn_to_page(src_pfn), run);
	}
}

/* What is only near what was touched, and kept in place, stays. */
static bool comes_back(const struct step *step, unsigned long i)
{
	return source_moves(step->src[i]) &&
		(i < step->asked ||
		 !i915_svm_page_extent(migrate_pfn_to_page(step->src[i]))->keep);
}

/*
 * System pages for the device pages that were collected: of a mapping, or, by
 * eviction, of an extent, in which a page's place follows its address, too.
 */
static void fill_system(struct step *step, struct vm_area_struct *vma,
			unsigned long addr, unsigned long npages,
			unsigned long *no_memory)
{
	unsigned long i = 0, run = 0, n, k;

	i915_svm_copy_begin(&step->copy, false);

	while (i < npages) {
		struct page *sys;
		bool whole;

		if (!run)
			while (i + run < npages && comes_back(step, i + run))
				run++;
		if (!run) {
			i++;
			continue;
		}

		n = alloc_system(vma, addr + (i << PAGE_SHIFT), run, i < step->asked,
				 &sys, &whole);
		for (k = 0; k < (whole ? 1 : n); k++)
			__SetPageLocked(sys + k); /* nobody else knows it yet */
		for (k = 0; k < n; k++)
			step->dst[i + k] = migrate_pfn(page_to_pfn(sys) + k);
		copy_pairs(&step->copy, step->src + i, step->dst + i, n);
		if (!n)
			(*no_memory)++;
		else if (whole)
			step->dst[i] |= MIGRATE_PFN_COMPOUND;
		n = n ?: 1;
		i += n;
		run -= n;
	}
}

/* A KSM page belongs to many, and its owner looks at it. */
static bool may_go_to_device(struct page *page)
{
	return folio_test_anon(page_folio(page)) && !folio_test_ksm(page_folio(page));
}

/* Which of the pages in one 2 MiB of addresses move to the device. */
static void choose_pages(const unsigned long *src, unsigned long npages,
			 unsigned long *want, unsigned long *wrong_type)
{
	unsigned long i;

	/* A huge page fills all of it. */
	if ((src[0] & MIGRATE_PFN_COMPOUND) && source_moves(src[0])) {
		if (may_go_to_device(migrate_pfn_to_page(src[0])))
			bitmap_fill(want, npages);
		else
			*wrong_type += npages;
		return;
	}

	for (i = 0; i < npages; i++) {
		if (!source_moves(src[i]))
			continue;
		if (may_go_to_device(migrate_pfn_to_page(src[i])))
			__set_bit(i, want);
		else
			(*wrong_type)++;
	}
}

/* Device pages for what lies in one 2 MiB of addresses. */
static void fill_device_piece(struct step *step, struct i915_svm_extent *spare,
			      unsigned long first, unsigned long npages,
			      unsigned long *no_memory, unsigned long *wrong_type)
{
	DECLARE_BITMAP(want, I915_SVM_EXTENT_PAGES) = {};
	unsigned long *src = step->src + first, *dst = step->dst + first;
	struct page **pages = step->pages + first;
	unsigned long i;

	choose_pages(src, npages, want, wrong_type);
	*no_memory += bitmap_weight(want, npages);
	if (!spare)
		return;

	*no_memory -= i915_svm_devmem_take(step->copy.dm, spare,
					   step->args.start + (first << PAGE_SHIFT),
					   want, npages, pages);
	for (i = 0; i < npages; i++)
		if (pages[i])
			dst[i] = migrate_pfn(page_to_pfn(pages[i]));
	copy_pairs(&step->copy, src, dst, npages);
}

/* The end of the 2 MiB that hold @addr, or @end. */
static unsigned long piece_end(unsigned long addr, unsigned long end)
{
	return min(end, round_down(addr, I915_SVM_EXTENT_SIZE) + I915_SVM_EXTENT_SIZE);
}

/* Device pages for the anonymous pages that setup has collected. */
static void fill_device(struct step *step, unsigned long *no_memory,
			unsigned long *wrong_type)
{
	unsigned long addr = step->args.start, next;
	unsigned int i;

	i915_svm_copy_begin(&step->copy, true);

	for (i = 0; addr < step->args.end; addr = next, i++) {
		next = piece_end(addr, step->args.end);
		fill_device_piece(step, step->spare[i],
				  (addr - step->args.start) >> PAGE_SHIFT,
				  (next - addr) >> PAGE_SHIFT, no_memory, wrong_type);
	}
}

/*
 * Begin to bring back what device pages there are in [start, end); @fault_page, if
 * any, was touched, and with it all before @asked_end.
 */
static int step_back(struct step *step, struct vm_area_struct *vma,
		     unsigned long start, unsigned long end, unsigned long asked_end,
		     struct page *fault_page, unsigned long *no_memory)
{
	int err;

	step_args(step, vma, start, end, MIGRATE_VMA_SELECT_DEVICE_PRIVATE, fault_page);
	step->asked = asked_end > start ? (asked_end - start) >> PAGE_SHIFT : 0;
	err = migrate_vma_setup(&step->args);
	if (err)
		return err;

	step->open = true;
	fill_system(step, vma, start, step->args.npages, no_memory);
	i915_svm_copy_start(&step->copy, I915_SVM_COPY_BLITTER);
	step_pause(step);
	return 0;
}

/* Returns what the fault that began the step is told, for which @no_memory pages lacked memory. */
static vm_fault_t finish_touched(struct step *step, unsigned long no_memory)
{
	if (step_finish(step))
		return 0;
	/* Else the fault would only repeat. */
	return step->failed ? VM_FAULT_SIGBUS : no_memory ? VM_FAULT_OOM : 0;
}

/* Bring back one granule. */
static vm_fault_t touch_granule(struct i915_svm_devmem *dm, struct vm_fault *vmf,
				unsigned long start, unsigned long end)
{
	vm_fault_t ret = VM_FAULT_SIGBUS;
	unsigned long no_memory = 0;
	struct step *step;

	step = step_take(dm, I915_SVM_EXTENT_PAGES);
	if (!step) {
		start = round_down(vmf->address, PAGE_SIZE);
		end = start + PAGE_SIZE;
		step = step_alloc(dm, 1);
	}
	if (!step)
		return VM_FAULT_OOM;

	if (!step_back(step, vmf->vma, start, end, end, vmf->page, &no_memory))
		ret = finish_touched(step, no_memory);
	step_give(dm, step);
	return ret;
}

/*
 * Bring back more than a granule: as long as there are device pages and free memory,
 * the next step is collected while one is copied. -ENOMEM: nothing was done.
 */
static int touch_ahead(struct i915_svm_devmem *dm, struct vm_fault *vmf,
		       unsigned long start, unsigned long asked_end,
		       unsigned long end, vm_fault_t *ret)
{
	const unsigned long max = min(STEP_PAGES, (end - start) >> PAGE_SHIFT);
	struct step *steps[2] = { step_take(dm, max), step_take(dm, max) };
	unsigned long addr, next, no_memory = 0, lacking = 0;
	unsigned int n = 1;
	bool more;
	int err = -ENOMEM;

	if (!steps[0] || !steps[1])
		goto out;

	err = 0;
	next = start + (max << PAGE_SHIFT);
	if (step_back(steps[0], vmf->vma, start, next, asked_end, vmf->page, &no_memory)) {
		*ret = VM_FAULT_SIGBUS;
		goto out;
	}

	addr = next;
	next = min(end, addr + STEP_SIZE);
	more = addr < end && !no_memory &&
		!step_back(steps[1], vmf->vma, addr, next, asked_end, NULL, &lacking);
	*ret = finish_touched(steps[0], no_memory);

	while (more) {
		more = next < end && steps[n]->copy.count && !lacking &&
			!fatal_signal_pending(current);
		if (more) {
			addr = next;
			next = min(end, addr + STEP_SIZE);
			more = !step_back(steps[!n], vmf->vma, addr, next, asked_end,
					  NULL, &lacking);
		}
		step_finish(steps[n]);
		n = !n;
	}

out:
	step_give(dm, steps[1]);
	step_give(dm, steps[0]);
	return err;
}

/*
 * Where what a touch of the granule at @start brings back ends: at a multiple
 * of its size or of 2 MiB. Several threads may be here at once, to no more harm
 * than a wrong guess.
 */
static unsigned long touch_end(struct i915_svm_extent *extent, unsigned long start)
{
	struct i915_svm_account *account = extent->account;
	const unsigned long granule = READ_ONCE(extent->granule);
	unsigned long size = granule, end = start + granule;

	if (extent->keep)
		return end;

	if (READ_ONCE(account->ahead.next) == start &&
	    READ_ONCE(account->ahead.granule) == granule)
		size = min(READ_ONCE(account->ahead.size) * AHEAD_GROWTH,
			   READ_ONCE(account->ahead.limit));
	if (size > granule)
		end = max(end, round_down(start + size,
					  min(rounddown_pow_of_two(size), SZ_2M)));
	else
		size = granule;
	WRITE_ONCE(account->ahead.granule, granule);
	WRITE_ONCE(account->ahead.size, size);
	WRITE_ONCE(account->ahead.next, end);
	return end;
}

static vm_fault_t touch(struct vm_fault *vmf, struct i915_svm_extent *extent)
{
	struct vm_area_struct *vma = vmf->vma;
	struct i915_svm_devmem *dm = extent->dm;
	const unsigned long granule = READ_ONCE(extent->granule);
	unsigned long start, asked_end, end;
	vm_fault_t ret;

	i915_svm_dev_count(dm, FAULTS, 1);
	trace_i915_svm_fault(vmf->address, granule);

	start = round_down(vmf->address, granule);
	end = min(touch_end(extent, start), vma->vm_end);
	asked_end = min(start + granule, end);
	start = max(start, vma->vm_start);

	if (end > asked_end && !touch_ahead(dm, vmf, start, asked_end, end, &ret))
		return ret;
	return touch_granule(dm, vmf, start, asked_end);
}

/* CPU touches under way; who waits for them: i915_svm_migrate_lost() */
DEFINE_STATIC_SRCU(touches);

/**
 * i915_svm_migrate_to_ram - a CPU touched a device page
 * @vmf: the fault; the page is locked or at least referenced by the core
 *
 * Whoever loses a race here has nothing to do: the core looks again.
 */
vm_fault_t i915_svm_migrate_to_ram(struct vm_fault *vmf)
{
	struct i915_svm_extent *extent = i915_svm_page_extent(vmf->page);
	const int idx = srcu_read_lock(&touches);
	vm_fault_t ret = VM_FAULT_SIGBUS;

	if (!READ_ONCE(extent->dm->gone))
		ret = touch(vmf, extent);
	srcu_read_unlock(&touches, idx);

	return ret;
}

/**
 * i915_svm_migrate_lost - from now on, touching a device page is an error
 * @dm: the device memory, for the last time
 */
void i915_svm_migrate_lost(struct i915_svm_devmem *dm)
{
	WRITE_ONCE(dm->gone, true);
	synchronize_srcu(&touches);
}

/* Bring back what an extent holds, page by device page; one pass. */
static int evict_pass(struct i915_svm_extent *extent, struct step *step)
{
	struct i915_svm_devmem *dm = extent->dm;
	const unsigned int npages = I915_SVM_EXTENT_PAGES;
	unsigned long moved, no_memory = 0;
	int err;

	memset(step->dst, 0, npages * sizeof(*step->dst));
	step->began = ktime_get();
	step->ns = 0;
	step->asked = ULONG_MAX;

	migrate_device_range(step->src, extent->first_pfn, npages);
	fill_system(step, NULL, 0, npages, &no_memory);
	i915_svm_copy_start(&step->copy, I915_SVM_COPY_BLITTER);
	err = i915_svm_copy_finish(&step->copy);
	if (err)
		drop_destinations(step->dst, npages);

	migrate_device_pages(step->src, step->dst, npages);
	step_pause(step);
	moved = count_moved(step, 0, npages);
	migrate_device_finalize(step->src, step->dst, npages);

	trace_i915_svm_evict(extent->first_pfn, moved);
	i915_svm_dev_count(dm, EVICTED, moved);
	i915_svm_dev_count(dm, TO_SYSTEM, moved);

	return READ_ONCE(extent->used) ? err ?: -EBUSY : 0;
}

/**
 * i915_svm_migrate_extent - bring back all pages of an extent
 * @extent: it, closed, its object locked
 *
 * Returns: 0, -EBUSY when pages stay in use, -EIO when nobody could copy, -ENOMEM.
 */
int i915_svm_migrate_extent(struct i915_svm_extent *extent)
{
	unsigned int tries = 0;
	struct step *step;
	int err;

	if (!READ_ONCE(extent->used))
		return 0;

	step = step_take(extent->dm, I915_SVM_EXTENT_PAGES);
	if (!step)
		return -ENOMEM;

	while ((err = evict_pass(extent, step)) && ++tries < EVICT_TRIES)
		usleep_range(100, 1000);

	step_give(extent->dm, step);
	return err;
}

/*
 * i915_svm_migrate_range()
 */

struct migration {
	struct i915_svm_devmem *dm;
	struct mm_struct *mm;
	const struct i915_svm_move *how;
	struct i915_svm_migrated *out;

	/* Watches the range while snapshots of it are taken. */
	struct mmu_interval_notifier watch;
	unsigned long *pfns;

	struct step *steps[2];
	unsigned int next;

	unsigned long swapped_in; /* address up to which nothing is swapped out any more */
	bool let_in; /* writers of mmap_lock, before going on */
};

static bool watch_invalidate(struct mmu_interval_notifier *mni,
			     const struct mmu_notifier_range *range,
			     unsigned long cur_seq)
{
	/* Snapshots only guide us; nothing is kept, nobody to wait for. */
	mmu_interval_set_seq(mni, cur_seq);
	return true;
}

static const struct mmu_interval_notifier_ops watch_ops = {
	.invalidate = watch_invalidate,
};

struct snapshot {
	unsigned long system, device, absent;
};

static void count_snapshot(const unsigned long *pfns, unsigned long n,
			   struct snapshot *snap)
{
	unsigned long i;

	for (i = 0; i < n; i++) {
		if (!(pfns[i] & HMM_PFN_VALID))
			snap->absent++;
		else if (is_device_private_page(hmm_pfn_to_page(pfns[i])))
			snap->device++;
		else
			snap->system++;
	}
}

/*
 * What is mapped in a stretch now, without touching anything; by 2 MiB.
 * Returns the sum.
 */
static struct snapshot take_snapshot(struct migration *m, unsigned long start,
				     unsigned long end, struct snapshot *snaps)
{
	struct hmm_range range = {
		.notifier = &m->watch,
		.start = start,
		.end = end,
		.hmm_pfns = m->pfns,
		.dev_private_owner = m->dm->i915,
	};
	unsigned long addr, next;
	unsigned int tries = SNAPSHOT_TRIES;
	struct snapshot sum = {};
	int err;

	do {
		memset(m->pfns, 0, ((end - start) >> PAGE_SHIFT) * sizeof(*m->pfns));
		/* No waiting here: who invalidates may want a page of the open step. */
		range.notifier_seq = READ_ONCE(m->watch.invalidate_seq);
		err = hmm_range_fault(&range);
	} while (err == -EBUSY && --tries);

	for (addr = start; addr < end; addr = next, snaps++) {
		const unsigned long n = (piece_end(addr, end) - addr) >> PAGE_SHIFT;

		next = piece_end(addr, end);
		*snaps = (struct snapshot) {};
		if (err) /* unknown: let the migration itself find out */
			snaps->system = n;
		else
			count_snapshot(m->pfns + ((addr - start) >> PAGE_SHIFT), n, snaps);
		sum.system += snaps->system;
		sum.device += snaps->device;
		sum.absent += snaps->absent;
	}

	return sum;
}

static void finish(struct migration *m, struct step *step)
{
	u64 bytes, moved;

	if (!step->open)
		return;

	bytes = (u64)step->copy.count << PAGE_SHIFT;
	moved = (u64)step_finish(step) << PAGE_SHIFT;
	m->out->moved += moved;
	m->out->failed_busy += bytes - min(bytes, moved);
}

static void finish_all(struct migration *m)
{
	finish(m, m->steps[m->next]);
	finish(m, m->steps[!m->next]);
}

/*
 * Memory for what may move to the device, before any page is locked. What
 * does not get any stays. Returns 0 or -EINTR.
 */
static int make_room(struct migration *m, struct step *step,
		     const struct snapshot *snaps, unsigned int pieces)
{
	unsigned int i;

	for (i = 0; i < pieces; i++) {
		struct i915_svm_extent *extent;

		if (!snaps[i].system)
			continue;

		extent = i915_svm_extent_create(m->dm, m->how);
		if (PTR_ERR_OR_ZERO(extent) == -EINTR || PTR_ERR_OR_ZERO(extent) == -ERESTARTSYS) {
			release_spares(step);
			return -EINTR;
		}
		if (IS_ERR(extent))
			break; /* the next would not fare better */
		step->spare[i] = extent;
	}

	return 0;
}

/* Pages that came after the snapshot were counted as absent, or as there already. */
static void count_late(struct migration *m, const struct snapshot *snap, unsigned long late)
{
	const unsigned long already = m->how->to_device ? snap->device : snap->system;
	const unsigned long absent = min(late, snap->absent);

	m->out->absent -= (u64)absent << PAGE_SHIFT;
	m->out->already -= (u64)min(late - absent, already) << PAGE_SHIFT;
}

/* Move one stretch of at most STEP_SIZE inside one mapping. */
static int migrate_stretch(struct migration *m, struct vm_area_struct *vma,
			   unsigned long start, unsigned long end)
{
	const unsigned int pieces = DIV_ROUND_UP(end - round_down(start, I915_SVM_EXTENT_SIZE),
						 I915_SVM_EXTENT_SIZE);
	struct step *step = m->steps[m->next];
	unsigned long candidates, no_memory = 0, wrong_type = 0, rest, expected;
	struct i915_svm_migrated *out = m->out;
	struct snapshot snaps[I915_SVM_STEP_EXTENTS], snap;

	snap = take_snapshot(m, start, end, snaps);
	candidates = m->how->to_device ? snap.system : snap.device;
	out->already += (u64)(m->how->to_device ? snap.device : snap.system) << PAGE_SHIFT;
	out->absent += (u64)snap.absent << PAGE_SHIFT;
	if (!candidates)
		return 0;

	/* Two steps are in flight at most: this one's turn was before last. */
	finish(m, step);
	step->copy.count = 0;

	if (m->how->to_device) {
		const int err = make_room(m, step, snaps, pieces);

		if (err || !memchr_inv(step->spare, 0, sizeof(step->spare))) {
			out->failed_memory += (u64)candidates << PAGE_SHIFT;
			return err;
		}
	}

	step_args(step, vma, start, end, m->how->to_device ?
		  MIGRATE_VMA_SELECT_SYSTEM | MIGRATE_VMA_SELECT_COMPOUND :
		  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
		  NULL);
	if (migrate_vma_setup(&step->args)) {
		release_spares(step);
		out->failed_type += (u64)candidates << PAGE_SHIFT;
		return 0;
	}

	step->open = true;
	if (m->how->to_device)
		fill_device(step, &no_memory, &wrong_type);
	else
		fill_system(step, vma, start, step->args.npages, &no_memory);

	/* What the snapshot saw and setup did not give us is in use. */
	no_memory = min(no_memory, candidates);
	wrong_type = min(wrong_type, candidates - no_memory);
	rest = candidates - no_memory - wrong_type;
	expected = min_t(unsigned long, rest, step->copy.count);
	count_late(m, &snap, step->copy.count - expected);
	rest -= expected;
	out->failed_memory += (u64)no_memory << PAGE_SHIFT;
	if (vma_is_anonymous(vma))
		out->failed_busy += (u64)rest << PAGE_SHIFT;
	else
		wrong_type += rest;
	out->failed_type += (u64)wrong_type << PAGE_SHIFT;

	i915_svm_copy_start(&step->copy, m->how->mode);
	step_pause(step);
	m->next = !m->next;
	return 0;
}

/* Can pages of this mapping move at all? */
static bool pages_can_move(const struct vm_area_struct *vma)
{
	return !(vma->vm_flags & (VM_SPECIAL | VM_SHARED)) &&
		!is_vm_hugetlb_page((struct vm_area_struct *)vma) &&
		!vma_is_dax((struct vm_area_struct *)vma);
}

/*
 * Bring in what is swapped out, or with another device. A snapshot does not tell
 * it from what was never touched. Collecting does, for an owner of device pages
 * who has none: then nothing is locked and no entry changes, but only what was
 * never touched might move.
 */
static void swap_in(struct migration *m, struct vm_area_struct *vma,
		    unsigned long start, unsigned long end)
{
	const unsigned int flags = vma->vm_flags & VM_WRITE ? FAULT_FLAG_WRITE : 0;
	const unsigned long npages = (end - start) >> PAGE_SHIFT;
	struct step *step = m->steps[m->next];
	struct snapshot snap;
	unsigned long i;

	if (!take_snapshot(m, start, end, &snap).absent)
		return;

	/* To fault may mean to wait for pages, which are not to be those of a step. */
	finish_all(m);
	step_args(step, vma, start, end, MIGRATE_VMA_SELECT_DEVICE_PRIVATE, NULL);
	step->args.pgmap_owner = &i915_svm_probe;
	if (migrate_vma_setup(&step->args))
		return;
	for (i = 0; i < npages; i++)
		if (m->pfns[i] & HMM_PFN_VALID)
			step->src[i] = MIGRATE_PFN_MIGRATE;

	/* As if written to: what swap has a copy of may not move. */
	for (i = 0; i < npages && !fatal_signal_pending(current); i++)
		if (!(step->src[i] & MIGRATE_PFN_MIGRATE) &&
		    fixup_user_fault(m->mm, start + (i << PAGE_SHIFT), flags, NULL) == -ENOMEM)
			break;
	m->let_in = true;
}

/* One stretch, or the hole before the next mapping. Returns where to go on. */
static long long migrate_at(struct migration *m, unsigned long addr,
			    unsigned long end)
{
	struct vm_area_struct *vma = find_vma_intersection(m->mm, addr, end);
	unsigned long next;
	int err;

	if (!vma || vma->vm_start > addr) {
		next = vma ? vma->vm_start : end;
		m->out->failed_unmapped += next - addr;
		return next;
	}

	next = min(end, vma->vm_end);
	if (!pages_can_move(vma)) {
		m->out->failed_type += next - addr;
		return next;
	}

	next = min(next, round_down(addr, STEP_SIZE) + STEP_SIZE);
	if (m->how->to_device && vma_is_anonymous(vma) && !userfaultfd_wp(vma) &&
	    m->swapped_in < next && i915_svm_swapped_pages(m->mm)) {
		const unsigned long from = max(addr, m->swapped_in);

		m->swapped_in = piece_end(from, next);
		swap_in(m, vma, from, m->swapped_in);
		return addr;
	}
	err = migrate_stretch(m, vma, addr, next);
	return err ?: next;
}

static int migrate_locked(struct migration *m, unsigned long start,
			  unsigned long end)
{
	unsigned long addr = start, slice = start;
	long long next = start;
	int err;

	err = mmap_read_lock_killable(m->mm);
	if (err)
		return err;

	while (addr < end) {
		if (fatal_signal_pending(current)) {
			next = -EINTR;
			break;
		}
		if (addr - slice >= LOCK_SLICE || m->let_in) {
			m->let_in = false;
			finish_all(m);
			mmap_read_unlock(m->mm);
			cond_resched();
			err = mmap_read_lock_killable(m->mm);
			if (err)
				return err;
			slice = addr;
		}

		next = migrate_at(m, addr, end);
		if (next < 0)
			break;
		addr = next;
	}
	finish_all(m);
	mmap_read_unlock(m->mm);

	return next < 0 ? next : 0;
}

int i915_svm_migrate_range(struct i915_svm_devmem *dm, struct mm_struct *mm,
			   u64 start, u64 end, const struct i915_svm_move *how,
			   struct i915_svm_migrated *out)
{
	struct migration m = {
		.dm = dm,
		.mm = mm,
		.how = how,
		.out = out,
	};
	unsigned int max;
	int err = -ENOMEM;

	memset(out, 0, sizeof(*out));
	if (start >= end)
		return 0;

	max = min_t(u64, STEP_PAGES, (end - start) >> PAGE_SHIFT);
	m.pfns = kvmalloc_array(max, sizeof(*m.pfns), GFP_KERNEL);
	m.steps[0] = step_take(dm, max);
	m.steps[1] = step_take(dm, max);
	if (!m.pfns || !m.steps[0] || !m.steps[1])
		goto out_free;

	err = mmu_interval_notifier_insert(&m.watch, mm, start, end - start,
					   &watch_ops);
	if (err)
		goto out_free;

	i915_svm_copy_wake(dm);
	err = migrate_locked(&m, start, end);
	i915_svm_copy_rest(dm);
	mmu_interval_notifier_remove(&m.watch);

out_free:
	step_give(dm, m.steps[1]);
	step_give(dm, m.steps[0]);
	kvfree(m.pfns);
	return err;
}
