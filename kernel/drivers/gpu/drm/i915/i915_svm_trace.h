/* SPDX-License-Identifier: MIT */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM i915_svm

#if !defined(__I915_SVM_TRACE_H__) || defined(TRACE_HEADER_MULTI_READ)
#define __I915_SVM_TRACE_H__

#include <linux/tracepoint.h>
#include <linux/types.h>

#include "i915_svm_types.h"

DECLARE_EVENT_CLASS(i915_svm_range,
	TP_PROTO(const struct i915_svm *svm, u64 start, u64 end, const char *kind),
	TP_ARGS(svm, start, end, kind),
	TP_STRUCT__entry(
		__field(const void *, vm)
		__field(u64, start)
		__field(u64, end)
		__string(kind, kind)
	),
	TP_fast_assign(
		__entry->vm = svm->vm;
		__entry->start = start;
		__entry->end = end;
		__assign_str(kind);
	),
	TP_printk("vm=%p %s [%llx, %llx)", __entry->vm, __get_str(kind),
		  __entry->start, __entry->end)
);

DEFINE_EVENT(i915_svm_range, i915_svm_bind,
	TP_PROTO(const struct i915_svm *svm, u64 start, u64 end, const char *kind),
	TP_ARGS(svm, start, end, kind)
);

DEFINE_EVENT(i915_svm_range, i915_svm_unbind,
	TP_PROTO(const struct i915_svm *svm, u64 start, u64 end, const char *kind),
	TP_ARGS(svm, start, end, kind)
);

TRACE_EVENT(i915_svm_invalidate,
	TP_PROTO(const struct i915_svm *svm, u64 start, u64 end, unsigned int why,
		 u64 waited_ns),
	TP_ARGS(svm, start, end, why, waited_ns),
	TP_STRUCT__entry(
		__field(const void *, vm)
		__field(u64, start)
		__field(u64, end)
		__field(unsigned int, why)
		__field(u64, waited_ns)
	),
	TP_fast_assign(
		__entry->vm = svm->vm;
		__entry->start = start;
		__entry->end = end;
		__entry->why = why;
		__entry->waited_ns = waited_ns;
	),
	TP_printk("vm=%p [%llx, %llx) mmu_notifier_event=%u waited=%llu ns",
		  __entry->vm, __entry->start, __entry->end, __entry->why,
		  __entry->waited_ns)
);

TRACE_EVENT(i915_svm_validate,
	TP_PROTO(const struct i915_svm *svm, const struct i915_svm_block *block,
		 unsigned int pages),
	TP_ARGS(svm, block, pages),
	TP_STRUCT__entry(
		__field(const void *, vm)
		__field(u64, start)
		__field(unsigned int, pages)
		__field(unsigned int, leaf)
	),
	TP_fast_assign(
		__entry->vm = svm->vm;
		__entry->start = block->start;
		__entry->pages = pages;
		__entry->leaf = block->leaf;
	),
	TP_printk("vm=%p block=%llx pages=%u leaf=%s", __entry->vm, __entry->start,
		  __entry->pages,
		  __print_symbolic(__entry->leaf, { I915_SVM_LEAF_4K, "4K" },
				   { I915_SVM_LEAF_64K, "64K" },
				   { I915_SVM_LEAF_2M, "2M" }))
);

TRACE_EVENT(i915_svm_fault,
	TP_PROTO(u64 address, u64 granule),
	TP_ARGS(address, granule),
	TP_STRUCT__entry(
		__field(u64, address)
		__field(u64, granule)
	),
	TP_fast_assign(
		__entry->address = address;
		__entry->granule = granule;
	),
	TP_printk("address=%llx granule=%llx", __entry->address, __entry->granule)
);

TRACE_EVENT(i915_svm_gpu_fault,
	TP_PROTO(const struct i915_svm *svm, u64 address, const char *engine,
		 const char *context),
	TP_ARGS(svm, address, engine, context),
	TP_STRUCT__entry(
		__field(const void *, vm)
		__field(u64, address)
		__string(engine, engine)
		__string(context, context)
	),
	TP_fast_assign(
		__entry->vm = svm->vm;
		__entry->address = address;
		__assign_str(engine);
		__assign_str(context);
	),
	TP_printk("vm=%p address=%llx engine=%s context=%s", __entry->vm,
		  __entry->address, __get_str(engine), __get_str(context))
);

TRACE_EVENT(i915_svm_migrate,
	TP_PROTO(u64 start, unsigned long asked, unsigned long moved, bool to_device),
	TP_ARGS(start, asked, moved, to_device),
	TP_STRUCT__entry(
		__field(u64, start)
		__field(unsigned long, asked)
		__field(unsigned long, moved)
		__field(bool, to_device)
	),
	TP_fast_assign(
		__entry->start = start;
		__entry->asked = asked;
		__entry->moved = moved;
		__entry->to_device = to_device;
	),
	TP_printk("to %s start=%llx pages=%lu moved=%lu",
		  __entry->to_device ? "device" : "system", __entry->start,
		  __entry->asked, __entry->moved)
);

TRACE_EVENT(i915_svm_evict,
	TP_PROTO(unsigned long pfn, unsigned long moved),
	TP_ARGS(pfn, moved),
	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(unsigned long, moved)
	),
	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->moved = moved;
	),
	TP_printk("extent pfn=%lx moved=%lu", __entry->pfn, __entry->moved)
);

#endif

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH ../../drivers/gpu/drm/i915
#define TRACE_INCLUDE_FILE i915_svm_trace
#include <trace/define_trace.h>
