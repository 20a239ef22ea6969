// SPDX-License-Identifier: MIT
/*
 * DOC: uAPI of shared virtual memory
 *
 * Checks everything user space says before anything is done; see
 * include/uapi/drm/i915_svm.h for the calls. Fences are waited for before
 * and signalled after the work, which is done when the call returns.
 */

#include <linux/dma-fence-chain.h>

#include <drm/drm_file.h>
#include <drm/drm_syncobj.h>

#include "gem/i915_gem_object.h"
#include "i915_drv.h"
#include "i915_file_private.h"
#include "i915_svm.h"
#include "i915_svm_devmem.h"
#include "i915_svm_types.h"

#define MAX_FENCES	1024

static struct i915_address_space *vm_lookup(struct drm_file *file, u32 id)
{
	struct drm_i915_file_private *file_priv = file->driver_priv;
	struct i915_address_space *vm;

	xa_lock(&file_priv->vm_xa);
	vm = xa_load(&file_priv->vm_xa, id);
	if (vm)
		kref_get(&vm->ref);
	xa_unlock(&file_priv->vm_xa);

	return vm ?: ERR_PTR(-ENOENT);
}

/* The SVM state of a VM on which SVM is on, of the calling process; locked. */
static struct i915_svm *svm_lock(struct i915_address_space *vm)
{
	struct i915_svm *svm = i915_svm_of(vm);
	int err;

	if (!svm)
		return ERR_PTR(-EOPNOTSUPP);

	err = mutex_lock_interruptible(&svm->mutex);
	if (err)
		return ERR_PTR(err);

	if (!svm->enabled)
		err = -EOPNOTSUPP;
	else if (svm->mm != current->mm)
		err = -EPERM;
	if (err) {
		mutex_unlock(&svm->mutex);
		return ERR_PTR(err);
	}

	return svm;
}

/* The same by handle; the VM stays until svm_end(). */
static struct i915_svm *svm_begin(struct drm_file *file, u32 vm_id)
{
	struct i915_address_space *vm = vm_lookup(file, vm_id);
	struct i915_svm *svm;

	if (IS_ERR(vm))
		return ERR_CAST(vm);

	svm = svm_lock(vm);
	if (IS_ERR(svm))
		i915_vm_put(vm);
	return svm;
}

static void svm_end(struct i915_svm *svm)
{
	struct i915_address_space *vm = svm->vm;

	mutex_unlock(&svm->mutex);
	i915_vm_put(vm);
}

static int round_out(struct i915_address_space *vm, u64 addr, u64 length,
		     u64 *start, u64 *end)
{
	const u64 limit = min_t(u64, vm->total, TASK_SIZE_MAX);

	if (!length || addr >= limit || length > limit - addr)
		return -EINVAL;

	*start = round_down(addr, PAGE_SIZE);
	*end = round_up(addr + length, PAGE_SIZE);
	return 0;
}

static int get_svm_param(struct i915_address_space *vm, u64 param, u64 *value)
{
	struct i915_svm *svm = i915_svm_of(vm);

	if (param == (I915_VM_PARAM | I915_GEM_VM_PARAM_SVM) && !svm) {
		*value = 0;
		return 0;
	}

	svm = i915_svm_get(vm);
	if (IS_ERR(svm))
		return PTR_ERR(svm);

	switch (param) {
	case I915_VM_PARAM | I915_GEM_VM_PARAM_SVM:
		*value = (svm->enabled ? I915_SVM_VM_ENABLE : 0) |
			(svm->mirror ? I915_SVM_VM_MIRROR : 0);
		return 0;
	case I915_VM_PARAM | I915_GEM_VM_PARAM_SVM_GRANULE:
		*value = svm->granule;
		return 0;
	case I915_VM_PARAM | I915_GEM_VM_PARAM_SVM_POPULATE_LIMIT:
		*value = svm->populate_limit;
		return 0;
	case I915_VM_PARAM | I915_GEM_VM_PARAM_SVM_COPY:
		*value = svm->copy_mode;
		return 0;
	case I915_VM_PARAM | I915_GEM_VM_PARAM_SVM_READ_AHEAD:
		*value = READ_ONCE(svm->account->ahead.limit);
		return 0;
	default:
		return -EINVAL;
	}
}

static bool granule_valid(u64 value)
{
	return is_power_of_2(value) && value >= SZ_4K && value <= SZ_2M;
}

