# Rooms, tests and the flags that every target shares.
#   aerie_room(NAME SOURCES a.cc ... [PUBLIC lib ...] [PRIVATE lib ...])
#       static library aerie_NAME from src/NAME; headers are included from the source root.
#   aerie_test(NAME SOURCES a_test.cc ... [LIBS lib ...] [LABELS unit|real ...] [TIMEOUT s] [LONG])
#       a gtest program, one CTest entry per program (default label: unit, default timeout 900 s).
#       LONG ones are begun first, so that none of them runs alone at the end.
include_guard(GLOBAL)
find_package(Threads REQUIRED)

add_library(aerie_flags INTERFACE)
target_include_directories(aerie_flags INTERFACE "${CMAKE_SOURCE_DIR}/src")
target_compile_options(aerie_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  -Woverloaded-virtual -Wcast-qual -Wformat=2 -Wimplicit-fallthrough -Werror)
# Who builds without a preset gets -O3, at which g++ 12 warns of its own std::string and std::vector.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_BUILD_TYPE STREQUAL "Release"
   AND CMAKE_CXX_FLAGS_RELEASE MATCHES "-O3")
  target_compile_options(aerie_flags INTERFACE -Wno-restrict -Wno-stringop-overflow)
endif()
if(AERIE_SANITIZE)
  target_compile_options(aerie_flags INTERFACE -fsanitize=${AERIE_SANITIZE}
    -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(aerie_flags INTERFACE -fsanitize=${AERIE_SANITIZE})
  if(AERIE_SANITIZE MATCHES "thread")
    # g++ warns that fences are not seen by tsan; the standard library uses them in stop_token.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(aerie_flags INTERFACE -Wno-tsan)
    endif()
  endif()
endif()
if(AERIE_COVERAGE)
  target_compile_options(aerie_flags INTERFACE --coverage)
  target_link_options(aerie_flags INTERFACE --coverage)
endif()

function(aerie_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(aerie_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(aerie_${name} PUBLIC aerie_flags ${ARG_PUBLIC} Threads::Threads
                        PRIVATE ${ARG_PRIVATE})
  # What the fuzzer is to see; a test takes a tenth longer to compile with it.
  if(AERIE_BUILD_FUZZ)
    target_compile_options(aerie_${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

function(aerie_test name)
  if(NOT AERIE_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "LONG" "TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 900)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE aerie_flags ${ARG_LIBS} gtest gmock gtest_main
                        Threads::Threads)
  # Only sources that ask for it get the checkout's path, so that ccache serves all others to any
  # clone.
  foreach(source IN LISTS ARG_SOURCES)
    file(STRINGS "${source}" asks REGEX "AERIE_SOURCE_DIR" LIMIT_COUNT 1)
    if(asks)
      set_source_files_properties("${source}" PROPERTIES
        COMPILE_DEFINITIONS AERIE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    endif()
  endforeach()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "AERIE_SOURCE_DIR=${CMAKE_SOURCE_DIR};AERIE_BUILD_DIR=${CMAKE_BINARY_DIR}")
  if(ARG_LONG)
    set_tests_properties(${name} PROPERTIES COST 1000)
  endif()
endfunction()
