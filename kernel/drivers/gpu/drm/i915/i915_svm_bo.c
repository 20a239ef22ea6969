// SPDX-License-Identifier: MIT
/*
 * DOC: Binding buffer objects
 *
 * A range can be bound to part of an object instead of to the CPU's memory:
 * any page-aligned part, at any addresses, as often as one likes. No vma is
 * involved, so the object needs not be listed at submission, and nothing is
 * pinned: when i915 unbinds the object (to evict, swap or migrate it), the
 * binds are found by object and treated as a notifier treats CPU pages:
 * marked, waited for, sent to scratch. Validation finds the pages where they
 * then are.
 *
 * The binds of an object are in a hash table by object; they come and go, and
 * are acted upon, under the object's lock. &drm_i915_gem_object.svm_binds
 * counts them, so that objects without any pay nothing. An object is locked
 * inside svm->mutex, never the other way round.
 *
 * A bound object in local memory moves to system memory when the CPU touches
 * a mapping of it, if it has leave to live there, and back by prefetch.
 */

#include <linux/hashtable.h>

#include "gem/i915_gem_lmem.h"
#include "gem/i915_gem_object.h"
#include "i915_drv.h"
#include "i915_gem_ww.h"
#include "i915_svm.h"
#include "i915_svm_types.h"
#include "intel_memory_region.h"

static DEFINE_HASHTABLE(binds, 8);
static DEFINE_SPINLOCK(binds_lock);

/**
 * i915_svm_bo_attach - have a range follow its object
 * @range: the range; range->obj is set, and referenced here
 */
void i915_svm_bo_attach(struct i915_svm_range *range)
{
	struct drm_i915_gem_object *obj = i915_gem_object_get(range->obj);

	i915_gem_object_lock(obj, NULL);
	obj->svm_binds++;
	spin_lock(&binds_lock);
	hash_add(binds, &range->obj_node, (unsigned long)obj);
	spin_unlock(&binds_lock);
	i915_gem_object_unlock(obj);
}

/**
 * i915_svm_bo_detach - let the object go
 * @range: the range, of which nothing is valid
 */
void i915_svm_bo_detach(struct i915_svm_range *range)
{
	struct drm_i915_gem_object *obj = range->obj;

	i915_gem_object_lock(obj, NULL);
	spin_lock(&binds_lock);
	hash_del(&range->obj_node);
	spin_unlock(&binds_lock);
	obj->svm_binds--;
	i915_gem_object_unlock(obj);
	i915_gem_object_put(obj);
}

static struct i915_svm_range *
next_bind(struct drm_i915_gem_object *obj, struct i915_svm_range *after)
{
	struct hlist_node *node;
	struct i915_svm_range *range, *found = NULL;

	/* The object's lock keeps @after where it is. */
	spin_lock(&binds_lock);
	node = after ? after->obj_node.next :
		binds[hash_min((unsigned long)obj, HASH_BITS(binds))].first;
	for (; node && !found; node = node->next) {
		range = hlist_entry(node, struct i915_svm_range, obj_node);
		if (range->obj == obj)
			found = range;
	}
	spin_unlock(&binds_lock);

	return found;
}

/* May the binds of an object be taken away by who has these flags? */
static bool may_unbind(struct drm_i915_gem_object *obj, unsigned long flags)
{
	struct i915_svm_range *range;

	if (flags & I915_GEM_OBJECT_UNBIND_ACTIVE &&
	    !(flags & I915_GEM_OBJECT_UNBIND_TEST))
		return true;

	for (range = next_bind(obj, NULL); range; range = next_bind(obj, range))
		if (i915_svm_any_valid(range->svm, range->it.start, range->it.last) &&
		    (flags & I915_GEM_OBJECT_UNBIND_TEST || !i915_svm_idle(range->svm)))
			return false;
	return true;
}

/**
 * i915_svm_bo_unbind - the memory of an object goes away
 * @obj: the object, locked
 * @flags: those of i915_gem_object_unbind()
 *
 * Returns: 0 when no submitted work can reach it any more; -EBUSY when it is bound,
 * and in use, and that is not to be changed.
 */
int i915_svm_bo_unbind(struct drm_i915_gem_object *obj, unsigned long flags)
{
	struct i915_svm_range *range;

	if (!obj->svm_binds)
		return 0;

	assert_object_held(obj);
	if (!may_unbind(obj, flags))
		return -EBUSY;

	/* No bind can come or go while the object is locked. */
	for (range = next_bind(obj, NULL); range; range = next_bind(obj, range)) {
		WRITE_ONCE(range->obj_seq, range->obj_seq + 1);
		i915_svm_take_away(range->svm, range->it.start, range->it.last);
	}
	return 0;
}

