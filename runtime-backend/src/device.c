/* SPDX-License-Identifier: MIT */
/* Opening i915, finding the files a runtime has open, and asking what they can do. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <drm/i915_svm.h>
#include <i915_drm.h>
#include <xf86drm.h>

#include "internal.h"

#define DRM_MAJOR          226 /* Documentation/admin-guide/devices.txt */
#define RENDER_MINOR_FIRST 128 /* drm_drv.c: render nodes are minors 128 to 191 */
#define RENDER_MINOR_LAST  191

/* PCI configuration space, PCI Express Base Specification 4.0, 7.5.3. */
#define PCI_CAPABILITY_LIST    0x34
#define PCI_CAP_ID_EXP         0x10
#define PCI_EXP_DEVCTL2        0x28
#define PCI_EXP_DEVCTL2_ATOMIC (1u << 6) /* AtomicOp Requester Enable */
#define PCI_CONFIG_STANDARD    256

int svm_ioctl(const i915svm_device *device, unsigned long request, void *argument)
{
    return drmIoctl(device->fd, request, argument) ? errno : 0;
}

static bool is_render_node(int fd)
{
    struct stat st;
    if (fstat(fd, &st) || !S_ISCHR(st.st_mode) || major(st.st_rdev) != DRM_MAJOR)
        return false;
    return minor(st.st_rdev) >= RENDER_MINOR_FIRST && minor(st.st_rdev) <= RENDER_MINOR_LAST;
}

static bool is_i915(int fd)
{
    drmVersionPtr version = drmGetVersion(fd);
    bool match = version && version->name && strcmp(version->name, "i915") == 0;
    drmFreeVersion(version);
    return match;
}

static int compare_int(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

i915svm_result i915svm_find_fds(int *fds, size_t max, size_t *count)
{
    if (!count || (max && !fds))
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    *count = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return svm_from_errno(errno);
    int self = dirfd(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (*end || end == entry->d_name || fd > INT_MAX || fd == self)
            continue;
        if (!is_render_node((int)fd) || !is_i915((int)fd))
            continue;
        if (*count < max)
            fds[*count] = (int)fd;
        ++*count;
    }
    closedir(dir);
    if (max)
        qsort(fds, *count < max ? *count : max, sizeof(*fds), compare_int);
    return *count ? I915SVM_OK : svm_fail(I915SVM_ERROR_NO_DEVICE, 0);
}

static int get_param(const i915svm_device *device, int param, int *value)
{
    struct drm_i915_getparam get = {.param = param, .value = value};
    return svm_ioctl(device, DRM_IOCTL_I915_GETPARAM, &get);
}

static void read_address_bits(i915svm_device *device)
{
    struct drm_i915_gem_context_param param = {.param = I915_CONTEXT_PARAM_GTT_SIZE};
    if (svm_ioctl(device, DRM_IOCTL_I915_GEM_CONTEXT_GETPARAM, &param))
        return;
    while (device->caps.address_bits < 64 && (param.value >> device->caps.address_bits) > 1)
        device->caps.address_bits++;
}

static void add_regions(i915svm_device *device, const struct drm_i915_query_memory_regions *regions)
{
    for (uint32_t i = 0; i < regions->num_regions; i++) {
        const struct drm_i915_memory_region_info *info = &regions->regions[i];
        if (info->region.memory_class == I915_MEMORY_CLASS_DEVICE)
            device->caps.local_bytes += info->probed_size;
        else
            device->caps.system_bytes += info->probed_size;
    }
}

static void read_regions(i915svm_device *device)
{
    struct drm_i915_query_item item = {.query_id = DRM_I915_QUERY_MEMORY_REGIONS};
    struct drm_i915_query query = {.num_items = 1, .items_ptr = (uintptr_t)&item};
    if (svm_ioctl(device, DRM_IOCTL_I915_QUERY, &query) || item.length <= 0)
        return;
    void *regions = calloc(1, (size_t)item.length);
    if (!regions)
        return;
    item.data_ptr = (uintptr_t)regions;
    if (!svm_ioctl(device, DRM_IOCTL_I915_QUERY, &query) && item.length > 0)
        add_regions(device, regions);
    free(regions);
}

/* The PCI Express capability, if this process may read so far (0: no). */
static unsigned find_pcie_capability(const unsigned char *config, size_t size)
{
    unsigned at = size > PCI_CAPABILITY_LIST ? config[PCI_CAPABILITY_LIST] & ~3u : 0;
    for (int hops = 0; at && at + PCI_EXP_DEVCTL2 + 2 <= size && hops < 48; hops++) {
        if (config[at] == PCI_CAP_ID_EXP)
            return at;
        at = config[at + 1] & ~3u;
    }
    return 0;
}

static bool read_link_atomics(const char *sysfs)
{
    char path[PATH_MAX + sizeof("/config")];
    unsigned char config[PCI_CONFIG_STANDARD];
    snprintf(path, sizeof(path), "%s/config", sysfs);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, config, sizeof(config));
    close(fd);
    unsigned at = got > 0 ? find_pcie_capability(config, (size_t)got) : 0;
    if (!at)
        return false;
    unsigned control = config[at + PCI_EXP_DEVCTL2] | config[at + PCI_EXP_DEVCTL2 + 1] << 8;
    return control & PCI_EXP_DEVCTL2_ATOMIC;
}

