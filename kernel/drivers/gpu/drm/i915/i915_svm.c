// SPDX-License-Identifier: MIT
/*
 * DOC: Shared virtual memory
 *
 * One struct i915_svm belongs to one GPU address space and to the CPU address
 * space of one process. It is made the first time SVM is enabled and freed
 * with the GPU address space; being disabled means that nothing is bound.
 *
 * A submission to such an address space goes through four stations:
 *
 * 1. prepare: under svm->mutex, what is bound is made valid;
 * 2. lock: among the other reservation objects of the submission, svm->fences
 *    is locked and room for its fences is made;
 * 3. commit: under notifier_lock, if nothing is dirty, the fences are added.
 *    A notifier either came before, then the submission gets -EAGAIN and its
 *    request is queued empty; or it comes after and waits for the fences;
 * 4. queued: from commit to here the fences are waited for but not yet with
 *    the scheduler. Reclaim could wait for them through a notifier, so the
 *    thread must not enter it: allocations in between run with PF_MEMALLOC.
 *
 * Work submitted before SVM was enabled has no fence here; enabling waits for
 * it.
 */

#include <linux/dma-resv.h>
#include <linux/sched/mm.h>

#include "gem/i915_gem_context.h"
#include "gem/i915_gem_internal.h"
#include "i915_drv.h"
#include "i915_file_private.h"
#include "i915_gem_ww.h"
#include "i915_svm.h"
#include "i915_svm_devmem.h"
#include "i915_svm_types.h"
#include "i915_user_extensions.h"
#include "i915_vma.h"

#define DEFAULT_POPULATE_LIMIT	SZ_1G

/*
 * Objects bound and objects listed that do not fit in local memory together push
 * each other out at each submission: that is tried again so often.
 */
#define MAX_PUSHED_OUT		32

/* Address spaces that have had SVM on. The lock is outside svm->mutex. */
static DEFINE_MUTEX(all_lock);
static LIST_HEAD(all);

/* What the hooks and the page-table code take for granted of i915. */
static_assert(I915_GTT_PAGE_SIZE_2M == SZ_2M);
static_assert(I915_PDES == 512);
static_assert(__same_type(((struct i915_address_space *)0)->allocate_va_range,
			  void (*)(struct i915_address_space *,
				   struct i915_vm_pt_stash *, u64, u64)));
static_assert(__same_type(((struct i915_address_space *)0)->clear_range,
			  void (*)(struct i915_address_space *, u64, u64)));
static_assert(__same_type(((struct i915_address_space *)0)->pte_encode,
			  u64 (*)(dma_addr_t, unsigned int, u32)));

static bool has_svm(struct drm_i915_private *i915)
{
	/* GPU addresses must reach where user space maps memory. */
	return i915->svm_account && HAS_FULL_PPGTT(i915) && GRAPHICS_VER(i915) >= 8 &&
		GRAPHICS_VER_FULL(i915) < IP_VER(12, 55) &&
		RUNTIME_INFO(i915)->ppgtt_size >= 47 &&
		(HAS_LLC(i915) || HAS_SNOOP(i915));
}

u32 i915_svm_caps(struct drm_i915_private *i915)
{
	if (!has_svm(i915))
		return 0;

	return I915_SVM_CAP_RUNTIME | I915_SVM_CAP_SYSTEM | I915_SVM_CAP_MIRROR |
		I915_SVM_CAP_USERPTR |
		(i915_svm_devmem_possible(i915) ? I915_SVM_CAP_DEVMEM : 0);
}

/* In one place only: a place is a class to lockdep. */
static void init_locks(struct i915_svm *svm)
{
	mutex_init(&svm->mutex);
	rwlock_init(&svm->notifier_lock);
}

/* Let lockdep know from the start: notifier_lock inside reclaim, mmap_lock inside mutex. */
static void teach_lockdep(void)
{
	struct i915_svm *svm;

	if (!IS_ENABLED(CONFIG_LOCKDEP))
		return;

	svm = kzalloc(sizeof(*svm), GFP_KERNEL);
	if (!svm)
		return;

	init_locks(svm);
	fs_reclaim_acquire(GFP_KERNEL);
	write_lock(&svm->notifier_lock);
	write_unlock(&svm->notifier_lock);
	fs_reclaim_release(GFP_KERNEL);
	if (current->mm) {
		mutex_lock(&svm->mutex);
		mmap_read_lock(current->mm);
		mmap_read_unlock(current->mm);
		mutex_unlock(&svm->mutex);
	}
	mutex_destroy(&svm->mutex);
	kfree(svm);
}