static int set_tunable(struct i915_svm *svm, u64 param, u64 value)
{
	switch (param) {
	case I915_VM_PARAM | I915_GEM_VM_PARAM_SVM_GRANULE:
		if (!granule_valid(value))
			return -EINVAL;
		svm->granule = value;
		return 0;
	case I915_VM_PARAM | I915_GEM_VM_PARAM_SVM_POPULATE_LIMIT:
		svm->populate_limit = value;
		return 0;
	case I915_VM_PARAM | I915_GEM_VM_PARAM_SVM_COPY:
		if (value > 1)
			return -EINVAL;
		svm->copy_mode = value;
		return 0;
	case I915_VM_PARAM | I915_GEM_VM_PARAM_SVM_READ_AHEAD:
		if (value > I915_SVM_READ_AHEAD_MAX)
			return -EINVAL;
		WRITE_ONCE(svm->account->ahead.limit, value);
		return 0;
	default:
		return -EINVAL;
	}
}

static int set_svm_param(struct i915_address_space *vm, u64 param, u64 value)
{
	struct i915_svm *svm;
	int err;

	if (param == (I915_VM_PARAM | I915_GEM_VM_PARAM_SVM))
		return i915_svm_enable(vm, value);

	svm = i915_svm_get(vm);
	if (IS_ERR(svm))
		return PTR_ERR(svm);

	err = mutex_lock_interruptible(&svm->mutex);
	if (err)
		return err;
	err = svm->enabled && svm->mm != current->mm ? -EPERM :
		set_tunable(svm, param, value);
	mutex_unlock(&svm->mutex);

	return err;
}

static int param_ioctl(struct drm_file *file, struct drm_i915_gem_vm_param *args,
		       bool set)
{
	struct i915_address_space *vm;
	int err;

	if (args->rsvd)
		return -EINVAL;

	vm = vm_lookup(file, args->vm_id);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	if (set)
		err = set_svm_param(vm, args->param, args->value);
	else
		err = get_svm_param(vm, args->param, &args->value);
	i915_vm_put(vm);

	return err;
}

int i915_svm_getparam_ioctl(struct drm_device *dev, void *data, struct drm_file *file)
{
	return param_ioctl(file, data, false);
}

int i915_svm_setparam_ioctl(struct drm_device *dev, void *data, struct drm_file *file)
{
	return param_ioctl(file, data, true);
}

/* A user range must be wholly mapped by mappings that the GPU may use. */
static int check_mapped(struct i915_svm *svm, u64 start, u64 end, bool unshare)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, svm->mm, start);
	u64 pos = start;
	int err = 0;

	if (mmap_read_lock_killable(svm->mm))
		return -EINTR;

	for_each_vma_range(vmi, vma, end) {
		if (vma->vm_start > pos)
			break;
		if (!i915_svm_vma_usable(vma) &&
		    !(unshare && i915_svm_vma_unsharable(vma))) {
			err = vma->vm_flags & (VM_IO | VM_PFNMAP | VM_MIXEDMAP) ?
				-EINVAL : -EACCES;
			break;
		}
		pos = vma->vm_end;
	}
	mmap_read_unlock(svm->mm);

	return err ?: pos < end ? -EFAULT : 0;
}

static int bind_buffer(struct i915_svm *svm, const struct drm_i915_gem_vm_bind_va *va,
		       u64 start, u64 end)
{
	const bool unshare = va->flags & I915_GEM_VM_BIND_UNSHARE;
	int err;

	if (va->offset || va->handle)
		return -EINVAL;

	err = check_mapped(svm, start, end, unshare);
	if (!err)
		err = i915_svm_range_bind(svm, start, end, unshare, NULL, 0);

	return err;
}

static int bind_object(struct drm_file *file, struct i915_svm *svm,
		       const struct drm_i915_gem_vm_bind_va *va, u64 start, u64 end)
{
	struct drm_i915_gem_object *obj;
	int err;

	if (!PAGE_ALIGNED(va->start | va->length | va->offset) ||
	    va->flags & I915_GEM_VM_BIND_UNSHARE)
		return -EINVAL;

	obj = i915_gem_object_lookup(file, va->handle);
	if (!obj)
		return -ENOENT;

	if (range_overflows_t(u64, va->offset, va->length, obj->base.size))
		err = -EINVAL;
	else if (i915_gem_object_is_userptr(obj))
		err = -EOPNOTSUPP; /* bind the CPU range instead */
	else
		err = i915_svm_range_bind(svm, start, end, false, obj, va->offset);
	i915_gem_object_put(obj);

	return err;
}

