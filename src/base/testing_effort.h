// How much of an exhaustive test to do (every byte, every operation, thousands of random acts).
//
// The plain build does all of it. Under a sanitizer it is memory and threads that are watched, and
// everything takes five to fifteen times as long: there a part of the same cases will do.
#pragma once

namespace aerie {

// g++ defines a macro for each sanitizer, clang answers a question.
#if defined(__has_feature)
inline constexpr bool kUnderThreadSanitizer = __has_feature(thread_sanitizer);
inline constexpr bool kUnderAddressSanitizer = __has_feature(address_sanitizer);
#else
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kUnderThreadSanitizer = true;
#else
inline constexpr bool kUnderThreadSanitizer = false;
#endif
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kUnderAddressSanitizer = true;
#else
inline constexpr bool kUnderAddressSanitizer = false;
#endif
#endif

// The one of the three that is for this build: a number of cases, or a stride over them.
template <typename T>
constexpr T Effort(T plain, T address, T thread) {
  return kUnderThreadSanitizer ? thread : kUnderAddressSanitizer ? address : plain;
}

}  // namespace aerie
