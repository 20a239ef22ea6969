// SPDX-License-Identifier: MIT
/*
 * DOC: Bound ranges
 *
 * A range is a stretch of CPU addresses bound at the same GPU addresses. It
 * reserves them in the drm_mm of the address space with an unevictable node,
 * so that neither softpinned nor kernel-placed objects can land there. Ranges
 * do not overlap. Unbinding takes any part of them and may split one.
 *
 * Ranges only say what is bound. What is mapped is kept by 2 MiB block, in
 * bitmaps: a range sets bits in &i915_svm_block.owned and marks the block
 * dirty; all cost of mapping is paid by the next submission.
 *
 * Ranges and blocks belong to svm->mutex.
 */

#include <linux/dma-mapping.h>

#include "i915_drv.h"
#include "i915_gem_gtt.h"
#include "i915_svm_trace.h"
#include "i915_svm_types.h"
#include "i915_vma_resource.h"

/* Book-keeping is a few hundred bytes per 2 MiB: let no VM grow without end. */
#define MAX_BOUND_BYTES	max_t(u64, SZ_256G, (u64)totalram_pages() << (PAGE_SHIFT + 1))

static struct i915_svm_range *to_range(struct interval_tree_node *it)
{
	return it ? container_of(it, struct i915_svm_range, it) : NULL;
}

static struct i915_svm_range *first_range(struct i915_svm *svm, u64 start, u64 end)
{
	return to_range(interval_tree_iter_first(&svm->ranges, start, end - 1));
}

static struct i915_svm_range *
next_range(struct i915_svm_range *range, u64 start, u64 end)
{
	return to_range(interval_tree_iter_next(&range->it, start, end - 1));
}

/**
 * i915_svm_block_lookup - find the block of an address
 * @svm: the address space
 * @addr: any address in it
 */
struct i915_svm_block *i915_svm_block_lookup(struct i915_svm *svm, u64 addr)
{
	struct i915_svm_chunk *chunk;

	lockdep_assert_held(&svm->mutex);

	chunk = xa_load(&svm->chunks, addr >> I915_SVM_CHUNK_SHIFT);
	if (!chunk)
		return NULL;

	return chunk->blocks[(addr - chunk->start) >> I915_SVM_BLOCK_SHIFT];
}

static struct i915_svm_block *block_get(struct i915_svm *svm, u64 addr)
{
	struct i915_svm_chunk *chunk;
	struct i915_svm_block *block;
	unsigned int i;

	chunk = i915_svm_chunk_get(svm, addr);
	if (IS_ERR(chunk))
		return ERR_CAST(chunk);

	i = (addr - chunk->start) >> I915_SVM_BLOCK_SHIFT;
	if (chunk->blocks[i])
		return chunk->blocks[i];

	block = kzalloc(sizeof(*block), GFP_KERNEL_ACCOUNT);
	if (!block) {
		if (!chunk->num_blocks)
			i915_svm_chunk_put(chunk);
		return ERR_PTR(-ENOMEM);
	}

	block->start = round_down(addr, I915_SVM_BLOCK_SIZE);
	INIT_LIST_HEAD(&block->link);

	write_lock(&svm->notifier_lock);
	chunk->blocks[i] = block;
	chunk->num_blocks++;
	write_unlock(&svm->notifier_lock);

	return block;
}

static void block_put(struct i915_svm *svm, struct i915_svm_block *block)
{
	struct i915_svm_chunk *chunk;

	if (!bitmap_empty(block->owned, I915_SVM_BLOCK_PAGES))
		return;

	chunk = xa_load(&svm->chunks, block->start >> I915_SVM_CHUNK_SHIFT);

	write_lock(&svm->notifier_lock);
	GEM_BUG_ON(!bitmap_empty(block->valid, I915_SVM_BLOCK_PAGES));
	list_del(&block->link);
	chunk->blocks[(block->start - chunk->start) >> I915_SVM_BLOCK_SHIFT] = NULL;
	chunk->num_blocks--;
	write_unlock(&svm->notifier_lock);

	GEM_BUG_ON(!bitmap_empty(block->ptes, I915_SVM_BLOCK_PAGES));
	kvfree(block->dma);
	kfree(block);

	if (!chunk->num_blocks)
		i915_svm_chunk_put(chunk);
}

/* The part of a stretch that lies in one block. */
struct span {
	u64 start;
	unsigned int first, count; /* pages, from the block's start */
};