/**
 * i915_svm_bo_cpu_fault - the CPU touches a mapping of an object
 * @obj: the object, locked
 *
 * If it cannot move, or not now, the CPU reaches it where it is.
 */
void i915_svm_bo_cpu_fault(struct drm_i915_gem_object *obj)
{
	struct drm_i915_private *i915 = to_i915(obj->base.dev);

	if (!obj->svm_binds || !i915_gem_object_is_lmem(obj) ||
	    !i915_gem_object_can_migrate(obj, INTEL_REGION_SMEM))
		return;

	obj->ops->migrate(obj, i915->mm.regions[INTEL_REGION_SMEM], obj->flags);
}

static int pin_pages(struct drm_i915_gem_object *obj)
{
	int err;

	err = i915_gem_object_pin_pages(obj);
	if (err)
		return err;

	/* Contents may still be on their way. */
	err = i915_gem_object_wait_moving_fence(obj, true);
	if (err)
		i915_gem_object_unpin_pages(obj);

	return err;
}

static void read_pages(struct i915_svm_range *range, struct i915_svm_block *block,
		       unsigned int first, unsigned int end,
		       struct i915_svm_pending *p)
{
	struct drm_i915_gem_object *obj = range->obj;
	const bool local = i915_gem_object_is_lmem(obj);
	const u64 offset = range->obj_offset + block->start +
		(u64)first * PAGE_SIZE - range->it.start;
	unsigned int page;

	for (page = first; page < end; page++) {
		const pgoff_t n = (offset >> PAGE_SHIFT) + page - first;

		p->dma[page] = i915_gem_object_get_dma_address(obj, n);
		__set_bit(page, p->mapped);
		__set_bit(page, p->object);
		__assign_bit(page, p->local, local);
		/* To be taken away on its own: no dma mapping of ours holds it. */
		__set_bit(page, p->heads);
	}
}

/**
 * i915_svm_bo_validate - find the pages of bound objects in a block
 * @range: a range of an object that reaches into the block
 * @block: the block
 * @p: what is being collected
 *
 * Whether they are still there is known by comparing obj_seq_seen and obj_seq
 * under notifier_lock.
 */
int i915_svm_bo_validate(struct i915_svm_range *range, struct i915_svm_block *block,
			 struct i915_svm_pending *p)
{
	struct drm_i915_gem_object *obj = range->obj;
	const u64 block_end = block->start + I915_SVM_BLOCK_SIZE;
	const u64 start = max_t(u64, range->it.start, block->start);
	const u64 last = min_t(u64, range->it.last, block_end - 1);
	struct i915_gem_ww_ctx ww;
	int err;

	for_i915_gem_ww(&ww, err, true) {
		err = i915_gem_object_lock(obj, &ww);
		if (err)
			continue;
		err = pin_pages(obj);
		if (err)
			continue;
		read_pages(range, block, i915_svm_page(start),
			   i915_svm_page(last) + 1, p);
		range->obj_seq_seen = range->obj_seq;
		i915_gem_object_unpin_pages(obj);
	}

	return err;
}

/**
 * i915_svm_bo_prefetch - move an object
 * @obj: the object
 * @region: I915_SVM_REGION_*
 *
 * Returns: 1 when it moved, 0 when it was there, or an error.
 */
int i915_svm_bo_prefetch(struct drm_i915_gem_object *obj, u32 region)
{
	const enum intel_region_id id = region == I915_SVM_REGION_LOCAL ?
		INTEL_REGION_LMEM_0 : INTEL_REGION_SMEM;
	struct i915_gem_ww_ctx ww;
	bool there = false;
	int err;

	for_i915_gem_ww(&ww, err, true) {
		err = i915_gem_object_lock(obj, &ww);
		if (err)
			continue;
		/* Contents that are of no interest are dropped, not moved. */
		if (obj->mm.madv != I915_MADV_WILLNEED) {
			err = -EINVAL;
			continue;
		}
		there = i915_gem_object_has_pages(obj) &&
			obj->mm.region && obj->mm.region->id == id;
		if (there)
			continue;
		if (!i915_gem_object_can_migrate(obj, id)) {
			err = -EINVAL;
			continue;
		}
		err = i915_gem_object_migrate(obj, &ww, id);
		if (!err)
			err = pin_pages(obj);
		if (!err)
			i915_gem_object_unpin_pages(obj);
	}

	return err ?: !there;
}
