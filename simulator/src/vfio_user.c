/* SPDX-License-Identifier: MIT */
/*
 * The session: receives messages, hands each to the function for its command, replies.
 *
 * Latency of register accesses is what a guest feels most: a request costs one recvmsg and
 * one sendmsg, and nothing is allocated.
 */
#include "vfio_user.h"

#include "vfio_caps.h"
#include "vfio_region.h"
#include "vfio_user_proto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FDS        8u          /* descriptors in one message to us */
#define MAX_XFER       (64u << 10) /* bytes of data in one message to us */
#define MAX_MESSAGE    (sizeof(struct vfu_header) + sizeof(struct vfu_region_access) + MAX_XFER)
#define MAX_LOGGED     32u /* failed requests per session: a guest could cause any number */
#define VFIO_IRQ_KINDS (VFIO_PCI_MSIX_IRQ_INDEX + 1) /* INTx, MSI, MSI-X */

struct vfio_user {
    struct vfio_device dev;
    FILE *log;
    int sock;
    bool negotiated;
    bool may_send_fds; /* the client can receive them */
    unsigned failures;

    /* The message being received, behind those handled already. */
    uint8_t rx[MAX_MESSAGE];
    size_t rx_start, rx_end;
    int fds[MAX_FDS]; /* of the last message in rx; -1: taken by its handler */
    unsigned num_fds;

    uint8_t tx[MAX_MESSAGE];
};

/* A request as its handler sees it, and the reply it prepares. */
struct request {
    const uint8_t *payload;
    size_t size;
    int *fds;
    unsigned num_fds;
    uint8_t *reply; /* room for MAX_MESSAGE less the header */
    size_t reply_size;
    int reply_fd; /* -1, or a descriptor that stays the device's */
};

/* Returns 0 or the negative errno to reply. */
typedef int handler(struct vfio_user *server, struct request *req);

static int take_fd(struct request *req, unsigned i)
{
    int fd = req->fds[i];

    req->fds[i] = -1;
    return fd;
}

static void reply_with(struct request *req, const void *data, size_t size)
{
    memcpy(req->reply, data, size);
    req->reply_size = size;
}

static int handle_version(struct vfio_user *server, struct request *req)
{
    uint64_t max_msg_fds = VFIO_CAPS_DEFAULT_MSG_FDS;
    struct vfu_version version;

    if (server->negotiated)
        return -EINVAL;
    memcpy(&version, req->payload, sizeof(version));
    if (version.major != VFU_MAJOR)
        return -ENOTSUP;
    if (req->size > sizeof(version) &&
        (req->payload[req->size - 1] != '\0' ||
         vfio_caps_parse((const char *)req->payload + sizeof(version), &max_msg_fds) < 0))
        return -EINVAL;
    if (version.minor > VFU_MINOR)
        version.minor = VFU_MINOR;
    reply_with(req, &version, sizeof(version));
    req->reply_size +=
        vfio_caps_format(MAX_FDS, MAX_XFER, (char *)req->reply + sizeof(version), MAX_XFER);
    server->negotiated = true;
    server->may_send_fds = max_msg_fds > 0;
    return 0;
}

static int handle_dma_map(struct vfio_user *server, struct request *req)
{
    const uint32_t known = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
    struct vfu_dma_map map;

    memcpy(&map, req->payload, sizeof(map));
    if (map.argsz < sizeof(map) || (map.flags & ~known) || !(map.flags & known))
        return -EINVAL;
    return dg1_dma_map(server->dev.dg1, map.address, map.size, req->num_fds ? req->fds[0] : -1,
                       map.offset, map.flags & VFIO_DMA_MAP_FLAG_WRITE);
}

