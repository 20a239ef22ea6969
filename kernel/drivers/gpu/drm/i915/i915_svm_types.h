/* SPDX-License-Identifier: MIT */
/*
 * Shared virtual memory: the objects behind one GPU address space.
 *
 * Locks, outermost first:
 *
 *   svm->mutex          ranges, blocks, page-table allocation, validation
 *     mm->mmap_lock     (read) while CPU page tables are walked
 *     dma-resv          in a ww section of its own
 *       vm->mutex       drm_mm nodes
 *         svm->notifier_lock   which pages are valid, what is dirty, PTEs
 *
 * The notifier runs under mmap_lock, page locks and reclaim: it takes
 * notifier_lock and waits for fences, nothing else. Hence nobody may take
 * svm->mutex under mmap_lock, and nothing may allocate under notifier_lock.
 */
#ifndef __I915_SVM_TYPES_H__
#define __I915_SVM_TYPES_H__

#include <linux/bitmap.h>
#include <linux/dma-mapping.h>
#include <linux/interval_tree.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/percpu_counter.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <drm/drm_mm.h>

#include <uapi/drm/i915_svm.h>

#include "gt/intel_gtt.h"
#include "i915_svm_account.h"
#include "intel_wakeref.h"

struct i915_svm_move;
struct seq_file;

/* A block is what one page table maps; all bookkeeping is by block. */
#define I915_SVM_BLOCK_SHIFT	21
#define I915_SVM_BLOCK_SIZE	BIT_ULL(I915_SVM_BLOCK_SHIFT)
#define I915_SVM_BLOCK_PAGES	(1u << (I915_SVM_BLOCK_SHIFT - PAGE_SHIFT))

/*
 * A page may be mapped several times at once: shared memory, several VMs,
 * pages not yet parted after a fork. Nothing is ever synced, so memory that
 * would be bounced is refused.
 */
#define I915_SVM_DMA_ATTRS	(DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_NO_KERNEL_MAPPING | \
				 DMA_ATTR_NO_WARN)

/*
 * A bounce buffer is a copy: sharing memory through one would silently not
 * work. Without an IOMMU the device address of a page is its own.
 */
static inline bool i915_svm_bounced(struct device *dev, struct page *page,
				    dma_addr_t addr)
{
	return !device_iommu_mapped(dev) && addr != page_to_phys(page);
}

/* A chunk is what one interval notifier watches. */
#define I915_SVM_CHUNK_SHIFT	26
#define I915_SVM_CHUNK_SIZE	BIT_ULL(I915_SVM_CHUNK_SHIFT)
#define I915_SVM_CHUNK_BLOCKS	(1u << (I915_SVM_CHUNK_SHIFT - I915_SVM_BLOCK_SHIFT))

enum i915_svm_stat {
	I915_SVM_STAT_SUBMITS,
	I915_SVM_STAT_SUBMIT_RETRIES,
	I915_SVM_STAT_SCANS,
	I915_SVM_STAT_BLOCKS_VALIDATED,
	I915_SVM_STAT_PAGES_VALIDATED,
	I915_SVM_STAT_PAGES_POPULATED,
	I915_SVM_STAT_INVALIDATIONS,
	I915_SVM_STAT_PAGES_INVALIDATED,
	I915_SVM_STAT_WAITS,
	I915_SVM_STAT_WAIT_NS,
	I915_SVM_STAT_BANS,
	I915_SVM_STAT_USERPTRS,
	I915_SVM_STAT_COUNT
};

/*
 * struct i915_svm_block - 2 MiB of GPU addresses with something bound in them
 */
struct i915_svm_block {
	u64 start;

	/** @link: in svm->dirty or svm->incomplete; notifier_lock */
	struct list_head link;
	/** @dirty: something bound is not valid; no submission may pass; notifier_lock */
	bool dirty;
	/** @leaf: notifier_lock */
	enum i915_svm_leaf leaf;
	/** @bare: has no table of its own, see i915_svm_pt.c; svm->mutex and notifier_lock */
	bool bare;

	/** @submit: the submission that validated it last, @tries: how often; svm->mutex */
	u64 submit;
	unsigned int tries;

	/** @pushed_out: dirty because an object lost its memory; notifier_lock */
	bool pushed_out;