static void read_location(i915svm_device *device)
{
    struct stat st;
    char link[64], target[PATH_MAX];
    if (fstat(device->fd, &st))
        return;
    snprintf(device->caps.render_node, sizeof(device->caps.render_node), "/dev/dri/renderD%u",
             minor(st.st_rdev));
    snprintf(link, sizeof(link), "/sys/dev/char/%u:%u/device", major(st.st_rdev),
             minor(st.st_rdev));
    if (!realpath(link, target))
        return;
    const char *name = strrchr(target, '/');
    if (name && strlen(name + 1) < sizeof(device->caps.pci_address))
        memcpy(device->caps.pci_address, name + 1, strlen(name + 1) + 1);
    /* An integrated GPU is behind no link: its atomics and the CPU's meet in the cache. */
    device->caps.link_atomics = device->caps.local_bytes == 0 || read_link_atomics(target);
}

static void read_capabilities(i915svm_device *device)
{
    int value = 0;
    if (get_param(device, I915_PARAM_HAS_SVM, &value) == 0)
        device->caps.flags = (uint32_t)value;
    if (get_param(device, I915_PARAM_CHIPSET_ID, &value) == 0)
        device->caps.chip_id = (uint32_t)value;
    read_address_bits(device);
    read_regions(device);
    read_location(device);
}

static i915svm_result map_alive(i915svm_device *device)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint32_t *alive = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (alive == MAP_FAILED)
        return svm_from_errno(errno);
    if (madvise(alive, page, MADV_WIPEONFORK)) {
        int err = errno;
        munmap(alive, page);
        return svm_from_errno(err);
    }
    *alive = 1;
    device->alive = alive;
    return I915SVM_OK;
}

/* Takes the fd, also when it fails. */
static i915svm_result open_owned(int fd, i915svm_device **out)
{
    i915svm_device *device = calloc(1, sizeof(*device));
    if (!device) {
        close(fd);
        return svm_fail(I915SVM_ERROR_OUT_OF_HOST_MEMORY, ENOMEM);
    }
    device->fd = fd;
    i915svm_result result = map_alive(device);
    if (result) {
        close(fd);
        free(device);
        return result;
    }
    read_capabilities(device);
    *out = device;
    return I915SVM_OK;
}

i915svm_result i915svm_device_open_fd(int fd, i915svm_device **device)
{
    if (!device)
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    if (!is_render_node(fd) || !is_i915(fd))
        return svm_fail(I915SVM_ERROR_NO_DEVICE, 0);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return copy < 0 ? svm_from_errno(errno) : open_owned(copy, device);
}

static i915svm_result open_first(i915svm_device **device)
{
    for (int minor = RENDER_MINOR_FIRST; minor <= RENDER_MINOR_LAST; minor++) {
        char path[32];
        snprintf(path, sizeof(path), "/dev/dri/renderD%d", minor);
        if (i915svm_device_open_path(path, device) == I915SVM_OK)
            return I915SVM_OK;
    }
    return svm_fail(I915SVM_ERROR_NO_DEVICE, 0);
}

i915svm_result i915svm_device_open_path(const char *path, i915svm_device **device)
{
    if (!device)
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    if (!path)
        return open_first(device);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? svm_fail(I915SVM_ERROR_NO_DEVICE, ENOENT) : svm_from_errno(errno);
    if (is_render_node(fd) && is_i915(fd))
        return open_owned(fd, device);
    close(fd);
    return svm_fail(I915SVM_ERROR_NO_DEVICE, 0);
}

void i915svm_device_close(i915svm_device *device)
{
    if (!device)
        return;
    close(device->fd);
    munmap((void *)(uintptr_t)device->alive, (size_t)sysconf(_SC_PAGESIZE));
    free(device);
}

int i915svm_device_fd(const i915svm_device *device)
{
    return device ? device->fd : -1;
}

i915svm_result i915svm_device_capabilities(i915svm_device *device, i915svm_capabilities *caps)
{
    if (!device || !caps)
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    *caps = device->caps;
    return I915SVM_OK;
}