/* The span at @addr of a stretch that ends at @end; none when it is over. */
static bool span_at(struct span *s, u64 addr, u64 end)
{
	const u64 block_end = round_down(addr, I915_SVM_BLOCK_SIZE) + I915_SVM_BLOCK_SIZE;

	s->start = addr;
	s->first = i915_svm_page(addr);
	s->count = addr < end ? (min(end, block_end) - addr) >> PAGE_SHIFT : 0;
	return s->count;
}

#define for_each_span(s, from, to) \
	for (bool more__ = span_at(s, from, to); more__; \
	     more__ = span_at(s, (s)->start + ((u64)(s)->count << PAGE_SHIFT), to))

/* Those spans whose block there is. */
#define for_each_block(svm, block, s, from, to) \
	for_each_span(s, from, to) \
		for_each_if(((block) = i915_svm_block_lookup(svm, (s)->start)))

/**
 * i915_svm_range_next - walk the ranges that reach into a stretch
 * @svm: the address space
 * @prev: the one before, or NULL
 * @start: first byte
 * @end: byte after it
 */
struct i915_svm_range *
i915_svm_range_next(struct i915_svm *svm, struct i915_svm_range *prev,
		    u64 start, u64 end)
{
	lockdep_assert_held(&svm->mutex);

	return prev ? next_range(prev, start, end) : first_range(svm, start, end);
}

/* Let go of [start, end) in the blocks; nothing of it is valid any more. */
static void disown(struct i915_svm *svm, u64 start, u64 end)
{
	struct i915_svm_block *block;
	struct span s;

	for_each_block(svm, block, &s, start, end) {
		bitmap_clear(block->owned, s.first, s.count);
		write_lock(&svm->notifier_lock);
		bitmap_clear(block->object, s.first, s.count);
		write_unlock(&svm->notifier_lock);
		i915_svm_pt_free(svm, block, s.first, s.count);
		block_put(svm, block);
	}
}

static int own(struct i915_svm *svm, u64 start, u64 end, bool object)
{
	struct span s;

	for_each_span(&s, start, end) {
		struct i915_svm_block *block;

		block = fatal_signal_pending(current) ?
			ERR_PTR(-EINTR) : block_get(svm, s.start);
		if (IS_ERR(block)) {
			disown(svm, start, s.start);
			return PTR_ERR(block);
		}

		bitmap_set(block->owned, s.first, s.count);

		write_lock(&svm->notifier_lock);
		if (object)
			bitmap_set(block->object, s.first, s.count);
		i915_svm_block_mark(svm, block);
		write_unlock(&svm->notifier_lock);
	}

	return 0;
}

static const char *kind_of(const struct i915_svm_range *range)
{
	return range->obj ? "object" : range->mirror ? "mirror" : "buffer";
}

static void free_range(struct i915_svm_range *range)
{
	if (range->obj)
		i915_svm_bo_detach(range);
	kfree(range);
}

static void release_node(struct i915_svm *svm, struct i915_svm_range *range)
{
	mutex_lock(&svm->vm->mutex);
	drm_mm_remove_node(&range->node);
	mutex_unlock(&svm->vm->mutex);
}

/* Insert a range whose node is reserved; on error the node is released. */
static int insert_range(struct i915_svm *svm, struct i915_svm_range *range)
{
	const u64 start = range->node.start, end = start + range->node.size;
	int err;

	range->svm = svm;
	err = own(svm, start, end, range->obj);
	if (err) {
		release_node(svm, range);
		return err;
	}

	range->it.start = start;
	range->it.last = end - 1;
	interval_tree_insert(&range->it, &svm->ranges);
	svm->bound_bytes += end - start;
	if (range->obj)
		i915_svm_bo_attach(range);
	trace_i915_svm_bind(svm, start, end, kind_of(range));
	return 0;
}

/* Take the addresses, and see the last object there off the page tables. */
static int reserve_node(struct i915_svm *svm, struct i915_svm_range *range,
			u64 start, u64 end, unsigned int flags)
{
	int err;

	lockdep_assert_held(&svm->vm->mutex);

	err = i915_gem_gtt_reserve(svm->vm, NULL, &range->node, end - start,
				   start, I915_COLOR_UNEVICTABLE, flags);
	if (err)
		return err;

	err = i915_vma_resource_bind_dep_sync(svm->vm, start, end - start, true);
	if (err)
		drm_mm_remove_node(&range->node);
	return err;
}

