#!/usr/bin/env python3
"""Fails when the house leans the wrong way.

usage: check_includes.py SOURCE_ROOT        checks SOURCE_ROOT/src
       check_includes.py --selftest         checks the checker on trees made to violate each rule

Rules, each violation printed as file:line: reason
- A room includes its own headers and those of rooms of lower levels; never another room of its own
  level, never a higher one. Test files (*_test.cc, *_testing.h) may include test/support, too.
- Quoted includes are written from src: "room/file.h". The exceptions are generated *.pb.h, and the
  headers of test/support, which test files include by their bare names.
- Every room has a README.md of at most 60 lines, and is one of the rooms below.
Comments and the branches of #if are read as they stand: an include in a dead branch counts.
"""

import os
import re
import sys
import tempfile

LEVELS = [
    ["base"],
    ["rows", "objects", "web"],
    ["milvus", "repo", "catalog", "files"],
    ["transfer", "gateway", "failover"],
    ["jobs", "migrate", "alerts"],
    ["api"],
    ["app"],
    ["cli"],
]
LEVEL_OF = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
README_LINES = 60
SOURCE = (".h", ".hpp", ".cc", ".cpp", ".inc", ".c")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def is_test(name):
    return name.endswith(("_test.cc", "_testing.h"))


def judge(room, name, quote, target, support):
    """The reason why `room`'s file `name` may not include `target`; None when it may."""
    first = target.split("/")[0]
    if target.endswith(".pb.h"):
        # Generated wire code: the rooms of level 0 and 1 are free of it.
        return None if LEVEL_OF[room] >= 2 else f"{room} must not include generated code ({target})"
    if first in (".", ".."):
        return f'"{target}": write includes from src, as "room/file.h"'
    if first in LEVEL_OF and "/" in target:
        if first == room or LEVEL_OF[first] < LEVEL_OF[room]:
            return None
        if LEVEL_OF[first] == LEVEL_OF[room]:
            return f"{room} must not include {target}: both rooms are of level {LEVEL_OF[room]}"
        return (f"{room} (level {LEVEL_OF[room]}) must not include {target} "
                f"(level {LEVEL_OF[first]})")
    if target in support or target.startswith(("test/support/", "support/")):
        return None if is_test(name) else f"only *_test.cc and *_testing.h may include {target}"
    if quote == '"':
        return f'"{target}": no room of that name; write includes from src, as "room/file.h"'
    return None


def check_file(path, shown, room, support):
    found = []
    with open(path, encoding="utf-8", errors="replace") as source:
        for number, line in enumerate(source, 1):
            match = INCLUDE.match(line)
            reason = match and judge(room, os.path.basename(path), match[1], match[2], support)
            if reason:
                found.append(f"{shown}:{number}: {reason}")
    return found


def check_readme(folder, shown):
    readme = os.path.join(folder, "README.md")
    if not os.path.exists(readme):
        return [f"{shown}/README.md:1: the room has no README.md"]
    with open(readme, encoding="utf-8", errors="replace") as text:
        lines = sum(1 for _ in text)
    if lines > README_LINES:
        return [f"{shown}/README.md:{README_LINES + 1}: {lines} lines; a room's README has at most "
                f"{README_LINES}"]
    return []


def check_room(src, room, support):
    sources = []
    for folder, _, names in os.walk(os.path.join(src, room)):
        sources += [os.path.join(folder, name) for name in names if name.endswith(SOURCE)]
    if not sources:
        return []
    if room not in LEVEL_OF:
        return [f"src/{room}:1: no room of the design; give it a level in cmake/check_includes.py"]
    found = []
    for path in sorted(sources):
        found += check_file(path, "src/" + os.path.relpath(path, src), room, support)
    return found + check_readme(os.path.join(src, room), f"src/{room}")


