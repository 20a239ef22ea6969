/* SPDX-License-Identifier: MIT */
#include "vfio_irq.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <unistd.h>

int vfio_irq_init(struct vfio_irq *irq)
{
    *irq = (struct vfio_irq){.eventfd = -1};
    return -pthread_mutex_init(&irq->lock, NULL);
}

void vfio_irq_destroy(struct vfio_irq *irq)
{
    vfio_irq_set_eventfd(irq, -1);
    pthread_mutex_destroy(&irq->lock);
}

/*
 * A full eventfd has an interrupt pending already. Asking first keeps a thread of the device
 * from blocking in the write, whatever kind of file the client has sent.
 */
static void signal_locked(struct vfio_irq *irq)
{
    struct pollfd writable = {.fd = irq->eventfd, .events = POLLOUT};
    uint64_t one = 1;
    ssize_t done;

    if (irq->eventfd < 0 || poll(&writable, 1, 0) != 1 || !(writable.revents & POLLOUT))
        return;
    do {
        done = write(irq->eventfd, &one, sizeof(one));
    } while (done < 0 && errno == EINTR);
}

static void deliver_locked(struct vfio_irq *irq)
{
    if (!irq->enabled)
        irq->pending = false;
    if (!irq->pending || irq->masked || irq->eventfd < 0)
        return;
    irq->pending = false;
    signal_locked(irq);
}

void vfio_irq_raise(struct vfio_irq *irq)
{
    pthread_mutex_lock(&irq->lock);
    irq->pending = true;
    deliver_locked(irq);
    pthread_mutex_unlock(&irq->lock);
}

void vfio_irq_set_eventfd(struct vfio_irq *irq, int fd)
{
    int old;

    pthread_mutex_lock(&irq->lock);
    old = irq->eventfd;
    irq->eventfd = fd;
    /* A client enables MSI in configuration space before it sends the eventfd. */
    deliver_locked(irq);
    pthread_mutex_unlock(&irq->lock);
    if (old >= 0)
        close(old);
}

void vfio_irq_trigger(struct vfio_irq *irq)
{
    pthread_mutex_lock(&irq->lock);
    signal_locked(irq);
    pthread_mutex_unlock(&irq->lock);
}

void vfio_irq_set_conditions(struct vfio_irq *irq, bool enabled, bool masked)
{
    pthread_mutex_lock(&irq->lock);
    irq->enabled = enabled;
    irq->masked = masked;
    deliver_locked(irq);
    pthread_mutex_unlock(&irq->lock);
}

bool vfio_irq_pending(struct vfio_irq *irq)
{
    bool pending;

    pthread_mutex_lock(&irq->lock);
    pending = irq->pending;
    pthread_mutex_unlock(&irq->lock);
    return pending;
}