static int check_size(struct i915_svm *svm, u64 start, u64 end)
{
	/* The limit may have become lower than what is bound. */
	return svm->bound_bytes + (end - start) > MAX_BOUND_BYTES ? -ENOSPC : 0;
}

/**
 * i915_svm_range_bind - bind a range that the user asks for
 * @svm: the address space
 * @start: first byte, page aligned
 * @end: byte after it, page aligned
 * @unshare: private memory that the process may only read takes part
 * @obj: object to bind there, NULL for the CPU's memory
 * @offset: into the object, page aligned
 *
 * What the mirror bound there becomes the user's. Objects that are in the way
 * and not in use are evicted.
 *
 * Returns: 0, -EEXIST when some of it is bound already, -ENOSPC when an
 * object in use is in the way or too much is bound.
 */
int i915_svm_range_bind(struct i915_svm *svm, u64 start, u64 end, bool unshare,
			struct drm_i915_gem_object *obj, u64 offset)
{
	struct i915_svm_range *range;
	int err;

	lockdep_assert_held(&svm->mutex);

	for (range = first_range(svm, start, end); range;
	     range = next_range(range, start, end))
		if (!range->mirror)
			return -EEXIST;

	err = i915_svm_range_unbind(svm, start, end, true);
	if (!err)
		err = check_size(svm, start, end);
	if (err)
		return err;

	range = kzalloc(sizeof(*range), GFP_KERNEL_ACCOUNT);
	if (!range)
		return -ENOMEM;
	range->unshare = unshare;
	range->obj = obj;
	range->obj_offset = offset;

	err = mutex_lock_interruptible(&svm->vm->mutex);
	if (!err) {
		err = reserve_node(svm, range, start, end, 0);
		mutex_unlock(&svm->vm->mutex);
	}
	if (!err)
		err = insert_range(svm, range);
	if (err)
		kfree(range);
	return err;
}

/* The first stretch of [*start, end) that no node holds. */
static bool free_hole(struct i915_address_space *vm, u64 *start, u64 *end)
{
	struct drm_mm_node *node;
	u64 hole = *start, last = *end;

	lockdep_assert_held(&vm->mutex);

	drm_mm_for_each_node_in_range(node, &vm->mm, *start, *end) {
		if (node->start > hole) {
			last = node->start;
			break;
		}
		hole = node->start + node->size;
		if (hole >= *end)
			return false;
	}

	*start = hole;
	*end = last;
	return true;
}

/**
 * i915_svm_range_is_held - do objects, or ranges, take all of a stretch?
 * @svm: the address space
 * @start: first byte, page aligned
 * @end: byte after it, page aligned
 */
bool i915_svm_range_is_held(struct i915_svm *svm, u64 start, u64 end)
{
	bool held;

	mutex_lock(&svm->vm->mutex);
	held = !free_hole(svm->vm, &start, &end);
	mutex_unlock(&svm->vm->mutex);

	return held;
}

/* Bind what no object holds of a stretch in which no range is. */
static int bind_free(struct i915_svm *svm, u64 start, u64 end, struct i915_svm_stretches *held)
{
	int err = 0;

	while (start < end && !err) {
		struct i915_svm_range *range;
		u64 from = start, to = end;

		range = kzalloc(sizeof(*range), GFP_KERNEL_ACCOUNT);
		if (!range)
			return -ENOMEM;
		range->mirror = true;

		mutex_lock(&svm->vm->mutex);
		if (!free_hole(svm->vm, &from, &to)) {
			mutex_unlock(&svm->vm->mutex);
			kfree(range);
			return i915_svm_stretch_add(held, start, end);
		}
		err = reserve_node(svm, range, from, to, PIN_NOEVICT);
		mutex_unlock(&svm->vm->mutex);

		if (!err)
			err = insert_range(svm, range);
		if (err)
			kfree(range);
		if (!err && from > start)
			err = i915_svm_stretch_add(held, start, from);
		start = to;
	}

	return err;
}

/**
 * i915_svm_range_bind_missing - bind what is not bound of a mapping
 * @svm: the address space, mirrored
 * @start: first byte, page aligned
 * @end: byte after it, page aligned
 * @held: what objects kept of it is added
 */
int i915_svm_range_bind_missing(struct i915_svm *svm, u64 start, u64 end,
				struct i915_svm_stretches *held)
{
	int err;

	lockdep_assert_held(&svm->mutex);

