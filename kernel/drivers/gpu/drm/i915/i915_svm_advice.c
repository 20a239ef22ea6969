// SPDX-License-Identifier: MIT
/*
 * DOC: Advice
 *
 * What the user would like for parts of the address space is kept apart from
 * what is bound there: advice may come first, and outlives binds and mappings
 * until it is changed or SVM is disabled. It is a set of stretches that do not
 * overlap, by address; svm->mutex guards it.
 *
 * - preferred location: pages of a block that is made valid go there first;
 * - keep in place: they do not, and a CPU touch takes back single pages only;
 * - granule: what else a CPU touch takes back.
 *
 * All of it concerns moves that come after it. Pages to keep in place are
 * evicted last for want of local memory, when everything else is.
 */

#include "i915_drv.h"
#include "i915_svm_devmem.h"
#include "i915_svm_types.h"

/* As many stretches as a VM may have. */
#define MAX_ADVICE	65536

static struct i915_svm_advice *to_advice(struct interval_tree_node *it)
{
	return it ? container_of(it, struct i915_svm_advice, it) : NULL;
}

static struct i915_svm_advice *
first_advice(struct i915_svm *svm, u64 start, u64 end)
{
	return to_advice(interval_tree_iter_first(&svm->advice, start, end - 1));
}

static struct i915_svm_advice *insert(struct i915_svm *svm, u64 start, u64 end,
				      const struct i915_svm_advice *like)
{
	struct i915_svm_advice *a;

	if (svm->num_advice >= MAX_ADVICE)
		return ERR_PTR(-ENOSPC);

	a = kzalloc(sizeof(*a), GFP_KERNEL_ACCOUNT);
	if (!a)
		return ERR_PTR(-ENOMEM);

	a->preferred = I915_SVM_NO_PREFERENCE;
	if (like)
		*a = *like;
	a->it.start = start;
	a->it.last = end - 1;
	interval_tree_insert(&a->it, &svm->advice);
	svm->num_advice++;
	return a;
}

static void drop(struct i915_svm *svm, struct i915_svm_advice *a)
{
	interval_tree_remove(&a->it, &svm->advice);
	svm->num_advice--;
	kfree(a);
}

/* Let a stretch begin or end at @addr where one goes across. */
static int split(struct i915_svm *svm, u64 addr)
{
	struct i915_svm_advice *a = first_advice(svm, addr, addr + 1);
	struct i915_svm_advice *tail;
	u64 end;

	if (!a || a->it.start == addr)
		return 0;

	end = a->it.last + 1;
	interval_tree_remove(&a->it, &svm->advice);
	a->it.last = addr - 1;
	interval_tree_insert(&a->it, &svm->advice);

	tail = insert(svm, addr, end, a);
	if (!IS_ERR(tail))
		return 0;

	interval_tree_remove(&a->it, &svm->advice);
	a->it.last = end - 1;
	interval_tree_insert(&a->it, &svm->advice);
	return PTR_ERR(tail);
}

static bool is_default(const struct i915_svm_advice *a)
{
	return a->preferred == I915_SVM_NO_PREFERENCE && !a->keep && !a->granule;
}

static void set(struct i915_svm_advice *a, u32 attribute, u64 value)
{
	switch (attribute) {
	case I915_SVM_ADVISE_PREFERRED_LOCATION:
		a->preferred = value;
		break;
	case I915_SVM_ADVISE_KEEP_IN_PLACE:
		a->keep = value;
		break;
	case I915_SVM_ADVISE_GRANULE:
		a->granule = value;
		break;
	}
}

/**
 * i915_svm_advise - DRM_IOCTL_I915_GEM_VM_ADVISE, checked
 * @svm: the address space
 * @start: first byte, page aligned
 * @end: byte after it, page aligned
 * @attribute: I915_SVM_ADVISE_*
 * @value: its value
 */
int i915_svm_advise(struct i915_svm *svm, u64 start, u64 end, u32 attribute,
		    u64 value)
{
	struct i915_svm_advice *a;
	u64 pos = start;
	int err;

	lockdep_assert_held(&svm->mutex);

	err = split(svm, start);
	if (!err)
		err = split(svm, end);
	if (err)
		return err;

	while (pos < end) {
		a = first_advice(svm, pos, end);
		if (!a || a->it.start > pos) {
			a = insert(svm, pos, a ? a->it.start : end, NULL);
			if (IS_ERR(a))
				return PTR_ERR(a);
		}
		pos = a->it.last + 1;

		set(a, attribute, value);
		if (is_default(a))
			drop(svm, a);
	}

	return 0;
}

/* The advice for an address, if any, and where interest in it ends. */
static struct i915_svm_advice *advice_at(struct i915_svm *svm, u64 start, u64 *end)
{
	struct i915_svm_advice *a = first_advice(svm, start, *end);

	lockdep_assert_held(&svm->mutex);

	if (!a)
		return NULL;

	if (a->it.start > start) {
		*end = a->it.start;
		return NULL;
	}

	*end = min_t(u64, *end, a->it.last + 1);
	return a;
}

/**
 * i915_svm_advice_at - how to move what is at an address
 * @svm: the address space
 * @start: the address
 * @end: in: where interest ends; out: where this advice ends
 * @how: out: all but the direction, which is where it should be, if anywhere
 *
 * Returns: whether it should be moved before it is used.
 */
bool i915_svm_advice_at(struct i915_svm *svm, u64 start, u64 *end,
			struct i915_svm_move *how)
{
	const struct i915_svm_advice *a = advice_at(svm, start, end);

	*how = (struct i915_svm_move) {
		.account = svm->account,
		.granule = a && a->granule ? a->granule : svm->granule,
		.mode = svm->copy_mode,
	};
	if (!a)
		return false;

	how->keep = a->keep;
	if (a->keep)
		how->granule = PAGE_SIZE;
	how->to_device = a->preferred == I915_SVM_REGION_LOCAL;
	return !a->keep && a->preferred != I915_SVM_NO_PREFERENCE;
}

/**
 * i915_svm_advice_follow - move what is about to be made valid
 * @svm: the address space, of the calling process
 * @start: first byte
 * @end: byte after it
 */
void i915_svm_advice_follow(struct i915_svm *svm, u64 start, u64 end)
{
	u64 pos, next;
	int idx;

	/* Who takes the device away waits for us. */
	if (!svm->num_advice || !drm_dev_enter(&svm->vm->i915->drm, &idx))
		return;

	for (pos = start; pos < end; pos = next) {
		struct i915_svm_migrated moved;
		struct i915_svm_devmem *dm;
		struct i915_svm_move how;

		next = end;
		if (!i915_svm_advice_at(svm, pos, &next, &how))
			continue;

		dm = i915_svm_devmem_get(svm->vm->i915);
		if (IS_ERR(dm))
			break;
		/* Best effort: what did not move is used where it is. */
		i915_svm_migrate_range(dm, svm->mm, pos, next, &how, &moved);
	}
	drm_dev_exit(idx);
}

/**
 * i915_svm_advice_clear - forget all advice
 * @svm: the address space
 */
void i915_svm_advice_clear(struct i915_svm *svm)
{
	struct i915_svm_advice *a;

	while ((a = first_advice(svm, 0, svm->vm->total)))
		drop(svm, a);
}