void i915_svm_device_init(struct drm_i915_private *i915)
{
	teach_lockdep();
	i915->svm_account = i915_svm_account_create(NULL);
	if (has_svm(i915))
		i915_svm_devmem_init(i915);
}

/* Also of what svm_create() has half made. */
static void svm_free(struct i915_svm *svm)
{
	mmdrop(svm->mm);
	xa_destroy(&svm->chunks);
	mutex_destroy(&svm->mutex);
	i915_svm_stretches_free(&svm->held);
	kvfree(svm->pfns);
	if (svm->account)
		i915_svm_account_put(svm->account);
	if (svm->fences)
		i915_gem_object_put(svm->fences);
	kfree(svm);
}

static struct i915_svm *svm_create(struct i915_address_space *vm)
{
	struct i915_svm *svm;

	svm = kzalloc(sizeof(*svm), GFP_KERNEL_ACCOUNT);
	if (!svm)
		return NULL;

	svm->pfns = kvmalloc_array(I915_SVM_BLOCK_PAGES, sizeof(*svm->pfns),
				   GFP_KERNEL_ACCOUNT);
	svm->account = i915_svm_account_create(vm->i915->svm_account);
	svm->fences = i915_gem_object_create_internal(vm->i915, PAGE_SIZE);
	if (IS_ERR(svm->fences))
		svm->fences = NULL;
	svm->mm = current->mm;
	mmgrab(svm->mm);
	xa_init(&svm->chunks);
	init_locks(svm);
	if (!svm->pfns || !svm->account || !svm->fences) {
		svm_free(svm);
		return NULL;
	}

	svm->vm = vm;
	get_task_comm(svm->comm, current);
	INIT_LIST_HEAD(&svm->dirty);
	INIT_LIST_HEAD(&svm->incomplete);
	INIT_WORK(&svm->ban_work, i915_svm_ban_work);
	i915_svm_fault_init(svm);
	svm->ranges = RB_ROOT_CACHED;
	svm->advice = RB_ROOT_CACHED;
	svm->granule = SZ_2M;
	svm->account->ahead.limit = I915_SVM_READ_AHEAD_MAX;
	svm->populate_limit = DEFAULT_POPULATE_LIMIT;
	svm->mm_seq = 1;
	return svm;
}

static void all_remove(struct i915_svm *svm)
{
	mutex_lock(&all_lock);
	list_del(&svm->all_link);
	mutex_unlock(&all_lock);
}

/**
 * i915_svm_for_each - call a function for every address space with SVM
 * @i915: the device they are of
 * @fn: the function
 * @data: its second argument
 */
void i915_svm_for_each(struct drm_i915_private *i915,
		       void (*fn)(struct i915_svm *svm, void *data), void *data)
{
	struct i915_svm *svm;

	mutex_lock(&all_lock);
	list_for_each_entry(svm, &all, all_link)
		if (svm->vm->i915 == i915)
			fn(svm, data);
	mutex_unlock(&all_lock);
}

/*
 * Page tables in local memory cannot be written while the device sleeps, and
 * notifiers, which write them, cannot wake it: it stays awake while SVM is on.
 */
static void keep_awake(struct i915_svm *svm)
{
	struct drm_i915_private *i915 = svm->vm->i915;

	if (HAS_LMEM(i915) && !svm->wakeref)
		svm->wakeref = intel_runtime_pm_get(&i915->runtime_pm);
}

static void let_sleep(struct i915_svm *svm)
{
	if (svm->wakeref)
		intel_runtime_pm_put(&svm->vm->i915->runtime_pm, fetch_and_zero(&svm->wakeref));
}

/* The last act of switching off. */
static void mark_off(struct i915_svm *svm)
{
	i915_svm_advice_clear(svm);
	svm->mirror = false;
	svm->enabled = false;
	let_sleep(svm);
}

/* Off for good: nobody submits any more. */
static void switch_off(struct i915_svm *svm)
{
	lockdep_assert_held(&svm->mutex);

	i915_svm_take_away_all(svm);
	/* Banned work that has not stopped yet needs its page tables until the VM goes. */
	if (i915_svm_idle(svm))
		i915_svm_range_unbind_all(svm);
	mark_off(svm);
}

