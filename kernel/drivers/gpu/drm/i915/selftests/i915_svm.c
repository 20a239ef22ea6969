// SPDX-License-Identifier: MIT
/*
 * Selftests of shared virtual memory. Mock: how ranges and advice split.
 * Live: page tables as they are written, copies and moves both ways.
 */

#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/prandom.h>

#include "gem/i915_gem_pm.h"
#include "gt/gen8_ppgtt.h"
#include "gt/intel_gt.h"
#include "i915_selftest.h"
#include "i915_svm_devmem_types.h"
#include "mock_gem_device.h"
#include "mock_gtt.h"

/* Across blocks and chunks: the last block of one chunk and the first of the next. */
#define TEST_PAGES	(2 * I915_SVM_BLOCK_PAGES)
#define TEST_START	(SZ_64G + I915_SVM_CHUNK_SIZE - I915_SVM_BLOCK_SIZE)
#define TEST_STEPS	400

static u64 test_addr(unsigned int page)
{
	return TEST_START + (u64)page * PAGE_SIZE;
}

/* The range that holds a page, by our own walk. */
static struct i915_svm_range *range_at(struct i915_svm *svm, unsigned int page)
{
	return i915_svm_range_next(svm, NULL, test_addr(page), test_addr(page + 1));
}

/* Is a page taken in the address space's own book-keeping? */
static bool node_at(struct i915_svm *svm, unsigned int page)
{
	struct drm_mm_node *node;
	bool found = false;

	mutex_lock(&svm->vm->mutex);
	drm_mm_for_each_node_in_range(node, &svm->vm->mm, test_addr(page), test_addr(page + 1))
		found = true;
	mutex_unlock(&svm->vm->mutex);

	return found;
}

static bool owned_at(struct i915_svm *svm, unsigned int page)
{
	struct i915_svm_block *block = i915_svm_block_lookup(svm, test_addr(page));

	return block && test_bit(i915_svm_page(test_addr(page)), block->owned);
}

static int check_ranges(struct i915_svm *svm, const unsigned long *model)
{
	u64 bytes = (u64)bitmap_weight(model, TEST_PAGES) << PAGE_SHIFT;
	unsigned int page;

	for (page = 0; page < TEST_PAGES; page++) {
		const bool want = test_bit(page, model);

		if (!!range_at(svm, page) != want || node_at(svm, page) != want ||
		    owned_at(svm, page) != want) {
			pr_err("page %u: bound %d, range %d, node %d, owned %d\n", page, want,
			       !!range_at(svm, page), node_at(svm, page),
			       owned_at(svm, page));
			return -EINVAL;
		}
	}

	if (svm->bound_bytes != bytes) {
		pr_err("%llu bytes bound, should be %llu\n", svm->bound_bytes, bytes);
		return -EINVAL;
	}

	return 0;
}

static int bind_pages(struct i915_svm *svm, unsigned int first, unsigned int end)
{
	return i915_svm_range_bind(svm, test_addr(first), test_addr(end), false, NULL, 0);
}

static int unbind_pages(struct i915_svm *svm, unsigned int first, unsigned int end)
{
	return i915_svm_range_unbind(svm, test_addr(first), test_addr(end), false);
}

/* One range loses its front, its end and its middle. */
static int igt_svm_range_split(void *arg)
{
	static const struct {
		unsigned int first, end;
	} cuts[] = {
		{ 0, 1 },
		{ TEST_PAGES - 3, TEST_PAGES },
		{ I915_SVM_BLOCK_PAGES - 1, I915_SVM_BLOCK_PAGES + 1 },
		{ 100, 101 },
		{ 50, 200 }, /* a hole among them */
		{ 0, TEST_PAGES },
	};
	DECLARE_BITMAP(model, TEST_PAGES);
	struct i915_svm *svm = arg;
	unsigned int i;
	int err;

	bitmap_fill(model, TEST_PAGES);
	mutex_lock(&svm->mutex);
	err = bind_pages(svm, 0, TEST_PAGES);
	for (i = 0; !err && i < ARRAY_SIZE(cuts); i++) {
		err = unbind_pages(svm, cuts[i].first, cuts[i].end);
		bitmap_clear(model, cuts[i].first, cuts[i].end - cuts[i].first);
		if (!err)
			err = check_ranges(svm, model);
	}
	if (!err && !xa_empty(&svm->chunks)) {
		pr_err("nothing is bound, but something is watched\n");
		err = -EINVAL;
	}
	i915_svm_range_unbind_all(svm);
	mutex_unlock(&svm->mutex);

	return err;
}

