// SPDX-License-Identifier: MIT
/*
 * DOC: Stopping GPU access
 *
 * Pages bound by SVM are not pinned: the kernel may take any of them away,
 * and tells so through the mmu interval notifier of the 64 MiB chunk. Before
 * the callback returns, the GPU must have lost the pages. Gen12 can neither
 * fault nor be suspended at will, so the callback
 *
 *  1. marks the blocks dirty under notifier_lock: from here on no submission
 *     passes i915_svm_exec_commit() until they have been validated again;
 *  2. waits for what was submitted before, whose fences svm->fences holds. The
 *     wait needs no memory and no lock that the invalidating thread may hold;
 *  3. sends the pages to scratch, flushes TLBs and unmaps them for dma.
 *
 * All waiting is in stop_gpu(), so that suspending contexts can replace it.
 * It is bounded by the module parameter svm_wait_ms: work that runs longer
 * is banned and reset from a worker, with or without heartbeats. Step 3 then
 * happens under its feet, in an order that makes it safe: entries to scratch, TLBs,
 * and only then are the pages let go and no longer valid. It sees scratch, its
 * context never runs again, and the memory is no longer its own.
 *
 * A caller that may not block (the OOM reaper) is refused while work runs.
 */

#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/ktime.h>
#include <linux/module.h>

#include "gt/intel_context.h"
#include "gt/intel_gt.h"
#include "gt/intel_reset.h"
#include "gt/intel_tlb.h"
#include "i915_drv.h"
#include "i915_request.h"
#include "i915_svm_trace.h"
#include "i915_svm_types.h"

static unsigned int svm_wait_ms = 10000;
module_param_named(svm_wait_ms, svm_wait_ms, uint, 0600);
MODULE_PARM_DESC(svm_wait_ms,
		 "How long the CPU waits for GPU work that uses memory it takes away, before the work is banned (default 10000)");

/* How long at most, once the driver leaves: it stops all work anyway. */
#define LEAVE_MS	1000

/* How long banned work may take to be preempted. */
#define CANCEL_MS	2000

/**
 * i915_svm_idle - has all work submitted to the address space finished?
 * @svm: the address space
 */
bool i915_svm_idle(struct i915_svm *svm)
{
	return dma_resv_test_signaled(i915_svm_resv(svm),
				      DMA_RESV_USAGE_BOOKKEEP);
}

/**
 * i915_svm_wait_idle - wait for submitted work on behalf of the user
 * @svm: the address space, in which something is marked dirty
 *
 * Returns: 0, -ERESTARTSYS unless @svm->undo, or -ETIME after svm_wait_ms.
 */
int i915_svm_wait_idle(struct i915_svm *svm)
{
	long ret;

	lockdep_assert_held(&svm->mutex);

	ret = dma_resv_wait_timeout(i915_svm_resv(svm), DMA_RESV_USAGE_BOOKKEEP,
				    !svm->undo, msecs_to_jiffies(svm_wait_ms));
	if (ret < 0)
		return ret;

	return ret ? 0 : -ETIME;
}

static unsigned int wait_ms(const struct i915_svm *svm)
{
	return READ_ONCE(svm->vm->i915->svm_leaving) ?
		min_t(unsigned int, svm_wait_ms, LEAVE_MS) : svm_wait_ms;
}

/* The context of a request that has not finished, referenced; or NULL. */
static struct intel_context *unfinished_context(struct i915_request *rq)
{
	struct intel_context *ce = NULL;

	/* Until it is retired a request keeps its context, which RCU frees. */
	rcu_read_lock();
	if (!i915_request_completed(rq)) {
		ce = rq->context;
		if (!kref_get_unless_zero(&ce->ref)) /* retired just now */
			ce = NULL;
	}
	rcu_read_unlock();

	return ce;
}

/*
 * Call @fn for every unfinished request of the address space. It may sleep if
 * the caller may; the contexts are referenced meanwhile.
 */
static void for_each_unfinished(struct i915_svm *svm,
				void (*fn)(struct i915_svm *svm,
					   struct i915_request *rq,
					   struct intel_context *ce))
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_iter_begin(&cursor, i915_svm_resv(svm), DMA_RESV_USAGE_BOOKKEEP);
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		struct intel_context *ce;

		if (!dma_fence_is_i915(fence) || dma_fence_is_signaled(fence))
			continue;

		ce = unfinished_context(to_request(fence));
		if (ce) {
			fn(svm, to_request(fence), ce);
			intel_context_put(ce);
		}
	}
	dma_resv_iter_end(&cursor);
}

