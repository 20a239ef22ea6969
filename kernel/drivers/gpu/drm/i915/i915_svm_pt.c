// SPDX-License-Identifier: MIT
/*
 * DOC: Page-table update for shared virtual memory
 *
 * SVM shares its page tables with the vmas of the same address space. Tables
 * are counted by i915: &i915_address_space.allocate_va_range adds one count
 * per 4K page and &i915_address_space.clear_range takes it away, freeing
 * tables that nobody counts on. A block keeps in its bitmap ptes exactly the
 * pages it has counted, so that both always balance, whatever vmas do next
 * to it. While a block has counted one page its tables cannot go away, and
 * its entries are written here directly, under svm->notifier_lock, because
 * the mmu notifier has to do so without taking any sleeping lock.
 *
 * A block is entered in its directory in one of three ways: a table of 4K
 * entries; the same table read as 64K entries (the directory entry has the
 * IPS bit, all 512 entries are filled); one 2M entry, the table behind it
 * kept, so that it can come back at any time: what it holds is scratch, or
 * pages of the block from before. Entries below a 64K or 2M leaf all belong
 * to the block.
 *
 * A block that begins as one 2M entry is bare: behind it is the address
 * space's table of scratch entries, which all bare blocks share. A large leaf
 * goes as a whole, so scratch is all that ever comes back, and nobody writes
 * anything else there: all 512 pages are counted, so no vma finds this table
 * in the directory; and as soon as one of them is not, or the block is to be
 * something else, it lets go of the table with all its counts.
 */

#include <drm/drm_cache.h>

#include "gem/i915_gem_lmem.h"
#include "gem/i915_gem_object.h"
#include "gt/gen8_ppgtt.h"
#include "i915_drv.h"
#include "i915_svm_types.h"

/* Levels of a 4-level walk; index of an address in the directory of each. */
#define PML4_SHIFT	39
#define PDP_SHIFT	30
#define PD_SHIFT	I915_SVM_BLOCK_SHIFT
#define PT_SHIFT	12
#define PX_INDEX(addr, shift)	(((addr) >> (shift)) & (I915_PDES - 1))

static_assert(I915_SVM_BLOCK_PAGES == I915_PDES);
static_assert(PAGE_SIZE == I915_GTT_PAGE_SIZE_4K);

/* The directory that holds the entry of this block's table. */
static struct i915_page_directory *
block_pd(struct i915_svm *svm, const struct i915_svm_block *block)
{
	struct i915_page_directory *pd = i915_vm_to_ppgtt(svm->vm)->pd;

	pd = pd->entry[PX_INDEX(block->start, PML4_SHIFT)];
	return pd->entry[PX_INDEX(block->start, PDP_SHIFT)];
}

static struct i915_page_table *
block_pt(struct i915_svm *svm, const struct i915_svm_block *block)
{
	return block_pd(svm, block)->entry[PX_INDEX(block->start, PD_SHIFT)];
}

static unsigned int stash_depth(const struct i915_page_table *pt)
{
	unsigned int n = 0;

	for (; pt; pt = pt->stash)
		n++;
	return n;
}

static int stash_push(struct i915_svm *svm, int level)
{
	struct i915_address_space *vm = svm->vm;
	struct i915_page_table *pt;
	struct i915_gem_ww_ctx ww;
	int err;

	if (level) {
		struct i915_page_directory *pd = alloc_pd(vm);

		if (IS_ERR(pd))
			return PTR_ERR(pd);
		pt = &pd->pt;
	} else {
		pt = alloc_pt(vm, I915_GTT_PAGE_SIZE_4K);
		if (IS_ERR(pt))
			return PTR_ERR(pt);
	}

	for_i915_gem_ww(&ww, err, false) {
		err = i915_vm_lock_objects(vm, &ww);
		if (!err)
			err = map_pt_dma_locked(vm, pt->base);
	}
	if (err) {
		free_px(vm, pt, level);
		return err;
	}

	pt->stash = svm->stash.pt[level];
	svm->stash.pt[level] = pt;
	return 0;
}

/* Put the scratch table on top of the tables. */
static struct i915_page_table *stash_push_scratch(struct i915_svm *svm)
{
	struct i915_page_table *pt = kzalloc(sizeof(*pt), GFP_KERNEL);

	if (!pt)
		return NULL;

	pt->base = i915_gem_object_get(svm->vm->scratch[1]);
	pt->stash = svm->stash.pt[0];
	svm->stash.pt[0] = pt;
	return pt;
}

/* Returns: whether it was used; else it is gone. */
static bool stash_pop_scratch(struct i915_svm *svm, struct i915_page_table *pt)
{
	struct drm_i915_gem_object *scratch = svm->vm->scratch[1];

	if (svm->stash.pt[0] == pt) {
		svm->stash.pt[0] = pt->stash;
		free_px(svm->vm, pt, 0);
		return false;
	}

	/* Using a table pins it, once and for all; this one is pinned anyway. */
	i915_gem_object_unpin_pages(scratch);
	return true;
}

/*
 * One block needs at most one table and one directory per level in between.
 * What is not used stays for the next block.
 */
