/* SPDX-License-Identifier: MIT */
/* Result codes: their texts, and how an errno of the kernel becomes one. */
#include <errno.h>

#include "internal.h"

static _Thread_local int last_errno;

static const char *const texts[I915SVM_RESULT_COUNT] = {
    [I915SVM_OK] = "success",
    [I915SVM_ERROR_INVALID_ARGUMENT] = "invalid argument",
    [I915SVM_ERROR_OUT_OF_HOST_MEMORY] = "out of system memory",
    [I915SVM_ERROR_OUT_OF_DEVICE_MEMORY] = "out of device memory",
    [I915SVM_ERROR_NO_DEVICE] = "no i915 render node",
    [I915SVM_ERROR_NOT_SUPPORTED] = "not supported by this kernel or device",
    [I915SVM_ERROR_NO_SVM] = "the i915 of this kernel has no shared virtual memory",
    [I915SVM_ERROR_NOT_ENABLED] = "shared virtual memory is not enabled on this address space",
    [I915SVM_ERROR_UNKNOWN_VM] = "no such GPU address space",
    [I915SVM_ERROR_UNKNOWN_POINTER] = "pointer unknown to this address space",
    [I915SVM_ERROR_UNMAPPED] = "part of the range has no memory behind it",
    [I915SVM_ERROR_OVERLAP] = "part of the range is bound to something else",
    [I915SVM_ERROR_WRONG_PROCESS] = "the GPU address space belongs to another process",
    [I915SVM_ERROR_FORKED] = "handle inherited through fork(); open the device again",
    [I915SVM_ERROR_BUSY] = "memory busy or pinned",
    [I915SVM_ERROR_INTERRUPTED] = "interrupted by a signal",
    [I915SVM_ERROR_PERMISSION] = "permission denied",
    [I915SVM_ERROR_DEVICE_LOST] = "device lost",
    [I915SVM_ERROR_TOO_MANY] = "too many entries",
    [I915SVM_ERROR_SYSTEM] = "system error",
};

const char *i915svm_result_string(i915svm_result result)
{
    if ((unsigned)result >= I915SVM_RESULT_COUNT)
        return "unknown result";
    return texts[result];
}

int i915svm_last_errno(void)
{
    return last_errno;
}

i915svm_result svm_fail(i915svm_result result, int err)
{
    last_errno = err;
    return result;
}

/* The kernel's errnos are listed in docs/svm.md; one meaning each. */
i915svm_result svm_from_errno(int err)
{
    static const struct {
        int err;
        i915svm_result result;
    } map[] = {
        {EINVAL, I915SVM_ERROR_INVALID_ARGUMENT},
        {ENOMEM, I915SVM_ERROR_OUT_OF_HOST_MEMORY},
        {ENOSPC, I915SVM_ERROR_OUT_OF_DEVICE_MEMORY},
        {ENODEV, I915SVM_ERROR_NOT_SUPPORTED},
        {EOPNOTSUPP, I915SVM_ERROR_NOT_SUPPORTED},
        {ENOTTY, I915SVM_ERROR_NO_SVM},
        {ENOENT, I915SVM_ERROR_UNKNOWN_VM},
        {EFAULT, I915SVM_ERROR_UNMAPPED},
        {EEXIST, I915SVM_ERROR_OVERLAP},
        {EPERM, I915SVM_ERROR_WRONG_PROCESS},
        {EBUSY, I915SVM_ERROR_BUSY},
        {ETIME, I915SVM_ERROR_BUSY},
        {EINTR, I915SVM_ERROR_INTERRUPTED},
        {EACCES, I915SVM_ERROR_PERMISSION},
        {EIO, I915SVM_ERROR_DEVICE_LOST},
        {E2BIG, I915SVM_ERROR_TOO_MANY},
    };
    for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
        if (map[i].err == err)
            return svm_fail(map[i].result, err);
    return svm_fail(err ? I915SVM_ERROR_SYSTEM : I915SVM_OK, err);
}