/* Neither allocates nor sleeps: for the notifier. */
static void ban(struct i915_svm *svm, struct i915_request *rq, struct intel_context *ce)
{
	if (intel_context_set_banned(ce))
		return;

	i915_svm_count(svm, BANS, 1);
	drm_notice(&svm->vm->i915->drm,
		   "SVM: banning a context of %s: its work outlived %u ms of waiting for memory it uses\n",
		   svm->comm, wait_ms(svm));
}

/* Preempts the request; only if it resists, its engine is reset. */
static void cancel(struct i915_svm *svm, struct i915_request *rq, struct intel_context *ce)
{
	if (intel_context_is_banned(ce))
		i915_request_cancel(rq, -EIO);
}

static void kill(struct i915_svm *svm, struct i915_request *rq, struct intel_context *ce)
{
	struct intel_engine_cs *engine;

	if (intel_context_is_banned(ce) && i915_request_active_engine(rq, &engine))
		intel_gt_handle_error(engine->gt, engine->mask, I915_ERROR_CAPTURE,
				      "SVM: banned work does not stop");
}

/**
 * i915_svm_ban_work - end work that outlived the wait of a notifier
 * @work: &i915_svm.ban_work
 */
void i915_svm_ban_work(struct work_struct *work)
{
	struct i915_svm *svm = container_of(work, struct i915_svm, ban_work);

	for_each_unfinished(svm, cancel);

	if (dma_resv_wait_timeout(i915_svm_resv(svm), DMA_RESV_USAGE_BOOKKEEP, false,
				  msecs_to_jiffies(CANCEL_MS)) <= 0)
		for_each_unfinished(svm, kill);
}

/*
 * The one place where GPU access is stopped. Returns with it stopped or
 * doomed, and how long that took.
 */
static u64 stop_gpu(struct i915_svm *svm)
{
	ktime_t start;
	u64 ns;
	long ret;

	if (i915_svm_idle(svm))
		return 0;

	start = ktime_get();
	ret = dma_resv_wait_timeout(i915_svm_resv(svm), DMA_RESV_USAGE_BOOKKEEP,
				    false, msecs_to_jiffies(wait_ms(svm)));
	ns = ktime_to_ns(ktime_sub(ktime_get(), start));
	i915_svm_count(svm, WAITS, 1);
	i915_svm_count(svm, WAIT_NS, ns);

	if (ret <= 0) {
		for_each_unfinished(svm, ban);
		queue_work(system_unbound_wq, &svm->ban_work);
	}

	return ns;
}

/**
 * i915_svm_flush_tlb - let the device forget translations
 * @svm: the address space
 */
void i915_svm_flush_tlb(struct i915_svm *svm)
{
	struct intel_gt *gt = svm->vm->gt;

	intel_gt_invalidate_tlb_full(gt, intel_gt_next_invalidate_tlb_full(gt));
}

/**
 * i915_svm_block_mark - have a block validated before the next submission
 * @svm: the address space
 * @block: the block
 */
void i915_svm_block_mark(struct i915_svm *svm, struct i915_svm_block *block)
{
	lockdep_assert_held_write(&svm->notifier_lock);

	block->dirty = true;
	list_move_tail(&block->link, &svm->dirty);
}

static void unmap_run(struct i915_svm *svm, struct i915_svm_block *block,
		      unsigned int first, unsigned int end)
{
	if (!test_bit(first, block->local) && !test_bit(first, block->object))
		dma_unmap_page_attrs(svm->vm->dma, i915_svm_block_dma(block, first),
				     (size_t)(end - first) << PAGE_SHIFT,
				     DMA_BIDIRECTIONAL, I915_SVM_DMA_ATTRS);
}

/* The end of the dma mapping that holds @page. */
static unsigned int run_end(const struct i915_svm_block *block, unsigned int page)
{
	return min(find_next_bit(block->heads, I915_SVM_BLOCK_PAGES, page + 1),
		   find_next_zero_bit(block->valid, I915_SVM_BLOCK_PAGES, page));
}

