/* SPDX-License-Identifier: MIT */
/*
 * Shared virtual memory: what the rest of i915 calls. Everything here costs
 * nothing with CONFIG_DRM_I915_SVM=n.
 */
#ifndef __I915_SVM_H__
#define __I915_SVM_H__

#include <linux/errno.h>
#include <linux/types.h>

#include <uapi/drm/i915_svm.h>

#include "gt/intel_engine_types.h"

struct drm_device;
struct drm_file;
struct drm_i915_gem_exec_object2;
struct drm_i915_gem_execbuffer2;
struct drm_i915_file_private;
struct drm_i915_gem_object;
struct drm_i915_private;
struct drm_printer;
struct i915_address_space;
struct i915_gem_ww_ctx;
struct i915_request;
struct i915_svm;
struct intel_gt;

#if IS_ENABLED(CONFIG_DRM_I915_SVM)

#define I915_SVM_IOCTLS \
	DRM_IOCTL_DEF_DRV(I915_GEM_VM_BIND, i915_svm_bind_ioctl, DRM_RENDER_ALLOW), \
	DRM_IOCTL_DEF_DRV(I915_GEM_VM_PREFETCH, i915_svm_prefetch_ioctl, DRM_RENDER_ALLOW), \
	DRM_IOCTL_DEF_DRV(I915_GEM_VM_ADVISE, i915_svm_advise_ioctl, DRM_RENDER_ALLOW), \
	DRM_IOCTL_DEF_DRV(I915_GEM_VM_QUERY, i915_svm_query_ioctl, DRM_RENDER_ALLOW), \
	DRM_IOCTL_DEF_DRV(I915_GEM_VM_GETPARAM, i915_svm_getparam_ioctl, DRM_RENDER_ALLOW), \
	DRM_IOCTL_DEF_DRV(I915_GEM_VM_SETPARAM, i915_svm_setparam_ioctl, DRM_RENDER_ALLOW),

int i915_svm_bind_ioctl(struct drm_device *dev, void *data, struct drm_file *file);
int i915_svm_prefetch_ioctl(struct drm_device *dev, void *data, struct drm_file *file);
int i915_svm_advise_ioctl(struct drm_device *dev, void *data, struct drm_file *file);
int i915_svm_query_ioctl(struct drm_device *dev, void *data, struct drm_file *file);
int i915_svm_getparam_ioctl(struct drm_device *dev, void *data, struct drm_file *file);
int i915_svm_setparam_ioctl(struct drm_device *dev, void *data, struct drm_file *file);

/* Bits of I915_SVM_CAP_*, 0 where SVM is not possible. */
u32 i915_svm_caps(struct drm_i915_private *i915);

void i915_svm_device_init(struct drm_i915_private *i915);
void i915_svm_device_leave(struct drm_i915_private *i915);
void i915_svm_device_fini(struct drm_i915_private *i915);
void i915_svm_debugfs_register(struct drm_i915_private *i915);

/* DRM_IOCTL_I915_GEM_VM_CREATE: walk the chain of extensions. */
int i915_svm_vm_extensions(struct i915_address_space *vm, u64 extensions);
void i915_svm_vm_close(struct i915_address_space *vm);
void i915_svm_vm_release(struct i915_address_space *vm);

/*
 * The four stations of a submission, in order; see i915_svm.c:
 * prepare  - no locks held: make everything bound valid;
 * lock     - in the ww section: take the lock the fences need, reserve slots;
 * commit   - last act before commands are written: add the fences, or
 *            -EAGAIN when something became invalid meanwhile;
 * queued   - the requests are with the scheduler.
 */
int i915_svm_exec_prepare(struct i915_address_space *vm, struct i915_svm **svm);
int i915_svm_exec_lock(struct i915_svm *svm, struct i915_gem_ww_ctx *ww,
		       unsigned int num_fences);