static int handle_dma_unmap(struct vfio_user *server, struct request *req)
{
    struct vfu_dma_unmap unmap;
    int ret = 0;

    memcpy(&unmap, req->payload, sizeof(unmap));
    if (unmap.argsz < sizeof(unmap) || (unmap.flags & ~VFIO_DMA_UNMAP_FLAG_ALL))
        return -EINVAL;
    if (!(unmap.flags & VFIO_DMA_UNMAP_FLAG_ALL))
        ret = dg1_dma_unmap(server->dev.dg1, unmap.address, unmap.size);
    else if (unmap.address || unmap.size)
        ret = -EINVAL;
    else
        dg1_dma_unmap_all(server->dev.dg1);
    if (!ret)
        reply_with(req, &unmap, sizeof(unmap));
    return ret;
}

static int handle_get_info(struct vfio_user *server, struct request *req)
{
    struct vfu_device_info info;

    (void)server;
    memcpy(&info, req->payload, sizeof(info));
    if (info.argsz < sizeof(info))
        return -EINVAL;
    info = (struct vfu_device_info){
        .argsz = sizeof(info),
        .flags = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI,
        .num_regions = VFIO_PCI_NUM_REGIONS,
        .num_irqs = VFIO_IRQ_KINDS,
    };
    reply_with(req, &info, sizeof(info));
    return 0;
}

/* The capability and the file come only with a reply that has room for all. */
static int handle_get_region_info(struct vfio_user *server, struct request *req)
{
    struct vfio_region_info asked;
    struct vfu_sparse_region_info info;
    int size, fd;

    memcpy(&asked, req->payload, sizeof(asked));
    if (asked.argsz < sizeof(asked))
        return -EINVAL;
    size = vfio_region_describe(&server->dev, asked.index, &info, &fd);
    if (size < 0)
        return size;
    if (!server->may_send_fds) { /* every access comes as a message */
        info.info.flags &= ~(VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS);
        info.info.cap_offset = 0;
        size = sizeof(info.info);
        fd = -1;
    }
    info.info.argsz = size;
    /* The client asks again with room enough; QEMU wants a valid cap_offset even then. */
    if (asked.argsz < (uint32_t)size) {
        size = sizeof(info.info);
        fd = -1;
    }
    reply_with(req, &info, size);
    req->reply_fd = fd;
    return 0;
}

static int handle_get_irq_info(struct vfio_user *server, struct request *req)
{
    struct vfio_irq_info info;

    (void)server;
    memcpy(&info, req->payload, sizeof(info));
    if (info.argsz < sizeof(info) || info.index >= VFIO_IRQ_KINDS)
        return -EINVAL;
    info.argsz = sizeof(info);
    info.flags = 0;
    info.count = 0;
    if (info.index == VFIO_PCI_MSI_IRQ_INDEX) {
        info.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
        info.count = 1;
    }
    reply_with(req, &info, sizeof(info));
    return 0;
}

/* Give or take away the eventfd, or test it. set->start is 0 and set->count 1. */
static int trigger_msi(struct vfio_user *server, struct request *req,
                       const struct vfio_irq_set *set)
{
    switch (set->flags & VFIO_IRQ_SET_DATA_TYPE_MASK) {
    case VFIO_IRQ_SET_DATA_EVENTFD:
        vfio_irq_set_eventfd(&server->dev.irq, req->num_fds ? take_fd(req, 0) : -1);
        return 0;
    case VFIO_IRQ_SET_DATA_BOOL:
        if (req->size < sizeof(*set) + 1)
            return -EINVAL;
        if (req->payload[sizeof(*set)])
            vfio_irq_trigger(&server->dev.irq);
        return 0;
    case VFIO_IRQ_SET_DATA_NONE:
        vfio_irq_trigger(&server->dev.irq);
        return 0;
    default:
        return -EINVAL;
    }
}

