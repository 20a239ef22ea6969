/* SPDX-License-Identifier: MIT */
/*
 * vfio_irq.h - the way of the device's one MSI to the client: an eventfd, and the conditions
 * in configuration space under which it may be signalled.
 *
 * vfio_irq_raise may be called by any thread, everything else by the server's thread only.
 */
#ifndef SIM_VFIO_IRQ_H
#define SIM_VFIO_IRQ_H

#include <pthread.h>
#include <stdbool.h>

struct vfio_irq {
    pthread_mutex_t lock;
    int eventfd;  /* -1: the client has given none */
    bool enabled; /* the function may send messages */
    bool masked;
    bool pending; /* raised while it could not be delivered */
};

int vfio_irq_init(struct vfio_irq *irq);
void vfio_irq_destroy(struct vfio_irq *irq);

void vfio_irq_raise(struct vfio_irq *irq);
/* Owns fd from now on and closes the one before; -1 takes it away. */
void vfio_irq_set_eventfd(struct vfio_irq *irq, int fd);
/* Signal the eventfd whatever configuration space says: the client's own test. */
void vfio_irq_trigger(struct vfio_irq *irq);
void vfio_irq_set_conditions(struct vfio_irq *irq, bool enabled, bool masked);
bool vfio_irq_pending(struct vfio_irq *irq);
#endif