/* Random binds and unbinds against a bitmap; what overlaps must be refused. */
static int igt_svm_range_random(void *arg)
{
	DECLARE_BITMAP(model, TEST_PAGES) = {};
	struct i915_svm *svm = arg;
	struct rnd_state prng;
	unsigned int i;
	int err = 0;

	prandom_seed_state(&prng, i915_selftest.random_seed);
	mutex_lock(&svm->mutex);
	for (i = 0; !err && i < TEST_STEPS; i++) {
		const unsigned int first = prandom_u32_state(&prng) % TEST_PAGES;
		const unsigned int size = 1 + prandom_u32_state(&prng) % (i % 8 ? 40 : 600);
		const unsigned int end = min(first + size, (unsigned int)TEST_PAGES);

		if (prandom_u32_state(&prng) & 1) {
			const bool free = find_next_bit(model, end, first) >= end;

			err = bind_pages(svm, first, end);
			if (free && !err)
				bitmap_set(model, first, end - first);
			else if (!free && err == -EEXIST)
				err = 0;
			else
				err = err ?: -EINVAL;
		} else {
			err = unbind_pages(svm, first, end);
			bitmap_clear(model, first, end - first);
		}
		if (!err)
			err = check_ranges(svm, model);
		if (err)
			pr_err("step %u, pages %u to %u: %d\n", i, first, end, err);
	}
	i915_svm_range_unbind_all(svm);
	mutex_unlock(&svm->mutex);

	return err;
}

/* Random advice against an array of what each page should have. */
static int igt_svm_advice_random(void *arg)
{
	static const u64 granules[] = { 0, SZ_4K, SZ_64K, SZ_2M };
	struct i915_svm *svm = arg;
	struct rnd_state prng;
	unsigned int i, page;
	u64 *model;
	int err = 0;

	model = kcalloc(TEST_PAGES, sizeof(*model), GFP_KERNEL);
	if (!model)
		return -ENOMEM;

	prandom_seed_state(&prng, i915_selftest.random_seed);
	mutex_lock(&svm->mutex);
	for (i = 0; !err && i < TEST_STEPS; i++) {
		const unsigned int first = prandom_u32_state(&prng) % TEST_PAGES;
		const unsigned int size = 1 + prandom_u32_state(&prng) % 300;
		const unsigned int end = min(first + size, (unsigned int)TEST_PAGES);
		const u64 value = granules[prandom_u32_state(&prng) % ARRAY_SIZE(granules)];

		err = i915_svm_advise(svm, test_addr(first), test_addr(end),
				      I915_SVM_ADVISE_GRANULE, value);
		for (page = first; page < end; page++)
			model[page] = value;

		for (page = 0; !err && page < TEST_PAGES; page++) {
			const u64 want = model[page] ?: svm->granule;
			u64 stop = test_addr(page + 1);
			struct i915_svm_move how;

			i915_svm_advice_at(svm, test_addr(page), &stop, &how);
			if (how.granule == want)
				continue;
			pr_err("step %u, page %u: granule %llu, should be %llu\n", i, page,
			       how.granule, want);
			err = -EINVAL;
		}
	}
	i915_svm_advice_clear(svm);
	if (!err && svm->num_advice)
		err = -EINVAL;
	mutex_unlock(&svm->mutex);
	kfree(model);

	return err;
}

/* Subtests on the SVM state of an address space in which nothing runs. */
static int svm_subtests(struct i915_address_space *vm,
			const struct i915_subtest *tests, unsigned int count)
{
	struct i915_svm *svm;
	int err;

	/* Binds are of a process; here that is the one that loads the module. */
	if (!current->mm)
		return 0;

	svm = svm_create(vm);
	if (!svm)
		return -ENOMEM;

	err = __i915_subtests("i915_svm", __i915_nop_setup, __i915_nop_teardown, tests, count,
			      svm);
	i915_svm_pt_free_stash(svm);
	svm_free(svm);
	return err;
}

int i915_svm_mock_selftests(void)
{
	static const struct i915_subtest tests[] = {
		SUBTEST(igt_svm_range_split),
		SUBTEST(igt_svm_range_random),
		SUBTEST(igt_svm_advice_random),
	};
	struct drm_i915_private *i915;
	struct i915_ppgtt *ppgtt;
	int err = -ENOMEM;

	i915 = mock_gem_device();
	if (!i915)
		return -ENOMEM;

	ppgtt = mock_ppgtt(i915, "svm");
	if (ppgtt) {
		err = svm_subtests(&ppgtt->vm, tests, ARRAY_SIZE(tests));
		i915_vm_put(&ppgtt->vm);
	}

	mock_destroy_device(i915);
	return err;
}

