# The Debian package, made by scripts/package (docs/installing.md): the program, its unit, a commented
# configuration, the documentation. User and folders are made by deploy/debian/postinst.
include_guard(GLOBAL)

set(debian "${CMAKE_SOURCE_DIR}/deploy/debian")

# Not part of `cmake --install`, which knows nothing of a service.
set(service COMPONENT service EXCLUDE_FROM_ALL)
install(FILES deploy/systemd/aerie.service DESTINATION /lib/systemd/system ${service})
install(FILES "${debian}/aerie.yaml" DESTINATION /etc/aerie ${service})
install(FILES "${CMAKE_BINARY_DIR}/_aerie" DESTINATION share/zsh/vendor-completions ${service})
# All of it, under the paths that help and pages name.
install(FILES README.md README.zh-CN.md DESTINATION share/doc/aerie ${service})
install(DIRECTORY docs DESTINATION share/doc/aerie ${service})
install(FILES "${debian}/copyright" DESTINATION share/doc/aerie ${service})
install(FILES "${debian}/lintian-overrides" DESTINATION share/lintian/overrides RENAME aerie ${service})
find_program(AERIE_GZIP gzip REQUIRED)
execute_process(COMMAND "${AERIE_GZIP}" -9nc "${debian}/changelog" COMMAND_ERROR_IS_FATAL ANY
                OUTPUT_FILE "${CMAKE_BINARY_DIR}/changelog.gz")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${debian}/changelog")
install(FILES "${CMAKE_BINARY_DIR}/changelog.gz" DESTINATION share/doc/aerie ${service})
# Licences of what the page is made of; those of Arrow come with its libraries.
if(AERIE_HAS_PAGE)
  install(CODE "execute_process(COMMAND \"${CMAKE_SOURCE_DIR}/scripts/build-web\" --licenses
    \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/share/doc/aerie/licenses/page.txt\" COMMAND_ERROR_IS_FATAL ANY)"
    ${service})
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME aerie)
set(CPACK_PACKAGE_CONTACT "The maintainers of Aerie <aerie@localhost>")  # scripts/package names another
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "backs up, verifies, restores, copies and migrates Milvus")
set(CPACK_PACKAGE_DESCRIPTION
"Aerie keeps Milvus clusters safe and movable. It backs up collections whole
and row by row into an encrypted repository, in a folder or in S3, verifies
them, restores them and compares every row, copies and migrates clusters.

The service runs backups, verifications and restore tests by a schedule,
says when one is missing, and has a page and an API on port 8710 of this
machine. It needs only the gRPC port of a Milvus from 2.3 on.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
# Libraries of the wheel are no targets, so CPack does not strip them by itself.
set(CPACK_PRE_BUILD_SCRIPTS "${CMAKE_CURRENT_LIST_DIR}/StripPackage.cmake")
set(CPACK_THREADS 0)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_COMPONENTS_ALL Unspecified service)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, tzdata, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "openssh-client")  # bundles over sftp://
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${debian}/conffiles" "${debian}/postinst" "${debian}/prerm" "${debian}/postrm")
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};aerie;Unspecified;/;${CMAKE_BINARY_DIR};aerie;service;/")
include(CPack)