/* Every page of the range valid, or nothing bound. */
static int populate(struct i915_svm *svm, u64 start, u64 end)
{
	struct drm_i915_gem_vm_query q = { .start = start, .length = end - start };
	int err;

	err = i915_svm_validate(svm);
	if (!err)
		err = i915_svm_range_query(svm, &q);
	if (!err && q.bytes_invalid) {
		/* Taken away again meanwhile, or never there? */
		read_lock(&svm->notifier_lock);
		err = list_empty(&svm->dirty) ? -EFAULT : -EAGAIN;
		read_unlock(&svm->notifier_lock);
	}
	if (err) {
		/* A signal does not keep what failed from being undone. */
		svm->undo = true;
		i915_svm_range_unbind(svm, start, end, false);
		svm->undo = false;
	}

	return err;
}

static int bind_one(struct drm_file *file, struct i915_svm *svm,
		    const struct drm_i915_gem_vm_bind_va *va)
{
	const u32 known = I915_GEM_VM_BIND_UNBIND | I915_GEM_VM_BIND_READONLY |
		I915_GEM_VM_BIND_POPULATE | I915_GEM_VM_BIND_UNSHARE;
	u64 start, end;
	int err;

	if (va->rsvd || va->flags & ~known || va->type > I915_GEM_VM_BIND_SVM_BUFFER)
		return -EINVAL;

	err = round_out(svm->vm, va->start, va->length, &start, &end);
	if (err)
		return err;

	if (va->flags & I915_GEM_VM_BIND_UNBIND) {
		if (va->flags != I915_GEM_VM_BIND_UNBIND || va->offset || va->handle)
			return -EINVAL;
		return i915_svm_range_unbind(svm, start, end, false);
	}

	if (va->flags & I915_GEM_VM_BIND_READONLY)
		return -EOPNOTSUPP;

	if (va->type == I915_GEM_VM_BIND_SVM_OBJ)
		err = bind_object(file, svm, va, start, end);
	else
		err = bind_buffer(svm, va, start, end);
	if (!err && va->flags & I915_GEM_VM_BIND_POPULATE)
		err = populate(svm, start, end);

	return err;
}

static int bind_all(struct drm_file *file, struct i915_svm *svm,
		    struct drm_i915_gem_vm_bind *args,
		    const struct drm_i915_gem_vm_bind_va *vas)
{
	while (args->num_done < args->num_vas) {
		int err;

		if (signal_pending(current))
			return -ERESTARTSYS;

		err = bind_one(file, svm, &vas[args->num_done]);
		if (err)
			return err;

		args->num_done++;
		cond_resched();
	}

	return 0;
}

/* Fences of one call, looked up before anything is done. */
struct bind_fences {
	unsigned int count;
	struct drm_i915_gem_vm_bind_fence *desc;
	struct drm_syncobj **syncobj;
	struct dma_fence_chain **chain;
};

static void put_fences(struct bind_fences *f)
{
	unsigned int i;

	for (i = 0; i < f->count; i++) {
		if (f->syncobj && f->syncobj[i])
			drm_syncobj_put(f->syncobj[i]);
		if (f->chain)
			dma_fence_chain_free(f->chain[i]);
	}
	kvfree(f->chain);
	kvfree(f->syncobj);
	kvfree(f->desc);
}

static int get_fence(struct drm_file *file, struct bind_fences *f, unsigned int i)
{
	const struct drm_i915_gem_vm_bind_fence *d = &f->desc[i];
	const u32 known = I915_GEM_VM_BIND_FENCE_WAIT | I915_GEM_VM_BIND_FENCE_SIGNAL;

	if (!d->flags || d->flags & ~known)
		return -EINVAL;

	f->syncobj[i] = drm_syncobj_find(file, d->handle);
	if (!f->syncobj[i])
		return -ENOENT;

	if (d->value && d->flags & I915_GEM_VM_BIND_FENCE_SIGNAL) {
		f->chain[i] = dma_fence_chain_alloc();
		if (!f->chain[i])
			return -ENOMEM;
	}

	return 0;
}

static int get_fences(struct drm_file *file, const struct drm_i915_gem_vm_bind *args,
		      struct bind_fences *f)
{
	unsigned int i;
	int err = 0;

	if (!args->num_fences)
		return 0;

