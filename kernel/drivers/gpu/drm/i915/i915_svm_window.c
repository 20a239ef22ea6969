// SPDX-License-Identifier: MIT
/*
 * DOC: Copying whole 2 MiB
 *
 * i915's migrate context has the GPU write a page-table entry for every 4K page
 * before it copies, and the CPU all of these commands. Here is a context for
 * memory that lies together in pieces of 2 MiB on both sides. Its address space
 * has one page directory, whose entries map 2 MiB each. A copy takes a window,
 * so many entries for its source and as many for its destination, until it has
 * finished; so the CPU writes them before the request that invalidates the TLB
 * and copies all of it in one go.
 *
 * Who finds no window free, or has smaller pieces, takes the migrate context; so
 * does all that goes to local memory with compression state of its own, which
 * has to be written as well.
 *
 * Locking: none; windows are taken by atomic bit operations.
 */

#include <drm/drm_cache.h>

#include "gem/i915_gem_lmem.h"
#include "gt/gen8_ppgtt.h"
#include "gt/intel_context.h"
#include "gt/intel_engine.h"
#include "gt/intel_engine_pm.h"
#include "gt/intel_gpu_commands.h"
#include "gt/intel_gt.h"
#include "gt/intel_gtt.h"
#include "gt/intel_ring.h"
#include "i915_drv.h"
#include "i915_request.h"
#include "i915_svm_devmem_types.h"

#define PIECE_SIZE	SZ_2M
#define RING_SIZE	SZ_16K

/* Where the context's progress is seen in its engine's status page: between those of i915. */
#define HWS_SVM_COPY	(0x44 * sizeof(u32))
static_assert(HWS_SVM_COPY > I915_GEM_HWS_MIGRATE + sizeof(u32));
static_assert(HWS_SVM_COPY < I915_GEM_HWS_GGTT_BIND_ADDR);

/* XY_FAST_COPY_BLT of linear memory, as lines of a page. */
#define COPY_DWORDS	10

/* Entries of a window: the source, then the destination. */
#define SIDE		I915_SVM_STEP_EXTENTS

/* The directory's first entries, of no window, have the only table, which keeps it alive. */
static unsigned int window_index(unsigned int window)
{
	return 2 * SIDE * (window + 1);
}

static_assert(2 * SIDE * (I915_SVM_WINDOWS + 1) <= I915_PDES);
static_assert(SIDE * PIECE_SIZE >> PAGE_SHIFT <= U16_MAX);

static u64 *directory(struct i915_address_space *vm)
{
	struct i915_page_directory *pd = i915_vm_to_ppgtt(vm)->pd;

	pd = pd->entry[0];
	pd = pd->entry[0];
	return px_vaddr(pd);
}

static struct i915_address_space *window_vm(struct intel_gt *gt)
{
	struct i915_vm_pt_stash stash = {};
	struct i915_gem_ww_ctx ww;
	struct i915_ppgtt *ppgtt;
	int err;

	/* As that of the migrate context: needed before all else is restored. */
	ppgtt = i915_ppgtt_create(gt, I915_BO_ALLOC_PM_EARLY);
	if (IS_ERR(ppgtt))
		return ERR_CAST(ppgtt);

	err = i915_vm_alloc_pt_stash(&ppgtt->vm, &stash, SZ_4K);
	if (err)
		goto err_vm;

	for_i915_gem_ww(&ww, err, true) {
		err = i915_vm_lock_objects(&ppgtt->vm, &ww);
		if (err)
			continue;
		err = i915_vm_map_pt_stash(&ppgtt->vm, &stash);
		if (err)
			continue;
		ppgtt->vm.allocate_va_range(&ppgtt->vm, &stash, 0, SZ_4K);
	}
	i915_vm_free_pt_stash(&ppgtt->vm, &stash);
	if (err)
		goto err_vm;

	return &ppgtt->vm;

err_vm:
	i915_vm_put(&ppgtt->vm);
	return ERR_PTR(err);
}

/**
 * i915_svm_window_init - make the context
 * @dm: the device memory
 *
 * Without it everything is copied by the migrate context.
 */
void i915_svm_window_init(struct i915_svm_devmem *dm)
{
	struct intel_gt *gt = to_gt(dm->i915);
	struct intel_context *migrate = gt->migrate.context, *ce;
	static struct lock_class_key key;
	struct i915_address_space *vm;

	/* Gen8 has no such command. */
	if (!migrate || GRAPHICS_VER(dm->i915) < 9)
		return;

	intel_engine_pm_get(migrate->engine);
	vm = window_vm(gt);
	if (IS_ERR(vm))
		goto out;

	/* Not the way for three levels. */
	if (vm->top == 3) {
		ce = intel_engine_create_pinned_context(migrate->engine, vm, RING_SIZE,
							HWS_SVM_COPY, &key, "svm copy");
		if (!IS_ERR(ce))
			dm->window = ce;
	}
	i915_vm_put(vm);
out:
	intel_engine_pm_put(migrate->engine);
}

/**
 * i915_svm_window_fini - give the context back
 * @dm: the device memory; nothing is being copied
 */