static void remove_one(struct i915_svm *svm, void *unused)
{
	mutex_lock(&svm->mutex);
	switch_off(svm);
	mutex_unlock(&svm->mutex);
}

/**
 * i915_svm_device_leave - the driver is about to leave the device
 * @i915: the device, which user space may still use
 */
void i915_svm_device_leave(struct drm_i915_private *i915)
{
	i915_svm_devmem_leave(i915);
}

/**
 * i915_svm_device_fini - the driver leaves the device
 * @i915: the device; its GT is wedged, and user space can begin nothing new
 *
 * Files may stay open for as long as their processes like. Nothing of these
 * processes is mapped for the device any more, and nothing of them is in it.
 */
void i915_svm_device_fini(struct drm_i915_private *i915)
{
	struct i915_svm_account *account;

	/* has_svm() is false from here on: calls that are under way enable nothing. */
	mutex_lock(&all_lock);
	account = fetch_and_zero(&i915->svm_account);
	mutex_unlock(&all_lock);

	i915_svm_for_each(i915, remove_one, NULL);
	i915_svm_devmem_fini(i915);
	if (account)
		i915_svm_account_put(account);
}

static void suspend_one(struct i915_svm *svm, void *unused)
{
	i915_svm_take_away_all(svm);
}

/**
 * i915_svm_suspend - the device is about to lose its local memory
 * @i915: the device, idle; processes are frozen
 *
 * Page tables in local memory are saved and come back as they were. What is
 * taken away in between, by reclaim or by moving out of local memory, would be in
 * them again: so nothing is in them when they are saved.
 */
void i915_svm_suspend(struct drm_i915_private *i915)
{
	intel_wakeref_t wakeref;

	if (!HAS_LMEM(i915))
		return;

	with_intel_runtime_pm(&i915->runtime_pm, wakeref)
		i915_svm_for_each(i915, suspend_one, NULL);
}

/**
 * i915_svm_get - the SVM state of an address space, made when there is none
 * @vm: the address space
 */
struct i915_svm *i915_svm_get(struct i915_address_space *vm)
{
	struct i915_svm *svm = i915_svm_of(vm);

	if (svm)
		return svm;

	mutex_lock(&all_lock);
	svm = vm->svm;
	if (!svm && (!has_svm(vm->i915) || vm->top != 3))
		svm = ERR_PTR(-EOPNOTSUPP);
	if (!svm) {
		svm = svm_create(vm);
		if (svm) {
			list_add_tail(&svm->all_link, &all);
			smp_store_release(&vm->svm, svm); /* see i915_svm_of() */
		}
	}
	mutex_unlock(&all_lock);

	return svm ?: ERR_PTR(-ENOMEM);
}

/* Wait for what was submitted before anyone added fences for us. */
static int wait_for_older_work(struct i915_address_space *vm)
{
	unsigned long count = 0, n = 0, i;
	struct i915_vma **vmas, *vma;
	int err = 0;

	mutex_lock(&vm->mutex);
	list_for_each_entry(vma, &vm->bound_list, vm_link)
		count++;
	mutex_unlock(&vm->mutex);

	vmas = kvmalloc_array(count, sizeof(*vmas), GFP_KERNEL);
	if (!vmas)
		return -ENOMEM;

	mutex_lock(&vm->mutex);
	list_for_each_entry(vma, &vm->bound_list, vm_link) {
		if (n < count && i915_vma_is_active(vma) && i915_vma_tryget(vma))
			vmas[n++] = vma;
	}
	mutex_unlock(&vm->mutex);

	for (i = 0; i < n; i++) {
		if (!err)
			err = i915_vma_sync(vmas[i]);
		i915_vma_put(vmas[i]);
	}
	kvfree(vmas);

	return err;
}

static int svm_disable(struct i915_svm *svm)
{
	int err;

	/* Interrupted, it is still on, and goes on at the next call. */
	err = i915_svm_range_unbind(svm, 0, svm->vm->total, true);
	if (!err)
		err = i915_svm_range_unbind(svm, 0, svm->vm->total, false);
	if (err)
		return err;

	mark_off(svm);
	return 0;
}