/**
 * i915_svm_block_zap - take pages of a block away from the GPU
 * @svm: the address space, idle or doomed
 * @block: the block
 * @first: first page
 * @last: last page
 *
 * More pages may lose their validity: a dma mapping goes as a whole, and so
 * does a large leaf. Returns: whether any was valid.
 */
bool i915_svm_block_zap(struct i915_svm *svm, struct i915_svm_block *block,
			unsigned int first, unsigned int last)
{
	const enum i915_svm_leaf leaf = block->leaf;
	unsigned int page, pages = 0, system = 0;
	const ktime_t began = ktime_get();

	lockdep_assert_held_write(&svm->notifier_lock);

	if (block->leaf != I915_SVM_LEAF_4K) {
		i915_svm_pt_set_leaf(svm, block, I915_SVM_LEAF_4K);
		first = 0;
		last = I915_SVM_BLOCK_PAGES - 1;
	}

	page = find_next_bit(block->valid, I915_SVM_BLOCK_PAGES, first);
	while (page <= last && page < I915_SVM_BLOCK_PAGES) {
		unsigned int end;

		while (!test_bit(page, block->heads))
			page--;
		end = run_end(block, page);
		pages += end - page;
		if (!test_bit(page, block->local) && !test_bit(page, block->object))
			system += end - page;

		i915_svm_pt_clear(svm, block, page, end - page);
		unmap_run(svm, block, page, end);
		bitmap_clear(block->valid, page, end - page);
		bitmap_clear(block->local, page, end - page);
		__clear_bit(page, block->heads);
		page = find_next_bit(block->valid, I915_SVM_BLOCK_PAGES, end);
	}

	if (pages) {
		i915_svm_count(svm, PAGES_INVALIDATED, pages);
		i915_svm_account_resident(svm->account, -(s64)system, 0);
		i915_svm_account_flow(svm->account, I915_SVM_FLOW_UNMAP, leaf,
				      pages / i915_svm_leaf_pages(leaf),
				      ktime_to_ns(ktime_sub(ktime_get(), began)));
	}
	return pages;
}

/* The first valid page from @page on: of an object, or of the CPU. */
static unsigned int next_valid(const struct i915_svm_block *block,
			       unsigned int page, bool object)
{
	page = find_next_bit(block->valid, I915_SVM_BLOCK_PAGES, page);
	while (page < I915_SVM_BLOCK_PAGES && test_bit(page, block->object) != object)
		page = find_next_bit(block->valid, I915_SVM_BLOCK_PAGES, page + 1);

	return page;
}

/*
 * Call @fn for every block of a chunk with something valid in the inclusive
 * range, of objects or of the CPU.
 */
static bool for_each_valid(struct i915_svm_chunk *chunk, u64 start, u64 last,
			   bool object,
			   void (*fn)(struct i915_svm *svm,
				      struct i915_svm_block *block,
				      unsigned int first, unsigned int last))
{
	unsigned int i, end;
	bool any = false;

	start = max(start, chunk->start);
	last = min(last, chunk->start + I915_SVM_CHUNK_SIZE - 1);
	end = (last - chunk->start) >> I915_SVM_BLOCK_SHIFT;

	for (i = (start - chunk->start) >> I915_SVM_BLOCK_SHIFT; i <= end; i++) {
		struct i915_svm_block *block = chunk->blocks[i];
		unsigned int from, to;

		if (!block)
			continue;

		from = start > block->start ? i915_svm_page(start) : 0;
		to = last < block->start + I915_SVM_BLOCK_SIZE - 1 ?
			i915_svm_page(last) : I915_SVM_BLOCK_PAGES - 1;
		if (next_valid(block, from, object) > to)
			continue;

		any = true;
		if (fn)
			fn(chunk->svm, block, from, to);
	}

	return any;
}

static void mark_one(struct i915_svm *svm, struct i915_svm_block *block,
		     unsigned int first, unsigned int last)
{
	i915_svm_block_mark(svm, block);
}

static void mark_pushed_out(struct i915_svm *svm, struct i915_svm_block *block,
			    unsigned int first, unsigned int last)
{
	i915_svm_block_mark(svm, block);
	block->pushed_out = true;
}

static void zap_one(struct i915_svm *svm, struct i915_svm_block *block,
		    unsigned int first, unsigned int last)
{
	i915_svm_block_zap(svm, block, first, last);
}

static void take_one(struct i915_svm *svm, struct i915_svm_block *block,
		     unsigned int first, unsigned int last)
{
	i915_svm_block_mark(svm, block);
	i915_svm_block_zap(svm, block, first, last);
}

