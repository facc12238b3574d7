# aerie_proto(TARGET PROTOS a.proto ... [GRPC]): a static library of generated code from proto/.
# Generated code is compiled without our warnings and its headers are system headers.
include_guard(GLOBAL)
find_package(PkgConfig REQUIRED)
find_package(Protobuf REQUIRED)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
pkg_check_modules(GRPCPP REQUIRED IMPORTED_TARGET grpc++)

function(aerie_proto target)
  cmake_parse_arguments(ARG "GRPC" "" "PROTOS" ${ARGN})
  set(out "${CMAKE_BINARY_DIR}/gen")
  file(MAKE_DIRECTORY "${out}")
  set(sources "")
  foreach(proto IN LISTS ARG_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" stem "${proto}")
    set(made "${out}/${stem}.pb.cc" "${out}/${stem}.pb.h")
    set(args --cpp_out=${out})
    if(ARG_GRPC)
      list(APPEND made "${out}/${stem}.grpc.pb.cc" "${out}/${stem}.grpc.pb.h")
      list(APPEND args --grpc_out=${out} --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN})
    endif()
    add_custom_command(
      OUTPUT ${made}
      COMMAND protobuf::protoc -I "${CMAKE_SOURCE_DIR}/proto" ${args} "${CMAKE_SOURCE_DIR}/proto/${proto}"
      DEPENDS "${CMAKE_SOURCE_DIR}/proto/${proto}"
      VERBATIM)
    list(APPEND sources ${made})
  endforeach()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC "${out}")
  target_link_libraries(${target} PUBLIC PkgConfig::GRPCPP protobuf::libprotobuf)
  target_compile_options(${target} PRIVATE -w)
  if(AERIE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${AERIE_SANITIZE})
  endif()
endfunction()
