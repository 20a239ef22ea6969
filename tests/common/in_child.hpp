/* SPDX-License-Identifier: MIT */
/* A child of fork() that does something and ends. */
#pragma once

#include <functional>
#include <sys/wait.h>
#include <unistd.h>

/* Exit status of a child that runs fn, -1 if it did not end by itself in time. */
inline int in_child(const std::function<int()> &fn)
{
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        _exit(fn());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
