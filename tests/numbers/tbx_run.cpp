// SPDX-License-Identifier: MIT
// tbx-run PROGRAM [ARGS]: runs an OpenCL program on the host, on NEO and the simulator's GPGPU
// front end, without guest, kernel and command streamer.
#include "tbx_server.h"

#include <cstdio>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: tbx-run PROGRAM [ARGS]\n");
        return 2;
    }
    TbxServer server(1);
    server.setEnvironment();
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    server.gpu().report();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
