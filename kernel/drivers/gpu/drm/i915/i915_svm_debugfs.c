// SPDX-License-Identifier: MIT
/*
 * DOC: Seeing into shared virtual memory
 *
 * debugfs dri/N/i915_svm lists every address space that has SVM, with its
 * counters; for its page tables see i915_svm_dump.c. The list has a lock of
 * its own, outside svm->mutex.
 */

#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include <drm/drm_file.h>
#include <drm/drm_print.h>

#include "i915_drv.h"
#include "i915_svm.h"
#include "i915_svm_devmem.h"
#include "i915_svm_types.h"

static DEFINE_MUTEX(list_lock);
static LIST_HEAD(all);

static const char * const stat_names[] = {
	[I915_SVM_STAT_SUBMITS] = "submits",
	[I915_SVM_STAT_SUBMIT_RETRIES] = "submit_retries",
	[I915_SVM_STAT_SCANS] = "scans",
	[I915_SVM_STAT_BLOCKS_VALIDATED] = "blocks_validated",
	[I915_SVM_STAT_PAGES_VALIDATED] = "pages_validated",
	[I915_SVM_STAT_PAGES_POPULATED] = "pages_populated",
	[I915_SVM_STAT_INVALIDATIONS] = "invalidations",
	[I915_SVM_STAT_PAGES_INVALIDATED] = "pages_invalidated",
	[I915_SVM_STAT_WAITS] = "waits",
	[I915_SVM_STAT_WAIT_NS] = "wait_ns",
	[I915_SVM_STAT_BANS] = "bans",
	[I915_SVM_STAT_USERPTRS] = "userptrs_served",
};
static_assert(ARRAY_SIZE(stat_names) == I915_SVM_STAT_COUNT);

/**
 * i915_svm_debugfs_add - list an address space
 * @svm: the address space
 */
void i915_svm_debugfs_add(struct i915_svm *svm)
{
	mutex_lock(&list_lock);
	list_add_tail(&svm->all_link, &all);
	mutex_unlock(&list_lock);
}

/**
 * i915_svm_debugfs_remove - list it no longer
 * @svm: the address space
 */
void i915_svm_debugfs_remove(struct i915_svm *svm)
{
	mutex_lock(&list_lock);
	list_del(&svm->all_link);
	mutex_unlock(&list_lock);
}

static void show_one(struct seq_file *m, struct i915_svm *svm)
{
	struct drm_printer p = drm_seq_file_printer(m);
	unsigned int i;

	seq_printf(m, "vm %p of %s:%s%s bound %llu bytes\n", svm->vm, svm->comm,
		   svm->enabled ? " enabled" : " disabled",
		   svm->mirror ? " mirror" : "", svm->bound_bytes);
	for (i = 0; i < ARRAY_SIZE(stat_names); i++)
		seq_printf(m, "  %s: %lld\n", stat_names[i],
			   atomic64_read(&svm->stats[i]));
	i915_svm_account_show(svm->account, &p, "  ");
}

static int i915_svm_show(struct seq_file *m, void *unused)
{
	struct drm_i915_private *i915 = m->private;
	struct drm_printer p = drm_seq_file_printer(m);
	struct i915_svm *svm;

	mutex_lock(&list_lock);
	list_for_each_entry(svm, &all, all_link)
		if (svm->vm->i915 == i915)
			show_one(m, svm);
	mutex_unlock(&list_lock);

	if (i915->svm_account) {
		drm_puts(&p, "device:\n");
		i915_svm_account_show(i915->svm_account, &p, "  ");
	}
	i915_svm_devmem_show(i915, &p);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(i915_svm);

static void dump_all(struct seq_file *m, bool entries)
{
	struct i915_svm *svm;

	mutex_lock(&list_lock);
	list_for_each_entry(svm, &all, all_link)
		if (svm->vm->i915 == m->private)
			i915_svm_dump(m, svm, entries);
	mutex_unlock(&list_lock);
}

static int i915_svm_pages_show(struct seq_file *m, void *unused)
{
	dump_all(m, false);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(i915_svm_pages);

static int i915_svm_entries_show(struct seq_file *m, void *unused)
{
	dump_all(m, true);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(i915_svm_entries);

void i915_svm_debugfs_register(struct drm_i915_private *i915)
{
	debugfs_create_file("i915_svm_pages", 0400, i915->drm.primary->debugfs_root,
			    i915, &i915_svm_pages_fops);
	debugfs_create_file("i915_svm_entries", 0400, i915->drm.primary->debugfs_root,
			    i915, &i915_svm_entries_fops);
	debugfs_create_file("i915_svm", 0400, i915->drm.primary->debugfs_root,
			    i915, &i915_svm_fops);
}