static int svm_enable(struct i915_svm *svm, bool mirror)
{
	int err;

	if (svm->enabled) {
		if (svm->mm != current->mm)
			return -EPERM;
	} else {
		err = wait_for_older_work(svm->vm);
		if (err)
			return err;

		/* Nothing is bound: it may serve another process from now on. */
		if (svm->mm != current->mm) {
			mmdrop(svm->mm);
			svm->mm = current->mm;
			mmgrab(svm->mm);
			get_task_comm(svm->comm, current);
		}
		keep_awake(svm);
		svm->enabled = true;
	}

	svm->mm_seq = 1;
	if (svm->mirror && !mirror) {
		err = i915_svm_range_unbind(svm, 0, svm->vm->total, true);
		if (err)
			return err;
	}
	svm->mirror = mirror;
	return 0;
}

/**
 * i915_svm_enable - DRM_IOCTL_I915_GEM_VM_SETPARAM of I915_GEM_VM_PARAM_SVM
 * @vm: the address space
 * @value: bits of I915_SVM_VM_*
 */
int i915_svm_enable(struct i915_address_space *vm, u64 value)
{
	struct i915_svm *svm;
	int err;

	if (value & ~(I915_SVM_VM_ENABLE | I915_SVM_VM_MIRROR))
		return -EINVAL;
	if (!value && !READ_ONCE(vm->svm))
		return 0;

	svm = i915_svm_get(vm);
	if (IS_ERR(svm))
		return PTR_ERR(svm);

	err = mutex_lock_interruptible(&svm->mutex);
	if (err)
		return err;

	if (!value)
		err = svm_disable(svm);
	else if (!has_svm(vm->i915)) /* the driver goes */
		err = -ENODEV;
	else
		err = svm_enable(svm, value & I915_SVM_VM_MIRROR);
	mutex_unlock(&svm->mutex);

	return err;
}

static int create_ext_svm(struct i915_address_space *vm, u64 ptr)
{
	struct drm_i915_gem_vm_create_ext_svm ext;
	unsigned int i;

	if (copy_from_user(&ext, u64_to_user_ptr(ptr), sizeof(ext)))
		return -EFAULT;

	if (ext.base.flags)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(ext.base.rsvd); i++)
		if (ext.base.rsvd[i])
			return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(ext.rsvd); i++)
		if (ext.rsvd[i])
			return -EINVAL;

	return i915_svm_enable(vm, ext.svm);
}

/**
 * i915_svm_vm_extensions - extensions of DRM_IOCTL_I915_GEM_VM_CREATE
 * @vm: the new address space
 * @extensions: user pointer to the first
 *
 * i915_user_extensions() wants a table from 0 to the highest name, and ours
 * is far up: the chain is walked here.
 */
int i915_svm_vm_extensions(struct i915_address_space *vm, u64 extensions)
{
	unsigned int depth = 512; /* as i915_user_extensions() */

	while (extensions) {
		struct i915_user_extension ext;
		int err;

		if (!depth--)
			return -E2BIG;
		if (copy_from_user(&ext, u64_to_user_ptr(extensions), sizeof(ext)))
			return -EFAULT;
		if (ext.name != I915_VM_CREATE_EXT_SVM)
			return -EINVAL;

		err = create_ext_svm(vm, extensions);
		if (err)
			return err;

		extensions = ext.next_extension;
	}

	return 0;
}

/**
 * i915_svm_vm_close - the file that has the address space is closed
 * @vm: the address space; nobody can submit in it any more
 *
 * It stays until the contexts that used it are retired, which may take seconds
 * on a busy engine. Unless its work still runs it lets go of the process now.
 */
void i915_svm_vm_close(struct i915_address_space *vm)
{
	struct i915_svm *svm = i915_svm_of(vm);

	if (!svm)
		return;

	mutex_lock(&svm->mutex);
	if (svm->enabled && i915_svm_idle(svm))
		switch_off(svm);
	mutex_unlock(&svm->mutex);
}

/**
 * i915_svm_vm_release - the address space goes; nothing runs in it any more
 * @vm: the address space
 */
void i915_svm_vm_release(struct i915_address_space *vm)
{
	struct i915_svm *svm = vm->svm;

	if (!svm)
		return;

	all_remove(svm);
	flush_work(&svm->fault.work);

	mutex_lock(&svm->mutex);
	i915_svm_range_unbind_all(svm);
	mark_off(svm);
	mutex_unlock(&svm->mutex);

	cancel_work_sync(&svm->ban_work);
	i915_svm_pt_free_stash(svm);
	vm->svm = NULL;
	svm_free(svm);
}

