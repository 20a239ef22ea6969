// SPDX-License-Identifier: MIT
/*
 * DOC: Accounts
 *
 * Every address space with SVM, and the device, count what goes through them
 * by page size and direction: how many pages of that size, how many bytes,
 * how long it took. An extent of device memory adds to the account of the
 * address space for which it was made, also when a CPU touch or eviction
 * brings its pages back, for which no address space is at hand.
 *
 * What is resident now is shown in fdinfo, beside the objects of a client.
 */

#include <linux/slab.h>

#include <drm/drm_file.h>
#include <drm/drm_print.h>

#include "i915_drv.h"
#include "i915_file_private.h"
#include "i915_svm.h"
#include "i915_svm_account.h"
#include "i915_svm_types.h"

/**
 * i915_svm_account_create - an account with everything at 0
 * @device: that of the device, NULL when this is it
 */
struct i915_svm_account *i915_svm_account_create(struct i915_svm_account *device)
{
	struct i915_svm_account *account;

	account = kzalloc(sizeof(*account), GFP_KERNEL);
	if (!account)
		return NULL;

	kref_init(&account->ref);
	if (device)
		account->device = i915_svm_account_get(device);
	return account;
}

void i915_svm_account_free(struct kref *ref)
{
	struct i915_svm_account *account = container_of(ref, typeof(*account), ref);

	if (account->device)
		i915_svm_account_put(account->device);
	kfree(account);
}

/**
 * i915_svm_account_flow - pages were mapped, unmapped or moved
 * @account: of an address space; its device's follows
 * @flow: which
 * @leaf: size of the pages
 * @count: how many of that size
 * @ns: time it took
 */
void i915_svm_account_flow(struct i915_svm_account *account,
			   enum i915_svm_flow flow, enum i915_svm_leaf leaf,
			   u64 count, u64 ns)
{
	for (; account; account = account->device) {
		atomic64_add(count, &account->flow[flow][leaf].count);
		atomic64_add(ns, &account->flow[flow][leaf].ns);
	}
}

/**
 * i915_svm_account_show - print an account
 * @account: the account
 * @p: where to
 * @indent: before each line
 */
void i915_svm_account_show(struct i915_svm_account *account,
			   struct drm_printer *p, const char *indent)
{
	static const char * const flows[] = {
		[I915_SVM_FLOW_MAP] = "mapped",
		[I915_SVM_FLOW_UNMAP] = "unmapped",
		[I915_SVM_FLOW_TO_DEVICE] = "to_device",
		[I915_SVM_FLOW_TO_SYSTEM] = "to_system",
	};
	static const char * const sizes[] = {
		[I915_SVM_LEAF_4K] = "4K",
		[I915_SVM_LEAF_64K] = "64K",
		[I915_SVM_LEAF_2M] = "2M",
	};
	unsigned int flow, leaf;

	static_assert(ARRAY_SIZE(flows) == I915_SVM_FLOW_COUNT);
	static_assert(ARRAY_SIZE(sizes) == I915_SVM_LEAF_COUNT);

	drm_printf(p, "%sresident: %lld bytes of system memory, %lld of device memory\n",
		   indent, atomic64_read(&account->system_pages) << PAGE_SHIFT,
		   atomic64_read(&account->device_pages) << PAGE_SHIFT);
	for (flow = 0; flow < I915_SVM_FLOW_COUNT; flow++)
		for (leaf = 0; leaf < I915_SVM_LEAF_COUNT; leaf++) {
			const u64 n = atomic64_read(&account->flow[flow][leaf].count);

			drm_printf(p, "%s%s %s: %llu pages, %llu bytes, %lld ns\n",
				   indent, flows[flow], sizes[leaf], n,
				   n * i915_svm_leaf_pages(leaf) * PAGE_SIZE,
				   atomic64_read(&account->flow[flow][leaf].ns));
		}
}

/**
 * i915_svm_show_fdinfo - memory of a client that is in no object
 * @p: /proc/PID/fdinfo/FD
 * @file_priv: whose
 */
void i915_svm_show_fdinfo(struct drm_printer *p,
			  struct drm_i915_file_private *file_priv)
{
	struct drm_memory_stats system = {}, local = {};
	struct i915_address_space *vm;
	unsigned long id;
	bool any = false;

	xa_lock(&file_priv->vm_xa);
	xa_for_each(&file_priv->vm_xa, id, vm) {
		struct i915_svm *svm = i915_svm_of(vm);
		u64 in_system, in_local;

		if (!svm)
			continue;

		any = true;
		in_system = atomic64_read(&svm->account->system_pages) << PAGE_SHIFT;
		in_local = atomic64_read(&svm->account->device_pages) << PAGE_SHIFT;
		system.resident += in_system;
		local.resident += in_local;
		if (!i915_svm_idle(svm)) {
			system.active += in_system;
			local.active += in_local;
		}
	}
	xa_unlock(&file_priv->vm_xa);

	if (!any)
		return;

	system.private = system.resident;
	local.private = local.resident;
	drm_print_memory_stats(p, &system, DRM_GEM_OBJECT_RESIDENT, "svm-system0");
	drm_print_memory_stats(p, &local, DRM_GEM_OBJECT_RESIDENT, "svm-local0");
}