int i915_svm_exec_commit(struct i915_address_space *vm, struct i915_svm *svm,
			 atomic_t *pushed_out, struct i915_request **rqs, unsigned int count,
			 unsigned int *noreclaim);
void i915_svm_exec_queued(unsigned int noreclaim);

/* Userptr objects that SVM serves are no business of the submission. */
int i915_svm_exec_filter(struct i915_svm *svm, struct drm_file *file,
			 struct drm_i915_gem_execbuffer2 *args,
			 struct drm_i915_gem_exec_object2 *exec,
			 unsigned int batches);
void i915_svm_exec_unfilter(struct drm_i915_gem_execbuffer2 *args,
			    struct drm_i915_gem_exec_object2 *exec,
			    unsigned int count);

/* Engines have stopped, or are about to be reset: was it a page fault? */
void i915_svm_gpu_fault(struct intel_gt *gt, intel_engine_mask_t engines);

void i915_svm_show_fdinfo(struct drm_printer *p,
			  struct drm_i915_file_private *file_priv);

/* The GPU is idle, and local memory about to be saved, page tables with it. */
void i915_svm_suspend(struct drm_i915_private *i915);

/* An object, locked, loses its memory, or is touched by the CPU. */
int i915_svm_bo_unbind(struct drm_i915_gem_object *obj, unsigned long flags);
void i915_svm_bo_cpu_fault(struct drm_i915_gem_object *obj);

#else

#define I915_SVM_IOCTLS

static inline u32 i915_svm_caps(struct drm_i915_private *i915) { return 0; }
static inline void i915_svm_device_init(struct drm_i915_private *i915) {}
static inline void i915_svm_device_leave(struct drm_i915_private *i915) {}
static inline void i915_svm_device_fini(struct drm_i915_private *i915) {}
static inline void i915_svm_debugfs_register(struct drm_i915_private *i915) {}

static inline int i915_svm_vm_extensions(struct i915_address_space *vm,
					 u64 extensions)
{
	return -EINVAL;
}

static inline void i915_svm_vm_close(struct i915_address_space *vm) {}
static inline void i915_svm_vm_release(struct i915_address_space *vm) {}

static inline int i915_svm_exec_prepare(struct i915_address_space *vm,
					struct i915_svm **svm)
{
	*svm = NULL;
	return 0;
}

static inline int i915_svm_exec_lock(struct i915_svm *svm,
				     struct i915_gem_ww_ctx *ww,
				     unsigned int num_fences)
{
	return 0;
}

static inline int i915_svm_exec_commit(struct i915_address_space *vm,
				       struct i915_svm *svm,
				       atomic_t *pushed_out,
				       struct i915_request **rqs,
				       unsigned int count,
				       unsigned int *noreclaim)
{
	return 0;
}

static inline void i915_svm_exec_queued(unsigned int noreclaim) {}

static inline int i915_svm_exec_filter(struct i915_svm *svm, struct drm_file *file,
				       struct drm_i915_gem_execbuffer2 *args,
				       struct drm_i915_gem_exec_object2 *exec,
				       unsigned int batches)
{
	return 0;
}

static inline void i915_svm_exec_unfilter(struct drm_i915_gem_execbuffer2 *args,
					  struct drm_i915_gem_exec_object2 *exec,
					  unsigned int count) {}

static inline void i915_svm_gpu_fault(struct intel_gt *gt,
				      intel_engine_mask_t engines) {}

static inline void i915_svm_show_fdinfo(struct drm_printer *p,
					struct drm_i915_file_private *file_priv) {}

static inline void i915_svm_suspend(struct drm_i915_private *i915) {}

static inline int i915_svm_bo_unbind(struct drm_i915_gem_object *obj, unsigned long flags)
{
	return 0;
}

static inline void i915_svm_bo_cpu_fault(struct drm_i915_gem_object *obj) {}

#endif /* CONFIG_DRM_I915_SVM */

#endif /* __I915_SVM_H__ */
