// SPDX-License-Identifier: MIT
/*
 * DOC: Making blocks valid
 *
 * Before each submission every dirty block is brought up to date: its bound
 * but invalid pages are faulted in and read out of the CPU page table by
 * hmm_range_fault(), mapped for dma, given page tables, and entered in them
 * under notifier_lock, if the notifier's sequence shows that nothing changed
 * meanwhile; otherwise once more, for a bounded time. Pages that are valid
 * are not looked at, so the cost is that of what changed.
 *
 * Which mappings take part:
 *
 * - readable and writable ones: anonymous, shared, file and hugetlb;
 * - private ones that may only be read, where a bind says so: see
 *   i915_svm_unshare.c;
 * - no others without read or write permission. Gen12 has no read-only
 *   entries, and a writable entry for a page that the CPU may only read would
 *   let the GPU write into the page cache or into other processes' memory;
 * - not VM_IO, VM_PFNMAP and VM_MIXEDMAP (other drivers' memory, i915's own).
 *
 * Pages are always faulted for writing, which breaks copy-on-write, the zero
 * page and KSM before the GPU sees them. Bound pages without such a mapping
 * stay at scratch; their block is looked at again when mappings changed.
 */

#include <linux/dma-mapping.h>
#include <linux/hmm.h>
#include <linux/ktime.h>
#include <linux/memremap.h>
#include <linux/sched/signal.h>

#include "i915_drv.h"
#include "i915_svm_devmem.h"
#include "i915_svm_trace.h"
#include "i915_svm_types.h"

/* Retry against a mapping that keeps changing no longer than this. */
#define VALIDATE_TIMEOUT_MS	HMM_RANGE_DEFAULT_TIMEOUT

#define PAGES_64K		(SZ_64K / PAGE_SIZE)

/* A block that is lost again so often in one submission cannot be kept. */
#define MAX_TRIES		8

/**
 * i915_svm_vma_usable - may the GPU use this mapping?
 * @vma: a mapping of the process
 */
bool i915_svm_vma_usable(const struct vm_area_struct *vma)
{
	const vm_flags_t need = VM_READ | VM_WRITE;
	const vm_flags_t never = VM_IO | VM_PFNMAP | VM_MIXEDMAP | VM_SHADOW_STACK;

	return (vma->vm_flags & need) == need && !(vma->vm_flags & never);
}

static int walk(struct i915_svm *svm, struct mmu_interval_notifier *notifier,
		struct i915_svm_pending *p, u64 start, u64 end,
		unsigned long flags)
{
	struct hmm_range range = {
		.notifier = notifier,
		.notifier_seq = p->seq,
		.start = start,
		.end = end,
		.hmm_pfns = svm->pfns + i915_svm_page(start),
		.default_flags = flags,
		.dev_private_owner = svm->vm->i915,
	};

	bitmap_set(p->seen, i915_svm_page(start), (end - start) >> PAGE_SHIFT);
	return hmm_range_fault(&range);
}

static u64 swapped_bytes(struct i915_svm *svm)
{
	return i915_svm_swapped_pages(svm->mm) << PAGE_SHIFT;
}

/*
 * How many of @n pages from here on one entry of the CPU's page table maps:
 * what holds for the first holds for them all, and they follow each other.
 */
static unsigned int same_entry(unsigned long pfn, unsigned int n)
{
	const unsigned long pages = 1ul << hmm_pfn_to_map_order(pfn);

	return min_t(unsigned long, n, pages - ((pfn & ~HMM_PFN_FLAGS) & (pages - 1)));
}

static u64 count_absent(struct i915_svm *svm, u64 start, u64 end)
{
	const unsigned long *pfn = svm->pfns + i915_svm_page(start);
	const unsigned int n = (end - start) >> PAGE_SHIFT;
	unsigned int i, step, absent = 0;

	/* What is missing of hugetlbfs has a size as well. */
	for (i = 0; i < n; i += step) {
		step = same_entry(pfn[i], n - i);
		if (!(pfn[i] & HMM_PFN_VALID))
			absent += step;
	}

	return (u64)absent << PAGE_SHIFT;
}

/*
 * A device page that became shared by fork() is a read-only entry, and
 * hmm_range_fault() leaves it at that. Only a CPU write can part the two: it
 * brings the page back to RAM.
 */