	/** @owned: pages inside a bound range; svm->mutex */
	DECLARE_BITMAP(owned, I915_SVM_BLOCK_PAGES);
	/** @ptes: pages we hold a count on in the page table; svm->mutex */
	DECLARE_BITMAP(ptes, I915_SVM_BLOCK_PAGES);
	/** @valid: pages whose PTE is ours and current; notifier_lock */
	DECLARE_BITMAP(valid, I915_SVM_BLOCK_PAGES);
	/** @heads: valid pages that begin a dma mapping; notifier_lock */
	DECLARE_BITMAP(heads, I915_SVM_BLOCK_PAGES);
	/** @local: valid pages in device memory, never dma-mapped; notifier_lock */
	DECLARE_BITMAP(local, I915_SVM_BLOCK_PAGES);
	/**
	 * @object: owned pages that belong to objects, which do their own
	 * dma mapping; written under svm->mutex and notifier_lock
	 */
	DECLARE_BITMAP(object, I915_SVM_BLOCK_PAGES);
	/**
	 * @dma: device address of each valid page; @dma_2m: of the first, of one
	 * 2M entry in a block that never was anything else; notifier_lock
	 */
	dma_addr_t *dma;
	dma_addr_t dma_2m;
};

/* Device address of a valid page, in a 2M entry of the first. */
static inline dma_addr_t i915_svm_block_dma(const struct i915_svm_block *block,
					    unsigned int page)
{
	return block->dma ? block->dma[page] : block->dma_2m;
}

/*
 * struct i915_svm_chunk - 64 MiB of CPU addresses watched by one notifier
 */
struct i915_svm_chunk {
	struct mmu_interval_notifier notifier;
	struct i915_svm *svm;
	u64 start;
	/** @blocks: written under svm->mutex and notifier_lock */
	struct i915_svm_block *blocks[I915_SVM_CHUNK_BLOCKS];
	unsigned int num_blocks;
};

/*
 * struct i915_svm_range - one bound range, of the user or of the mirror
 */
struct i915_svm_range {
	struct interval_tree_node it; /* bytes, last is inclusive */
	struct drm_mm_node node; /* keeps objects away from it */
	struct i915_svm *svm;
	bool mirror;
	/** @unshare: of the process's own copies of what it may only read, too */
	bool unshare;

	/** @obj: bound instead of the CPU's memory, or NULL */
	struct drm_i915_gem_object *obj;
	u64 obj_offset;
	struct hlist_node obj_node;
	/** @obj_seq: counts how often the object's memory went away; its lock */
	unsigned int obj_seq;
	/** @obj_seq_seen: at validation; svm->mutex */
	unsigned int obj_seq_seen;
};

#define I915_SVM_NO_PREFERENCE	U32_MAX

/* What the user would like for a stretch of addresses. */
struct i915_svm_advice {
	struct interval_tree_node it;
	u32 preferred; /* I915_SVM_REGION_* or I915_SVM_NO_PREFERENCE */
	bool keep;
	u64 granule; /* 0: the VM's */
};

/* What validation collects for one block before it is entered. */
struct i915_svm_pending {
	/* CPU pages to look at; of these: what svm->pfns tells about */
	DECLARE_BITMAP(todo, I915_SVM_BLOCK_PAGES);
	DECLARE_BITMAP(seen, I915_SVM_BLOCK_PAGES);
	/* found; of these: in device memory, of objects, first of a dma mapping */
	DECLARE_BITMAP(mapped, I915_SVM_BLOCK_PAGES);
	DECLARE_BITMAP(local, I915_SVM_BLOCK_PAGES);
	DECLARE_BITMAP(object, I915_SVM_BLOCK_PAGES);
	DECLARE_BITMAP(heads, I915_SVM_BLOCK_PAGES);
	/* found read-only, but nobody else's */
	DECLARE_BITMAP(own, I915_SVM_BLOCK_PAGES);
	/* their device addresses; becomes the block's, if that has none */
	dma_addr_t *dma;
	bool huge; /* they are all pages, and one 2M entry: only dma[0] is filled in */
	unsigned long seq; /* of the chunk's notifier */
	bool faulted; /* a mapping is there, but faulting failed */
	enum i915_svm_leaf leaf; /* as what it was entered */
};

/* The last GPU fault, to be told about; see i915_svm_fault.c. */
struct i915_svm_gpu_fault {
	struct work_struct work;
	struct ratelimit_state limit;
	/* set while the rest waits to be told */
	atomic_t pending;
	u64 address;
	unsigned int type, source;
	char engine[16];
	char context[TASK_COMM_LEN + 16]; /* as i915_gem_context.name: "comm[pid]" */
};

/* Parts of an address space, in order. */
struct i915_svm_stretches {
	struct i915_svm_stretch {
		u64 start, end;
	} *list;
	unsigned int count, size;
};