	while (start < end) {
		struct i915_svm_range *range = first_range(svm, start, end);
		u64 gap_end = range ? max_t(u64, range->it.start, start) : end;
		u64 next = range ? range->it.last + 1 : end;

		if (start < gap_end) {
			err = check_size(svm, start, gap_end);
			if (!err)
				err = bind_free(svm, start, gap_end, held);
			if (err)
				return err;
		}
		start = next;
	}

	return 0;
}

/* Does any block hold a valid page of [start, end)? Marks those that do. */
static bool mark_valid(struct i915_svm *svm, u64 start, u64 end)
{
	struct i915_svm_block *block;
	bool any = false;
	struct span s;

	for_each_block(svm, block, &s, start, end) {
		write_lock(&svm->notifier_lock);
		if (find_next_bit(block->valid, I915_SVM_BLOCK_PAGES, s.first) <
		    s.first + s.count) {
			i915_svm_block_mark(svm, block);
			any = true;
		}
		write_unlock(&svm->notifier_lock);
	}

	return any;
}

static void zap(struct i915_svm *svm, u64 start, u64 end)
{
	struct i915_svm_block *block;
	struct span s;

	for_each_block(svm, block, &s, start, end) {
		write_lock(&svm->notifier_lock);
		i915_svm_block_zap(svm, block, s.first, s.first + s.count - 1);
		write_unlock(&svm->notifier_lock);
	}
}

/* Cut [start, end) out of one range, whose pages there are gone. */
static void cut_range(struct i915_svm *svm, struct i915_svm_range *range,
		      struct i915_svm_range *tail, u64 start, u64 end)
{
	const u64 from = range->it.start, to = range->it.last + 1;
	struct drm_mm *mm = &svm->vm->mm;

	/* The object must find the tail's pages at any moment. */
	if (end < to) {
		tail->svm = svm;
		tail->mirror = range->mirror;
		tail->unshare = range->unshare;
		tail->it.start = end;
		tail->it.last = to - 1;
		tail->obj = range->obj;
		tail->obj_offset = range->obj_offset + end - from;
		if (tail->obj)
			i915_svm_bo_attach(tail);
	}

	interval_tree_remove(&range->it, &svm->ranges);

	mutex_lock(&svm->vm->mutex);
	drm_mm_remove_node(&range->node);
	if (from < start) {
		range->node.start = from;
		range->node.size = start - from;
		range->node.color = I915_COLOR_UNEVICTABLE;
		drm_WARN_ON(&svm->vm->i915->drm,
			    drm_mm_reserve_node(mm, &range->node));
	}
	if (end < to) {
		tail->node.start = end;
		tail->node.size = to - end;
		tail->node.color = I915_COLOR_UNEVICTABLE;
		drm_WARN_ON(&svm->vm->i915->drm,
			    drm_mm_reserve_node(mm, &tail->node));
	}
	mutex_unlock(&svm->vm->mutex);

	if (end < to)
		interval_tree_insert(&tail->it, &svm->ranges);
	if (from < start) {
		range->it.last = start - 1;
		interval_tree_insert(&range->it, &svm->ranges);
	} else {
		free_range(range);
	}
}

static struct i915_svm_range *
first_of_kind(struct i915_svm *svm, u64 start, u64 end, bool mirror)
{
	struct i915_svm_range *range = first_range(svm, start, end);

	while (range && range->mirror != mirror)
		range = next_range(range, start, end);
	return range;
}

static int unbind_one(struct i915_svm *svm, struct i915_svm_range *range,
		      u64 start, u64 end)
{
	struct i915_svm_range *tail = NULL;

	start = max_t(u64, start, range->it.start);
	end = min_t(u64, end, range->it.last + 1);

	if (end <= range->it.last) { /* what stays behind it becomes a range */
		tail = kzalloc(sizeof(*tail), GFP_KERNEL_ACCOUNT);
		if (!tail)
			return -ENOMEM;
	}

	if (mark_valid(svm, start, end)) {
		int err = i915_svm_wait_idle(svm);

		if (err) {
			kfree(tail);
			return err;
		}
		zap(svm, start, end);
		i915_svm_flush_tlb(svm);
	}

	trace_i915_svm_unbind(svm, start, end, kind_of(range));
	disown(svm, start, end);
	svm->bound_bytes -= end - start;
	cut_range(svm, range, tail, start, end);
	svm->mm_seq = 1; /* the mirror may have to take the place */
	return 0;
}