/*
 * Live: page tables. The block is ours alone; nothing runs in the address space.
 */

/* A made-up place in memory, aligned as wanted; never accessed. */
#define TEST_DMA	SZ_4G

static struct i915_svm_block *block_create(void)
{
	struct i915_svm_block *block = kzalloc(sizeof(*block), GFP_KERNEL);

	if (!block)
		return NULL;

	block->dma = kvcalloc(I915_SVM_BLOCK_PAGES, sizeof(*block->dma), GFP_KERNEL);
	if (!block->dma) {
		kfree(block);
		return NULL;
	}

	block->start = TEST_START;
	INIT_LIST_HEAD(&block->link);
	return block;
}

static void block_destroy(struct i915_svm *svm, struct i915_svm_block *block)
{
	write_lock(&svm->notifier_lock);
	if (block->leaf != I915_SVM_LEAF_4K)
		i915_svm_pt_set_leaf(svm, block, I915_SVM_LEAF_4K);
	bitmap_zero(block->valid, I915_SVM_BLOCK_PAGES);
	write_unlock(&svm->notifier_lock);
	i915_svm_pt_free(svm, block, 0, I915_SVM_BLOCK_PAGES);
	kvfree(block->dma);
	kfree(block);
}

static u64 expected_entry(struct i915_svm *svm, const struct i915_svm_block *block,
			  unsigned int page)
{
	const bool local = test_bit(page, block->local);

	if (!test_bit(page, block->valid))
		return svm->vm->scratch[0]->encode;

	return svm->vm->pte_encode(block->dma[page],
				   i915_gem_get_pat_index(svm->vm->i915, local ?
							  I915_CACHE_NONE : I915_CACHE_LLC),
				   local ? PTE_LM : 0);
}

/* All 512 entries are what the block says. */
static int check_table(struct i915_svm *svm, struct i915_svm_block *block, const char *when)
{
	unsigned int page;
	u64 *table;
	int err = 0;

	table = kvmalloc_array(I915_PDES, sizeof(*table), GFP_KERNEL);
	if (!table)
		return -ENOMEM;

	i915_svm_pt_read(svm, block, table);
	for (page = 0; !err && page < I915_SVM_BLOCK_PAGES; page++) {
		if (table[page] == expected_entry(svm, block, page))
			continue;
		pr_err("%s: entry %u is %llx, should be %llx\n", when, page, table[page],
		       expected_entry(svm, block, page));
		err = -EINVAL;
	}
	kvfree(table);

	return err;
}

/* Enter some pages as 4K entries. */
static int enter_pages(struct i915_svm *svm, struct i915_svm_block *block,
		       unsigned int first, unsigned int end, bool local)
{
	DECLARE_BITMAP(pages, I915_SVM_BLOCK_PAGES) = {};
	unsigned int page;
	int err;

	bitmap_set(pages, first, end - first);
	err = i915_svm_pt_alloc(svm, block, pages, false);
	if (err)
		return err;

	write_lock(&svm->notifier_lock);
	for (page = first; page < end; page++) {
		block->dma[page] = TEST_DMA + (dma_addr_t)page * PAGE_SIZE;
		__set_bit(page, block->valid);
		__assign_bit(page, block->local, local);
	}
	i915_svm_pt_write(svm, block, pages);
	write_unlock(&svm->notifier_lock);

	return 0;
}

static int igt_svm_pt_entries(void *arg)
{
	struct i915_svm *svm = arg;
	struct i915_svm_block *block;
	int err;

	block = block_create();
	if (!block)
		return -ENOMEM;

	mutex_lock(&svm->mutex);
	err = enter_pages(svm, block, 7, 8, false);
	if (!err)
		err = check_table(svm, block, "one page");
	if (!err)
		err = enter_pages(svm, block, 100, 300, true);
	if (!err)
		err = enter_pages(svm, block, 511, 512, false);
	if (!err)
		err = check_table(svm, block, "three runs");
	if (!err) {
		write_lock(&svm->notifier_lock);
		i915_svm_pt_clear(svm, block, 150, 20);
		bitmap_clear(block->valid, 150, 20);
		write_unlock(&svm->notifier_lock);
		err = check_table(svm, block, "some cleared");
	}
	block_destroy(svm, block);
	mutex_unlock(&svm->mutex);

	return err;
}

