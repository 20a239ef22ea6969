// SPDX-License-Identifier: MIT
/*
 * DOC: Copying pages for migration
 *
 * A batch pairs pages of system memory with device pages, some MiB of
 * them, all locked and unmapped by the caller, so that nobody but us reads or
 * writes them. The blitter copies them, through a context for whole 2 MiB or
 * i915's own migrate context; i915_svm_copy_start() submits, i915_svm_copy_finish() waits, and
 * the caller keeps several batches in flight.
 *
 * The CPU copies through the BAR when it is asked to, when the blitter cannot
 * be used (wedged, no context, pages not reachable by dma) and when it
 * failed (its request was lost in a reset): the source is still what it was.
 *
 * No lock is taken here but those of request construction. The wait is for
 * kernel requests, which need neither page locks nor mmap_lock to finish; one
 * that hangs is reset.
 */

#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/io-mapping.h>
#include <linux/ktime.h>
#include <linux/pci.h>

#include "gem/i915_gem_object.h"
#include "gt/intel_context.h"
#include "gt/intel_engine_pm.h"
#include "gt/intel_gt.h"
#include "gt/intel_migrate.h"
#include "gt/intel_reset.h"
#include "i915_drv.h"
#include "i915_request.h"
#include "i915_svm_devmem_types.h"
#include "i915_svm_types.h"
#include "intel_memory_region.h"

/* A kernel copy of 2 MiB that takes this long hangs. */
#define COPY_TIMEOUT	(10 * HZ)

/*
 * How long to look for the end of a copy before sleeping until an interrupt
 * tells: somebody waits for the pages, with the next step collected already, and
 * a step takes about as long. Whoever else wants the CPU gets it.
 */
#define SPIN_NS		(2 * NSEC_PER_MSEC)

/*
 * How long the engine stays awake after a copy: migration comes in bursts, and
 * to park the engine is a submission of its own, in the way of the next copy.
 */
#define REST_DELAY	msecs_to_jiffies(10)

static struct intel_engine_cs *copy_engine(struct i915_svm_devmem *dm)
{
	struct intel_context *ce = to_gt(dm->i915)->migrate.context;

	return ce ? ce->engine : NULL;
}

/* What is queued holds the engine, once. */
static void copy_linger(struct i915_svm_devmem *dm)
{
	intel_engine_pm_get(copy_engine(dm));
	if (mod_delayed_work(dm->i915->unordered_wq, &dm->rest, REST_DELAY))
		intel_engine_pm_put(copy_engine(dm));
}

static void copy_lingered(struct work_struct *work)
{
	struct i915_svm_devmem *dm =
		container_of(work, struct i915_svm_devmem, rest.work);

	intel_engine_pm_put(copy_engine(dm));
}

void i915_svm_copy_init(struct i915_svm_devmem *dm)
{
	INIT_DELAYED_WORK(&dm->rest, copy_lingered);
	i915_svm_window_init(dm);
}

void i915_svm_copy_fini(struct i915_svm_devmem *dm)
{
	if (cancel_delayed_work_sync(&dm->rest))
		intel_engine_pm_put(copy_engine(dm));
	i915_svm_window_fini(dm);
}

static enum dma_data_direction direction(const struct i915_svm_copy *copy)
{
	return copy->to_device ? DMA_TO_DEVICE : DMA_FROM_DEVICE;
}

/**
 * i915_svm_copy_begin - begin with an empty batch
 * @copy: the batch, of which nothing is under way, with room for what will be added
 * @to_device: which way
 */
void i915_svm_copy_begin(struct i915_svm_copy *copy, bool to_device)
{
	copy->sys_last = NULL;
	copy->dev_last = NULL;
	copy->count = 0;
	copy->to_device = to_device;
}

/* Add @n pages from @page on to the end of a list, or to its last entry. */
static struct scatterlist *list_add_pages(struct scatterlist *first,
					  struct scatterlist *last,
					  struct page *page, unsigned int n)
{
	const unsigned int bytes = n << PAGE_SHIFT;

	if (last && page_to_pfn(sg_page(last)) + (last->length >> PAGE_SHIFT) ==
	    page_to_pfn(page)) {
		last->length += bytes;
		return last;
	}

	if (last)
		sg_unmark_end(last++);
	else
		last = first;
	sg_init_table(last, 1);
	sg_set_page(last, page, bytes, 0);
	return last;
}

/**
 * i915_svm_copy_add - add pages to a batch
 * @copy: the batch
 * @sys: the first of @n pages of system memory that follow each other
 * @dev: the first of their device pages, which do as well
 * @n: how many
 */