static int own_device_pages(struct i915_svm *svm, u64 start, u64 end)
{
	const unsigned long *pfn = svm->pfns + i915_svm_page(start);
	const unsigned int n = (end - start) >> PAGE_SHIFT;
	bool any = false;
	unsigned int i;
	int err;

	for (i = 0; i < n; i += same_entry(pfn[i], n - i)) {
		if ((pfn[i] & (HMM_PFN_VALID | HMM_PFN_WRITE)) != HMM_PFN_VALID)
			continue;

		err = fixup_user_fault(svm->mm, start + (u64)i * PAGE_SIZE, FAULT_FLAG_WRITE,
				       NULL);
		if (err)
			return err;
		any = true;
	}

	return any ? -EBUSY : 0;
}

/* To be faulted in. Device pages are not: own_device_pages() sees to those of a fork. */
static bool missing(unsigned long pfn)
{
	if (!(pfn & HMM_PFN_VALID))
		return true;

	return !(pfn & HMM_PFN_WRITE) && !is_device_private_page(hmm_pfn_to_page(pfn));
}

/*
 * From the first page that is missing hmm_range_fault() touches all to the end
 * of its range as a CPU would, which brings device pages back: it is given
 * stretches of missing pages only.
 */
static int fault_missing(struct i915_svm *svm, struct mmu_interval_notifier *notifier,
			 struct i915_svm_pending *p, u64 start, u64 end)
{
	const unsigned long *pfn = svm->pfns + i915_svm_page(start);
	const unsigned int n = (end - start) >> PAGE_SHIFT;
	unsigned int first = 0, last;
	int err = 0;

	while (!err && first < n) {
		u64 from = start + (u64)first * PAGE_SIZE;

		if (!missing(pfn[first])) {
			first += same_entry(pfn[first], n - first);
			continue;
		}
		for (last = first + 1; last < n && missing(pfn[last]); last++)
			;
		err = walk(svm, notifier, p, from, start + (u64)last * PAGE_SIZE,
			   HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE);
		if (err == -EFAULT) {
			/* Past the end of a file, poisoned, ...: map what is there. */
			p->faulted = true;
			err = walk(svm, notifier, p, from, start + (u64)last * PAGE_SIZE, 0);
		}
		first = last;
	}

	return err;
}

/* Fault in and read one piece of a usable mapping. */
static int fault_piece(struct i915_svm *svm, struct mmu_interval_notifier *notifier,
		       struct i915_svm_pending *p, u64 start, u64 end)
{
	u64 absent = 0, swapped = 0;
	int err;

	err = walk(svm, notifier, p, start, end, 0);
	if (err)
		return err;

	if (svm->mirror) {
		/*
		 * What is swapped out looks the same but was touched. How much of
		 * it is here shows when it is back; until then it has the benefit
		 * of the doubt.
		 */
		absent = count_absent(svm, start, end);
		if (absent)
			swapped = swapped_bytes(svm);
		if (svm->populated + absent - min(absent, swapped) > svm->populate_limit)
			return -ENOSPC;
	}

	err = fault_missing(svm, notifier, p, start, end);
	if (err)
		return err;

	if (svm->mirror) {
		absent -= count_absent(svm, start, end);
		if (swapped)
			absent -= min(absent, swapped - min(swapped, swapped_bytes(svm)));
		svm->populated += absent;
		i915_svm_count(svm, PAGES_POPULATED, absent >> PAGE_SHIFT);
	}

	return own_device_pages(svm, start, end);
}

/* Read a piece that the process may only read, and make it its own. */
static int unshare_piece(struct i915_svm *svm, struct mmu_interval_notifier *notifier,
			 struct i915_svm_pending *p, struct vm_area_struct *vma,
			 u64 start, u64 end)
{
	const unsigned int first = i915_svm_page(start);
	int err;

	err = walk(svm, notifier, p, start, end, HMM_PFN_REQ_FAULT);
	if (err == -EFAULT) {
		p->faulted = true;
		err = walk(svm, notifier, p, start, end, 0);
	}

	if (!err)
		err = i915_svm_unshare(vma, start, svm->pfns + first, p->own, first,
				       (end - start) >> PAGE_SHIFT);
	if (err == -EFAULT) { /* poisoned, ...: without what could not be copied */
		p->faulted = true;
		err = 0;
	}
	return err;
}

