# SPDX-License-Identifier: MIT
# Surface and sampler states with messages to them.
svm_add_fuzzer(image SOURCES fuzz_image.c LIBRARIES dg1 MAX_LEN 2048)
target_include_directories(fuzz-image PRIVATE $<TARGET_PROPERTY:dg1,SOURCE_DIR>/src)
