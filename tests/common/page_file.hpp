/* SPDX-License-Identifier: MIT */
/* A file to map: a page that begins with 77. */
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

/* The caller closes it. */
inline int open_page_file()
{
    const uint32_t value = 77;
    int fd = memfd_create("page", 0);
    EXPECT_EQ(ftruncate(fd, 4096), 0);
    EXPECT_EQ(pwrite(fd, &value, sizeof(value), 0), static_cast<ssize_t>(sizeof(value)));
    return fd;
}
