/* SPDX-License-Identifier: MIT */
/*
 * Shared virtual memory: what was done, by page size and direction, for one
 * address space and for the device as a whole.
 */
#ifndef __I915_SVM_ACCOUNT_H__
#define __I915_SVM_ACCOUNT_H__

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/types.h>

struct drm_printer;

/* Page sizes: how a block is entered in its page directory, too. */
enum i915_svm_leaf {
	I915_SVM_LEAF_4K,
	I915_SVM_LEAF_64K,
	I915_SVM_LEAF_2M
};
#define I915_SVM_LEAF_COUNT	(I915_SVM_LEAF_2M + 1)

static inline unsigned int i915_svm_leaf_pages(enum i915_svm_leaf leaf)
{
	return leaf == I915_SVM_LEAF_2M ? 512 : leaf == I915_SVM_LEAF_64K ? 16 : 1;
}

enum i915_svm_flow {
	I915_SVM_FLOW_MAP,		/* entered in the GPU's page table */
	I915_SVM_FLOW_UNMAP,		/* taken out of it */
	I915_SVM_FLOW_TO_DEVICE,	/* moved */
	I915_SVM_FLOW_TO_SYSTEM,
	I915_SVM_FLOW_COUNT
};

/*
 * struct i915_svm_account - counters, kept by all that adds to them: device
 * pages outlive the address space that had them moved
 */
struct i915_svm_account {
	struct kref ref;
	/* of the device; NULL in that itself */
	struct i915_svm_account *device;

	/* of the last CPU touch: where it stopped, how much it brought back, by which granule */
	struct {
		unsigned long next, size, granule;
		unsigned long limit; /* of size */
	} ahead;

	/* now: mapped pages of system memory, device pages in use */
	atomic64_t system_pages, device_pages;

	/* since ever: pages of each size, how often and for how long */
	struct {
		atomic64_t count, ns;
	} flow[I915_SVM_FLOW_COUNT][I915_SVM_LEAF_COUNT];
};

struct i915_svm_account *i915_svm_account_create(struct i915_svm_account *device);
void i915_svm_account_free(struct kref *ref);

static inline struct i915_svm_account *
i915_svm_account_get(struct i915_svm_account *account)
{
	kref_get(&account->ref);
	return account;
}

static inline void i915_svm_account_put(struct i915_svm_account *account)
{
	kref_put(&account->ref, i915_svm_account_free);
}

void i915_svm_account_flow(struct i915_svm_account *account,
			   enum i915_svm_flow flow, enum i915_svm_leaf leaf,
			   u64 count, u64 ns);
void i915_svm_account_show(struct i915_svm_account *account,
			   struct drm_printer *p, const char *indent);

static inline void
i915_svm_account_resident(struct i915_svm_account *account, s64 system, s64 device)
{
	for (; account; account = account->device) {
		if (system)
			atomic64_add(system, &account->system_pages);
		if (device)
			atomic64_add(device, &account->device_pages);
	}
}

#endif /* __I915_SVM_ACCOUNT_H__ */
