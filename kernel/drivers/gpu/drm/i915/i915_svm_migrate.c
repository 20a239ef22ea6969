// SPDX-License-Identifier: MIT
/*
 * DOC: Migration
 *
 * Pages move between system memory and device memory in steps of at most
 * 2 MiB, by the core's migrate_vma interface: pages are locked and unmapped
 * from all CPUs (which runs our own notifiers: the GPU loses them too),
 * copied, and replaced. Nobody can see a page half-way.
 *
 * There are three ways to come here:
 *
 *  - i915_svm_migrate_range(), asked for by prefetch: both ways, two steps in
 *    flight, so that one is copied while the next is collected;
 *  - i915_svm_migrate_to_ram(), when a CPU touches a device page: brings back
 *    the whole granule around it, at worst the one page. The process may be
 *    any that maps the page (a forked child, a debugger): nothing here looks
 *    at an address space of the GPU;
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
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "i915_drv.h"
#include "i915_svm_devmem_types.h"
#include "i915_svm_trace.h"

/* Let writers of mmap_lock in after this much. */
#define LOCK_SLICE	SZ_64M
/* Snapshots that change under us are taken again so often. */
#define SNAPSHOT_TRIES	16
/* An extent whose pages are locked by others is tried again so often. */
#define EVICT_TRIES	16

/*
 * struct step - one migrate_vma transaction and its copy
 */
struct step {
	struct migrate_vma args;
	struct i915_svm_copy copy;
	struct i915_svm_extent *spare;
	unsigned int max;
	bool open;	/* between setup and finalize */
	bool failed;	/* neither blitter nor CPU could copy */
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
	size += max * (2 * sizeof(unsigned long) + 3 * sizeof(struct page *) +
		       2 * sizeof(struct scatterlist));

	step = kvzalloc(size, GFP_KERNEL | __GFP_NOWARN);
	if (!step)
		return NULL;

	p = (void *)step + ALIGN(sizeof(*step), sizeof(void *));
	step->copy.sys_sg = p;
	p += max * sizeof(struct scatterlist);
	step->copy.dev_sg = p;
	p += max * sizeof(struct scatterlist);
	step->src = p;
	p += max * sizeof(unsigned long);
	step->dst = p;
	p += max * sizeof(unsigned long);
	step->copy.sys = p;
	p += max * sizeof(struct page *);
	step->copy.dev = p;
	p += max * sizeof(struct page *);
	step->pages = p;

	step->max = max;
	step->copy.dm = dm;
	return step;
}

static void step_args(struct step *step, struct vm_area_struct *vma,
		      unsigned long start, unsigned long end,
		      enum migrate_vma_direction flags, struct page *fault_page)
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
	memset(step->dst, 0, step->max * sizeof(*step->dst));
}

static void copy_add(struct i915_svm_copy *copy, struct page *sys,
		     struct page *dev)
{
	copy->sys[copy->count] = sys;
	copy->dev[copy->count] = dev;
	copy->count++;
}

static bool source_moves(unsigned long src)
{
	return (src & MIGRATE_PFN_MIGRATE) && migrate_pfn_to_page(src);
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
		put_page(page);
		dst[i] = 0;
	}
}

static unsigned long count_moved(const unsigned long *src,
				 const unsigned long *dst, unsigned long npages)
{
	unsigned long i, n = 0;

	for (i = 0; i < npages; i++)
		n += source_moves(src[i]) && dst[i];
	return n;
}

/* Returns the number of pages that moved. */
static unsigned long step_finish(struct step *step)
{
	struct i915_svm_devmem *dm = step->copy.dm;
	unsigned long moved;

	if (!step->open)
		return 0;

	step->failed = i915_svm_copy_finish(&step->copy);
	if (step->failed)
		drop_destinations(step->dst, step->args.npages);

	migrate_vma_pages(&step->args);
	moved = count_moved(step->src, step->dst, step->args.npages);
	migrate_vma_finalize(&step->args);
	step->open = false;

	trace_i915_svm_migrate(step->args.start, step->args.npages, moved,
			       step->copy.to_device);
	if (step->copy.to_device)
		i915_svm_dev_count(dm, TO_DEVICE, moved);
	else
		i915_svm_dev_count(dm, TO_SYSTEM, moved);

	if (step->spare)
		i915_svm_extent_release(fetch_and_zero(&step->spare));
	return moved;
}