def check_tree(root):
    src = os.path.join(root, "src")
    if not os.path.isdir(src):
        return [f"{src}:1: no such folder"]
    support_folder = os.path.join(root, "test", "support")
    support = set(os.listdir(support_folder)) if os.path.isdir(support_folder) else set()
    found = []
    for name in sorted(os.listdir(src)):
        if os.path.isdir(os.path.join(src, name)):
            found += check_room(src, name, support)
        elif name.endswith(SOURCE):
            found.append(f"src/{name}:1: a source file outside any room")
    return found


def check_made(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            path = os.path.join(root, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
        return check_tree(root)


def selftest():
    good = {
        "src/base/status.h": "#pragma once\n#include <string>\n",
        "src/base/README.md": "# base\n",
        "src/objects/a.cc": '#include "objects/a.h"\n#include "base/status.h"\n',
        "src/objects/README.md": "# objects\n" * README_LINES,
        "src/repo/b_test.cc": '#include "support/fake.h"\n#include "objects/a.h"\n',
        "src/repo/c.cc": '#include "milvus.pb.h"\n#include <openssl/evp.h>\n',
        "src/repo/README.md": "# repo\n",
        "src/repo/d_testing.h": '#include "fake.h"\n',
        "test/support/fake.h": "#pragma once\n",
        "src/empty/CMakeLists.txt": "",
    }
    cases = [
        ({}, []),
        ({"src/objects/a.cc": '\n#include "rows/batch.h"\n'}, ["src/objects/a.cc:2: "]),
        ({"src/objects/a.cc": '  #  include "repo/pack.h"\n'}, ["src/objects/a.cc:1: "]),
        ({"src/objects/a.cc": "#include <repo/pack.h>\n"}, ["src/objects/a.cc:1: "]),
        ({"src/base/status.h": '#include "rows/batch.h"\n#include "cli/x.h"\n'},
         ["src/base/status.h:1: ", "src/base/status.h:2: "]),
        ({"src/base/deep/er.h": '#include "app/x.h"\n'}, ["src/base/deep/er.h:1: "]),
        ({"src/objects/a.cc": '#include "a.h"\n'}, ["src/objects/a.cc:1: "]),
        ({"src/objects/a.cc": '#include "../base/status.h"\n'}, ["src/objects/a.cc:1: "]),
        ({"src/objects/a.cc": '#include "milvus.pb.h"\n'}, ["src/objects/a.cc:1: "]),
        ({"src/repo/c.cc": '#include "support/fake.h"\n'}, ["src/repo/c.cc:1: "]),
        ({"src/repo/c.cc": '#include "fake.h"\n'}, ["src/repo/c.cc:1: "]),
        ({"src/repo/b_test.cc": '#include "other.h"\n'}, ["src/repo/b_test.cc:1: "]),
        # A test of a room obeys the direction, too.
        ({"src/repo/b_test.cc": '#include "transfer/x.h"\n'}, ["src/repo/b_test.cc:1: "]),
        ({"src/repo/README.md": None}, ["src/repo/README.md:1: "]),
        ({"src/repo/README.md": "line\n" * (README_LINES + 1)}, ["src/repo/README.md:61: "]),
        ({"src/attic/x.cc": "\n"}, ["src/attic:1: "]),
        ({"src/loose.cc": "\n"}, ["src/loose.cc:1: "]),
    ]
    failed = 0
    for change, wanted in cases:
        files = {path: text for path, text in {**good, **change}.items() if text is not None}
        found = check_made(files)
        if len(found) != len(wanted) or not all(map(str.startswith, found, wanted)):
            failed += 1
            print(f"selftest: {change}\n  wanted {wanted}\n  found  {found}")
    levels = [room for rooms in LEVELS for room in rooms]
    if len(levels) != len(set(levels)):
        failed += 1
        print("selftest: a room has two levels")
    print(f"selftest: {len(cases)} trees, {failed} wrong")
    return 1 if failed else 0


def main(args):
    if args == ["--selftest"]:
        return selftest()
    if len(args) != 1:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    found = check_tree(args[0])
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