/* The same for what binds have asked for. */
static int unshare_run(struct i915_svm *svm, struct mmu_interval_notifier *notifier,
		       struct i915_svm_pending *p, struct vm_area_struct *vma,
		       u64 start, u64 end)
{
	struct i915_svm_range *range = NULL;
	int err = 0;

	while (!err && (range = i915_svm_range_next(svm, range, start, end)))
		if (range->unshare)
			err = unshare_piece(svm, notifier, p, vma,
					    max_t(u64, start, range->it.start),
					    min_t(u64, end, range->it.last + 1));

	return err;
}

static int fault_run(struct i915_svm *svm, struct mmu_interval_notifier *notifier,
		     struct i915_svm_pending *p, u64 start, u64 end)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, svm->mm, start);

	mmap_assert_locked(svm->mm);

	for_each_vma_range(vmi, vma, end) {
		const u64 from = max_t(u64, start, vma->vm_start);
		const u64 to = min_t(u64, end, vma->vm_end);
		int err = 0;

		if (i915_svm_vma_usable(vma))
			err = fault_piece(svm, notifier, p, from, to);
		else if (i915_svm_vma_unsharable(vma))
			err = unshare_run(svm, notifier, p, vma, from, to);
		if (err)
			return err;
	}

	return 0;
}

/* Most often one page, or all. */
static void set_pages(unsigned long *map, unsigned int page, unsigned int n)
{
	if (n == 1)
		__set_bit(page, map);
	else
		bitmap_set(map, page, n);
}

/* Of what was read, the pages that the GPU may use. */
static void take_mapped(struct i915_svm *svm, struct i915_svm_pending *p,
			unsigned int page, unsigned int end)
{
	unsigned int n;

	for (; page < end; page += n) {
		const unsigned long pfn = svm->pfns[page];
		const unsigned long need = HMM_PFN_VALID |
			(test_bit(page, p->own) ? 0 : HMM_PFN_WRITE);

		/* Pages are made the process's own one by one. */
		n = pfn & HMM_PFN_WRITE ? same_entry(pfn, end - page) : 1;
		if ((pfn & (need | HMM_PFN_ERROR)) != need)
			continue;

		set_pages(p->mapped, page, n);
		if (is_device_private_page(hmm_pfn_to_page(pfn)))
			set_pages(p->local, page, n);
	}
}

static int fault_block(struct i915_svm *svm, struct i915_svm_block *block,
		       struct mmu_interval_notifier *notifier, struct i915_svm_pending *p)
{
	unsigned int first, end;
	int err = 0;

	bitmap_zero(p->seen, I915_SVM_BLOCK_PAGES);
	bitmap_zero(p->own, I915_SVM_BLOCK_PAGES);
	p->faulted = false;

	if (mmap_read_lock_killable(svm->mm))
		return -EINTR;
	for_each_set_bitrange(first, end, p->todo, I915_SVM_BLOCK_PAGES) {
		err = fault_run(svm, notifier, p,
				block->start + (u64)first * PAGE_SIZE,
				block->start + (u64)end * PAGE_SIZE);
		if (err)
			break;
	}
	mmap_read_unlock(svm->mm);
	if (err)
		return err;

	bitmap_zero(p->mapped, I915_SVM_BLOCK_PAGES);
	bitmap_zero(p->local, I915_SVM_BLOCK_PAGES);
	for_each_set_bitrange(first, end, p->seen, I915_SVM_BLOCK_PAGES)
		take_mapped(svm, p, first, end);

	return 0;
}

static unsigned long pfn_of(const struct i915_svm *svm, unsigned int page)
{
	return svm->pfns[page] & ~HMM_PFN_FLAGS;
}

/* How many pages from here lie one after the other in memory. */
static unsigned int run_length(const struct i915_svm *svm, const struct i915_svm_pending *p,
			       unsigned int page)
{
	/* Pages of objects are mapped already, and may be added later. */
	const unsigned int end =
		min(find_next_zero_bit(p->mapped, I915_SVM_BLOCK_PAGES, page),
		    find_next_bit(p->object, I915_SVM_BLOCK_PAGES, page));
	unsigned int next = page;

	do {
		next += same_entry(svm->pfns[next], end - next);
	} while (next < end && pfn_of(svm, next) == pfn_of(svm, page) + (next - page));

	return next - page;
}

