/* SPDX-License-Identifier: MIT */
/*
 * vfio-user messages against the real server and device. An input is a list of records: one
 * byte of command, one of options, two of length, then that many bytes of payload.
 */
#define _GNU_SOURCE 1 /* memfd_create */
#include "dg1.h"
#include "vfio_user.h"
#include "vfio_user_proto.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum record_option {
    OPT_FDS = 3 << 0,        /* descriptors to send along */
    OPT_EVENTFD = 1 << 2,    /* of eventfds, not of memory files */
    OPT_NO_REPLY = 1 << 3,   /* the message asks for none */
    OPT_WRONG_SIZE = 1 << 4, /* the header claims one byte more: eats into what follows */
    OPT_RAW = 1 << 5,        /* no header of ours: the payload is all */
    OPT_TRUE_SIZES = 1 << 6, /* fill in argsz, so that mutation needs not find it */
};

#define RECORD_HEAD 4u
#define RAM_SIZE    (1 << 20)
#define LMEM_SIZE   (256ull << 20)

static struct vfio_user *server;
static struct dg1 *dg1;
static int ram_fd, event_fd;

static void send_bytes(int sock, const void *data, size_t size, int fd, unsigned num_fds)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(OPT_FDS * sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = (void *)data, .iov_len = size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (num_fds) {
        struct cmsghdr *c;

        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(num_fds * sizeof(int));
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(num_fds * sizeof(int));
        for (unsigned i = 0; i < num_fds; i++)
            memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(fd));
    }
    sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL); /* a full socket only shortens the input */
}

static void send_record(int sock, const uint8_t *record, size_t payload)
{
    uint8_t message[sizeof(struct vfu_header) + UINT16_MAX];
    uint8_t options = record[1];
    int fd = options & OPT_EVENTFD ? event_fd : ram_fd;
    uint32_t argsz = payload;
    struct vfu_header header = {
        .id = record[0],
        .command = record[0],
        .size = sizeof(header) + payload + !!(options & OPT_WRONG_SIZE),
        .flags = options & OPT_NO_REPLY ? VFU_FLAGS_NO_REPLY : 0,
    };

    if (options & OPT_RAW) {
        send_bytes(sock, record + RECORD_HEAD, payload, fd, options & OPT_FDS);
        return;
    }
    memcpy(message, &header, sizeof(header));
    memcpy(message + sizeof(header), record + RECORD_HEAD, payload);
    if ((options & OPT_TRUE_SIZES) && payload >= sizeof(argsz))
        memcpy(message + sizeof(header), &argsz, sizeof(argsz));
    send_bytes(sock, message, sizeof(header) + payload, fd, options & OPT_FDS);
}

static void negotiate(int sock)
{
    struct {
        struct vfu_header header;
        struct vfu_version version;
    } message = {
        .header = {.command = VFU_VERSION, .size = sizeof(message)},
    };

    send_bytes(sock, &message, sizeof(message), -1, 0);
}

static void enable_memory(int sock)
{
    struct {
        struct vfu_header header;
        struct vfu_region_access at;
        uint16_t command;
    } __attribute__((packed)) message = {
        .header = {.command = VFU_REGION_WRITE, .size = sizeof(message)},
        .at = {.offset = 4, .region = VFIO_PCI_CONFIG_REGION_INDEX, .count = 2},
        .command = 6, /* memory, bus master */
    };

    send_bytes(sock, &message, sizeof(message), -1, 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    FILE *log = fopen("/dev/null", "w");
    struct dg1_config config = {
        .lmem_size = LMEM_SIZE,
        .eu_workers = 1,
        .log = log,
        .raise_msi = vfio_user_raise_msi,
    };

    (void)argc;
    (void)argv;
    server = vfio_user_create(log);
    config.opaque = server;
    dg1 = dg1_create(&config);
    ram_fd = memfd_create("ram", MFD_CLOEXEC);
    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!log || !server || !dg1 || ram_fd < 0 || event_fd < 0 || ftruncate(ram_fd, RAM_SIZE) < 0)
        abort();
    vfio_user_attach(server, dg1);
    return 0;
}

/* The first byte says whether the session is negotiated for the input, and memory enabled. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Nobody reads the replies: a session ends early when they fill the socket. */
    const struct timeval at_once = {.tv_usec = 1000};
    int pair[2];

    if (!size || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return 0;
    setsockopt(pair[1], SOL_SOCKET, SO_SNDTIMEO, &at_once, sizeof(at_once));
    if (data[0] & 1)
        negotiate(pair[0]);
    if (data[0] & 2)
        enable_memory(pair[0]);
    data++;
    size--;
    while (size >= RECORD_HEAD) {
        size_t payload = data[2] | data[3] << 8;

        if (payload > size - RECORD_HEAD)
            payload = size - RECORD_HEAD;
        send_record(pair[0], data, payload);
        data += RECORD_HEAD + payload;
        size -= RECORD_HEAD + payload;
    }
    shutdown(pair[0], SHUT_WR);
    vfio_user_serve(server, pair[1]);
    close(pair[0]);
    close(pair[1]);
    return 0;
}
