# The Debian package: `cpack -G DEB` in a build tree (docs/installing.md). The program, its unit, a
# commented configuration; the user and folders are made by deploy/debian/postinst.
include_guard(GLOBAL)

# Not part of `cmake --install`, which knows nothing of a service.
set(service COMPONENT service EXCLUDE_FROM_ALL)
install(FILES deploy/systemd/aerie.service DESTINATION /lib/systemd/system ${service})
install(FILES deploy/debian/aerie.yaml DESTINATION /etc/aerie ${service})
install(FILES docs/jobs.md docs/scheduling.md DESTINATION share/doc/aerie ${service})
install(FILES LICENSE DESTINATION share/doc/aerie RENAME copyright ${service})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME aerie)
set(CPACK_PACKAGE_CONTACT "the maintainers of Aerie <aerie@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "backs up, verifies, restores, copies and migrates Milvus")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_COMPONENTS_ALL Unspecified service)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, tzdata, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  "${CMAKE_SOURCE_DIR}/deploy/debian/conffiles;${CMAKE_SOURCE_DIR}/deploy/debian/postinst;${CMAKE_SOURCE_DIR}/deploy/debian/prerm;${CMAKE_SOURCE_DIR}/deploy/debian/postrm")
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};aerie;Unspecified;/;${CMAKE_BINARY_DIR};aerie;service;/")
include(CPack)
