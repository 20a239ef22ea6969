/* SPDX-License-Identifier: MIT */
/*
 * svm-list: shared virtual memory with nothing but ioctls. A linked list made by malloc() is
 * changed by the GPU with plain stores to the CPU's pointers and by a blit, moved to the GPU's own
 * memory, changed there, and brought back by the CPU's reading it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <i915_drm.h>
#include <xf86drm.h>

#include "i915_svm.h"

#define NODES  1000
#define PAGE   4096u
#define BATCH  (128u * 1024)
#define RENDER "/dev/dri/renderD128"

/* Gen12 commands, PRM volume 2a. */
#define MI_BATCH_BUFFER_END (0x0au << 23)
#define MI_STORE_DATA_IMM   (0x20u << 23 | 2)
#define XY_FAST_COPY_BLT    (2u << 29 | 0x42u << 22 | 8)
#define BLT_32BPP           (3u << 24)

struct node {
    struct node *next;
    uint32_t value;
};

struct gpu {
    int fd;
    uint32_t vm, ctx, batch;
    uint32_t *dw;   /* the batch, mapped */
    unsigned count; /* dwords in it */
    void *at;       /* where the batch is pinned */
};

static void must(int bad, const char *what)
{
    if (bad) {
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static void open_gpu(struct gpu *g)
{
    int caps = 0;
    drm_i915_getparam_t get = {.param = I915_PARAM_HAS_SVM, .value = &caps};
    struct drm_i915_gem_vm_control vm = {0};
    struct drm_i915_gem_vm_param on = {.param = I915_VM_PARAM | I915_GEM_VM_PARAM_SVM,
                                       .value = I915_SVM_VM_ENABLE | I915_SVM_VM_MIRROR};
    struct drm_i915_gem_context_create_ext_setparam set = {
        .base.name = I915_CONTEXT_CREATE_EXT_SETPARAM,
        .param.param = I915_CONTEXT_PARAM_VM,
    };
    struct drm_i915_gem_context_create_ext ctx = {.flags = I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS,
                                                  .extensions = (uintptr_t)&set};
    struct drm_i915_gem_create bo = {.size = BATCH};
    struct drm_i915_gem_mmap_offset map = {.flags = I915_MMAP_OFFSET_FIXED};

    g->fd = open(RENDER, O_RDWR | O_CLOEXEC);
    must(g->fd < 0, RENDER);
    must(drmIoctl(g->fd, DRM_IOCTL_I915_GETPARAM, &get), "this kernel has no SVM");
    printf("SVM capabilities: %#x\n", (unsigned)caps);
    must(drmIoctl(g->fd, DRM_IOCTL_I915_GEM_VM_CREATE, &vm), "VM_CREATE");
    g->vm = on.vm_id = vm.vm_id;
    must(drmIoctl(g->fd, DRM_IOCTL_I915_GEM_VM_SETPARAM, &on), "VM_SETPARAM");
    set.param.value = vm.vm_id;
    must(drmIoctl(g->fd, DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT, &ctx), "CONTEXT_CREATE");
    g->ctx = ctx.ctx_id;
    must(drmIoctl(g->fd, DRM_IOCTL_I915_GEM_CREATE, &bo), "GEM_CREATE");
    g->batch = map.handle = bo.handle;
    must(drmIoctl(g->fd, DRM_IOCTL_I915_GEM_MMAP_OFFSET, &map), "MMAP_OFFSET");
    g->dw = mmap(NULL, BATCH, PROT_READ | PROT_WRITE, MAP_SHARED, g->fd, (off_t)map.offset);
    must(g->dw == MAP_FAILED, "mmap");
    /* An address that no memory of the process has: its own mapping's. */
    g->at = g->dw;
}

static void store(struct gpu *g, const void *to, uint32_t value)
{
    const uint64_t a = (uintptr_t)to;

    g->dw[g->count++] = MI_STORE_DATA_IMM;
    g->dw[g->count++] = (uint32_t)a;
    g->dw[g->count++] = (uint32_t)(a >> 32);
    g->dw[g->count++] = value;
}

static void copy_page(struct gpu *g, const void *to, const void *from)
{
    const uint64_t t = (uintptr_t)to, f = (uintptr_t)from;
    const uint32_t cmd[] = {XY_FAST_COPY_BLT, BLT_32BPP | PAGE,    0, 1u << 16 | PAGE / 4,
                            (uint32_t)t,      (uint32_t)(t >> 32), 0, PAGE,
                            (uint32_t)f,      (uint32_t)(f >> 32)};

    memcpy(&g->dw[g->count], cmd, sizeof(cmd));
    g->count += sizeof(cmd) / 4;
}

static void run(struct gpu *g, uint64_t ring)
{
    struct drm_i915_gem_exec_object2 object = {
        .handle = g->batch,
        .offset = (uintptr_t)g->at,
        .flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS,
    };
    struct drm_i915_gem_execbuffer2 eb = {.buffers_ptr = (uintptr_t)&object,
                                          .buffer_count = 1,
                                          .flags = ring | I915_EXEC_NO_RELOC,
                                          .rsvd1 = g->ctx};
    struct drm_i915_gem_wait wait = {.bo_handle = g->batch, .timeout_ns = 20000000000};

    g->dw[g->count++] = MI_BATCH_BUFFER_END;
    g->dw[g->count++] = 0;
    must(drmIoctl(g->fd, DRM_IOCTL_I915_GEM_EXECBUFFER2, &eb), "EXECBUFFER2");
    must(drmIoctl(g->fd, DRM_IOCTL_I915_GEM_WAIT, &wait), "GEM_WAIT");
    g->count = 0;
}

static void prefetch(struct gpu *g, void *start, size_t length)
{
    struct drm_i915_gem_vm_prefetch p = {.vm_id = g->vm,
                                         .region = I915_SVM_REGION_LOCAL,
                                         .start = (uintptr_t)start,
                                         .length = length};

    if (drmIoctl(g->fd, DRM_IOCTL_I915_GEM_VM_PREFETCH, &p)) {
        printf("no device memory to move to: %s\n", strerror(errno));
        return;
    }
    printf(
        "prefetch: %llu KiB moved, %llu there already, %llu absent, %llu could not\n",
        (unsigned long long)p.moved >> 10, (unsigned long long)p.already >> 10,
        (unsigned long long)p.absent >> 10,
        (unsigned long long)(p.failed_busy + p.failed_memory + p.failed_type + p.failed_unmapped) >>
            10);
}

static void where(struct gpu *g, const void *at, const char *when)
{
    struct drm_i915_gem_vm_query q = {.vm_id = g->vm, .start = (uintptr_t)at, .length = PAGE};

    run(g, I915_EXEC_RENDER); /* an empty batch makes everything valid */
    must(drmIoctl(g->fd, DRM_IOCTL_I915_GEM_VM_QUERY, &q), "VM_QUERY");
    printf("%s: the first node is in %s memory\n", when, q.bytes_local ? "device" : "system");
}

static unsigned check(struct node *head, uint32_t add)
{
    unsigned wrong = 0, i = 0;

    for (struct node *n = head; n; n = n->next, i++)
        wrong += n->value != i + add;
    return wrong + (i != NODES);
}

int main(void)
{
    struct gpu g = {0};
    struct node *head = NULL, **tail = &head;
    uint32_t *source, *target;
    unsigned i = 0, wrong = 0;

    open_gpu(&g);

    for (i = 0; i < NODES; i++) {
        struct node *n = malloc(sizeof(*n));

        must(!n, "malloc");
        n->next = NULL;
        n->value = i;
        *tail = n;
        tail = &n->next;
    }

    i = 0;
    for (struct node *n = head; n; n = n->next)
        store(&g, &n->value, i++ + 100);
    run(&g, I915_EXEC_RENDER);
    wrong += check(head, 100);
    printf("GPU added 100 to %u nodes: %s\n", NODES, wrong ? "WRONG" : "right");

    source = aligned_alloc(PAGE, PAGE);
    target = aligned_alloc(PAGE, PAGE);
    must(!source || !target, "aligned_alloc");
    for (i = 0; i < PAGE / 4; i++)
        source[i] = i * 3;
    memset(target, 0, PAGE);
    copy_page(&g, target, source);
    run(&g, I915_EXEC_BLT);
    wrong += !!memcmp(source, target, PAGE);
    printf("GPU copied a page: %s\n", memcmp(source, target, PAGE) ? "WRONG" : "right");

    prefetch(&g, head, PAGE);
    where(&g, head, "after the prefetch");
    store(&g, &head->value, 4711); /* taking the address touches nothing */
    run(&g, I915_EXEC_RENDER);
    wrong += head->value != 4711; /* but this does, and brings it back */
    head->value = 100;
    wrong += check(head, 100);
    where(&g, head, "after the CPU read it");
    puts(wrong ? "WRONG" : "all right");
    return wrong != 0;
}
