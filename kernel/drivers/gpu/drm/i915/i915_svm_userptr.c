// SPDX-License-Identifier: MIT
/*
 * DOC: Identity userptr
 *
 * Runtimes that know nothing of SVM let memory in by a userptr object pinned
 * at the memory's own CPU address. Where SVM has bound that memory already,
 * the object has nothing to add: it is taken off the list of the submission,
 * no page is pinned, no vma made, and nothing conflicts. What is left of the
 * list keeps its order; the places it had are kept in the rsvd2 field, so
 * that the caller's list can be written back as if nothing had happened.
 *
 * The batch itself must be a vma. Where a batch is an identity userptr, the
 * mirror gives way and leaves its addresses to the object.
 *
 * An object that was taken off carries no fence of the submission: whoever
 * waits, waits for the batch.
 */

#include "gem/i915_gem_object.h"
#include "gt/intel_gtt.h"
#include "i915_drv.h"
#include "i915_svm.h"
#include "i915_svm_types.h"

/* The CPU address at which the object is pinned as userptr, or 0. */
static u64 identity(struct drm_file *file, const struct drm_i915_gem_exec_object2 *exec,
		    u64 *size)
{
	struct drm_i915_gem_object *obj;
	u64 addr = 0;

	if (!(exec->flags & EXEC_OBJECT_PINNED))
		return 0;

	rcu_read_lock();
	obj = i915_gem_object_lookup_rcu(file, exec->handle);
	if (obj && i915_gem_object_is_userptr(obj) &&
	    obj->userptr.ptr == exec->offset &&
	    !i915_gem_object_is_readonly(obj)) { /* SVM does not provide that */
		addr = obj->userptr.ptr;
		*size = obj->base.size;
	}
	rcu_read_unlock();

	return addr;
}

static bool is_batch(const struct drm_i915_gem_execbuffer2 *args, unsigned int i,
		     unsigned int batches)
{
	return args->flags & I915_EXEC_BATCH_FIRST ? i < batches :
		i >= args->buffer_count - batches;
}

/*
 * Is all of it bound, and to the CPU's memory? A mirrored process has bound whatever there is:
 * an object over holes, as the runtimes use to announce a stretch of addresses, adds nothing.
 */
static bool covered(struct i915_svm *svm, u64 start, u64 end)
{
	struct i915_svm_range *range = NULL;
	u64 pos = start;

	if (svm->mirror)
		return true;

	while ((range = i915_svm_range_next(svm, range, start, end))) {
		if (range->it.start > pos || range->obj)
			return false;
		pos = range->it.last + 1;
	}

	return pos >= end;
}

static int filter(struct i915_svm *svm, struct drm_file *file,
		  struct drm_i915_gem_execbuffer2 *args,
		  struct drm_i915_gem_exec_object2 *exec, unsigned int batches)
{
	const unsigned int count = args->buffer_count;
	struct drm_i915_gem_exec_object2 *gone = NULL;
	unsigned int i, kept = 0, num_gone = 0;
	u64 addr, size;
	int err = 0;

	for (i = 0; i < count; i++) {
		if (fatal_signal_pending(current)) {
			err = -EINTR;
			break;
		}

		exec[i].rsvd2 = i;
		addr = identity(file, &exec[i], &size);
		if (addr && is_batch(args, i, batches)) {
			err = i915_svm_range_unbind(svm, addr, addr + size, true);
			if (err)
				break;
		} else if (addr && covered(svm, addr, addr + size)) {
			if (!gone) {
				gone = kvmalloc_array(count, sizeof(*gone), GFP_KERNEL);
				if (!gone) {
					err = -ENOMEM;
					break;
				}
			}
			gone[num_gone++] = exec[i];
			continue;
		}
		exec[kept++] = exec[i];
	}

	if (num_gone) {
		/* On an error, what was not looked at follows what was kept. */
		memmove(&exec[kept], &exec[i], (count - i) * sizeof(*exec));
		kept += count - i;
		memcpy(&exec[kept], gone, num_gone * sizeof(*gone));
		i915_svm_count(svm, USERPTRS, num_gone);
		kvfree(gone);
	}
	if (!err)
		args->buffer_count = count - num_gone;

	return err;
}

/**
 * i915_svm_exec_filter - take off what SVM provides anyway
 * @svm: from i915_svm_exec_prepare()
 * @file: whose handles
 * @args: the submission; buffer_count goes down
 * @exec: its list; what was taken off is at the end
 * @batches: batches at one end of the list
 */
int i915_svm_exec_filter(struct i915_svm *svm, struct drm_file *file,
			 struct drm_i915_gem_execbuffer2 *args,
			 struct drm_i915_gem_exec_object2 *exec,
			 unsigned int batches)
{
	unsigned int i;
	int err = 0;

	if (!svm || args->buffer_count <= batches)
		return 0;

	/* Relocations name places in the list, which would change. */
	for (i = 0; i < args->buffer_count; i++)
		if (exec[i].relocation_count)
			return 0;

	err = mutex_lock_interruptible(&svm->mutex);
	if (err)
		return err;
	if (svm->enabled && svm->bound_bytes)
		err = filter(svm, file, args, exec, batches);
	mutex_unlock(&svm->mutex);

	return err;
}

/**
 * i915_svm_exec_unfilter - put the list back in the caller's order
 * @args: the submission
 * @exec: its list
 * @count: its full length
 */
void i915_svm_exec_unfilter(struct drm_i915_gem_execbuffer2 *args,
			    struct drm_i915_gem_exec_object2 *exec,
			    unsigned int count)
{
	unsigned int i, place;

	if (args->buffer_count == count)
		return;

	/* swap() names its arguments twice: the place must not change in between. */
	for (i = 0; i < count; i++)
		while ((place = exec[i].rsvd2) != i)
			swap(exec[i], exec[place]);

	args->buffer_count = count;
}