void i915_svm_copy_add(struct i915_svm_copy *copy, struct page *sys,
		       struct page *dev, unsigned int n)
{
	copy->sys_last = list_add_pages(copy->sys_sg, copy->sys_last, sys, n);
	copy->dev_last = list_add_pages(copy->dev_sg, copy->dev_last, dev, n);
	copy->count += n;
}

/* Up to @end, or all. */
static void unmap_sys(struct i915_svm_copy *copy, struct scatterlist *end)
{
	struct scatterlist *sg;

	for (sg = copy->sys_sg; sg && sg != end; sg = sg_next(sg))
		dma_unmap_page_attrs(copy->dm->i915->drm.dev, sg_dma_address(sg),
				     sg->length, direction(copy), I915_SVM_DMA_ATTRS);
}

/*
 * A validation that is about to find out that its pages have gone may still
 * have them mapped, unused, when they are already somebody else's: ours.
 */
static int map_sys(struct i915_svm_copy *copy)
{
	struct device *dev = copy->dm->i915->drm.dev;
	struct scatterlist *sg;

	for (sg = copy->sys_sg; sg; sg = sg_next(sg)) {
		const dma_addr_t addr =
			dma_map_page_attrs(dev, sg_page(sg), 0, sg->length,
					   direction(copy), I915_SVM_DMA_ATTRS);

		if (dma_mapping_error(dev, addr)) {
			unmap_sys(copy, sg);
			return -ENOMEM;
		}

		sg_dma_address(sg) = addr;
		sg_dma_len(sg) = sg->length;
		if (i915_svm_bounced(dev, sg_page(sg), addr)) {
			unmap_sys(copy, sg_next(sg));
			return -EIO;
		}
	}

	return 0;
}

static void map_dev(struct i915_svm_copy *copy)
{
	struct scatterlist *sg;

	for (sg = copy->dev_sg; sg; sg = sg_next(sg)) {
		sg_dma_address(sg) = i915_svm_devmem_addr(sg_page(sg));
		sg_dma_len(sg) = sg->length;
	}
}

/*
 * A copy may be several requests, of which we have the last. One that is lost in a
 * reset is passed over, and those after it run.
 */
static u32 resets(const struct i915_svm_copy *copy)
{
	struct i915_gpu_error *error = &copy->dm->i915->gpu_error;

	return i915_reset_count(error) +
		i915_reset_engine_count(error, copy_engine(copy->dm));
}

static int blit(struct i915_svm_copy *copy)
{
	struct drm_i915_private *i915 = copy->dm->i915;
	struct intel_gt *gt = to_gt(i915);
	struct intel_context *ce = gt->migrate.context;
	const unsigned int sys_pat = i915_gem_get_pat_index(i915, I915_CACHE_LLC);
	const unsigned int dev_pat = i915_gem_get_pat_index(i915, I915_CACHE_NONE);
	int err;

	if (!ce || intel_gt_is_wedged(gt) || pci_channel_offline(to_pci_dev(i915->drm.dev)))
		return -EIO;

	err = map_sys(copy);
	if (err)
		return err;
	map_dev(copy);

	copy_linger(copy->dm);
	copy->resets = resets(copy);
	err = i915_svm_window_copy(copy);
	if (err != -ENOSPC || copy->rq)
		; /* done, or begun and failed */
	else if (copy->to_device)
		err = intel_context_migrate_copy(ce, NULL,
						 copy->sys_sg, sys_pat, false,
						 copy->dev_sg, dev_pat, true,
						 &copy->rq);
	else
		err = intel_context_migrate_copy(ce, NULL,
						 copy->dev_sg, dev_pat, true,
						 copy->sys_sg, sys_pat, false,
						 &copy->rq);

	/* With an error there may still be a part under way: finish waits for it. */
	if (!copy->rq)
		unmap_sys(copy, NULL);
	return err;
}

/* With a small BAR the CPU does not reach all of it. */
static bool cpu_reaches(const struct i915_svm_copy *copy)
{
	const struct intel_memory_region *mr = copy->dm->mr;
	struct scatterlist *sg;

	for (sg = copy->dev_sg; sg; sg = sg_next(sg))
		if (i915_svm_devmem_addr(sg_page(sg)) - mr->region.start + sg->length >
		    resource_size(&mr->io))
			return false;

	return true;
}

static void cpu_copy_page(struct i915_svm_copy *copy, struct page *sys_page,
			  struct page *dev_page)
{
	struct intel_memory_region *mr = copy->dm->mr;
	const resource_size_t offset =
		i915_svm_devmem_addr(dev_page) - mr->region.start;
	void __iomem *dev;
	void *sys;

