// The files of the page, as bytes inside the program. Made by scripts/build-web from web/.
//
// Constants: they live as long as the program, and any thread may read them.
#pragma once

#include <cstddef>
#include <string_view>

namespace aerie::web {

struct Asset {
  std::string_view path;          // "/index.html", "/assets/index-D4x.js"
  std::string_view content_type;  // as the header's value
  std::string_view bytes;
  std::string_view gzip;  // the same, packed; empty where that would not be shorter
  std::string_view etag;  // of the content, with its quotes
  bool immutable;         // its path changes with its content: may be kept for ever
};

// All of them, ascending by path; a count.
const Asset* Assets();
std::size_t AssetCount();
// nullptr: there is none of that path. No path but these is ever read: no file system is involved.
const Asset* FindAsset(std::string_view path);
// What answers "/" and every path that is the page's own ("/jobs/17"): "/index.html". Never null.
const Asset& IndexAsset();
// False: this program was built without node (-DAERIE_WEB=OFF); "/index.html" says so.
bool HasPage();

// What the page needs to be allowed, and no more; sent with each asset. The tests of web/ run under
// it.
inline constexpr char kContentSecurityPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'";

}  // namespace aerie::web
