// SPDX-License-Identifier: MIT
/*
 * DOC: Memory that the process may only read
 *
 * Gen12 has no read-only page-table entries: whatever the GPU can read it can
 * write. A page that the process may only read can belong to the page cache,
 * to other processes, or be the zero page, none of which the GPU may ever
 * write. But constants and program text in private mappings are worth reading.
 *
 * So for a bind that says so (I915_GEM_VM_BIND_UNSHARE) each page of such a
 * mapping is first made the process's own, as if it had written to it: an
 * anonymous copy that nobody else maps, still read-only to the CPU. What a
 * misbehaving GPU could change then is its own process's view of it, like a
 * debugger that sets a breakpoint. A page is entered only while the core of mm
 * says that it is exclusive. fork() takes that away and runs our notifier
 * first.
 *
 * It costs memory, so it is not done for whole processes by the mirror.
 */

#include <linux/hmm.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>

#include "i915_svm_types.h"

/**
 * i915_svm_vma_unsharable - can pages of this mapping become the process's own?
 * @vma: a mapping of the process that it may only read
 */
bool i915_svm_vma_unsharable(struct vm_area_struct *vma)
{
	const vm_flags_t never = VM_IO | VM_PFNMAP | VM_MIXEDMAP | VM_SHADOW_STACK;

	return (vma->vm_flags & (VM_READ | VM_WRITE)) == VM_READ &&
		is_cow_mapping(vma->vm_flags) && !(vma->vm_flags & never) &&
		!is_vm_hugetlb_page(vma);
}

/* Does only this process have the page that was found? */
static bool exclusive(unsigned long pfn)
{
	struct page *page = hmm_pfn_to_page(pfn);
	struct folio *folio = page_folio(page);

	if (!folio_test_anon(folio) || folio_test_ksm(folio))
		return false;

	/* Mapped as a whole, the first page speaks for all. */
	if (folio_test_large(folio) && hmm_pfn_to_map_order(pfn) == HPAGE_PMD_ORDER)
		page = &folio->page;
	return PageAnonExclusive(page);
}

static int unshare_page(struct vm_area_struct *vma, unsigned long addr)
{
	vm_fault_t fault = handle_mm_fault(vma, addr, FAULT_FLAG_UNSHARE, NULL);

	return fault & VM_FAULT_ERROR ? vm_fault_to_errno(fault, 0) : 0;
}

/**
 * i915_svm_unshare - make what was found in a mapping the process's own
 * @vma: the mapping, with mmap_lock held
 * @start: where the pages begin
 * @pfns: pages found there, as by hmm_range_fault()
 * @own: bits set for those that are the process's own
 * @first: bit of the first
 * @npages: how many
 *
 * Returns: 0, -EBUSY when something changed and it must be looked at again,
 * -EFAULT when some can only be had as they are, or another error.
 */
int i915_svm_unshare(struct vm_area_struct *vma, unsigned long start,
		     const unsigned long *pfns, unsigned long *own,
		     unsigned int first, unsigned int npages)
{
	bool any = false;
	unsigned int i;
	int err, refused = 0;

	for (i = 0; i < npages; i++) {
		if (!(pfns[i] & HMM_PFN_VALID))
			continue;
		if (exclusive(pfns[i])) {
			__set_bit(first + i, own);
			continue;
		}

		err = unshare_page(vma, start + ((unsigned long)i << PAGE_SHIFT));
		/* A page that cannot be had does not hide those after it. */
		if (err == -EFAULT)
			refused = err;
		else if (err)
			return err;
		else
			any = true;
	}

	return any ? -EBUSY : refused;
}
