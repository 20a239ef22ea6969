/* SPDX-License-Identifier: MIT */
/*
 * vfio_user.h - a vfio-user server for one DG1: speaks to one client at a time over a
 * connected stream socket.
 *
 * The device calls vfio_user_raise_msi, from any of its threads; it therefore exists before
 * the device does and outlives it. Everything else happens on one thread.
 */
#ifndef SIM_VFIO_USER_H
#define SIM_VFIO_USER_H

#include "dg1.h"

#include <stdio.h>

struct vfio_user;

/* log is not owned. NULL on failure, with errno set. */
struct vfio_user *vfio_user_create(FILE *log);
void vfio_user_destroy(struct vfio_user *server);

/* For dg1_config.raise_msi; opaque is the struct vfio_user. */
void vfio_user_raise_msi(void *opaque);

/* The device to serve, not owned. */
void vfio_user_attach(struct vfio_user *server, struct dg1 *dg1);

/*
 * Let BAR2 show the first size bytes of the attached device's local memory instead of all of
 * it, as machines without resizable BARs do: a power of two. Before the first client.
 */
void vfio_user_set_lmem_bar(struct vfio_user *server, uint64_t size);

/*
 * Serve the client on sock until it disconnects or breaks the protocol; then the device is
 * reset and has no guest memory. sock stays the caller's. Returns 0 after an orderly end, a
 * negative errno otherwise.
 */
int vfio_user_serve(struct vfio_user *server, int sock);
#endif
