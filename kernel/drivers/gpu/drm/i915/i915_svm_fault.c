// SPDX-License-Identifier: MIT
/*
 * DOC: GPU faults
 *
 * Gen12 reports a translation that failed in one register for all engines,
 * keeps the first until it is cleared, and cannot go on from there in any
 * useful way. i915 looks at the register when it has other reasons to look at
 * the hardware, mostly because an engine stopped; that is where we hook in. If
 * what the engine ran belongs to an address space with SVM, the fault is told
 * about in the kernel log: address, what SVM knows of it, who, and where.
 *
 * The register may be read in softirq context, where svm->mutex is out of
 * reach: a worker finds the range and writes the message. Address bits above
 * 47 are not reported by the hardware; an address without sign extension is
 * the usual reason to be here at all, for everything below leads to scratch.
 */

#include "gem/i915_gem_context.h"
#include "gt/intel_context.h"
#include "gt/intel_engine.h"
#include "gt/intel_gt.h"
#include "gt/intel_gt_regs.h"
#include "i915_drv.h"
#include "i915_request.h"
#include "i915_svm.h"
#include "i915_svm_trace.h"
#include "i915_svm_types.h"
#include "intel_uncore.h"

/* So many messages per address space and interval. */
#define FAULT_MESSAGES	10
#define FAULT_INTERVAL	(5 * HZ)

/* What SVM knows of an address, for the message. */
static const char *block_state(struct i915_svm *svm, u64 address)
{
	static const char * const valid[2][I915_SVM_LEAF_COUNT] = {
		{ "4K page of system memory", "64K page of system memory",
		  "2M page of system memory" },
		{ "4K page of device memory", "64K page of device memory",
		  "2M page of device memory" },
	};
	struct i915_svm_block *block = i915_svm_block_lookup(svm, address);
	const char *state = "no valid entry";

	read_lock(&svm->notifier_lock);
	if (block && test_bit(i915_svm_page(address), block->valid))
		state = valid[test_bit(i915_svm_page(address), block->local)][block->leaf];
	read_unlock(&svm->notifier_lock);

	return state;
}

static void tell(struct i915_svm *svm, const struct i915_svm_gpu_fault *fault)
{
	struct drm_device *drm = &svm->vm->i915->drm;
	struct i915_svm_range *range = NULL;

	mutex_lock(&svm->mutex);
	if (fault->address < svm->vm->total)
		range = i915_svm_range_next(svm, NULL, fault->address,
					    fault->address + PAGE_SIZE);
	if (range)
		drm_notice(drm, "SVM: GPU fault at %012llx on %s by %s: in %012llx-%012llx, bound to %s, %s (type %u, source %u)\n",
			   fault->address, fault->engine, fault->context,
			   (u64)range->it.start, (u64)range->it.last + 1,
			   range->obj ? "an object" :
			   range->mirror ? "the process by the mirror" : "the process",
			   block_state(svm, fault->address), fault->type,
			   fault->source);
	else
		drm_notice(drm, "SVM: GPU fault at %012llx on %s by %s: nothing is bound there (type %u, source %u)\n",
			   fault->address, fault->engine, fault->context,
			   fault->type, fault->source);
	mutex_unlock(&svm->mutex);
}

static void fault_work(struct work_struct *work)
{
	struct i915_svm *svm = container_of(work, struct i915_svm, fault.work);

	if (__ratelimit(&svm->fault.limit))
		tell(svm, &svm->fault);
	atomic_set_release(&svm->fault.pending, 0);
}

void i915_svm_fault_init(struct i915_svm *svm)
{
	INIT_WORK(&svm->fault.work, fault_work);
	ratelimit_state_init(&svm->fault.limit, FAULT_INTERVAL, FAULT_MESSAGES);
}

/* The SVM state of what the engine runs; stays until the request is retired. */
static struct i915_svm *running_svm(struct intel_engine_cs *engine,
				    struct i915_request **rq)
{
	*rq = execlists_active(&engine->execlists);
	if (!*rq || !(*rq)->context->vm)
		return NULL;

	return i915_svm_of((*rq)->context->vm);
}

static bool record(struct intel_engine_cs *engine, u64 address, u32 reg)
{
	struct i915_gem_context *ctx;
	struct i915_request *rq;
	struct i915_svm *svm;

	rcu_read_lock();
	svm = running_svm(engine, &rq);
	if (svm && !atomic_cmpxchg_acquire(&svm->fault.pending, 0, 1)) {
		struct i915_svm_gpu_fault *fault = &svm->fault;

		fault->address = address;
		fault->type = RING_FAULT_FAULT_TYPE(reg);
		fault->source = RING_FAULT_SRCID(reg);
		strscpy(fault->engine, engine->name, sizeof(fault->engine));
		ctx = rcu_dereference(rq->context->gem_context);
		strscpy(fault->context, ctx ? ctx->name : "the kernel",
			sizeof(fault->context));
		trace_i915_svm_gpu_fault(svm, address, fault->engine, fault->context);
		queue_work(system_unbound_wq, &fault->work);
	}
	rcu_read_unlock();

	return svm;
}

/**
 * i915_svm_gpu_fault - look for a page fault of the GPU
 * @gt: the GT
 * @engines: those that may have run into one, about to be reset or idle
 *
 * Any context. The fault register is left free for the next fault.
 */
void i915_svm_gpu_fault(struct intel_gt *gt, intel_engine_mask_t engines)
{
	const bool gen12 = GRAPHICS_VER(gt->i915) >= 12;
	const i915_reg_t reg = gen12 ? GEN12_RING_FAULT_REG : GEN8_RING_FAULT_REG;
	struct intel_uncore *uncore = gt->uncore;
	struct intel_engine_cs *engine;
	intel_engine_mask_t tmp;
	u32 fault, low, high;

	if (!gt->i915->svm_account || !i915_svm_caps(gt->i915))
		return;

	fault = intel_uncore_read(uncore, reg);
	if (!(fault & RING_FAULT_VALID))
		return;

	low = intel_uncore_read(uncore, gen12 ? GEN12_FAULT_TLB_DATA0 :
				GEN8_FAULT_TLB_DATA0);
	high = intel_uncore_read(uncore, gen12 ? GEN12_FAULT_TLB_DATA1 :
				 GEN8_FAULT_TLB_DATA1);
	intel_uncore_rmw(uncore, reg, RING_FAULT_VALID, 0);
	if (high & FAULT_GTT_SEL)
		return; /* no address of a process */

	for_each_engine_masked(engine, gt, engines, tmp)
		if (record(engine, (u64)(high & FAULT_VA_HIGH_BITS) << 44 |
			   (u64)low << 12, fault))
			return;
}
