# Tests include "real_milvus.h"; they need scripts/setup to have been run.
add_library(aerie_real_milvus STATIC "${CMAKE_CURRENT_LIST_DIR}/real_milvus.cc")
target_include_directories(aerie_real_milvus PUBLIC "${CMAKE_CURRENT_LIST_DIR}")
target_compile_definitions(aerie_real_milvus PRIVATE AERIE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
target_link_libraries(aerie_real_milvus PUBLIC aerie_flags aerie_base)