/* System pages for the device pages that setup has collected. */
static void fill_system(struct step *step, unsigned long *no_memory)
{
	unsigned long i;

	step->copy.to_device = false;
	step->copy.count = 0;

	for (i = 0; i < step->args.npages; i++) {
		struct page *sys;

		if (!source_moves(step->src[i]))
			continue;

		sys = alloc_page_vma(GFP_HIGHUSER_MOVABLE | __GFP_NOWARN,
				     step->args.vma,
				     step->args.start + (i << PAGE_SHIFT));
		if (!sys) {
			(*no_memory)++;
			continue;
		}

		lock_page(sys);
		step->dst[i] = migrate_pfn(page_to_pfn(sys));
		copy_add(&step->copy, sys, migrate_pfn_to_page(step->src[i]));
	}
}

/* Device pages for the anonymous pages that setup has collected. */
static void fill_device(struct step *step, unsigned long *no_memory,
			unsigned long *wrong_type)
{
	DECLARE_BITMAP(want, I915_SVM_EXTENT_PAGES) = {};
	unsigned int npages = step->args.npages, i;

	step->copy.to_device = true;
	step->copy.count = 0;

	for (i = 0; i < npages; i++) {
		if (!source_moves(step->src[i]))
			continue;
		/* A KSM page belongs to many, and its owner looks at it. */
		if (folio_test_anon(page_folio(migrate_pfn_to_page(step->src[i]))) &&
		    !folio_test_ksm(page_folio(migrate_pfn_to_page(step->src[i]))))
			__set_bit(i, want);
		else
			(*wrong_type)++;
	}

	i915_svm_devmem_take(step->copy.dm, step->spare, step->args.start,
			     want, npages, step->pages);

	for_each_set_bit(i, want, npages) {
		struct page *dev = step->pages[i];

		if (!dev) {
			(*no_memory)++;
			continue;
		}
		step->dst[i] = migrate_pfn(page_to_pfn(dev));
		copy_add(&step->copy, migrate_pfn_to_page(step->src[i]), dev);
	}
}

/**
 * i915_svm_migrate_to_ram - a CPU touched a device page
 * @vmf: the fault; the page is locked or at least referenced by the core
 *
 * Whoever loses a race here has nothing to do: the core looks again.
 */
vm_fault_t i915_svm_migrate_to_ram(struct vm_fault *vmf)
{
	struct i915_svm_extent *extent = i915_svm_page_extent(vmf->page);
	struct i915_svm_devmem *dm = extent->dm;
	unsigned long granule = READ_ONCE(extent->granule);
	unsigned long start, end, no_memory = 0, moved;
	struct step *step;
	bool failed;

	i915_svm_dev_count(dm, FAULTS, 1);
	trace_i915_svm_fault(vmf->address, granule);

	step = step_alloc(dm, granule >> PAGE_SHIFT);
	if (!step) {
		granule = PAGE_SIZE;
		step = step_alloc(dm, 1);
	}
	if (!step)
		return VM_FAULT_OOM;

	start = round_down(vmf->address, granule);
	end = start + granule;
	step_args(step, vmf->vma, max(start, vmf->vma->vm_start),
		  min(end, vmf->vma->vm_end),
		  MIGRATE_VMA_SELECT_DEVICE_PRIVATE, vmf->page);

	if (migrate_vma_setup(&step->args)) {
		step_free(step);
		return VM_FAULT_SIGBUS;
	}

	step->open = true;
	fill_system(step, &no_memory);
	i915_svm_copy_start(&step->copy, I915_SVM_COPY_BLITTER);
	moved = step_finish(step);
	failed = step->failed;
	step_free(step);

	if (moved)
		return 0;
	/* Else the fault would only repeat. */
	return failed ? VM_FAULT_SIGBUS : no_memory ? VM_FAULT_OOM : 0;
}

