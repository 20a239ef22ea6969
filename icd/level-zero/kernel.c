/* SPDX-License-Identifier: MIT */
/* Kernel arguments: any CPU pointer. */
#include "layer.h"
#include "mapping.h"

/* No memory is ever there: NEO takes it for a scalar argument only. */
static const void *const nowhere = (const void *)1;

/*
 * A pointer-sized value inside a window, with no writable memory there: a constant, a bad pointer,
 * or a scalar that looks like one. NEO, which would take any, tells scalars apart by how it
 * answers to a pointer it cannot know.
 */
static bool is_dangling(ze_kernel_handle_t kernel, uint32_t index, const void *pointer)
{
    if (!memory_is_protected(pointer))
        return false;
    return layer.kernel.pfnSetArgumentValue(kernel, index, sizeof(nowhere), &nowhere) !=
               ZE_RESULT_SUCCESS &&
           memory_is_misplaced(pointer);
}

static ze_result_t ZE_APICALL set_argument(ze_kernel_handle_t kernel, uint32_t index, size_t size,
                                           const void *value)
{
    if (!layer.mirror || !kernel || !value || size != sizeof(void *))
        return layer.kernel.pfnSetArgumentValue(kernel, index, size, value);
    const void *pointer = *(void *const *)value;
    if (is_dangling(kernel, index, pointer)) {
        mapping_explain_refusal(pointer);
        return ZE_RESULT_ERROR_INVALID_ARGUMENT;
    }
    ze_result_t result = layer.kernel.pfnSetArgumentValue(kernel, index, size, value);
    /* Refused: a pointer, and one that NEO does not know yet. */
    if (result != ZE_RESULT_ERROR_INVALID_ARGUMENT)
        return result;
    if (memory_import(pointer, 1) || memory_import_constant(pointer))
        return layer.kernel.pfnSetArgumentValue(kernel, index, size, value);
    mapping_explain_refusal(pointer);
    return result;
}

/* Memory that is only reached through other memory needs the mirror just as much. */
static ze_result_t ZE_APICALL set_indirect(ze_kernel_handle_t kernel,
                                           ze_kernel_indirect_access_flags_t flags)
{
    if (layer.mirror && flags && !spaces_enable(&layer.spaces))
        return ZE_RESULT_ERROR_DEVICE_LOST;
    return layer.kernel.pfnSetIndirectAccess(kernel, flags);
}

void kernel_install(ze_kernel_dditable_t *table)
{
    table->pfnSetArgumentValue = set_argument;
    table->pfnSetIndirectAccess = set_indirect;
}
