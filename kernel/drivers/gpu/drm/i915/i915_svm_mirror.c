// SPDX-License-Identifier: MIT
/*
 * DOC: Mirroring a whole process
 *
 * A mirrored VM has every usable mapping of its process bound, with no call
 * by the user: at each submission the mappings are compared with what the
 * mirror bound, new ones are bound and those that went are unbound. Whether
 * there is anything to compare is known from mm->mm_lock_seq, which every
 * writer of mmap_lock bumps: if it stands where it stood, no mapping changed
 * and the submission costs nothing here.
 *
 * Objects keep their addresses: where a vma sits, the mirror leaves a hole,
 * takes it at the first submission that finds the vma gone, and never evicts.
 * Where the mirror sits, an object pinned by the user gets -ENOSPC.
 *
 * Gen12 cannot fault, so memory that the process has never touched must be
 * populated before the GPU may touch it. That is done up to populate_limit
 * bytes per submission; beyond, the submission fails with -ENOSPC rather
 * than let the GPU miss memory without a word.
 */

#include "i915_drv.h"
#include "i915_svm_types.h"

/**
 * i915_svm_stretch_add - add to a list what comes after its last stretch
 * @x: the list
 * @start: first byte
 * @end: byte after it
 */
int i915_svm_stretch_add(struct i915_svm_stretches *x, u64 start, u64 end)
{
	if (x->count && x->list[x->count - 1].end == start) {
		x->list[x->count - 1].end = end;
		return 0;
	}

	if (x->count == x->size) {
		unsigned int size = max(64u, 2 * x->size);
		struct i915_svm_stretch *list;

		list = kvmalloc_array(size, sizeof(*list), GFP_KERNEL_ACCOUNT);
		if (!list)
			return -ENOMEM;
		if (x->count)
			memcpy(list, x->list, x->count * sizeof(*list));
		kvfree(x->list);
		x->list = list;
		x->size = size;
	}

	x->list[x->count++] = (struct i915_svm_stretch){ start, end };
	return 0;
}

/**
 * i915_svm_stretches_free - empty a list
 * @x: the list
 */
void i915_svm_stretches_free(struct i915_svm_stretches *x)
{
	kvfree(x->list);
	*x = (struct i915_svm_stretches) {};
}

/* All usable mappings, neighbours joined, and the sequence they belong to. */
static int read_mappings(struct i915_svm *svm, struct i915_svm_stretches *x,
			 unsigned long *seq)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, svm->mm, 0);
	int err = 0;

	if (mmap_read_lock_killable(svm->mm))
		return -EINTR;

	for_each_vma(vmi, vma) {
		if (vma->vm_start >= svm->vm->total)
			break;
		if (!i915_svm_vma_usable(vma))
			continue;

		err = i915_svm_stretch_add(x, vma->vm_start,
					   min_t(u64, vma->vm_end, svm->vm->total));
		if (err)
			break;
	}
	*seq = i915_svm_mm_seq(svm->mm);
	mmap_read_unlock(svm->mm);

	return err;
}

static int drop_gone(struct i915_svm *svm, const struct i915_svm_stretches *x)
{
	u64 pos = 0;
	unsigned int i;
	int err;

	for (i = 0; i <= x->count; i++) {
		u64 end = i < x->count ? x->list[i].start : svm->vm->total;

		if (pos < end) {
			err = i915_svm_range_unbind(svm, pos, end, true);
			if (err)
				return err;
		}
		if (i < x->count)
			pos = x->list[i].end;
	}

	return 0;
}

static int bind_new(struct i915_svm *svm, const struct i915_svm_stretches *x,
		    struct i915_svm_stretches *held)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < x->count && !err; i++)
		err = i915_svm_range_bind_missing(svm, x->list[i].start,
						  x->list[i].end, held);

	return err;
}

/* Are the objects that were in the mirror's way still there, all of them? */
static bool still_held(struct i915_svm *svm)
{
	unsigned int i;

	for (i = 0; i < svm->held.count; i++)
		if (!i915_svm_range_is_held(svm, svm->held.list[i].start, svm->held.list[i].end))
			return false;

	return true;
}

/**
 * i915_svm_mirror_update - follow the mappings of the process
 * @svm: a mirrored address space, of the calling process
 */
int i915_svm_mirror_update(struct i915_svm *svm)
{
	struct i915_svm_stretches x = {}, held = {};
	unsigned long seq;
	int err;

	lockdep_assert_held(&svm->mutex);

	if (i915_svm_mm_unchanged(svm->mm, svm->mm_seq) && still_held(svm))
		return 0;

	i915_svm_count(svm, SCANS, 1);
	err = read_mappings(svm, &x, &seq);
	if (!err)
		err = drop_gone(svm, &x);
	if (!err)
		err = bind_new(svm, &x, &held);
	i915_svm_stretches_free(&x);
	if (err) {
		i915_svm_stretches_free(&held);
		return err;
	}

	/* Bound pages without a mapping may have found one. */
	svm->retry_incomplete = true;
	svm->mm_seq = seq;
	i915_svm_stretches_free(&svm->held);
	svm->held = held;
	return 0;
}