/* Bring back what an extent holds, page by device page; one pass. */
static int evict_pass(struct i915_svm_extent *extent, struct step *step)
{
	struct i915_svm_devmem *dm = extent->dm;
	const unsigned int npages = I915_SVM_EXTENT_PAGES;
	unsigned long moved;
	unsigned int i;

	memset(step->dst, 0, npages * sizeof(*step->dst));
	step->copy.to_device = false;
	step->copy.count = 0;

	migrate_device_range(step->src, extent->first_pfn, npages);
	for (i = 0; i < npages; i++) {
		struct page *sys;

		if (!source_moves(step->src[i]))
			continue;

		sys = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_NOWARN);
		if (!sys)
			continue;

		lock_page(sys);
		step->dst[i] = migrate_pfn(page_to_pfn(sys));
		copy_add(&step->copy, sys, migrate_pfn_to_page(step->src[i]));
	}

	i915_svm_copy_start(&step->copy, I915_SVM_COPY_BLITTER);
	if (i915_svm_copy_finish(&step->copy))
		drop_destinations(step->dst, npages);

	migrate_device_pages(step->src, step->dst, npages);
	moved = count_moved(step->src, step->dst, npages);
	migrate_device_finalize(step->src, step->dst, npages);

	trace_i915_svm_evict(extent->first_pfn, moved);
	i915_svm_dev_count(dm, EVICTED, moved);
	i915_svm_dev_count(dm, TO_SYSTEM, moved);

	return READ_ONCE(extent->used) ? -EBUSY : 0;
}

/**
 * i915_svm_migrate_extent - bring back all pages of an extent
 * @extent: it, closed, its object locked
 *
 * Returns: 0, -EBUSY when pages stay in use, -ENOMEM.
 */
int i915_svm_migrate_extent(struct i915_svm_extent *extent)
{
	unsigned int tries = 0;
	struct step *step;
	int err;

	if (!READ_ONCE(extent->used))
		return 0;

	step = step_alloc(extent->dm, I915_SVM_EXTENT_PAGES);
	if (!step)
		return -ENOMEM;

	while ((err = evict_pass(extent, step)) && ++tries < EVICT_TRIES)
		usleep_range(100, 1000);

	step_free(step);
	return err;
}

/*
 * i915_svm_migrate_range()
 */

struct migration {
	struct i915_svm_devmem *dm;
	struct mm_struct *mm;
	bool to_device;
	unsigned long granule;
	enum i915_svm_copy_mode mode;
	struct i915_svm_migrated *out;

	/* Watches the range while snapshots of it are taken. */
	struct mmu_interval_notifier watch;
	unsigned long *pfns;

