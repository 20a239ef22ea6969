# SPDX-License-Identifier: MIT
# EU programs without a device around them.
svm_add_fuzzer(eu SOURCES fuzz_eu.c LIBRARIES dg1 MAX_LEN 4096)
target_include_directories(fuzz-eu PRIVATE $<TARGET_PROPERTY:dg1,SOURCE_DIR>/src)