static int stash_fill(struct i915_svm *svm, unsigned int tables)
{
	int err;

	while (stash_depth(svm->stash.pt[0]) < tables) {
		err = stash_push(svm, 0);
		if (err)
			return err;
	}

	while (stash_depth(svm->stash.pt[1]) < svm->vm->top - 1) {
		err = stash_push(svm, 1);
		if (err)
			return err;
	}

	return 0;
}

void i915_svm_pt_free_stash(struct i915_svm *svm)
{
	i915_vm_free_pt_stash(svm->vm, &svm->stash);
}

static void set_bare(struct i915_svm *svm, struct i915_svm_block *block, bool bare)
{
	write_lock(&svm->notifier_lock);
	block->bare = bare;
	write_unlock(&svm->notifier_lock);
}

/**
 * i915_svm_pt_alloc - have page tables for some pages of a block
 * @svm: the address space
 * @block: the block
 * @pages: pages to count; those counted already are left alone
 * @huge: they are all pages, and become one 2M entry
 */
int i915_svm_pt_alloc(struct i915_svm *svm, struct i915_svm_block *block,
		      const unsigned long *pages, bool huge)
{
	DECLARE_BITMAP(missing, I915_SVM_BLOCK_PAGES);
	struct i915_page_table *scratch = NULL;
	unsigned int first, last;
	int err;

	lockdep_assert_held(&svm->mutex);
	GEM_BUG_ON(huge && !bitmap_full(pages, I915_SVM_BLOCK_PAGES));

	if (bitmap_empty(pages, I915_SVM_BLOCK_PAGES))
		return 0;

	/* None of it is valid then, for a 2M entry goes as a whole. */
	if (block->bare && !huge)
		i915_svm_pt_free(svm, block, 0, I915_SVM_BLOCK_PAGES);

	if (!bitmap_andnot(missing, pages, block->ptes, I915_SVM_BLOCK_PAGES))
		return 0;

	huge = huge && bitmap_empty(block->ptes, I915_SVM_BLOCK_PAGES);
	err = stash_fill(svm, huge ? 0 : 1);
	if (err)
		return err;
	if (huge) {
		scratch = stash_push_scratch(svm);
		if (!scratch)
			return -ENOMEM;
	}

	for_each_set_bitrange(first, last, missing, I915_SVM_BLOCK_PAGES)
		svm->vm->allocate_va_range(svm->vm, &svm->stash,
					   block->start + (u64)first * PAGE_SIZE,
					   (u64)(last - first) * PAGE_SIZE);

	bitmap_or(block->ptes, block->ptes, missing, I915_SVM_BLOCK_PAGES);
	if (scratch)
		set_bare(svm, block, stash_pop_scratch(svm, scratch));
	return 0;
}

/**
 * i915_svm_pt_free - give page tables back
 * @svm: the address space
 * @block: the block, none of whose freed pages may be valid
 * @first: first page
 * @count: number of pages; a bare block gives all of its pages back with any
 */
void i915_svm_pt_free(struct i915_svm *svm, struct i915_svm_block *block,
		      unsigned int first, unsigned int count)
{
	DECLARE_BITMAP(drop, I915_SVM_BLOCK_PAGES) = {};
	unsigned int start, end;

	lockdep_assert_held(&svm->mutex);

	if (block->bare) {
		first = 0;
		count = I915_SVM_BLOCK_PAGES;
	}
	bitmap_set(drop, first, count);
	GEM_BUG_ON(bitmap_intersects(drop, block->valid, I915_SVM_BLOCK_PAGES));
	if (!bitmap_and(drop, drop, block->ptes, I915_SVM_BLOCK_PAGES))
		return;

	bitmap_andnot(block->ptes, block->ptes, drop, I915_SVM_BLOCK_PAGES);
	for_each_set_bitrange(start, end, drop, I915_SVM_BLOCK_PAGES)
		svm->vm->clear_range(svm->vm,
				     block->start + (u64)start * PAGE_SIZE,
				     (u64)(end - start) * PAGE_SIZE);
	if (block->bare)
		set_bare(svm, block, false);
}

/*
 * What an entry is beside its address. System pages are snooped; device memory
 * has its own caching.
 */
static u64 entry_bits(struct i915_svm *svm, bool local)
{
	return svm->vm->pte_encode(0,
				   i915_gem_get_pat_index(svm->vm->i915,
							  local ? I915_CACHE_NONE :
							  I915_CACHE_LLC),
				   local ? PTE_LM : 0);
}

/* As gen8_pde_encode() does for tables that i915 writes itself. */
static u64 table_entry(struct i915_page_table *pt)
{
	return px_dma(pt) | GEN8_PAGE_PRESENT | GEN8_PAGE_RW;
}

/**
 * i915_svm_pt_write - write the 4K entries of some valid pages
 * @svm: the address space
 * @block: the block, a table of 4K or 64K entries
 * @pages: which
 */
