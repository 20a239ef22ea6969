/* SPDX-License-Identifier: MIT */
/* vfio_caps.h - the JSON text that both sides put into a vfio-user VERSION message. */
#ifndef SIM_VFIO_CAPS_H
#define SIM_VFIO_CAPS_H

#include <stddef.h>
#include <stdint.h>

/* Descriptors per message that a peer can receive which does not say. */
#define VFIO_CAPS_DEFAULT_MSG_FDS 1u

/*
 * Parse the NUL-terminated version data of a peer: of all it can say, only the number of
 * descriptors it can receive in one message matters here. Unknown members are accepted.
 * Returns 0 or -EINVAL.
 */
int vfio_caps_parse(const char *json, uint64_t *max_msg_fds);

/* Write our own text into buf; returns its length with the NUL, 0 if it does not fit. */
size_t vfio_caps_format(unsigned max_msg_fds, unsigned max_data_xfer_size, char *buf, size_t size);
#endif
