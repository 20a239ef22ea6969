// SPDX-License-Identifier: MIT
#include "tbx_server.h"

#include <cstdio>
#include <gtest/gtest.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    testing::InitGoogleTest(&argc, argv);
    TbxServer server(1);
    server.setEnvironment();
    int result = RUN_ALL_TESTS();
    server.gpu().report();
    // NEO's static destructors would still talk to a server that is gone.
    fflush(stdout);
    _exit(result);
}