/*
 * struct i915_svm - shared virtual memory of one GPU address space
 */
struct i915_svm {
	struct i915_address_space *vm;
	/**
	 * @fences: an object for its reservation alone, which holds the requests
	 * of the address space. Not in that of the page tables: to allocate one
	 * would wait for all of them.
	 */
	struct drm_i915_gem_object *fences;
	/** @wakeref: the device stays awake while SVM is on; guarded by @mutex */
	intel_wakeref_t wakeref;
	/** @mm: whose memory is bound; only grabbed, it may exit before us */
	struct mm_struct *mm;
	char comm[TASK_COMM_LEN]; /* of who enabled it, for messages */

	/** @mutex: ranges, blocks, advice, validation, and what follows */
	struct mutex mutex;
	bool enabled;
	bool mirror;
	u64 granule;
	u64 populate_limit;
	u64 copy_mode;

	/** @advice: see i915_svm_advice.c; svm->mutex */
	struct rb_root_cached advice;
	unsigned int num_advice;

	struct rb_root_cached ranges;
	u64 bound_bytes;
	struct xarray chunks;

	/** @mm_seq: i915_svm_mm_seq() when mappings were last looked at */
	unsigned long mm_seq;
	/** @held: where objects sit in the mirror's place; svm->mutex */
	struct i915_svm_stretches held;

	/** @notifier_lock: see the top of this file */
	rwlock_t notifier_lock;
	/** @dirty: blocks to validate before the next submission */
	struct list_head dirty;
	/** @incomplete: blocks with bound pages that have no usable mapping */
	struct list_head incomplete;
	/** @undo: signals do not end a wait; svm->mutex */
	bool undo;
	/** @retry_incomplete: look again even if no mapping changed; svm->mutex */
	bool retry_incomplete;

	/** @stash: page tables for the next block, mapped; svm->mutex */
	struct i915_vm_pt_stash stash;
	/** @pfns: scratch space of validation; svm->mutex */
	unsigned long *pfns;
	/** @populated: bytes never touched before, this submission; svm->mutex */
	u64 populated;
	/** @submit: counts validations; svm->mutex */
	u64 submit;

	struct work_struct ban_work;
	struct i915_svm_gpu_fault fault;
	struct i915_svm_account *account;
	struct list_head all_link; /* see i915_svm_for_each() */
	atomic64_t stats[I915_SVM_STAT_COUNT];
};