/* What zap_one() takes away, but all of it stays valid and mapped for dma. */
static void hide_one(struct i915_svm *svm, struct i915_svm_block *block,
		     unsigned int first, unsigned int last)
{
	unsigned int page, end;

	if (block->leaf != I915_SVM_LEAF_4K) {
		i915_svm_pt_hide(svm, block, 0, I915_SVM_BLOCK_PAGES);
		return;
	}

	for (page = find_next_bit(block->valid, I915_SVM_BLOCK_PAGES, first);
	     page <= last && page < I915_SVM_BLOCK_PAGES;
	     page = find_next_bit(block->valid, I915_SVM_BLOCK_PAGES, end)) {
		while (!test_bit(page, block->heads))
			page--;
		end = run_end(block, page);
		i915_svm_pt_hide(svm, block, page, end - page);
	}
}

/* Call @fn as for_each_valid() does, for all chunks. */
static bool for_all_valid(struct i915_svm *svm, u64 start, u64 last, bool object,
			  void (*fn)(struct i915_svm *svm, struct i915_svm_block *block,
				     unsigned int first, unsigned int last))
{
	struct i915_svm_chunk *chunk;
	unsigned long index;
	bool any = false;

	xa_for_each_range(&svm->chunks, index, chunk, start >> I915_SVM_CHUNK_SHIFT,
			  last >> I915_SVM_CHUNK_SHIFT)
		any |= for_each_valid(chunk, start, last, object, fn);

	return any;
}

/* stop_gpu() was called. Who runs all the same may have the pages in its TLB. */
static void hide(struct i915_svm *svm, u64 start, u64 last, bool object)
{
	if (i915_svm_idle(svm))
		return;

	write_lock(&svm->notifier_lock);
	for_all_valid(svm, start, last, object, hide_one);
	write_unlock(&svm->notifier_lock);
	i915_svm_flush_tlb(svm);
}

/* The pages were marked, and stop_gpu() was called. */
static void let_go(struct i915_svm *svm, u64 start, u64 last, bool object)
{
	hide(svm, start, last, object);

	write_lock(&svm->notifier_lock);
	for_all_valid(svm, start, last, object, zap_one);
	write_unlock(&svm->notifier_lock);
}

/**
 * i915_svm_any_valid - can the GPU reach something of an object?
 * @svm: the address space, in which the range stays bound meanwhile
 * @start: first byte
 * @last: last byte
 */
bool i915_svm_any_valid(struct i915_svm *svm, u64 start, u64 last)
{
	bool any;

	read_lock(&svm->notifier_lock);
	any = for_all_valid(svm, start, last, true, NULL);
	read_unlock(&svm->notifier_lock);

	return any;
}

/**
 * i915_svm_take_away - the memory of an object goes
 * @svm: the address space, in which the range stays bound meanwhile
 * @start: first byte
 * @last: last byte
 *
 * Returns: whether any of it was valid.
 */
bool i915_svm_take_away(struct i915_svm *svm, u64 start, u64 last)
{
	bool hit;

	write_lock(&svm->notifier_lock);
	hit = for_all_valid(svm, start, last, true, mark_pushed_out);
	write_unlock(&svm->notifier_lock);
	if (!hit)
		return false;

	i915_svm_count(svm, INVALIDATIONS, 1);
	stop_gpu(svm);
	let_go(svm, start, last, true);
	i915_svm_flush_tlb(svm);

	return true;
}

/**
 * i915_svm_take_away_all - leave nothing but scratch in the page tables
 * @svm: the address space; nobody submits
 *
 * The next submission finds it all again.
 */
void i915_svm_take_away_all(struct i915_svm *svm)
{
	struct i915_svm_chunk *chunk;
	unsigned long index = 0;

	stop_gpu(svm);
	hide(svm, 0, U64_MAX, false);
	hide(svm, 0, U64_MAX, true);

	do {
		/* By chunk, for there may be many; they come and go in between. */
		write_lock(&svm->notifier_lock);
		chunk = xa_find(&svm->chunks, &index, ULONG_MAX, XA_PRESENT);
		if (chunk) {
			const u64 last = chunk->start + I915_SVM_CHUNK_SIZE - 1;

			for_each_valid(chunk, chunk->start, last, false, take_one);
			for_each_valid(chunk, chunk->start, last, true, take_one);
		}
		write_unlock(&svm->notifier_lock);
		cond_resched();
	} while (chunk && index++ < ULONG_MAX);

	i915_svm_flush_tlb(svm);
}

