# SPDX-License-Identifier: MIT
# The Debian package of the runtime side: see cmake/build-deb.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME i915svm)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "the i915 SVM project")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Shared virtual memory for OpenCL and Level Zero on i915")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "An OpenCL ICD and a Level Zero driver over Intel's NEO that make CPU pointers
 GPU pointers where the kernel's i915 has SVM, and libi915svm, their C library.")
set(CPACK_DEBIAN_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS intel-opencl-icd)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_SET_DESTDIR ON) # the .icd goes to /etc
set(CPACK_STRIP_FILES ON)
# dpkg-divert: NEO's own .icd would show every platform twice.
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_CURRENT_LIST_DIR}/debian/postinst ${CMAKE_CURRENT_LIST_DIR}/debian/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# Only what belongs to the runtime side; the simulator is no package.
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};i915svm;runtime;/")
include(CPack)