static int handle_set_irqs(struct vfio_user *server, struct request *req)
{
    struct vfio_irq_set set;
    uint32_t available;

    memcpy(&set, req->payload, sizeof(set));
    if (set.argsz < sizeof(set) || set.argsz > req->size || set.index >= VFIO_IRQ_KINDS ||
        (set.flags & ~(VFIO_IRQ_SET_DATA_TYPE_MASK | VFIO_IRQ_SET_ACTION_TYPE_MASK)))
        return -EINVAL;
    if (req->num_fds && !(set.flags & VFIO_IRQ_SET_DATA_EVENTFD))
        return -EINVAL;
    if ((set.flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) != VFIO_IRQ_SET_ACTION_TRIGGER)
        return -ENOTSUP; /* GET_IRQ_INFO offers no masking */
    available = set.index == VFIO_PCI_MSI_IRQ_INDEX;
    if (!set.count) { /* disable all of the kind */
        if (set.start || !(set.flags & VFIO_IRQ_SET_DATA_NONE))
            return -EINVAL;
        if (available)
            vfio_irq_set_eventfd(&server->dev.irq, -1);
        return 0;
    }
    if (set.start >= available || set.count > available - set.start)
        return -EINVAL;
    return trigger_msi(server, req, &set);
}

static int handle_region_read(struct vfio_user *server, struct request *req)
{
    struct vfu_region_access at;
    int ret;

    memcpy(&at, req->payload, sizeof(at));
    if (at.count > MAX_XFER)
        return -EINVAL;
    ret = vfio_region_read(&server->dev, &at, req->reply + sizeof(at));
    if (ret < 0)
        return ret;
    reply_with(req, &at, sizeof(at));
    req->reply_size += at.count;
    return 0;
}

static int handle_region_write(struct vfio_user *server, struct request *req)
{
    struct vfu_region_access at;
    int ret;

    memcpy(&at, req->payload, sizeof(at));
    if (at.count != req->size - sizeof(at))
        return -EINVAL;
    ret = vfio_region_write(&server->dev, &at, req->payload + sizeof(at));
    if (ret < 0)
        return ret;
    reply_with(req, &at, sizeof(at));
    return 0;
}

static int handle_reset(struct vfio_user *server, struct request *req)
{
    (void)req;
    vfio_device_reset(&server->dev);
    return 0;
}

static int handle_unsupported(struct vfio_user *server, struct request *req)
{
    (void)server;
    (void)req;
    return -ENOTSUP;
}

static const struct command {
    handler *handle;
    size_t min_size; /* of the payload */
    unsigned max_fds;
} commands[VFU_COMMANDS] = {
    [VFU_VERSION] = {handle_version, sizeof(struct vfu_version), 0},
    [VFU_DMA_MAP] = {handle_dma_map, sizeof(struct vfu_dma_map), 1},
    [VFU_DMA_UNMAP] = {handle_dma_unmap, sizeof(struct vfu_dma_unmap), 0},
    [VFU_DEVICE_GET_INFO] = {handle_get_info, sizeof(struct vfu_device_info), 0},
    [VFU_DEVICE_GET_REGION_INFO] = {handle_get_region_info, sizeof(struct vfio_region_info), 0},
    [VFU_DEVICE_GET_REGION_IO_FDS] = {handle_unsupported, 0, 0},
    [VFU_DEVICE_GET_IRQ_INFO] = {handle_get_irq_info, sizeof(struct vfio_irq_info), 0},
    [VFU_DEVICE_SET_IRQS] = {handle_set_irqs, sizeof(struct vfio_irq_set), 1},
    [VFU_REGION_READ] = {handle_region_read, sizeof(struct vfu_region_access), 0},
    [VFU_REGION_WRITE] = {handle_region_write, sizeof(struct vfu_region_access), 0},
    [VFU_DEVICE_RESET] = {handle_reset, 0, 0},
    [VFU_REGION_WRITE_MULTI] = {handle_unsupported, 0, 0},
    [VFU_DEVICE_FEATURE] = {handle_unsupported, 0, 0},
    [VFU_MIG_DATA_READ] = {handle_unsupported, 0, 0},
    [VFU_MIG_DATA_WRITE] = {handle_unsupported, 0, 0},
};