/**
 * i915_svm_range_unbind - unbind whatever is bound in a range
 * @svm: the address space
 * @start: first byte, page aligned
 * @end: byte after it, page aligned
 * @mirror: of the mirror's ranges, or of the user's
 *
 * The GPU has lost the pages when this returns. Holes are fine.
 *
 * Returns: 0, -ERESTARTSYS or -ETIME while work still uses them (nothing is
 * lost, the next submission makes them valid again), -ENOMEM.
 */
int i915_svm_range_unbind(struct i915_svm *svm, u64 start, u64 end, bool mirror)
{
	struct i915_svm_range *range;
	int err = 0;

	lockdep_assert_held(&svm->mutex);

	while (!err && (range = first_of_kind(svm, start, end, mirror))) {
		err = unbind_one(svm, range, start, end);
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	}

	return err;
}

/**
 * i915_svm_range_unbind_all - unbind everything, for the last time
 * @svm: the address space, in which nothing runs any more
 */
void i915_svm_range_unbind_all(struct i915_svm *svm)
{
	struct i915_svm_range *range;

	lockdep_assert_held(&svm->mutex);

	while ((range = first_range(svm, 0, svm->vm->total))) {
		const u64 start = range->it.start, end = range->it.last + 1;

		zap(svm, start, end);
		disown(svm, start, end);
		interval_tree_remove(&range->it, &svm->ranges);
		release_node(svm, range);
		free_range(range);
	}
	svm->bound_bytes = 0;
}

static void query_block(struct i915_svm *svm, struct i915_svm_block *block,
			unsigned int first, unsigned int count,
			struct drm_i915_gem_vm_query *q)
{
	unsigned int page;

	read_lock(&svm->notifier_lock);
	for (page = first; page < first + count; page++) {
		if (!test_bit(page, block->valid))
			q->bytes_invalid += PAGE_SIZE;
		else if (test_bit(page, block->local))
			q->bytes_local += PAGE_SIZE;
		else
			q->bytes_system += PAGE_SIZE;

		if (block->leaf == I915_SVM_LEAF_4K)
			q->ptes_4k += test_bit(page, block->valid);
		else if (block->leaf == I915_SVM_LEAF_64K)
			q->ptes_64k += !(page % (SZ_64K / PAGE_SIZE));
		else
			q->ptes_2m += !page;
	}
	read_unlock(&svm->notifier_lock);
}

static void query_hole(struct i915_svm *svm, u64 addr,
		       struct drm_i915_gem_vm_query *q)
{
	struct i915_svm_range *range, *prev = NULL;
	u64 start = 0, end = svm->vm->total;

	for (range = first_range(svm, 0, addr + 1); range;
	     range = next_range(range, 0, addr + 1))
		prev = range;
	if (prev)
		start = prev->it.last + 1;
	range = first_range(svm, addr, svm->vm->total);
	if (range)
		end = range->it.start;

	q->type = ~0u;
	q->start = start;
	q->length = end - start;
}

/**
 * i915_svm_range_query - DRM_IOCTL_I915_GEM_VM_QUERY
 * @svm: the address space
 * @q: request and answer
 */
int i915_svm_range_query(struct i915_svm *svm, struct drm_i915_gem_vm_query *q)
{
	u64 addr = round_down(q->start, PAGE_SIZE);
	struct i915_svm_block *block;
	struct i915_svm_range *range;
	u64 start, end, want = q->length;
	struct span s;

	lockdep_assert_held(&svm->mutex);

	q->handle = 0;
	q->bytes_system = 0;
	q->bytes_local = 0;
	q->bytes_invalid = 0;
	q->ptes_4k = 0;
	q->ptes_64k = 0;
	q->ptes_2m = 0;

	range = first_range(svm, addr, addr + PAGE_SIZE);
	if (!range) {
		query_hole(svm, addr, q);
		return 0;
	}

	q->type = range->obj ? I915_GEM_VM_BIND_SVM_OBJ : I915_GEM_VM_BIND_SVM_BUFFER;
	q->start = range->it.start;
	q->length = range->it.last + 1 - range->it.start;

	start = want ? addr : q->start;
	end = q->start + q->length;
	if (want && want < end - start)
		end = round_up(start + want, PAGE_SIZE);

	for_each_block(svm, block, &s, start, end) {
		query_block(svm, block, s.first, s.count, q);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}

	return 0;
}