void i915_svm_window_fini(struct i915_svm_devmem *dm)
{
	struct intel_context *ce = fetch_and_zero(&dm->window);

	GEM_BUG_ON(!bitmap_empty(dm->windows, I915_SVM_WINDOWS));
	if (ce)
		intel_engine_destroy_pinned_context(ce);
}

/* Is all of it whole pieces? */
static bool whole(struct scatterlist *sg)
{
	for (; sg && sg_dma_len(sg); sg = sg_next(sg))
		if (!IS_ALIGNED(sg_dma_address(sg) | sg_dma_len(sg), PIECE_SIZE))
			return false;
	return true;
}

/* Goes through a list by pieces. */
struct piece {
	struct scatterlist *sg;
	unsigned int offset;
};

static dma_addr_t next_piece(struct piece *p)
{
	const dma_addr_t addr = sg_dma_address(p->sg) + p->offset;

	p->offset += PIECE_SIZE;
	if (p->offset == sg_dma_len(p->sg)) {
		p->sg = sg_next(p->sg);
		p->offset = 0;
	}
	return addr;
}

static bool take_window(struct i915_svm_copy *copy)
{
	unsigned long *windows = copy->dm->windows;
	unsigned int n;

	do {
		n = find_first_zero_bit(windows, I915_SVM_WINDOWS);
		if (n >= I915_SVM_WINDOWS)
			return false;
	} while (test_and_set_bit_lock(n, windows));

	copy->window = n;
	copy->windowed = true;
	return true;
}

/**
 * i915_svm_window_release - a copy has finished, or will not begin
 * @copy: the copy
 */
void i915_svm_window_release(struct i915_svm_copy *copy)
{
	if (copy->windowed)
		clear_bit_unlock(copy->window, copy->dm->windows);
	copy->windowed = false;
}

static void write_entries(struct i915_address_space *vm, u64 *pde,
			  struct scatterlist *sg, unsigned int pieces,
			  enum i915_cache_level cache, u32 flags)
{
	const u64 bits = GEN8_PDE_PS_2M |
		vm->pte_encode(0, i915_gem_get_pat_index(vm->i915, cache), flags);
	struct piece p = { sg };
	unsigned int i;

	for (i = 0; i < pieces; i++)
		WRITE_ONCE(pde[i], next_piece(&p) | bits);
	drm_clflush_virt_range(pde, pieces * sizeof(*pde));
}

static int emit_blit(struct i915_request *rq, u64 src, u64 dst, unsigned int pages)
{
	u32 *cs;
	int err;

	err = rq->engine->emit_init_breadcrumb ?
		rq->engine->emit_init_breadcrumb(rq) : 0;
	if (!err)
		err = rq->engine->emit_flush(rq, EMIT_INVALIDATE);
	if (err)
		return err;

	cs = intel_ring_begin(rq, COPY_DWORDS);
	if (IS_ERR(cs))
		return PTR_ERR(cs);

	*cs++ = GEN9_XY_FAST_COPY_BLT_CMD | (COPY_DWORDS - 2);
	*cs++ = BLT_DEPTH_32 | PAGE_SIZE;
	*cs++ = 0;
	*cs++ = pages << 16 | PAGE_SIZE / sizeof(u32);
	*cs++ = lower_32_bits(dst);
	*cs++ = upper_32_bits(dst);
	*cs++ = 0;
	*cs++ = PAGE_SIZE;
	*cs++ = lower_32_bits(src);
	*cs++ = upper_32_bits(src);
	intel_ring_advance(rq, cs);
	return 0;
}

/**
 * i915_svm_window_copy - have a copy done by this context
 * @copy: it, its lists of addresses filled in
 *
 * Returns: 0, -ENOSPC when it is not for this context; else an error, and then
 * @copy->rq, if any, is to be waited for all the same.
 */
int i915_svm_window_copy(struct i915_svm_copy *copy)
{
	const unsigned int pieces = copy->count / I915_SVM_EXTENT_PAGES;
	struct intel_context *ce = copy->dm->window;
	unsigned int index;
	struct i915_request *rq;
	u64 *pde, base;
	int err;

	if (!ce || pieces > SIDE || (copy->to_device && HAS_FLAT_CCS(copy->dm->i915)) ||
	    !whole(copy->sys_sg) || !whole(copy->dev_sg) ||
	    !take_window(copy))
		return -ENOSPC;

	index = window_index(copy->window);
	pde = directory(ce->vm) + index;
	write_entries(ce->vm, pde + (copy->to_device ? 0 : SIDE), copy->sys_sg, pieces,
		      I915_CACHE_LLC, 0);
	write_entries(ce->vm, pde + (copy->to_device ? SIDE : 0), copy->dev_sg, pieces,
		      I915_CACHE_NONE, PTE_LM);
	wmb(); /* entries before who uses them */

	rq = i915_request_create(ce);
	if (IS_ERR(rq)) {
		i915_svm_window_release(copy);
		return PTR_ERR(rq);
	}

	base = (u64)index * PIECE_SIZE;
	err = emit_blit(rq, base, base + SIDE * PIECE_SIZE, copy->count);
	if (err)
		i915_request_set_error_once(rq, err);
	copy->rq = i915_request_get(rq);
	i915_request_add(rq);
	return err;
}
