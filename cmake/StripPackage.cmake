# Run by CPack over what it has laid out, before it is packed: libraries that are no targets.
file(GLOB_RECURSE libraries "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/*.so.[0-9]*")
if(libraries)
  find_program(STRIP strip REQUIRED)
  execute_process(COMMAND "${STRIP}" --strip-unneeded ${libraries} COMMAND_ERROR_IS_FATAL ANY)
endif()
