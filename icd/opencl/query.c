/* SPDX-License-Identifier: MIT */
/* What the devices say of themselves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer.h"

static cl_device_id root_of(cl_device_id device)
{
    cl_device_id parent = NULL;
    while (layer.next.clGetDeviceInfo(device, CL_DEVICE_PARENT_DEVICE, sizeof(parent), &parent,
                                      NULL) == CL_SUCCESS &&
           parent)
        device = parent;
    return device;
}

static struct space *space_of(cl_device_id device)
{
    cl_device_pci_bus_info_khr pci;
    char address[32];
    if (layer.next.clGetDeviceInfo(root_of(device), CL_DEVICE_PCI_BUS_INFO_KHR, sizeof(pci), &pci,
                                   NULL) != CL_SUCCESS)
        return spaces_at(&layer.spaces, NULL);
    snprintf(address, sizeof(address), "%04x:%02x:%02x.%x", pci.pci_domain, pci.pci_bus,
             pci.pci_device, pci.pci_function);
    struct space *space = spaces_at(&layer.spaces, address);
    return space ? space : spaces_at(&layer.spaces, NULL);
}

/*
 * Fine grain of buffers: by the mirror, or on a stock kernel by memory that stays in the system.
 * Of the whole system: by the mirror alone. Atomics that CPU and GPU see of each other: only over
 * a link that carries them.
 */
static cl_device_svm_capabilities svm_capabilities(cl_device_id device)
{
    struct space *space = space_of(device);
    cl_device_svm_capabilities caps = CL_DEVICE_SVM_COARSE_GRAIN_BUFFER;
    if (!space)
        return caps;
    caps |= CL_DEVICE_SVM_FINE_GRAIN_BUFFER;
    if (layer.mirror && (space->caps.flags & I915SVM_CAP_MIRROR))
        caps |= CL_DEVICE_SVM_FINE_GRAIN_SYSTEM;
    if (space->caps.link_atomics)
        caps |= CL_DEVICE_SVM_ATOMICS;
    return caps;
}

/* Atomics of the device alone are as NEO has them for host memory, which is in the system, too. */
static cl_device_unified_shared_memory_capabilities_intel shared_capabilities(cl_device_id device)
{
    struct space *space = space_of(device);
    if (!space || !layer.mirror || !(space->caps.flags & I915SVM_CAP_MIRROR))
        return 0;
    cl_device_unified_shared_memory_capabilities_intel caps = 0;
    layer.next.clGetDeviceInfo(device, CL_DEVICE_HOST_MEM_CAPABILITIES_INTEL, sizeof(caps), &caps,
                               NULL);
    caps &= CL_UNIFIED_SHARED_MEMORY_ATOMIC_ACCESS_INTEL;
    caps |=
        CL_UNIFIED_SHARED_MEMORY_ACCESS_INTEL | CL_UNIFIED_SHARED_MEMORY_CONCURRENT_ACCESS_INTEL;
    if (space->caps.link_atomics)
        caps |= CL_UNIFIED_SHARED_MEMORY_ATOMIC_ACCESS_INTEL |
                CL_UNIFIED_SHARED_MEMORY_CONCURRENT_ATOMIC_ACCESS_INTEL;
    return caps;
}

static cl_int CL_API_CALL get_device_info(cl_device_id device, cl_device_info name, size_t size,
                                          void *value, size_t *size_ret)
{
    cl_int result = layer.next.clGetDeviceInfo(device, name, size, value, size_ret);
    if (result != CL_SUCCESS || !value)
        return result;
    cl_bitfield bits;
    switch (name) {
    case CL_DEVICE_SVM_CAPABILITIES:
        bits = svm_capabilities(device);
        break;
    case CL_DEVICE_HOST_MEM_CAPABILITIES_INTEL:
    case CL_DEVICE_SINGLE_DEVICE_SHARED_MEM_CAPABILITIES_INTEL:
    case CL_DEVICE_SHARED_SYSTEM_MEM_CAPABILITIES_INTEL:
        if (!layer.mirror)
            return result;
        bits = shared_capabilities(device);
        break;
    default:
        return result;
    }
    memcpy(value, &bits, sizeof(bits));
    return result;
}

void query_each_device(cl_context context, bool (*fn)(cl_device_id, void *), void *argument)
{
    size_t size = 0;
    if (layer.next.clGetContextInfo(context, CL_CONTEXT_DEVICES, 0, NULL, &size) != CL_SUCCESS)
        return;
    cl_device_id *devices = malloc(size);
    if (devices &&
        layer.next.clGetContextInfo(context, CL_CONTEXT_DEVICES, size, devices, NULL) == CL_SUCCESS)
        for (size_t i = 0; i < size / sizeof(*devices) && fn(devices[i], argument); i++)
            ;
    free(devices);
}

static bool join_capabilities(cl_device_id device, void *argument)
{
    *(cl_device_svm_capabilities *)argument &= svm_capabilities(device);
    return true;
}

cl_device_svm_capabilities query_svm_capabilities(cl_context context)
{
    cl_device_svm_capabilities caps = ~(cl_device_svm_capabilities)0;
    query_each_device(context, join_capabilities, &caps);
    return caps;
}

static bool join_max_alloc(cl_device_id device, void *argument)
{
    cl_ulong bytes, *least = argument;
    if (layer.next.clGetDeviceInfo(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof(bytes), &bytes,
                                   NULL) == CL_SUCCESS &&
        bytes < *least)
        *least = bytes;
    return true;
}

cl_ulong query_max_alloc(cl_context context)
{
    cl_ulong least = ~(cl_ulong)0;
    query_each_device(context, join_max_alloc, &least);
    return least;
}

void query_install(cl_icd_dispatch *table)
{
    table->clGetDeviceInfo = get_device_info;
}