static void unmap_pending(struct i915_svm *svm, struct i915_svm_pending *p)
{
	unsigned int page;

	for_each_set_bit(page, p->heads, I915_SVM_BLOCK_PAGES)
		if (!test_bit(page, p->local) && !test_bit(page, p->object))
			dma_unmap_page_attrs(svm->vm->dma, p->dma[page],
					     (size_t)run_length(svm, p, page) << PAGE_SHIFT,
					     DMA_BIDIRECTIONAL, I915_SVM_DMA_ATTRS);
}

static int map_pending(struct i915_svm *svm, struct i915_svm_pending *p)
{
	struct device *dev = svm->vm->dma;
	unsigned int page, n, i;

	bitmap_zero(p->heads, I915_SVM_BLOCK_PAGES);
	bitmap_zero(p->object, I915_SVM_BLOCK_PAGES);
	p->huge = false;

	for (page = find_first_bit(p->mapped, I915_SVM_BLOCK_PAGES);
	     page < I915_SVM_BLOCK_PAGES;
	     page = find_next_bit(p->mapped, I915_SVM_BLOCK_PAGES, page + n)) {
		struct page *first = pfn_to_page(pfn_of(svm, page));
		dma_addr_t addr;

		n = run_length(svm, p, page);
		if (test_bit(page, p->local)) {
			addr = i915_svm_devmem_addr(first);
		} else {
			addr = dma_map_page_attrs(dev, first, 0, (size_t)n << PAGE_SHIFT,
						  DMA_BIDIRECTIONAL, I915_SVM_DMA_ATTRS);
			if (dma_mapping_error(dev, addr))
				goto err;
		}

		p->dma[page] = addr;
		__set_bit(page, p->heads);
		if (!test_bit(page, p->local) && i915_svm_bounced(dev, first, addr))
			goto err;

		p->huge = n == I915_SVM_BLOCK_PAGES && IS_ALIGNED(addr, SZ_2M) &&
			HAS_PAGE_SIZES(svm->vm->i915, I915_GTT_PAGE_SIZE_2M);
		if (p->huge)
			break;

		for (i = 1; i < n; i++)
			p->dma[page + i] = addr + (dma_addr_t)i * PAGE_SIZE;
	}

	return 0;

err:
	unmap_pending(svm, p);
	return -EIO;
}

/* Find the pages of objects that are bound in the block but not valid. */
static int collect_objects(struct i915_svm *svm, struct i915_svm_block *block,
			   struct i915_svm_pending *p)
{
	const u64 end = block->start + I915_SVM_BLOCK_SIZE;
	struct i915_svm_range *range = NULL;
	bool valid;

	if (bitmap_empty(block->object, I915_SVM_BLOCK_PAGES))
		return 0;

	read_lock(&svm->notifier_lock);
	valid = bitmap_subset(block->object, block->valid, I915_SVM_BLOCK_PAGES);
	read_unlock(&svm->notifier_lock);

	while ((range = i915_svm_range_next(svm, range, block->start, end))) {
		int err;

		/* Valid, unless just being taken away: then wait for its lock. */
		if (!range->obj ||
		    (valid && READ_ONCE(range->obj_seq) == range->obj_seq_seen))
			continue;
		err = i915_svm_bo_validate(range, block, p);
		if (err)
			return err;
	}

	/* What is valid already stays as it is. */
	bitmap_andnot(p->mapped, p->mapped, block->valid, I915_SVM_BLOCK_PAGES);
	bitmap_and(p->heads, p->heads, p->mapped, I915_SVM_BLOCK_PAGES);
	bitmap_and(p->local, p->local, p->mapped, I915_SVM_BLOCK_PAGES);
	return 0;
}

/* Are the pages of all objects in the block where they were found? */
static bool objects_moved(struct i915_svm *svm, struct i915_svm_block *block)
{
	const u64 end = block->start + I915_SVM_BLOCK_SIZE;
	struct i915_svm_range *range = NULL;

	lockdep_assert_held(&svm->notifier_lock);

	if (bitmap_empty(block->object, I915_SVM_BLOCK_PAGES))
		return false;

	while ((range = i915_svm_range_next(svm, range, block->start, end)))
		if (range->obj && READ_ONCE(range->obj_seq) != range->obj_seq_seen)
			return true;

	return false;
}