	f->count = args->num_fences;
	f->desc = kvmalloc_array(f->count, sizeof(*f->desc), GFP_KERNEL);
	f->syncobj = kvcalloc(f->count, sizeof(*f->syncobj), GFP_KERNEL);
	f->chain = kvcalloc(f->count, sizeof(*f->chain), GFP_KERNEL);
	if (!f->desc || !f->syncobj || !f->chain)
		return -ENOMEM;

	if (copy_from_user(f->desc, u64_to_user_ptr(args->fences_ptr),
			   f->count * sizeof(*f->desc)))
		return -EFAULT;

	for (i = 0; i < f->count && !err; i++)
		err = get_fence(file, f, i);

	return err;
}

static int wait_fences(struct drm_file *file, const struct bind_fences *f)
{
	unsigned int i;

	for (i = 0; i < f->count; i++) {
		struct dma_fence *fence;
		int err;

		if (!(f->desc[i].flags & I915_GEM_VM_BIND_FENCE_WAIT))
			continue;

		err = drm_syncobj_find_fence(file, f->desc[i].handle,
					     f->desc[i].value, 0, &fence);
		if (err)
			return err;

		err = dma_fence_wait(fence, true);
		dma_fence_put(fence);
		if (err)
			return err;
	}

	return 0;
}

static void signal_fences(struct bind_fences *f)
{
	unsigned int i;

	for (i = 0; i < f->count; i++) {
		struct dma_fence *done;

		if (!(f->desc[i].flags & I915_GEM_VM_BIND_FENCE_SIGNAL))
			continue;

		done = dma_fence_get_stub();
		if (f->chain[i]) {
			drm_syncobj_add_point(f->syncobj[i], f->chain[i], done,
					      f->desc[i].value);
			f->chain[i] = NULL;
		} else {
			drm_syncobj_replace_fence(f->syncobj[i], done);
		}
		dma_fence_put(done);
	}
}

static int bind_locked(struct drm_file *file, struct i915_address_space *vm,
		       struct drm_i915_gem_vm_bind *args,
		       const struct drm_i915_gem_vm_bind_va *vas)
{
	struct i915_svm *svm = svm_lock(vm);
	int err;

	if (IS_ERR(svm))
		return PTR_ERR(svm);

	err = bind_all(file, svm, args, vas);
	mutex_unlock(&svm->mutex);
	return err;
}

int i915_svm_bind_ioctl(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_i915_gem_vm_bind *args = data;
	struct drm_i915_gem_vm_bind_va *vas;
	struct bind_fences fences = {};
	struct i915_address_space *vm;
	int err;

	if (args->flags || args->extensions || !args->num_vas ||
	    args->num_vas > I915_GEM_VM_BIND_MAX_VAS ||
	    args->num_done > args->num_vas || args->num_fences > MAX_FENCES)
		return -EINVAL;

	vm = vm_lookup(file, args->vm_id);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	vas = vmemdup_array_user(u64_to_user_ptr(args->vas_ptr), args->num_vas,
				 sizeof(*vas));
	if (IS_ERR(vas)) {
		err = PTR_ERR(vas);
		goto out_vm;
	}

	err = get_fences(file, args, &fences);
	if (!err)
		err = wait_fences(file, &fences);
	if (!err)
		err = bind_locked(file, vm, args, vas);
	if (!err)
		signal_fences(&fences);

	put_fences(&fences);
	kvfree(vas);
out_vm:
	i915_vm_put(vm);
	return err;
}

static int prefetch_pages(struct i915_svm *svm, u32 region, u64 start, u64 end,
			  struct i915_svm_migrated *out)
{
	struct drm_device *drm = &svm->vm->i915->drm;
	struct i915_svm_devmem *dm;
	u64 next;
	int err, idx;

	/* Who takes the device away waits for us. */
	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;

	dm = i915_svm_devmem_get(svm->vm->i915);
	if (IS_ERR(dm)) {
		err = dm == ERR_PTR(-ENODEV) ? -EOPNOTSUPP : PTR_ERR(dm);
		goto out;
	}

	for (err = 0; start < end && !err; start = next) {
		struct i915_svm_migrated one = {};
		struct i915_svm_move how;

		next = end;
		i915_svm_advice_at(svm, start, &next, &how);
		how.to_device = region == I915_SVM_REGION_LOCAL;
		err = i915_svm_migrate_range(dm, svm->mm, start, next, &how, &one);
		out->moved += one.moved;
		out->already += one.already;
		out->failed_unmapped += one.failed_unmapped;
		out->failed_type += one.failed_type;
		out->failed_busy += one.failed_busy;
		out->failed_memory += one.failed_memory;
		out->absent += one.absent;
	}
out:
	drm_dev_exit(idx);
	return err;
}

