// SPDX-License-Identifier: MIT
/*
 * DOC: Page-table dump
 *
 * debugfs dri/N/i915_svm_pages shows, for every address space with SVM, what
 * the page-table entries of its blocks say: runs that follow each other in
 * memory are one line, with the page size and the kind of memory. Objects
 * that i915 has bound beside them follow, by vma.
 *
 * dri/N/i915_svm_entries has one line per entry in the form of the 2019
 * series: "[index] first page number: value", a tab for each level below the
 * directory.
 *
 * Entries are read, not our idea of them. Tables cannot go away: blocks count
 * on theirs, and svm->mutex keeps the blocks.
 */

#define CREATE_TRACE_POINTS
#include "i915_svm_trace.h"

#include <linux/seq_file.h>

#include "gt/gen8_ppgtt.h"
#include "i915_drv.h"
#include "i915_svm.h"
#include "i915_vma.h"

/* What an entry leads to: its address, and which memory. */
#define ADDRESS_MASK	GENMASK_ULL(45, 12)

struct run {
	u64 va, bytes, addr, size;
	bool local;
};

static const char *size_name(u64 size)
{
	return size == SZ_2M ? "2M" : size == SZ_64K ? "64K" : "4K";
}

static void flush_run(struct seq_file *m, struct run *run)
{
	if (run->bytes)
		seq_printf(m, "  %012llx-%012llx %3s %s %llx\n", run->va,
			   run->va + run->bytes, size_name(run->size),
			   run->local ? "local " : "system", run->addr);
	run->bytes = 0;
}

static void add_entry(struct seq_file *m, struct run *run, u64 va, u64 entry,
		      u64 size)
{
	const bool local = entry & GEN12_PPGTT_PTE_LM;
	u64 addr = entry & ADDRESS_MASK;

	if (size == SZ_2M)
		addr &= ~(u64)(SZ_2M - 1);

	if (run->bytes && run->local == local && run->size == size &&
	    run->va + run->bytes == va && run->addr + run->bytes == addr) {
		run->bytes += size;
		return;
	}

	flush_run(m, run);
	*run = (struct run){ va, size, addr, size, local };
}

static void dump_block(struct seq_file *m, struct i915_svm *svm,
		       struct i915_svm_block *block, u64 *table)
{
	struct run run = {};
	unsigned int page, step;
	u64 pde;

	pde = i915_svm_pt_read(svm, block, table);
	if (pde & GEN8_PDE_PS_2M) {
		add_entry(m, &run, block->start, pde, SZ_2M);
		flush_run(m, &run);
		return;
	}

	step = pde & GEN8_PDE_IPS_64K ? SZ_64K / PAGE_SIZE : 1;
	for (page = 0; page < I915_SVM_BLOCK_PAGES; page += step)
		if (test_bit(page, block->valid))
			add_entry(m, &run, block->start + (u64)page * PAGE_SIZE,
				  table[page], step * PAGE_SIZE);
	flush_run(m, &run);
}

static void dump_block_entries(struct seq_file *m, struct i915_svm *svm,
			       struct i915_svm_block *block, u64 *table)
{
	const u64 pfn = block->start >> PAGE_SHIFT;
	unsigned int page;
	u64 pde;

	pde = i915_svm_pt_read(svm, block, table);
	seq_printf(m, "\t\t[%llu] %llx: %llx\n",
		   (block->start >> I915_SVM_BLOCK_SHIFT) & (I915_PDES - 1), pfn, pde);
	if (pde & GEN8_PDE_PS_2M)
		return;

	for (page = 0; page < I915_SVM_BLOCK_PAGES; page++)
		if (test_bit(page, block->valid))
			seq_printf(m, "\t\t\t[%u] %llx: %llx\n", page, pfn + page,
				   table[page]);
}

static void dump_vmas(struct seq_file *m, struct i915_address_space *vm)
{
	struct i915_vma *vma;

	mutex_lock(&vm->mutex);
	list_for_each_entry(vma, &vm->bound_list, vm_link)
		seq_printf(m, "  %012llx-%012llx %s object\n", vma->node.start,
			   vma->node.start + vma->node.size,
			   vma->resource && vma->resource->bi.lmem ?
			   "local " : "system");
	mutex_unlock(&vm->mutex);
}

/**
 * i915_svm_dump - show the page tables of an address space
 * @m: where to
 * @svm: the address space
 * @entries: every entry, rather than runs
 */
void i915_svm_dump(struct seq_file *m, struct i915_svm *svm, bool entries)
{
	struct i915_svm_chunk *chunk;
	unsigned long index;
	unsigned int i;
	u64 *table;

	table = kvmalloc_array(I915_PDES, sizeof(*table), GFP_KERNEL);
	if (!table)
		return;

	seq_printf(m, "vm %p of %s\n", svm->vm, svm->comm);
	mutex_lock(&svm->mutex);
	xa_for_each(&svm->chunks, index, chunk) {
		for (i = 0; i < I915_SVM_CHUNK_BLOCKS; i++) {
			struct i915_svm_block *block = chunk->blocks[i];

			if (!block || bitmap_empty(block->ptes, I915_SVM_BLOCK_PAGES))
				continue;
			if (entries)
				dump_block_entries(m, svm, block, table);
			else
				dump_block(m, svm, block, table);
		}
		cond_resched();
	}
	if (!entries)
		dump_vmas(m, svm->vm);
	mutex_unlock(&svm->mutex);
	kvfree(table);
}
