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
 * looks again at the next submission, and never evicts. Where the mirror
 * sits, an object pinned by the user gets -ENOSPC.
 *
 * Gen12 cannot fault, so memory that the process has never touched must be
 * populated before the GPU may touch it. That is done up to populate_limit
 * bytes per submission; beyond, the submission fails with -ENOSPC rather
 * than let the GPU miss memory without a word.
 */

#include "i915_drv.h"
#include "i915_svm_types.h"

struct extent {
	u64 start, end;
};

struct extents {
	struct extent *list;
	unsigned int count, size;
};

static int add_extent(struct extents *x, u64 start, u64 end)
{
	if (x->count && x->list[x->count - 1].end == start) {
		x->list[x->count - 1].end = end;
		return 0;
	}

	if (x->count == x->size) {
		unsigned int size = max(64u, 2 * x->size);
		struct extent *list;

		list = kvmalloc_array(size, sizeof(*list), GFP_KERNEL_ACCOUNT);
		if (!list)
			return -ENOMEM;
		if (x->count)
			memcpy(list, x->list, x->count * sizeof(*list));
		kvfree(x->list);
		x->list = list;
		x->size = size;
	}

	x->list[x->count++] = (struct extent){ start, end };
	return 0;
}

/* All usable mappings, neighbours joined, and the sequence they belong to. */
static int read_mappings(struct i915_svm *svm, struct extents *x,
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

		err = add_extent(x, vma->vm_start,
				 min_t(u64, vma->vm_end, svm->vm->total));
		if (err)
			break;
	}
	*seq = i915_svm_mm_seq(svm->mm);
	mmap_read_unlock(svm->mm);

	return err;
}

static int drop_gone(struct i915_svm *svm, const struct extents *x)
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

static int bind_new(struct i915_svm *svm, const struct extents *x, bool *carved)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < x->count && !err; i++)
		err = i915_svm_range_bind_missing(svm, x->list[i].start,
						  x->list[i].end, carved);

	return err;
}

/**
 * i915_svm_mirror_update - follow the mappings of the process
 * @svm: a mirrored address space, of the calling process
 */
int i915_svm_mirror_update(struct i915_svm *svm)
{
	struct extents x = {};
	bool carved = false;
	unsigned long seq;
	int err;

	lockdep_assert_held(&svm->mutex);

	if (i915_svm_mm_unchanged(svm->mm, svm->mm_seq) && !svm->carved)
		return 0;

	i915_svm_count(svm, SCANS, 1);
	err = read_mappings(svm, &x, &seq);
	if (!err)
		err = drop_gone(svm, &x);
	if (!err)
		err = bind_new(svm, &x, &carved);
	kvfree(x.list);
	if (err)
		return err;

	/* Bound pages without a mapping may have found one. */
	svm->retry_incomplete = true;
	svm->mm_seq = seq;
	svm->carved = carved;
	return 0;
}