/* May the calling process submit, though what is bound is not its memory? */
static bool others_may_submit(struct i915_svm *svm)
{
	return !READ_ONCE(svm->enabled) ||
		!(READ_ONCE(svm->mirror) || READ_ONCE(svm->bound_bytes));
}

/**
 * i915_svm_exec_prepare - first station of a submission
 * @vm: the address space
 * @out: its SVM state, for the other stations
 *
 * Returns: 0; -EPERM for a process whose memory is not what is bound; else
 * as i915_svm_validate().
 */
int i915_svm_exec_prepare(struct i915_address_space *vm, struct i915_svm **out)
{
	struct i915_svm *svm = i915_svm_of(vm);
	int err;

	*out = svm;
	if (!svm)
		return 0;

	err = mutex_lock_interruptible(&svm->mutex);
	if (err)
		return err;

	if (svm->enabled) {
		i915_svm_count(svm, SUBMITS, 1);
		if (svm->mm != current->mm)
			err = others_may_submit(svm) ? 0 : -EPERM;
		else if (svm->mirror)
			err = i915_svm_mirror_update(svm);
		if (!err && svm->mm == current->mm)
			err = i915_svm_validate(svm);
	}
	mutex_unlock(&svm->mutex);

	return err;
}

/**
 * i915_svm_exec_lock - second station of a submission
 * @svm: from i915_svm_exec_prepare()
 * @ww: the submission's
 * @num_fences: requests to come
 */
int i915_svm_exec_lock(struct i915_svm *svm, struct i915_gem_ww_ctx *ww,
		       unsigned int num_fences)
{
	int err;

	if (!svm)
		return 0;

	err = i915_gem_object_lock(svm->fences, ww);
	if (err)
		return err;

	return dma_resv_reserve_fences(i915_svm_resv(svm), num_fences);
}

/* Something is dirty: may the submission be tried again? */
static int try_again(struct i915_svm *svm, atomic_t *pushed_out)
{
	struct i915_svm_block *block;
	bool any = false;

	lockdep_assert_held(&svm->notifier_lock);

	list_for_each_entry(block, &svm->dirty, link)
		any |= block->pushed_out;
	if (!any || atomic_inc_return(pushed_out) < MAX_PUSHED_OUT)
		return -EAGAIN;

	atomic_set(pushed_out, 0);
	return -ENOSPC;
}

/**
 * i915_svm_exec_commit - third station of a submission
 * @vm: the address space
 * @svm: from i915_svm_exec_prepare()
 * @pushed_out: of the submitting context: how often in a row it was refused
 *	because objects that are bound had to make room
 * @rqs: requests, built but for their commands
 * @count: how many
 * @noreclaim: task flags for i915_svm_exec_queued()
 *
 * Returns: 0; -EAGAIN when something became invalid since prepare; -ENOSPC when that
 * does not end, because objects do not fit.
 */
int i915_svm_exec_commit(struct i915_address_space *vm, struct i915_svm *svm,
			 atomic_t *pushed_out, struct i915_request **rqs, unsigned int count,
			 unsigned int *noreclaim)
{
	unsigned int i;
	int err = 0;

	/* Enabled since prepare: only from the next submission on. */
	if (!svm)
		return READ_ONCE(vm->svm) ? -EAGAIN : 0;

	read_lock(&svm->notifier_lock);
	if (!list_empty(&svm->dirty))
		err = try_again(svm, pushed_out);
	else if (svm->mm != current->mm && !others_may_submit(svm))
		err = -EAGAIN; /* enabled by another process since prepare: that is to refuse it */
	for (i = 0; !err && i < count && rqs[i]; i++)
		dma_resv_add_fence(i915_svm_resv(svm), &rqs[i]->fence, DMA_RESV_USAGE_BOOKKEEP);
	read_unlock(&svm->notifier_lock);

	if (err)
		i915_svm_count(svm, SUBMIT_RETRIES, 1);
	else
		*noreclaim = memalloc_noreclaim_save();
	if (!err && atomic_read(pushed_out))
		atomic_set(pushed_out, 0);
	return err;
}

/**
 * i915_svm_exec_queued - last station of a submission
 * @noreclaim: what i915_svm_exec_commit() saved, or 0
 */
void i915_svm_exec_queued(unsigned int noreclaim)
{
	memalloc_noreclaim_restore(noreclaim);
}

#if IS_ENABLED(CONFIG_DRM_I915_SELFTEST)
#include "selftests/i915_svm.c"
#endif