#define i915_svm_count(svm, stat, n) \
	atomic64_add(n, &(svm)->stats[I915_SVM_STAT_##stat])

/*
 * Changes whenever a mapping may have changed. An odd value is a change in
 * progress, which no comparison may match; the same when there is no count.
 */
static inline unsigned long i915_svm_mm_seq(struct mm_struct *mm)
{
#ifdef CONFIG_PER_VMA_LOCK
	/* Pairs with the end of the write section: its mappings are seen. */
	return smp_load_acquire(&mm->mm_lock_seq.sequence);
#else
	return 1;
#endif
}

static inline bool i915_svm_mm_unchanged(struct mm_struct *mm, unsigned long seq)
{
	return !(seq & 1) && i915_svm_mm_seq(mm) == seq;
}

/* Pages of the process that are swapped out, exactly, unlike get_mm_counter(). */
static inline u64 i915_svm_swapped_pages(struct mm_struct *mm)
{
	return percpu_counter_sum_positive(&mm->rss_stat[MM_SWAPENTS]);
}

static inline unsigned int i915_svm_page(u64 addr)
{
	return (addr >> PAGE_SHIFT) & (I915_SVM_BLOCK_PAGES - 1);
}

/* NULL when SVM was never on; pairs with the cmpxchg() that publishes it. */
static inline struct i915_svm *i915_svm_of(struct i915_address_space *vm)
{
	return smp_load_acquire(&vm->svm); /* its contents with it */
}

/* Of the requests of the address space. */
static inline struct dma_resv *i915_svm_resv(struct i915_svm *svm)
{
	return svm->fences->base.resv;
}

/* i915_svm.c */
struct i915_svm *i915_svm_get(struct i915_address_space *vm);
int i915_svm_enable(struct i915_address_space *vm, u64 value);
void i915_svm_for_each(struct drm_i915_private *i915,
		       void (*fn)(struct i915_svm *svm, void *data), void *data);

/* i915_svm_range.c */
int i915_svm_range_bind(struct i915_svm *svm, u64 start, u64 end, bool unshare,
			struct drm_i915_gem_object *obj, u64 offset);
struct i915_svm_range *
i915_svm_range_next(struct i915_svm *svm, struct i915_svm_range *prev,
		    u64 start, u64 end);
int i915_svm_range_bind_missing(struct i915_svm *svm, u64 start, u64 end,
				struct i915_svm_stretches *held);
bool i915_svm_range_is_held(struct i915_svm *svm, u64 start, u64 end);
int i915_svm_range_unbind(struct i915_svm *svm, u64 start, u64 end, bool mirror);
void i915_svm_range_unbind_all(struct i915_svm *svm);
struct i915_svm_block *i915_svm_block_lookup(struct i915_svm *svm, u64 addr);

int i915_svm_range_query(struct i915_svm *svm, struct drm_i915_gem_vm_query *q);

/* i915_svm_fault.c */
void i915_svm_fault_init(struct i915_svm *svm);

/* i915_svm_dump.c */
void i915_svm_dump(struct seq_file *m, struct i915_svm *svm, bool entries);

/* i915_svm_notifier.c */
struct i915_svm_chunk *i915_svm_chunk_get(struct i915_svm *svm, u64 addr);
void i915_svm_chunk_put(struct i915_svm_chunk *chunk);
bool i915_svm_idle(struct i915_svm *svm);
int i915_svm_wait_idle(struct i915_svm *svm);
void i915_svm_ban_work(struct work_struct *work);
void i915_svm_block_mark(struct i915_svm *svm, struct i915_svm_block *block);
bool i915_svm_block_zap(struct i915_svm *svm, struct i915_svm_block *block,
			unsigned int first, unsigned int last);
void i915_svm_flush_tlb(struct i915_svm *svm);

extern char i915_svm_probe;
bool i915_svm_take_away(struct i915_svm *svm, u64 start, u64 last);
bool i915_svm_any_valid(struct i915_svm *svm, u64 start, u64 last);
void i915_svm_take_away_all(struct i915_svm *svm);

/* i915_svm_advice.c */
int i915_svm_advise(struct i915_svm *svm, u64 start, u64 end, u32 attribute,
		    u64 value);
bool i915_svm_advice_at(struct i915_svm *svm, u64 start, u64 *end,
			struct i915_svm_move *how);
void i915_svm_advice_follow(struct i915_svm *svm, u64 start, u64 end);
void i915_svm_advice_clear(struct i915_svm *svm);

/* i915_svm_bo.c */
void i915_svm_bo_attach(struct i915_svm_range *range);
void i915_svm_bo_detach(struct i915_svm_range *range);
int i915_svm_bo_validate(struct i915_svm_range *range,
			 struct i915_svm_block *block, struct i915_svm_pending *p);
int i915_svm_bo_prefetch(struct drm_i915_gem_object *obj, u32 region);

/* i915_svm_validate.c */
int i915_svm_validate(struct i915_svm *svm);
bool i915_svm_vma_usable(const struct vm_area_struct *vma);

/* i915_svm_unshare.c */
bool i915_svm_vma_unsharable(struct vm_area_struct *vma);
int i915_svm_unshare(struct vm_area_struct *vma, unsigned long start,
		     const unsigned long *pfns, unsigned long *own,
		     unsigned int first, unsigned int npages);

/* i915_svm_mirror.c */
int i915_svm_mirror_update(struct i915_svm *svm);
int i915_svm_stretch_add(struct i915_svm_stretches *x, u64 start, u64 end);
void i915_svm_stretches_free(struct i915_svm_stretches *x);

/* i915_svm_pt.c */
int i915_svm_pt_alloc(struct i915_svm *svm, struct i915_svm_block *block,
		      const unsigned long *pages, bool huge);
void i915_svm_pt_free(struct i915_svm *svm, struct i915_svm_block *block,
		      unsigned int first, unsigned int count);
void i915_svm_pt_write(struct i915_svm *svm, struct i915_svm_block *block,
		       const unsigned long *pages);
void i915_svm_pt_hide(struct i915_svm *svm, struct i915_svm_block *block,
		      unsigned int first, unsigned int count);
void i915_svm_pt_clear(struct i915_svm *svm, struct i915_svm_block *block,
		       unsigned int first, unsigned int count);
void i915_svm_pt_set_leaf(struct i915_svm *svm, struct i915_svm_block *block,
			  enum i915_svm_leaf leaf);
u64 i915_svm_pt_read(struct i915_svm *svm, struct i915_svm_block *block, u64 *table);
void i915_svm_pt_free_stash(struct i915_svm *svm);

#endif /* __I915_SVM_TYPES_H__ */