static int check_leaf(struct i915_svm *svm, struct i915_svm_block *block,
		      enum i915_svm_leaf leaf, u64 table_pde)
{
	u64 *table, pde, want;
	int err;

	write_lock(&svm->notifier_lock);
	i915_svm_pt_set_leaf(svm, block, leaf);
	write_unlock(&svm->notifier_lock);

	table = kvmalloc_array(I915_PDES, sizeof(*table), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	pde = i915_svm_pt_read(svm, block, table);
	kvfree(table);

	want = leaf == I915_SVM_LEAF_2M ? expected_entry(svm, block, 0) | GEN8_PDE_PS_2M :
		leaf == I915_SVM_LEAF_64K ? table_pde | GEN8_PDE_IPS_64K : table_pde;
	if (pde != want || block->leaf != leaf) {
		pr_err("leaf %u: directory entry %llx, should be %llx\n", leaf, pde, want);
		return -EINVAL;
	}

	err = check_table(svm, block, "under a leaf");
	return err;
}

/* Every way to enter a block, and from every way to every other. */
static int igt_svm_pt_leaves(void *arg)
{
	static const enum i915_svm_leaf order[] = {
		I915_SVM_LEAF_4K, I915_SVM_LEAF_64K, I915_SVM_LEAF_4K, I915_SVM_LEAF_2M,
		I915_SVM_LEAF_4K,
	};
	struct i915_svm *svm = arg;
	struct i915_svm_block *block;
	unsigned int i, local;
	u64 *table, pde;
	int err = 0;

	table = kvmalloc_array(I915_PDES, sizeof(*table), GFP_KERNEL);
	if (!table)
		return -ENOMEM;

	for (local = 0; !err && local < 2; local++) {
		block = block_create();
		if (!block) {
			err = -ENOMEM;
			break;
		}

		mutex_lock(&svm->mutex);
		err = enter_pages(svm, block, 0, I915_SVM_BLOCK_PAGES, local);
		if (!err) {
			pde = i915_svm_pt_read(svm, block, table);
			for (i = 0; !err && i < ARRAY_SIZE(order); i++)
				err = check_leaf(svm, block, order[i], pde);
		}
		block_destroy(svm, block);
		mutex_unlock(&svm->mutex);
	}
	kvfree(table);

	return err;
}

/* Is there any table below the root for the test's addresses? */
static bool has_tables(struct i915_svm *svm)
{
	return i915_vm_to_ppgtt(svm->vm)->pd->entry[TEST_START >> 39];
}

/* Tables are there as long as a page is counted, and not longer. */
static int igt_svm_pt_free(void *arg)
{
	struct i915_svm *svm = arg;
	struct i915_svm_block *block;
	int err;

	block = block_create();
	if (!block)
		return -ENOMEM;

	mutex_lock(&svm->mutex);
	err = has_tables(svm) ? -EBUSY : enter_pages(svm, block, 10, 500, false);
	if (!err) {
		write_lock(&svm->notifier_lock);
		i915_svm_pt_clear(svm, block, 10, 490);
		bitmap_zero(block->valid, I915_SVM_BLOCK_PAGES);
		write_unlock(&svm->notifier_lock);

		i915_svm_pt_free(svm, block, 0, 499);
		if (!has_tables(svm)) {
			pr_err("tables went with a page still counted\n");
			err = -EINVAL;
		}
		i915_svm_pt_free(svm, block, 499, 1);
		if (has_tables(svm)) {
			pr_err("tables stayed with no page counted\n");
			err = -EINVAL;
		}
	}
	block_destroy(svm, block);
	mutex_unlock(&svm->mutex);

	return err;
}

/* Nobody may write to the table that all bare blocks share. */
static int check_scratch_table(struct i915_svm *svm, const char *when)
{
	const u64 *table = __px_vaddr(svm->vm->scratch[1]);
	unsigned int i;

	for (i = 0; i < I915_PDES; i++) {
		if (table[i] == svm->vm->scratch[0]->encode)
			continue;
		pr_err("%s: entry %u of the scratch table is %llx\n", when, i, table[i]);
		return -EINVAL;
	}

	return 0;
}

/* All of the block as one 2M entry with no table behind it. */
static int enter_bare(struct i915_svm *svm, struct i915_svm_block *block)
{
	DECLARE_BITMAP(pages, I915_SVM_BLOCK_PAGES);
	int err;

	bitmap_fill(pages, I915_SVM_BLOCK_PAGES);
	err = i915_svm_pt_alloc(svm, block, pages, true);
	if (err)
		return err;
	if (!block->bare) {
		pr_err("a block that begins as one 2M entry has a table\n");
		return -EINVAL;
	}

	write_lock(&svm->notifier_lock);
	block->dma[0] = TEST_DMA;
	bitmap_fill(block->valid, I915_SVM_BLOCK_PAGES);
	i915_svm_pt_set_leaf(svm, block, I915_SVM_LEAF_2M);
	i915_svm_pt_set_leaf(svm, block, I915_SVM_LEAF_4K);
	bitmap_zero(block->valid, I915_SVM_BLOCK_PAGES);
	i915_svm_pt_clear(svm, block, 0, I915_SVM_BLOCK_PAGES);
	write_unlock(&svm->notifier_lock);

	err = check_table(svm, block, "after a 2M entry");
	return err ? err : check_scratch_table(svm, "after a 2M entry");
}

/* A bare block lets go of the shared table before anything is written to it. */
static int igt_svm_pt_bare(void *arg)
{
	struct i915_svm *svm = arg;
	struct i915_svm_block *block;
	int err;

	block = block_create();
	if (!block)
		return -ENOMEM;

	mutex_lock(&svm->mutex);
	err = enter_bare(svm, block);
	if (!err) {
		i915_svm_pt_free(svm, block, 3, 1);
		if (block->bare || has_tables(svm)) {
			pr_err("a bare block kept its table with a page not counted\n");
			err = -EINVAL;
		}
	}
	if (!err)
		err = enter_bare(svm, block);
	if (!err)
		err = enter_pages(svm, block, 10, 20, false);
	if (!err && block->bare) {
		pr_err("4K entries in a bare block\n");
		err = -EINVAL;
	}
	if (!err)
		err = check_table(svm, block, "4K entries after a 2M entry");
	if (!err)
		err = check_scratch_table(svm, "4K entries after a 2M entry");
	block_destroy(svm, block);
	mutex_unlock(&svm->mutex);

	return err;
}

/*
 * Live: copies and moves.
 */
#if IS_ENABLED(CONFIG_DRM_I915_SVM_DEVMEM)

struct copy_test {
	struct i915_svm_extent *extent;
	struct i915_svm_copy copy;
	bool whole;	/* pages of the system follow each other, too */
	struct page *pages[I915_SVM_EXTENT_PAGES];	/* of the device, by place */
	struct page *sys[I915_SVM_EXTENT_PAGES], *dev[I915_SVM_EXTENT_PAGES];
	struct scatterlist sys_sg[I915_SVM_EXTENT_PAGES], dev_sg[I915_SVM_EXTENT_PAGES];
};

static void copy_test_free(struct copy_test *t)
{
	unsigned int i;

	for (i = 0; i < I915_SVM_EXTENT_PAGES; i++) {
		if (t->pages[i]) {
			unlock_page(t->pages[i]);
			put_page(t->pages[i]);
		}
		if (t->sys[i])
			__free_page(t->sys[i]);
	}
	if (!IS_ERR_OR_NULL(t->extent))
		i915_svm_extent_release(t->extent);
	kvfree(t);
}

static int copy_test_alloc(struct copy_test *t)
{
	struct page *whole = NULL;
	unsigned int i;

	if (t->whole) {
		whole = alloc_pages(GFP_KERNEL, ilog2(I915_SVM_EXTENT_PAGES));
		if (!whole)
			return -ENOMEM;
		split_page(whole, ilog2(I915_SVM_EXTENT_PAGES));
	}

	for (i = 0; i < I915_SVM_EXTENT_PAGES; i++) {
		t->sys[i] = whole ? whole + i : alloc_page(GFP_KERNEL);
		if (!t->sys[i])
			return -ENOMEM;
	}
	return 0;
}

static struct copy_test *copy_test_create(struct i915_svm *svm, struct i915_svm_devmem *dm,
					  bool whole)
{
	const struct i915_svm_move how = { .account = svm->account, .granule = SZ_2M };
	DECLARE_BITMAP(want, I915_SVM_EXTENT_PAGES);
	struct copy_test *t = kvzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return NULL;

	t->whole = whole;
	t->copy.dm = dm;
	t->copy.sys_sg = t->sys_sg;
	t->copy.dev_sg = t->dev_sg;
	t->extent = i915_svm_extent_create(dm, &how);
	if (IS_ERR(t->extent))
		goto err;

	bitmap_fill(want, I915_SVM_EXTENT_PAGES);
	if (i915_svm_devmem_take(dm, t->extent, TEST_START, want, I915_SVM_EXTENT_PAGES,
				 t->pages) != I915_SVM_EXTENT_PAGES)
		goto err;

	if (copy_test_alloc(t))
		goto err;
	return t;

err:
	copy_test_free(t);
	return NULL;
}

static void fill_pages(struct copy_test *t, unsigned int count, u32 seed)
{
	unsigned int i, n;

	for (i = 0; i < count; i++) {
		u32 *p = kmap_local_page(t->sys[i]);

		for (n = 0; n < PAGE_SIZE / sizeof(*p); n++)
			p[n] = seed + i * PAGE_SIZE + n;
		kunmap_local(p);
	}
}

static int check_pages(struct copy_test *t, unsigned int count, u32 seed)
{
	unsigned int i, n;

	for (i = 0; i < count; i++) {
		u32 *p = kmap_local_page(t->sys[i]);
		bool wrong = false;

		for (n = 0; !wrong && n < PAGE_SIZE / sizeof(*p); n++)
			wrong = p[n] != seed + i * PAGE_SIZE + n;
		kunmap_local(p);
		if (wrong) {
			pr_err("%u pages came back wrong, page %u dword %u\n", count, i, n - 1);
			return -EINVAL;
		}
	}

	return 0;
}

static int copy_pages(struct copy_test *t, unsigned int count, bool to_device,
		      enum i915_svm_copy_mode mode)
{
	/* An IOMMU may align otherwise. */
	const bool windowed = t->whole && mode == I915_SVM_COPY_BLITTER &&
		!device_iommu_mapped(t->copy.dm->i915->drm.dev);
	unsigned int i;
	int err = 0;