static int prefetch_object(struct i915_svm_range *range, u32 region, u64 bytes,
			   struct i915_svm_migrated *out)
{
	int ret = i915_svm_bo_prefetch(range->obj, region);

	switch (ret) {
	case 1:
		out->moved += bytes;
		return 0;
	case 0:
		out->already += bytes;
		return 0;
	case -EINVAL:
		out->failed_type += bytes;
		return 0;
	case -ENOMEM:
	case -ENOSPC:
	case -ENXIO:
		out->failed_memory += bytes;
		return 0;
	case -EBUSY:
	case -EAGAIN:
		out->failed_busy += bytes;
		return 0;
	default:
		return ret;
	}
}

/* Objects and what lies between them, in order of address. */
static int prefetch_locked(struct i915_svm *svm, struct drm_i915_gem_vm_prefetch *args,
			   struct i915_svm_migrated *out)
{
	struct i915_svm_range *range = NULL;
	u64 start, end, pos;
	int err;

	err = round_out(svm->vm, args->start, args->length, &start, &end);
	if (err)
		return err;

	pos = start;
	while (!err && (range = i915_svm_range_next(svm, range, start, end))) {
		const u64 from = max_t(u64, range->it.start, start);
		const u64 to = min_t(u64, range->it.last + 1, end);

		if (!range->obj)
			continue;
		if (pos < from)
			err = prefetch_pages(svm, args->region, pos, from, out);
		if (!err)
			err = prefetch_object(range, args->region, to - from, out);
		pos = to;
	}
	if (!err && pos < end)
		err = prefetch_pages(svm, args->region, pos, end, out);

	return err;
}

int i915_svm_prefetch_ioctl(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_i915_gem_vm_prefetch *args = data;
	struct i915_svm_migrated out = {};
	struct i915_svm *svm;
	int err;

	if (args->flags || memchr_inv(args->rsvd, 0, sizeof(args->rsvd)) ||
	    (args->region != I915_SVM_REGION_SYSTEM &&
	     args->region != I915_SVM_REGION_LOCAL))
		return -EINVAL;

	svm = svm_begin(file, args->vm_id);
	if (IS_ERR(svm))
		return PTR_ERR(svm);

	err = prefetch_locked(svm, args, &out);
	svm_end(svm);

	args->moved = out.moved;
	args->already = out.already;
	args->failed_unmapped = out.failed_unmapped;
	args->failed_type = out.failed_type;
	args->failed_busy = out.failed_busy;
	args->failed_memory = out.failed_memory;
	args->absent = out.absent;
	return err;
}

static bool advice_valid(u32 attribute, u64 value)
{
	switch (attribute) {
	case I915_SVM_ADVISE_PREFERRED_LOCATION:
		return value == I915_SVM_REGION_SYSTEM ||
			value == I915_SVM_REGION_LOCAL || value == ~0ull;
	case I915_SVM_ADVISE_KEEP_IN_PLACE:
		return value <= 1;
	case I915_SVM_ADVISE_GRANULE:
		return !value || granule_valid(value);
	default:
		return false;
	}
}

int i915_svm_advise_ioctl(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_i915_gem_vm_advise *args = data;
	struct i915_svm *svm;
	u64 start, end;
	int err;

	if (memchr_inv(args->rsvd, 0, sizeof(args->rsvd)) ||
	    !advice_valid(args->attribute, args->value))
		return -EINVAL;

	svm = svm_begin(file, args->vm_id);
	if (IS_ERR(svm))
		return PTR_ERR(svm);

	err = round_out(svm->vm, args->start, args->length, &start, &end);
	if (!err)
		err = i915_svm_advise(svm, start, end, args->attribute, args->value);
	svm_end(svm);

	return err;
}

int i915_svm_query_ioctl(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_i915_gem_vm_query *args = data;
	struct i915_svm *svm;
	int err;

	if (args->flags || memchr_inv(args->rsvd, 0, sizeof(args->rsvd)))
		return -EINVAL;

	svm = svm_begin(file, args->vm_id);
	if (IS_ERR(svm))
		return PTR_ERR(svm);

	err = args->start < svm->vm->total ?
		i915_svm_range_query(svm, args) : -EINVAL;
	svm_end(svm);

	return err;
}