	dev = io_mapping_map_local_wc(&mr->iomap, offset);
	sys = kmap_local_page(sys_page);
	if (copy->to_device)
		memcpy_toio(dev, sys, PAGE_SIZE);
	else
		memcpy_fromio(sys, dev, PAGE_SIZE);
	kunmap_local(sys);
	io_mapping_unmap_local(dev);
}

static int cpu_copy(struct i915_svm_copy *copy)
{
	const ktime_t began = ktime_get();
	struct sg_page_iter sys, dev;
	intel_wakeref_t wakeref;
	int err = 0;

	if (!cpu_reaches(copy))
		return -EIO;

	__sg_page_iter_start(&sys, copy->sys_sg, copy->count, 0);
	__sg_page_iter_start(&dev, copy->dev_sg, copy->count, 0);
	with_intel_runtime_pm(&copy->dm->i915->runtime_pm, wakeref) {
		while (__sg_page_iter_next(&sys) && __sg_page_iter_next(&dev))
			cpu_copy_page(copy, sg_page_iter_page(&sys),
				      sg_page_iter_page(&dev));
		wmb(); /* write-combined stores, before anybody is told */
		/* Nobody told us that it was pulled out: it read as ones, or zeroes. */
		if (!pci_device_is_present(to_pci_dev(copy->dm->i915->drm.dev)))
			err = -EIO;
	}
	if (err)
		return err;

	i915_svm_dev_count(copy->dm, CPU, copy->count);
	i915_svm_dev_count(copy->dm, CPU_NS,
			   ktime_to_ns(ktime_sub(ktime_get(), began)));
	return 0;
}

static void spin(struct i915_request *rq)
{
	const u64 end = ktime_get_ns() + SPIN_NS;

	while (!i915_request_completed(rq) && !need_resched() && ktime_get_ns() < end)
		cpu_relax();
}

static int wait_blit(struct i915_svm_copy *copy)
{
	struct i915_request *rq = fetch_and_zero(&copy->rq);
	int err;

	spin(rq);
	while (i915_request_wait(rq, 0, COPY_TIMEOUT) == -ETIME)
		intel_gt_handle_error(rq->engine->gt, rq->engine->mask,
				      I915_ERROR_CAPTURE,
				      "SVM: a copy of %u pages hangs", copy->count);

	err = rq->fence.error ?: copy->resets != resets(copy) ? -EIO : 0;
	i915_request_put(rq);
	i915_svm_window_release(copy);
	unmap_sys(copy, NULL);

	return err;
}

/**
 * i915_svm_copy_start - start to copy a batch
 * @copy: the batch; its lists belong to us until i915_svm_copy_finish()
 * @mode: by whom; what the CPU cannot reach is the blitter's all the same
 */
void i915_svm_copy_start(struct i915_svm_copy *copy,
			 enum i915_svm_copy_mode mode)
{
	copy->rq = NULL;
	copy->began = 0;
	if (!copy->count || (mode == I915_SVM_COPY_CPU && cpu_reaches(copy)))
		return;

	copy->began = ktime_get();
	if (blit(copy)) {
		if (copy->rq)
			wait_blit(copy);
		copy->began = 0;
	}
}

/**
 * i915_svm_copy_finish - wait until a batch is copied
 * @copy: the batch
 *
 * Returns: 0, or -EIO when neither blitter nor CPU could.
 */
int i915_svm_copy_finish(struct i915_svm_copy *copy)
{
	if (!copy->count)
		return 0;

	if (copy->rq && !wait_blit(copy)) {
		i915_svm_dev_count(copy->dm, BLITTER, copy->count);
		i915_svm_dev_count(copy->dm, BLITTER_NS,
				   ktime_to_ns(ktime_sub(ktime_get(), copy->began)));
		return 0;
	}

	return cpu_copy(copy);
}

/**
 * i915_svm_copy_wake - many copies will follow
 * @dm: the device memory
 *
 * Keeps the engine awake between them, until i915_svm_copy_rest().
 */
void i915_svm_copy_wake(struct i915_svm_devmem *dm)
{
	if (copy_engine(dm))
		intel_engine_pm_get(copy_engine(dm));
}

/**
 * i915_svm_copy_rest - no more copies
 * @dm: the device memory
 */
void i915_svm_copy_rest(struct i915_svm_devmem *dm)
{
	if (copy_engine(dm))
		intel_engine_pm_put(copy_engine(dm));
}