	i915_svm_copy_begin(&t->copy, to_device);
	for (i = 0; i < count; i++)
		i915_svm_copy_add(&t->copy, t->sys[i], t->dev[i], 1);
	i915_svm_copy_start(&t->copy, mode);
	if (windowed && !t->copy.windowed) {
		pr_err("whole 2 MiB were not copied as such\n");
		err = -EINVAL;
	}
	return i915_svm_copy_finish(&t->copy) ?: err;
}

/* There by one, back by the other, in every combination. */
static int round_trips(struct copy_test *t, unsigned int count)
{
	unsigned int way;
	int err = 0;

	for (way = 0; !err && way < 4; way++) {
		fill_pages(t, count, 1000 * way);
		err = copy_pages(t, count, true, way & 1 ? I915_SVM_COPY_CPU : I915_SVM_COPY_BLITTER);
		fill_pages(t, count, ~0u / 2);
		if (!err)
			err = copy_pages(t, count, false,
					 way & 2 ? I915_SVM_COPY_CPU : I915_SVM_COPY_BLITTER);
		if (!err)
			err = check_pages(t, count, 1000 * way);
		if (err)
			pr_err("%u pages, way %u: %d\n", count, way, err);
	}

	return err;
}

static int no_device_pages(struct i915_svm *svm)
{
	const s64 left = atomic64_read(&svm->account->device_pages);

	if (!left)
		return 0;
	pr_err("%lld device pages left\n", left);
	return -EINVAL;
}

static int igt_svm_copy_whole(void *arg)
{
	struct i915_svm *svm = arg;
	struct i915_svm_devmem *dm = i915_svm_devmem_get(svm->vm->i915);
	struct copy_test *t;
	int err;

	if (IS_ERR(dm))
		return PTR_ERR(dm) == -ENODEV ? 0 : PTR_ERR(dm);

	t = copy_test_create(svm, dm, true);
	if (!t)
		return -ENOMEM;

	memcpy(t->dev, t->pages, sizeof(t->dev));
	err = round_trips(t, I915_SVM_EXTENT_PAGES);
	if (!err && !bitmap_empty(dm->windows, I915_SVM_WINDOWS)) {
		pr_err("a window stays taken\n");
		err = -EINVAL;
	}
	copy_test_free(t);
	return err ?: no_device_pages(svm);
}

static int igt_svm_copy(void *arg)
{
	static const unsigned int counts[] = { 1, 3, 16, 17, I915_SVM_EXTENT_PAGES };
	struct i915_svm *svm = arg;
	struct i915_svm_devmem *dm = i915_svm_devmem_get(svm->vm->i915);
	struct copy_test *t;
	unsigned int i, n;
	int err = 0;

	if (IS_ERR(dm))
		return PTR_ERR(dm) == -ENODEV ? 0 : PTR_ERR(dm);

	t = copy_test_create(svm, dm, false);
	if (!t)
		return -ENOMEM;

	for (i = 0; !err && i < ARRAY_SIZE(counts); i++) {
		memcpy(t->dev, t->pages, sizeof(t->dev));
		err = round_trips(t, counts[i]);
		/* Neither side in order: 5 has no common divisor with 512. */
		for (n = 0; n < I915_SVM_EXTENT_PAGES; n++)
			t->dev[n] = t->pages[n * 5 % I915_SVM_EXTENT_PAGES];
		if (!err)
			err = round_trips(t, counts[i]);
	}
	copy_test_free(t);
	return err ?: no_device_pages(svm);
}

static int write_memory(unsigned long addr, unsigned long size)
{
	unsigned long at;

	for (at = addr; at < addr + size; at += sizeof(at))
		if (put_user(at, (unsigned long __user *)at))
			return -EFAULT;
	return 0;
}

static int read_memory(unsigned long addr, unsigned long size)
{
	unsigned long at, value;

	for (at = addr; at < addr + size; at += sizeof(at)) {
		if (get_user(value, (unsigned long __user *)at))
			return -EFAULT;
		if (value != at) {
			pr_err("%lx holds %lx\n", at, value);
			return -EINVAL;
		}
	}
	return 0;
}

/* There and back, once by prefetch and once by touching it. */
static int move_memory(struct i915_svm *svm, struct i915_svm_devmem *dm,
		       unsigned long addr, unsigned long size)
{
	struct i915_svm_move how = { .account = svm->account, .granule = SZ_2M };
	struct i915_svm_migrated out;
	unsigned int i;
	int err;

	err = write_memory(addr, size);
	for (i = 0; !err && i < 2; i++) {
		how.to_device = true;
		err = i915_svm_migrate_range(dm, svm->mm, addr, addr + size, &how, &out);
		if (!err && out.moved != size)
			err = -ENOSPC;
		if (!err && atomic64_read(&svm->account->device_pages) != size >> PAGE_SHIFT)
			err = -EINVAL;
		if (!err && !i) {
			how.to_device = false;
			err = i915_svm_migrate_range(dm, svm->mm, addr, addr + size, &how, &out);
			if (!err && out.moved != size)
				err = -ENOMEM;
		}
		if (!err)
			err = read_memory(addr, size);
		if (!err && atomic64_read(&svm->account->device_pages))
			err = -EINVAL;
		if (err)
			pr_err("round %u: %d, moved %llu of %lu, %lld device pages\n", i, err,
			       out.moved, size, atomic64_read(&svm->account->device_pages));
	}

	return err;
}

/* Call @fn with memory of more than two blocks, and a piece of each smaller page size. */
static int on_memory(struct i915_svm *svm,
		     int (*fn)(struct i915_svm *svm, struct i915_svm_devmem *dm,
			       unsigned long addr, unsigned long size))
{
	const unsigned long size = SZ_4M + SZ_64K + SZ_4K;
	struct i915_svm_devmem *dm = i915_svm_devmem_get(svm->vm->i915);
	unsigned long addr;
	int err;

	if (IS_ERR(dm))
		return PTR_ERR(dm) == -ENODEV ? 0 : PTR_ERR(dm);

	addr = vm_mmap(NULL, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(addr))
		return addr;

	err = fn(svm, dm, addr, size);
	vm_munmap(addr, size);
	return err;
}

static int igt_svm_migrate(void *arg)
{
	return on_memory(arg, move_memory);
}

static int check_valid(struct i915_svm *svm, u64 start, u64 size, bool valid,
		       const char *when)
{
	struct drm_i915_gem_vm_query q = { .start = start, .length = size };
	int err;

	err = i915_svm_range_query(svm, &q);
	if (!err && q.bytes_invalid != (valid ? 0 : size)) {
		pr_err("%s: %llu of %llu bytes are invalid\n", when, q.bytes_invalid, size);
		err = -EINVAL;
	}
	return err;
}

/* All tables of a range hold what the blocks say. */
static int check_tables(struct i915_svm *svm, u64 start, u64 size, const char *when)
{
	struct i915_svm_block *block;
	int err = 0;
	u64 addr;

	for (addr = start; !err && addr < start + size; addr += I915_SVM_BLOCK_SIZE) {
		block = i915_svm_block_lookup(svm, addr);
		if (block && block->leaf == I915_SVM_LEAF_4K)
			err = check_table(svm, block, when);
	}
	return err;
}

/* As power that goes does. */
static void lose_local_memory(struct drm_i915_private *i915)
{
	struct intel_memory_region *mr = i915->mm.regions[INTEL_REGION_LMEM_0];
	resource_size_t offset;

	for (offset = 0; offset < resource_size(&mr->io); offset += SZ_2M) {
		const size_t size = min_t(resource_size_t, SZ_2M,
					  resource_size(&mr->io) - offset);
		void __iomem *p = io_mapping_map_wc(&mr->iomap, offset, size);

		memset_io(p, 0x5a, size);
		io_mapping_unmap(p);
		cond_resched();
	}
}

/* Down and up again, like the selftests of i915_gem.c, but with local memory saved and lost. */
static int suspend_and_resume(struct drm_i915_private *i915)
{
	intel_wakeref_t wakeref;
	int err;

	err = i915_gem_backup_suspend(i915);
	if (err)
		return err;

	with_intel_runtime_pm(&i915->runtime_pm, wakeref) {
		i915_ggtt_suspend(to_gt(i915)->ggtt);
		i915_gem_suspend_late(i915);
		lose_local_memory(i915);
		i915_ggtt_resume(to_gt(i915)->ggtt);
		if (GRAPHICS_VER(i915) >= 8)
			setup_private_pat(to_gt(i915));
		i915_gem_resume(i915);
	}

	return intel_gt_is_wedged(to_gt(i915)) ? -EIO : 0;
}

/* Bound memory, the first 2 MiB of it on the device, across a suspend. */
static int suspend_memory(struct i915_svm *svm, struct i915_svm_devmem *dm,
			  unsigned long addr, unsigned long size)
{
	struct i915_svm_move how = { .to_device = true, .account = svm->account,
				     .granule = SZ_2M };
	struct i915_svm_migrated out;
	int err;

	err = write_memory(addr, size);
	if (!err)
		err = i915_svm_range_bind(svm, addr, addr + size, false, NULL, 0);
	if (!err)
		err = i915_svm_migrate_range(dm, svm->mm, addr, addr + SZ_2M, &how, &out);
	if (!err && out.moved != SZ_2M)
		err = -ENOSPC;
	if (!err)
		err = i915_svm_validate(svm);
	if (!err)
		err = check_valid(svm, addr, size, true, "before");
	if (!err) {
		/* Nobody is inside a call then. */
		mutex_unlock(&svm->mutex);
		err = suspend_and_resume(svm->vm->i915);
		mutex_lock(&svm->mutex);
	}
	if (!err)
		err = check_valid(svm, addr, size, false, "after");
	if (!err)
		err = check_tables(svm, addr, size, "after");
	if (!err)
		err = i915_svm_validate(svm);
	if (!err)
		err = check_valid(svm, addr, size, true, "at the next submission");
	if (!err)
		err = check_tables(svm, addr, size, "at the next submission");
	if (!err)
		err = read_memory(addr, size);
	/* And the blitter still copies. */
	return err ?: move_memory(svm, dm, addr, size);
}

static int igt_svm_suspend(void *arg)
{
	struct i915_svm *svm = arg;
	int err;

	mutex_lock(&all_lock);
	list_add_tail(&svm->all_link, &all);
	mutex_unlock(&all_lock);

	mutex_lock(&svm->mutex);
	err = on_memory(svm, suspend_memory);
	i915_svm_range_unbind_all(svm);
	mutex_unlock(&svm->mutex);
	all_remove(svm);
	return err;
}

#endif

int i915_svm_live_selftests(struct drm_i915_private *i915)
{
	static const struct i915_subtest tests[] = {
		SUBTEST(igt_svm_pt_entries),
		SUBTEST(igt_svm_pt_leaves),
		SUBTEST(igt_svm_pt_free),
		SUBTEST(igt_svm_pt_bare),
#if IS_ENABLED(CONFIG_DRM_I915_SVM_DEVMEM)
		SUBTEST(igt_svm_copy),
		SUBTEST(igt_svm_copy_whole),
		SUBTEST(igt_svm_migrate),
		SUBTEST(igt_svm_suspend),
#endif
	};
	struct i915_ppgtt *ppgtt;
	int err;

	if (!i915_svm_caps(i915))
		return 0;

	ppgtt = i915_ppgtt_create(to_gt(i915), 0);
	if (IS_ERR(ppgtt))
		return PTR_ERR(ppgtt);

	err = svm_subtests(&ppgtt->vm, tests, ARRAY_SIZE(tests));
	i915_vm_put(&ppgtt->vm);
	return err;
}
