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

static void unmap_sys(struct i915_svm_copy *copy)
{
	struct scatterlist *sg;

	for (sg = copy->sys_sg; sg; sg = sg_next(sg)) {
		if (!sg_dma_len(sg))
			break;
		dma_unmap_page_attrs(copy->dm->i915->drm.dev, sg_dma_address(sg),
				     sg_dma_len(sg), direction(copy),
				     I915_SVM_DMA_ATTRS);
		sg_dma_len(sg) = 0;
	}
}

/* The number of pages from @i on that follow each other in memory. */
static unsigned int run_length(struct page **pages, unsigned int i,
			       unsigned int count)
{
	unsigned int n = 1;

	while (i + n < count &&
	       page_to_pfn(pages[i + n]) == page_to_pfn(pages[i]) + n)
		n++;
	return n;
}

/*
 * A validation that is about to find out that its pages have gone may still
 * have them mapped, unused, when they are already somebody else's: ours.
 */
static int map_sys(struct i915_svm_copy *copy)
{
	struct device *dev = copy->dm->i915->drm.dev;
	struct scatterlist *sg = copy->sys_sg, *last = NULL;
	unsigned int i, n;

	sg_init_table(copy->sys_sg, copy->count);
	for (i = 0; i < copy->count; i += n) {
		dma_addr_t addr;

		n = run_length(copy->sys, i, copy->count);
		addr = dma_map_page_attrs(dev, copy->sys[i], 0, n << PAGE_SHIFT,
					  direction(copy), I915_SVM_DMA_ATTRS);
		if (dma_mapping_error(dev, addr)) {
			unmap_sys(copy);
			return -ENOMEM;
		}

		sg_dma_address(sg) = addr;
		sg_dma_len(sg) = n << PAGE_SHIFT;
		if (i915_svm_bounced(dev, copy->sys[i], addr)) {
			unmap_sys(copy);
			return -EIO;
		}
		last = sg;
		sg = sg_next(sg);
	}
	sg_mark_end(last);

	return 0;
}

static void map_dev(struct i915_svm_copy *copy)
{
	struct scatterlist *sg = copy->dev_sg, *last = NULL;
	unsigned int i, n;

	sg_init_table(copy->dev_sg, copy->count);
	for (i = 0; i < copy->count; i += n) {
		n = run_length(copy->dev, i, copy->count);
		sg_dma_address(sg) = i915_svm_devmem_addr(copy->dev[i]);
		sg_dma_len(sg) = n << PAGE_SHIFT;
		last = sg;
		sg = sg_next(sg);
	}
	sg_mark_end(last);
}

static int blit(struct i915_svm_copy *copy)
{
	struct drm_i915_private *i915 = copy->dm->i915;
	struct intel_gt *gt = to_gt(i915);
	struct intel_context *ce = gt->migrate.context;
	const unsigned int sys_pat = i915_gem_get_pat_index(i915, I915_CACHE_LLC);
	const unsigned int dev_pat = i915_gem_get_pat_index(i915, I915_CACHE_NONE);
	int err;

	if (!ce || intel_gt_is_wedged(gt))
		return -EIO;

	err = map_sys(copy);
	if (err)
		return err;
	map_dev(copy);

	copy_linger(copy->dm);
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
		unmap_sys(copy);
	return err;
}

static int cpu_copy_page(struct i915_svm_copy *copy, unsigned int i)
{
	struct intel_memory_region *mr = copy->dm->mr;
	const resource_size_t offset =
		i915_svm_devmem_addr(copy->dev[i]) - mr->region.start;
	void __iomem *dev;
	void *sys;

	/* With a small BAR not all of it can be reached. */
	if (offset + PAGE_SIZE > resource_size(&mr->io))
		return -EIO;

	dev = io_mapping_map_local_wc(&mr->iomap, offset);
	sys = kmap_local_page(copy->sys[i]);
	if (copy->to_device)
		memcpy_toio(dev, sys, PAGE_SIZE);
	else
		memcpy_fromio(sys, dev, PAGE_SIZE);
	kunmap_local(sys);
	io_mapping_unmap_local(dev);

	return 0;
}

static int cpu_copy(struct i915_svm_copy *copy)
{
	const ktime_t began = ktime_get();
	intel_wakeref_t wakeref;
	unsigned int i;
	int err = 0;

	with_intel_runtime_pm(&copy->dm->i915->runtime_pm, wakeref) {
		for (i = 0; i < copy->count && !err; i++)
			err = cpu_copy_page(copy, i);
		wmb(); /* write-combined stores, before anybody is told */
	}

	i915_svm_dev_count(copy->dm, CPU, copy->count);
	i915_svm_dev_count(copy->dm, CPU_NS,
			   ktime_to_ns(ktime_sub(ktime_get(), began)));
	return err;
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

	err = rq->fence.error;
	i915_request_put(rq);
	i915_svm_window_release(copy);
	unmap_sys(copy);

	return err;
}

/**
 * i915_svm_copy_start - begin to copy a batch
 * @copy: the batch; its arrays belong to us until i915_svm_copy_finish()
 * @mode: by whom
 */
void i915_svm_copy_start(struct i915_svm_copy *copy,
			 enum i915_svm_copy_mode mode)
{
	copy->rq = NULL;
	copy->began = 0;
	if (!copy->count || mode == I915_SVM_COPY_CPU)
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
