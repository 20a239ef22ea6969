// SPDX-License-Identifier: MIT
/*
 * DOC: Seeing into shared virtual memory
 *
 * debugfs dri/N/i915_svm lists every address space that has SVM, with its
 * counters; for its page tables see i915_svm_dump.c.
 */

#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include <drm/drm_file.h>
#include <drm/drm_print.h>

#include "i915_drv.h"
#include "i915_svm.h"
#include "i915_svm_devmem.h"
#include "i915_svm_types.h"

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

static void show_one(struct i915_svm *svm, void *data)
{
	struct seq_file *m = data;
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

	i915_svm_for_each(i915, show_one, m);
	if (i915->svm_account) {
		drm_puts(&p, "device:\n");
		i915_svm_account_show(i915->svm_account, &p, "  ");
	}
	i915_svm_devmem_show(i915, &p);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(i915_svm);

static void dump_pages(struct i915_svm *svm, void *m)
{
	i915_svm_dump(m, svm, false);
}

static int i915_svm_pages_show(struct seq_file *m, void *unused)
{
	i915_svm_for_each(m->private, dump_pages, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(i915_svm_pages);

static void dump_entries(struct i915_svm *svm, void *m)
{
	i915_svm_dump(m, svm, true);
}

static int i915_svm_entries_show(struct seq_file *m, void *unused)
{
	i915_svm_for_each(m->private, dump_entries, m);
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