/*
 * The largest leaf that the device addresses of all pages of a block, and the
 * device, allow. From one head to the next they follow each other, in one kind
 * of memory.
 */
static enum i915_svm_leaf best_leaf(struct drm_i915_private *i915, const dma_addr_t *dma,
				    const unsigned long *heads, const unsigned long *local)
{
	bool huge = IS_ALIGNED(dma[0], SZ_2M);
	unsigned int page, next;

	for (page = 0; page < I915_SVM_BLOCK_PAGES; page = next) {
		next = find_next_bit(heads, I915_SVM_BLOCK_PAGES, page + 1);

		if (!IS_ALIGNED(dma[page] - (dma_addr_t)page * PAGE_SIZE, SZ_64K))
			return I915_SVM_LEAF_4K;
		if (!page || (dma[page] == dma[page - 1] + PAGE_SIZE &&
			      test_bit(page, local) == test_bit(page - 1, local)))
			continue;

		huge = false;
		if (page % PAGES_64K)
			return I915_SVM_LEAF_4K;
	}

	if (huge && HAS_PAGE_SIZES(i915, I915_GTT_PAGE_SIZE_2M))
		return I915_SVM_LEAF_2M;
	return HAS_PAGE_SIZES(i915, I915_GTT_PAGE_SIZE_64K) ?
		I915_SVM_LEAF_64K : I915_SVM_LEAF_4K;
}

/* Will what was collected become one 2M entry? Then the block has nothing else. */
static bool becomes_huge(struct i915_svm *svm, const struct i915_svm_pending *p)
{
	return p->huge || (bitmap_full(p->mapped, I915_SVM_BLOCK_PAGES) &&
			   best_leaf(svm->vm->i915, p->dma, p->heads, p->local) ==
			   I915_SVM_LEAF_2M);
}

/*
 * The CPU's entry may be writable and clean (after MADV_FREE, a read from swap
 * or from a hole of shmem): reclaim would drop what the GPU writes. Pages of
 * files with write-back were marked when they became writable.
 */
static void mark_dirty(struct i915_svm *svm, const struct i915_svm_pending *p)
{
	unsigned int page, n;

	for (page = find_first_bit(p->mapped, I915_SVM_BLOCK_PAGES);
	     page < I915_SVM_BLOCK_PAGES;
	     page = find_next_bit(p->mapped, I915_SVM_BLOCK_PAGES, page + n)) {
		struct folio *folio;

		n = 1;
		if (test_bit(page, p->object))
			continue;

		n = same_entry(svm->pfns[page], I915_SVM_BLOCK_PAGES - page);
		folio = page_folio(pfn_to_page(pfn_of(svm, page)));
		if (!folio_test_dirty(folio) &&
		    (folio_test_anon(folio) || folio_test_swapbacked(folio)))
			folio_mark_dirty(folio);
	}
}

/* Keep the device addresses of what was collected. */
static void take_addresses(struct i915_svm_block *block, struct i915_svm_pending *p)
{
	unsigned int first, end;

	if (p->huge) {
		if (block->dma)
			block->dma[0] = p->dma[0];
		else
			block->dma_2m = p->dma[0];
	} else if (!block->dma) {
		swap(block->dma, p->dma);
	} else {
		for_each_set_bitrange(first, end, p->mapped, I915_SVM_BLOCK_PAGES)
			memcpy(block->dma + first, p->dma + first,
			       (end - first) * sizeof(*block->dma));
	}
}

/*
 * Enter what was collected. Adding 4K entries is fine while the GPU runs: it
 * replaces scratch only. A block that was in use keeps its 4K entries until
 * it is found idle.
 */
static void enter(struct i915_svm *svm, struct i915_svm_block *block,
		  struct i915_svm_pending *p)
{
	DECLARE_BITMAP(system, I915_SVM_BLOCK_PAGES);
	enum i915_svm_leaf leaf;
	bool fresh;

	lockdep_assert_held_write(&svm->notifier_lock);
	GEM_BUG_ON(block->leaf != I915_SVM_LEAF_4K &&
		   !bitmap_empty(p->mapped, I915_SVM_BLOCK_PAGES));