void i915_svm_pt_write(struct i915_svm *svm, struct i915_svm_block *block,
		       const unsigned long *pages)
{
	const u64 bits[] = { entry_bits(svm, false), entry_bits(svm, true) };
	u64 *vaddr = px_vaddr(block_pt(svm, block));
	unsigned int page;

	lockdep_assert_held_write(&svm->notifier_lock);
	GEM_BUG_ON(block->bare);

	for_each_set_bit(page, pages, I915_SVM_BLOCK_PAGES)
		WRITE_ONCE(vaddr[page],
			   block->dma[page] | bits[test_bit(page, block->local)]);

	drm_clflush_virt_range(vaddr, PAGE_SIZE);
	wmb(); /* entries before whoever uses them */
}

/**
 * i915_svm_pt_clear - send some pages to scratch
 * @svm: the address space
 * @block: the block, a table of 4K entries
 * @first: first page
 * @count: number of pages, all counted; what a bare block has is scratch already
 */
void i915_svm_pt_clear(struct i915_svm *svm, struct i915_svm_block *block,
		       unsigned int first, unsigned int count)
{
	u64 *vaddr;

	lockdep_assert_held_write(&svm->notifier_lock);
	GEM_BUG_ON(block->leaf != I915_SVM_LEAF_4K);

	if (block->bare)
		return;

	vaddr = px_vaddr(block_pt(svm, block));
	memset64(vaddr + first, svm->vm->scratch[0]->encode, count);
	drm_clflush_virt_range(vaddr, PAGE_SIZE);
	wmb(); /* gone before their pages are */
}

/**
 * i915_svm_pt_hide - send pages to scratch that stay valid for a while
 * @svm: the address space
 * @block: the block
 * @first: first page
 * @count: number of pages, all counted; a large leaf goes as a whole
 *
 * They are to be zapped before the block is used again.
 */
void i915_svm_pt_hide(struct i915_svm *svm, struct i915_svm_block *block,
		      unsigned int first, unsigned int count)
{
	struct i915_page_table *pt = block_pt(svm, block);
	u64 *pde = (u64 *)px_vaddr(block_pd(svm, block)) + PX_INDEX(block->start, PD_SHIFT);

	lockdep_assert_held_write(&svm->notifier_lock);

	if (!block->bare) {
		memset64((u64 *)px_vaddr(pt) + first, svm->vm->scratch[0]->encode, count);
		drm_clflush_virt_range(px_vaddr(pt), PAGE_SIZE);
	}
	if (block->leaf != I915_SVM_LEAF_4K) {
		GEM_BUG_ON(count != I915_SVM_BLOCK_PAGES);
		wmb(); /* the table before who refers to it */
		WRITE_ONCE(*pde, table_entry(pt));
		drm_clflush_virt_range(pde, sizeof(*pde));
	}
	wmb(); /* gone before their pages are */
}

/**
 * i915_svm_pt_set_leaf - change how a block is entered in its directory
 * @svm: the address space
 * @block: the block; for 64K and 2M all of it valid
 * @leaf: the new way; from a large leaf only back to 4K
 *
 * The caller has the address space idle, or accepts that work running in it
 * may see a page as absent for a moment (it does when the work is banned).
 */
void i915_svm_pt_set_leaf(struct i915_svm *svm, struct i915_svm_block *block,
			  enum i915_svm_leaf leaf)
{
	struct i915_page_directory *pd = block_pd(svm, block);
	struct i915_page_table *pt = block_pt(svm, block);
	u64 *pde = (u64 *)px_vaddr(pd) + PX_INDEX(block->start, PD_SHIFT);

	lockdep_assert_held_write(&svm->notifier_lock);
	GEM_BUG_ON(leaf != I915_SVM_LEAF_4K &&
		   !bitmap_full(block->valid, I915_SVM_BLOCK_PAGES));
	GEM_BUG_ON(leaf == I915_SVM_LEAF_64K && block->bare);

	switch (leaf) {
	case I915_SVM_LEAF_4K:
		WRITE_ONCE(*pde, table_entry(pt));
		break;
	case I915_SVM_LEAF_64K:
		WRITE_ONCE(*pde, table_entry(pt) | GEN8_PDE_IPS_64K);
		break;
	case I915_SVM_LEAF_2M:
		WRITE_ONCE(*pde, i915_svm_block_dma(block, 0) | GEN8_PDE_PS_2M |
			   entry_bits(svm, test_bit(0, block->local)));
		break;
	}
	drm_clflush_virt_range(pde, sizeof(*pde));
	wmb(); /* before whoever relies on it */

	block->leaf = leaf;
}

/**
 * i915_svm_pt_read - read the entries of a block as they are
 * @svm: the address space
 * @block: the block, that has page tables
 * @table: out: its 512 entries
 *
 * Returns: its directory entry.
 */
u64 i915_svm_pt_read(struct i915_svm *svm, struct i915_svm_block *block, u64 *table)
{
	const u64 *pde = (u64 *)px_vaddr(block_pd(svm, block)) +
		PX_INDEX(block->start, PD_SHIFT);

	lockdep_assert_held(&svm->mutex);

	memcpy(table, px_vaddr(block_pt(svm, block)), PAGE_SIZE);
	return READ_ONCE(*pde);
}