static int handle_request(struct vfio_user *server, uint16_t command, struct request *req)
{
    const struct command *cmd = command < VFU_COMMANDS ? &commands[command] : &commands[0];

    if (!cmd->handle)
        return -EINVAL;
    if (!server->negotiated && command != VFU_VERSION)
        return -EINVAL;
    if (req->size < cmd->min_size || req->num_fds > cmd->max_fds)
        return -EINVAL;
    return cmd->handle(server, req);
}

static int send_all(int sock, const uint8_t *data, size_t size, int fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = (void *)data, .iov_len = size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fd >= 0) {
        struct cmsghdr *cmsg;

        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof(control.bytes);
        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
    }
    while (iov.iov_len) {
        ssize_t done = sendmsg(sock, &msg, MSG_NOSIGNAL);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        iov.iov_base = (uint8_t *)iov.iov_base + done;
        iov.iov_len -= done;
        msg.msg_control = NULL; /* has gone with the first part */
        msg.msg_controllen = 0;
    }
    return 0;
}

static void log_failure(struct vfio_user *server, const struct vfu_header *header, int error)
{
    if (header->command == VFU_DEVICE_GET_IRQ_INFO)
        return; /* how a client finds out which kinds there are */
    if (server->failures++ < MAX_LOGGED)
        fprintf(server->log, "vfio-user: command %u of %u bytes failed: %s\n", header->command,
                header->size, strerror(-error));
}

/* error: 0 or a negative errno. */
static int reply(struct vfio_user *server, const struct vfu_header *to, const struct request *req,
                 int error)
{
    struct vfu_header header = {
        .id = to->id,
        .command = to->command,
        .size = sizeof(header) + (error ? 0 : req->reply_size),
        .flags = VFU_TYPE_REPLY | (error ? VFU_FLAGS_ERROR : 0),
        .error = -error,
    };

    if (error)
        log_failure(server, to, error);
    if (to->flags & VFU_FLAGS_NO_REPLY)
        return 0;
    memcpy(server->tx, &header, sizeof(header));
    return send_all(server->sock, server->tx, header.size, error ? -1 : req->reply_fd);
}

static void close_fds(struct vfio_user *server)
{
    for (unsigned i = 0; i < server->num_fds; i++)
        if (server->fds[i] >= 0)
            close(server->fds[i]);
    server->num_fds = 0;
}

/* The message of header->size bytes at rx_start is complete; has_fds: the descriptors are its. */
static int process(struct vfio_user *server, const struct vfu_header *header, bool has_fds)
{
    struct request req = {
        .payload = server->rx + server->rx_start + sizeof(*header),
        .size = header->size - sizeof(*header),
        .fds = server->fds,
        .num_fds = has_fds ? server->num_fds : 0,
        .reply = server->tx + sizeof(*header),
        .reply_fd = -1,
    };
    int error = handle_request(server, header->command, &req);
    int ret;

    if (has_fds)
        close_fds(server);
    ret = reply(server, header, &req, error);
    if (!ret && !server->negotiated) /* a client that fails to negotiate is sent away */
        ret = error;
    return ret;
}

/* A header whose size cannot be believed leaves no way to find the next message. */
static int check_header(struct vfio_user *server, const struct vfu_header *header)
{
    const struct request none = {.reply_fd = -1};
    int error = 0;

    if ((header->flags & VFU_FLAGS_TYPE) != VFU_TYPE_COMMAND)
        return -EPROTO; /* nobody has asked anything, so this is no reply; and it gets none */
    if (header->size < sizeof(*header))
        error = -EINVAL;
    if (header->size > MAX_MESSAGE)
        error = -EMSGSIZE;
    if (error)
        reply(server, header, &none, error);
    return error;
}