	if (!bitmap_empty(p->mapped, I915_SVM_BLOCK_PAGES)) {
		fresh = bitmap_empty(block->valid, I915_SVM_BLOCK_PAGES);
		GEM_BUG_ON(p->huge && !fresh);
		take_addresses(block, p);
		bitmap_or(block->valid, block->valid, p->mapped, I915_SVM_BLOCK_PAGES);
		bitmap_or(block->heads, block->heads, p->heads, I915_SVM_BLOCK_PAGES);
		bitmap_or(block->local, block->local, p->local, I915_SVM_BLOCK_PAGES);

		bitmap_andnot(system, p->mapped, p->local, I915_SVM_BLOCK_PAGES);
		bitmap_andnot(system, system, p->object, I915_SVM_BLOCK_PAGES);
		i915_svm_account_resident(svm->account,
					  bitmap_weight(system, I915_SVM_BLOCK_PAGES), 0);

		leaf = I915_SVM_LEAF_4K;
		if (p->huge)
			leaf = I915_SVM_LEAF_2M;
		else if (bitmap_full(block->valid, I915_SVM_BLOCK_PAGES) &&
			 (fresh || i915_svm_idle(svm)))
			leaf = best_leaf(svm->vm->i915, block->dma, block->heads, block->local);
		if (leaf != I915_SVM_LEAF_2M)
			i915_svm_pt_write(svm, block, p->mapped);
		if (leaf != I915_SVM_LEAF_4K)
			i915_svm_pt_set_leaf(svm, block, leaf);
		p->leaf = leaf;
		mark_dirty(svm, p);
	}

	block->dirty = false;
	block->pushed_out = false;
	if (bitmap_subset(block->owned, block->valid, I915_SVM_BLOCK_PAGES))
		list_del_init(&block->link);
	else
		list_move_tail(&block->link, &svm->incomplete);
}

static int commit_block(struct i915_svm *svm, struct i915_svm_block *block,
			struct i915_svm_chunk *chunk, struct i915_svm_pending *p)
{
	DECLARE_BITMAP(lost, I915_SVM_BLOCK_PAGES);
	int err = 0;

	write_lock(&svm->notifier_lock);
	/* CPU pages that an object in a common large leaf took along. */
	bitmap_andnot(lost, block->owned, block->valid, I915_SVM_BLOCK_PAGES);
	bitmap_andnot(lost, lost, block->object, I915_SVM_BLOCK_PAGES);
	if (mmu_interval_read_retry(&chunk->notifier, p->seq) ||
	    !bitmap_subset(lost, p->todo, I915_SVM_BLOCK_PAGES) ||
	    objects_moved(svm, block))
		err = -EBUSY;
	else
		enter(svm, block, p);
	write_unlock(&svm->notifier_lock);

	return err;
}

static int try_block(struct i915_svm *svm, struct i915_svm_block *block,
		     struct i915_svm_chunk *chunk, struct i915_svm_pending *p)
{
	const ktime_t began = ktime_get();
	unsigned int pages;
	int err;

	if (!p->dma) {
		p->dma = kvmalloc_array(I915_SVM_BLOCK_PAGES, sizeof(*p->dma),
					GFP_KERNEL_ACCOUNT);
		if (!p->dma)
			return -ENOMEM;
	}

	p->seq = mmu_interval_read_begin(&chunk->notifier);

	read_lock(&svm->notifier_lock);
	bitmap_andnot(p->todo, block->owned, block->valid, I915_SVM_BLOCK_PAGES);
	bitmap_andnot(p->todo, p->todo, block->object, I915_SVM_BLOCK_PAGES);
	read_unlock(&svm->notifier_lock);

	err = fault_block(svm, block, &chunk->notifier, p);
	if (!err)
		err = map_pending(svm, p);
	if (err)
		return err;

	err = collect_objects(svm, block, p);
	if (!err)
		err = i915_svm_pt_alloc(svm, block, p->mapped, becomes_huge(svm, p));
	if (!err)
		err = commit_block(svm, block, chunk, p);
	if (err) {
		unmap_pending(svm, p);
		return err;
	}