	struct step *steps[2];
	unsigned int next;
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

/* What is mapped in a stretch now, without touching anything. */
static void take_snapshot(struct migration *m, unsigned long start,
			  unsigned long end, struct snapshot *snap)
{
	struct hmm_range range = {
		.notifier = &m->watch,
		.start = start,
		.end = end,
		.hmm_pfns = m->pfns,
		.dev_private_owner = m->dm->i915,
	};
	unsigned long i, n = (end - start) >> PAGE_SHIFT;
	unsigned int tries = SNAPSHOT_TRIES;
	int err;

	do {
		memset(m->pfns, 0, n * sizeof(*m->pfns));
		/* No waiting here: who invalidates may want a page of the open step. */
		range.notifier_seq = READ_ONCE(m->watch.invalidate_seq);
		err = hmm_range_fault(&range);
	} while (err == -EBUSY && --tries);

	*snap = (struct snapshot) {};
	for (i = 0; i < n; i++) {
		if (err || !(m->pfns[i] & HMM_PFN_VALID))
			snap->absent++;
		else if (is_device_private_page(hmm_pfn_to_page(m->pfns[i])))
			snap->device++;
		else
			snap->system++;
	}
	/* Unknown: let the migration itself find out. */
	if (err) {
		snap->system = n;
		snap->absent = 0;
	}
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

/* Move one stretch of at most 2 MiB inside one mapping. */
static int migrate_stretch(struct migration *m, struct vm_area_struct *vma,
			   unsigned long start, unsigned long end)
{
	struct step *step = m->steps[m->next];
	unsigned long candidates, no_memory = 0, wrong_type = 0, rest;
	struct i915_svm_migrated *out = m->out;
	struct snapshot snap;

	take_snapshot(m, start, end, &snap);
	candidates = m->to_device ? snap.system : snap.device;
	out->already += (u64)(m->to_device ? snap.device : snap.system) << PAGE_SHIFT;
	out->absent += (u64)snap.absent << PAGE_SHIFT;
	if (!candidates)
		return 0;

	/* Two steps are in flight at most: this one's turn was before last. */
	finish(m, step);
	step->copy.count = 0;

	if (m->to_device) {
		step->spare = i915_svm_extent_create(m->dm, m->granule);
		if (IS_ERR(step->spare)) {
			const int err = PTR_ERR(step->spare);

			step->spare = NULL;
			out->failed_memory += (u64)candidates << PAGE_SHIFT;
			return err == -EINTR || err == -ERESTARTSYS ? -EINTR : 0;
		}
	}

	step_args(step, vma, start, end, m->to_device ?
		  MIGRATE_VMA_SELECT_SYSTEM : MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
		  NULL);
	if (migrate_vma_setup(&step->args)) {
		if (step->spare)
			i915_svm_extent_release(fetch_and_zero(&step->spare));
		out->failed_type += (u64)candidates << PAGE_SHIFT;
		return 0;
	}

	step->open = true;
	if (m->to_device)
		fill_device(step, &no_memory, &wrong_type);
	else
		fill_system(step, &no_memory);

	/* What the snapshot saw and setup did not give us is in use. */
	no_memory = min(no_memory, candidates);
	wrong_type = min(wrong_type, candidates - no_memory);
	rest = candidates - no_memory - wrong_type;
	rest -= min_t(unsigned long, rest, step->copy.count);
	out->failed_memory += (u64)no_memory << PAGE_SHIFT;
	if (vma_is_anonymous(vma))
		out->failed_busy += (u64)rest << PAGE_SHIFT;
	else
		wrong_type += rest;
	out->failed_type += (u64)wrong_type << PAGE_SHIFT;

	i915_svm_copy_start(&step->copy, m->mode);
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

	next = min(next, round_down(addr, I915_SVM_EXTENT_SIZE) +
		   I915_SVM_EXTENT_SIZE);
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
		if (addr - slice >= LOCK_SLICE) {
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
			   u64 start, u64 end, bool to_device, u64 granule,
			   enum i915_svm_copy_mode mode,
			   struct i915_svm_migrated *out)
{
	struct migration m = {
		.dm = dm,
		.mm = mm,
		.to_device = to_device,
		.granule = granule,
		.mode = mode,
		.out = out,
	};
	int err = -ENOMEM;

	memset(out, 0, sizeof(*out));
	if (start >= end)
		return 0;

	m.pfns = kvmalloc_array(I915_SVM_EXTENT_PAGES, sizeof(*m.pfns), GFP_KERNEL);
	m.steps[0] = step_alloc(dm, I915_SVM_EXTENT_PAGES);
	m.steps[1] = step_alloc(dm, I915_SVM_EXTENT_PAGES);
	if (!m.pfns || !m.steps[0] || !m.steps[1])
		goto out_free;

	err = mmu_interval_notifier_insert(&m.watch, mm, start, end - start,
					   &watch_ops);
	if (err)
		goto out_free;

	err = migrate_locked(&m, start, end);
	mmu_interval_notifier_remove(&m.watch);

out_free:
	step_free(m.steps[1]);
	step_free(m.steps[0]);
	kvfree(m.pfns);
	return err;
}
