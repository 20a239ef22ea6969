/* SPDX-License-Identifier: MIT */
/* What the devices say of themselves. */
#include <stdio.h>

#include "layer.h"

static struct space *space_of(ze_device_handle_t device)
{
    ze_pci_ext_properties_t pci = {.stype = ZE_STRUCTURE_TYPE_PCI_EXT_PROPERTIES};
    char address[32];
    if (!layer.device.pfnPciGetPropertiesExt ||
        layer.device.pfnPciGetPropertiesExt(device, &pci) != ZE_RESULT_SUCCESS)
        return spaces_at(&layer.spaces, NULL);
    snprintf(address, sizeof(address), "%04x:%02x:%02x.%x", pci.address.domain, pci.address.bus,
             pci.address.device, pci.address.function);
    struct space *space = spaces_at(&layer.spaces, address);
    return space ? space : spaces_at(&layer.spaces, NULL);
}

/*
 * Atomics of the device alone are as NEO has them for host memory, which is in the system, too.
 * Those that CPU and GPU see of each other need a link that carries them.
 */
static ze_memory_access_cap_flags_t mirrored_access(const struct space *space,
                                                    ze_memory_access_cap_flags_t host)
{
    ze_memory_access_cap_flags_t flags =
        ZE_MEMORY_ACCESS_CAP_FLAG_RW | ZE_MEMORY_ACCESS_CAP_FLAG_CONCURRENT;
    flags |= host & ZE_MEMORY_ACCESS_CAP_FLAG_ATOMIC;
    if (space->caps.link_atomics)
        flags |= ZE_MEMORY_ACCESS_CAP_FLAG_ATOMIC | ZE_MEMORY_ACCESS_CAP_FLAG_CONCURRENT_ATOMIC;
    return flags;
}

static ze_result_t ZE_APICALL get_access(ze_device_handle_t device,
                                         ze_device_memory_access_properties_t *properties)
{
    ze_result_t result = layer.device.pfnGetMemoryAccessProperties(device, properties);
    struct space *space = result == ZE_RESULT_SUCCESS && layer.mirror ? space_of(device) : NULL;
    if (!space || !(space->caps.flags & I915SVM_CAP_MIRROR))
        return result;
    const ze_memory_access_cap_flags_t access =
        mirrored_access(space, properties->hostAllocCapabilities);
    properties->sharedSystemAllocCapabilities = access;
    properties->sharedSingleDeviceAllocCapabilities = access;
    properties->hostAllocCapabilities = access;
    return result;
}

void device_install(ze_device_dditable_t *table)
{
    table->pfnGetMemoryAccessProperties = get_access;
}