/* Handles every complete message in rx. Returns the bytes missing from the last, or an error. */
static ssize_t process_received(struct vfio_user *server)
{
    for (;;) {
        size_t have = server->rx_end - server->rx_start;
        struct vfu_header header;
        int ret;

        if (have < sizeof(header))
            return sizeof(header) - have;
        memcpy(&header, server->rx + server->rx_start, sizeof(header));
        ret = check_header(server, &header);
        if (ret < 0)
            return ret;
        if (have < header.size)
            return header.size - have;
        ret = process(server, &header, have == header.size);
        if (ret < 0)
            return ret;
        server->rx_start += header.size;
    }
}

static int keep_fds(struct vfio_user *server, struct msghdr *msg)
{
    int ret = msg->msg_flags & MSG_CTRUNC ? -EPROTO : 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
            if (server->num_fds < MAX_FDS) {
                server->fds[server->num_fds++] = fd;
            } else {
                close(fd);
                ret = -EPROTO;
            }
        }
    }
    return ret;
}

/*
 * Receive up to max bytes behind those in rx. The kernel ends a read behind the piece of data
 * that descriptors came with, so they belong to the last message in rx. Returns 1, 0 at the
 * end of the stream or a negative errno.
 */
static int receive(struct vfio_user *server, size_t max)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = server->rx + server->rx_end, .iov_len = max};
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    ssize_t got;
    int ret;

    do {
        got = recvmsg(server->sock, &msg, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    ret = keep_fds(server, &msg);
    if (ret < 0)
        return ret;
    server->rx_end += got;
    return got > 0;
}

/* Move what has been received of the next message to where all of it has room. */
static void make_room(struct vfio_user *server)
{
    size_t have = server->rx_end - server->rx_start;

    if (server->rx_start && have)
        memmove(server->rx, server->rx + server->rx_start, have);
    server->rx_start = 0;
    server->rx_end = have;
}

/*
 * Between messages, whatever has arrived is read at once. Inside of one, no byte beyond it:
 * so all descriptors that are held belong to one message.
 */
static int run_session(struct vfio_user *server)
{
    for (;;) {
        ssize_t missing = process_received(server);
        int ret;

        if (missing < 0)
            return missing;
        make_room(server);
        ret = receive(server, server->rx_end ? (size_t)missing : MAX_MESSAGE);
        if (ret < 0)
            return ret;
        if (!ret)
            return server->rx_end ? -EPIPE : 0;
    }
}

struct vfio_user *vfio_user_create(FILE *log)
{
    struct vfio_user *server = calloc(1, sizeof(*server));
    int ret;

    if (!server)
        return NULL;
    server->log = log;
    ret = vfio_irq_init(&server->dev.irq);
    if (ret < 0) {
        free(server);
        errno = -ret;
        return NULL;
    }
    return server;
}

void vfio_user_destroy(struct vfio_user *server)
{
    if (!server)
        return;
    vfio_irq_destroy(&server->dev.irq);
    free(server);
}

void vfio_user_raise_msi(void *opaque)
{
    struct vfio_user *server = opaque;

    vfio_irq_raise(&server->dev.irq);
}

void vfio_user_attach(struct vfio_user *server, struct dg1 *dg1)
{
    server->dev.dg1 = dg1;
    pci_init(&server->dev.pci, dg1_lmem_size(dg1));
}

void vfio_user_set_lmem_bar(struct vfio_user *server, uint64_t size)
{
    pci_init(&server->dev.pci, size);
}

int vfio_user_serve(struct vfio_user *server, int sock)
{
    int ret;

    server->sock = sock;
    server->negotiated = false;
    server->failures = 0;
    server->rx_start = server->rx_end = 0;
    ret = run_session(server);
    close_fds(server);
    vfio_irq_set_eventfd(&server->dev.irq, -1);
    vfio_device_reset(&server->dev); /* before the memory goes that engines may be using */
    dg1_dma_unmap_all(server->dev.dg1);
    if (server->failures > MAX_LOGGED)
        fprintf(server->log, "vfio-user: %u more requests failed\n", server->failures - MAX_LOGGED);
    return ret;
}