	if (p->faulted)
		svm->retry_incomplete = true;
	pages = bitmap_weight(p->mapped, I915_SVM_BLOCK_PAGES);
	trace_i915_svm_validate(svm, block, pages);
	i915_svm_count(svm, BLOCKS_VALIDATED, 1);
	i915_svm_count(svm, PAGES_VALIDATED, pages);
	/* Pages that completed a large leaf make one of that size, not as many as they are. */
	if (pages)
		i915_svm_account_flow(svm->account, I915_SVM_FLOW_MAP, p->leaf,
				      DIV_ROUND_UP(pages, i915_svm_leaf_pages(p->leaf)),
				      ktime_to_ns(ktime_sub(ktime_get(), began)));
	return 0;
}

/*
 * Objects that are bound and do not fit in local memory together push each
 * other out for ever, and mappings can change all the time.
 */
static int count_try(struct i915_svm *svm, struct i915_svm_block *block)
{
	if (block->submit != svm->submit) {
		block->submit = svm->submit;
		block->tries = 0;
	}

	if (++block->tries <= MAX_TRIES)
		return 0;

	return bitmap_empty(block->object, I915_SVM_BLOCK_PAGES) ? -EAGAIN : -ENOSPC;
}

static int validate_block(struct i915_svm *svm, struct i915_svm_block *block,
			  struct i915_svm_pending *p)
{
	unsigned long timeout = jiffies + msecs_to_jiffies(VALIDATE_TIMEOUT_MS);
	struct i915_svm_chunk *chunk =
		xa_load(&svm->chunks, block->start >> I915_SVM_CHUNK_SHIFT);
	int err;

	err = count_try(svm, block);
	if (err)
		return err;

	/*
	 * Once per submission: where more is advised than there is local memory,
	 * blocks would push each other out for ever.
	 */
	if (block->tries == 1)
		i915_svm_advice_follow(svm, block->start,
				       block->start + I915_SVM_BLOCK_SIZE);

	do {
		err = try_block(svm, block, chunk, p);
		if (err && fatal_signal_pending(current))
			err = -EINTR;
	} while (err == -EBUSY && time_before(jiffies, timeout));

	/* Mappings change faster than we can look: the caller may try again. */
	if (err == -EBUSY)
		err = -EAGAIN;

	return err;
}

/* Have another look where a mapping was missing, if there may be one now. */
static void requeue_incomplete(struct i915_svm *svm)
{
	struct i915_svm_block *block;

	svm->retry_incomplete = false;

	write_lock(&svm->notifier_lock);
	list_for_each_entry(block, &svm->incomplete, link)
		block->dirty = true;
	list_splice_tail_init(&svm->incomplete, &svm->dirty);
	write_unlock(&svm->notifier_lock);
}

static struct i915_svm_block *first_dirty(struct i915_svm *svm)
{
	struct i915_svm_block *block;

	read_lock(&svm->notifier_lock);
	block = list_first_entry_or_null(&svm->dirty, struct i915_svm_block, link);
	read_unlock(&svm->notifier_lock);

	return block;
}

static int validate_dirty(struct i915_svm *svm)
{
	struct i915_svm_block *block = first_dirty(svm);
	struct i915_svm_pending *p;
	int err = 0;

	if (!block)
		return 0;

	p = kmalloc(sizeof(*p), GFP_KERNEL);
	if (!p)
		return -ENOMEM;

	for (p->dma = NULL; !err && block; block = first_dirty(svm)) {
		err = fatal_signal_pending(current) ? -EINTR :
			validate_block(svm, block, p);
		cond_resched();
	}

	kvfree(p->dma);
	kfree(p);
	return err;
}

/**
 * i915_svm_validate - make everything that is bound valid
 * @svm: the address space, of the calling process
 *
 * Returns: 0; -ENOSPC when the mirror would populate more never-touched
 * memory than populate_limit, or objects do not fit; -EAGAIN when mappings change too fast; -EINTR,
 * -ENOMEM, -EIO.
 */
int i915_svm_validate(struct i915_svm *svm)
{
	unsigned long mm_seq;
	int err;

	lockdep_assert_held(&svm->mutex);

	svm->populated = 0;
	svm->submit++;
	mm_seq = i915_svm_mm_seq(svm->mm);
	if (!i915_svm_mm_unchanged(svm->mm, svm->mm_seq) || svm->retry_incomplete)
		requeue_incomplete(svm);

	err = validate_dirty(svm);
	if (!err && !svm->mirror)
		svm->mm_seq = mm_seq;

	return err;
}