/* Who looks at mappings by migrate_vma_setup(), and changes nothing. */
char i915_svm_probe;

static bool invalidate(struct mmu_interval_notifier *mni,
		       const struct mmu_notifier_range *range,
		       unsigned long cur_seq)
{
	struct i915_svm_chunk *chunk =
		container_of(mni, struct i915_svm_chunk, notifier);
	struct i915_svm *svm = chunk->svm;
	const bool blockable = mmu_notifier_range_blockable(range);
	const u64 start = range->start, last = range->end - 1;
	bool hit, idle;
	u64 waited = 0;

	if (range->event == MMU_NOTIFY_MIGRATE && range->owner == &i915_svm_probe)
		return true;

	write_lock(&svm->notifier_lock);
	hit = for_each_valid(chunk, start, last, false, NULL);
	idle = !hit || i915_svm_idle(svm);
	if (!idle && !blockable) {
		write_unlock(&svm->notifier_lock);
		return false;
	}
	mmu_interval_set_seq(mni, cur_seq);
	if (hit)
		for_each_valid(chunk, start, last, false, mark_one);
	if (hit && idle)
		for_each_valid(chunk, start, last, false, zap_one);
	write_unlock(&svm->notifier_lock);

	if (!hit)
		return true;

	i915_svm_count(svm, INVALIDATIONS, 1);
	if (!idle) {
		waited = stop_gpu(svm);
		let_go(svm, max(start, chunk->start),
		       min(last, chunk->start + I915_SVM_CHUNK_SIZE - 1), false);
	}

	/* Every submission begins with a TLB flush; do not wait for the next. */
	if (blockable)
		i915_svm_flush_tlb(svm);

	trace_i915_svm_invalidate(svm, max(start, chunk->start),
				  min(range->end, chunk->start + I915_SVM_CHUNK_SIZE),
				  range->event, waited);
	return true;
}

static const struct mmu_interval_notifier_ops notifier_ops = {
	.invalidate = invalidate,
};

/**
 * i915_svm_chunk_get - the chunk of an address, watched from now on
 * @svm: the address space
 * @addr: any address in it
 */
struct i915_svm_chunk *i915_svm_chunk_get(struct i915_svm *svm, u64 addr)
{
	const unsigned long index = addr >> I915_SVM_CHUNK_SHIFT;
	struct i915_svm_chunk *chunk;
	int err;

	lockdep_assert_held(&svm->mutex);

	chunk = xa_load(&svm->chunks, index);
	if (chunk)
		return chunk;

	chunk = kzalloc(sizeof(*chunk), GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return ERR_PTR(-ENOMEM);

	chunk->svm = svm;
	chunk->start = round_down(addr, I915_SVM_CHUNK_SIZE);

	err = xa_err(xa_store(&svm->chunks, index, chunk, GFP_KERNEL_ACCOUNT));
	if (err)
		goto err_free;

	err = mmu_interval_notifier_insert(&chunk->notifier, svm->mm,
					   chunk->start, I915_SVM_CHUNK_SIZE,
					   &notifier_ops);
	if (err)
		goto err_erase;

	return chunk;

err_erase:
	write_lock(&svm->notifier_lock);
	xa_erase(&svm->chunks, index);
	write_unlock(&svm->notifier_lock);
err_free:
	kfree(chunk);
	return ERR_PTR(err);
}

/**
 * i915_svm_chunk_put - stop watching a chunk in which nothing is bound
 * @chunk: the chunk; freed
 */
void i915_svm_chunk_put(struct i915_svm_chunk *chunk)
{
	lockdep_assert_held(&chunk->svm->mutex);
	GEM_BUG_ON(chunk->num_blocks);

	/* Waits for a callback that runs; it takes no mutex of ours. */
	mmu_interval_notifier_remove(&chunk->notifier);

	/* i915_svm_take_away() walks the chunks under this lock only. */
	write_lock(&chunk->svm->notifier_lock);
	xa_erase(&chunk->svm->chunks, chunk->start >> I915_SVM_CHUNK_SHIFT);
	write_unlock(&chunk->svm->notifier_lock);
	kfree(chunk);
}
