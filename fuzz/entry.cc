// What libFuzzer calls: AERIE_FUZZ_FUNCTION is the function of decoders.h that this target is for.
#include <cstddef>
#include <cstdint>

#include "decoders.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  aerie::fuzz::AERIE_FUZZ_FUNCTION({data, size});
  return 0;
}
