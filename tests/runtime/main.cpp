/* SPDX-License-Identifier: MIT */
#include "../common/on_kernel.hpp"

int main(int argc, char **argv)
{
    ::testing::InitGoogleTest(&argc, argv);
    choose_tests(argc, argv, "WithSvm.*:WithMirror.*:Places.*", "WithoutSvm.*");
    return RUN_ALL_TESTS();
}
