#include "files/foreign_files.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temp_folder_testing.h"
#include "files/foreign_rows_testing.h"
#include "files/npy_table.h"
#include "rows/row_generator.h"

namespace aerie::files {
namespace {

using rows::DataType;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kData = std::string(AERIE_SOURCE_DIR) + "/src/files/testdata";

// ---- NumPy ----

TEST(ForeignFiles, AFolderOfArraysSaysEnough) {
  EXPECT_EQ(
      Shown(ForeignRowsOf(kData + "/arrays", {})),
      R"({"big":[1,2],"bits":"8000","flag":true,"half":"003c0040","id":5,"name":"fünf","raw":"a","small":[-128,127],"vector":[1,2]})"
      "\n"
      R"({"big":[3,4],"bits":"4000","flag":false,"half":"00420044","id":3,"name":"drei","raw":"bc","small":[0,1],"vector":[3,4]})"
      "\n"
      R"({"big":[5,6],"bits":"2000","flag":true,"half":"0045ff7b","id":4,"name":"vier 𝄞","raw":"","small":[2,3],"vector":[5,6]})"
      "\n");
}

TEST(ForeignFiles, EveryVersionOfNumPysFormat) {
  for (const char* const version : {"1", "2", "3"}) {
    ImportMapping mapping;
    mapping.fields = {MappingOf("id", {std::string("version") + version, DataType::kInt64})};
    mapping.fields[0].field.primary_key = true;
    EXPECT_EQ(Shown(ForeignRowsOf(kData + "/version" + version + ".npy", mapping)),
              "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n");
  }
}

TEST(ForeignFiles, ArraysThatAreNoColumnAreRefusedWithTheRemedy) {
  const auto why = [](const std::string& name) {
    const auto rows = ForeignRowsOf(kData + "/" + name, {});
    EXPECT_EQ(KindOf(rows.status()), Kind::kRefused) << name;
    return Shown(rows);
  };
  EXPECT_THAT(why("fortran.npy"), HasSubstr("numpy.ascontiguousarray()"));
  EXPECT_THAT(why("objects.npy"), HasSubstr("'|O'"));
  EXPECT_THAT(why("struct.npy"), HasSubstr("structures"));
  EXPECT_THAT(why("cube.npy"), HasSubstr("3 dimensions"));
  EXPECT_THAT(why("complex.npy"), HasSubstr("'<c8'"));
}

std::string Npy(const std::string& header, const std::string& data, int version = 1) {
  std::string file = "\x93NUMPY";
  file += static_cast<char>(version);
  file += '\0';
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  return file + header + data;
}

TEST(ForeignFiles, DamagedArraysAreRefused) {
  const std::string good = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }";
  const auto parse = [](const std::string& file) {
    const auto header =
        ParseNpyHeader(AsBytes(file).first(std::min(file.size(), kMaxNpyHeader)), file.size());
    return header.ok() ? std::string("ok") : std::string(header.status().message());
  };
  EXPECT_EQ(parse(Npy(good, "12345678")), "ok");
  EXPECT_THAT(parse(Npy(good, "1234567")), HasSubstr("was it cut off?"));
  EXPECT_THAT(parse(Npy(good, "123456789")), HasSubstr("was it cut off?"));
  EXPECT_THAT(parse("\x93NUMPX\x01"), HasSubstr("does not begin"));
  EXPECT_THAT(parse(""), HasSubstr("does not begin"));
  EXPECT_THAT(parse(Npy(good, "", 4)), HasSubstr("version 4.0"));
  EXPECT_THAT(parse(Npy(std::string(60'000, ' '), "").substr(0, 100)),
              HasSubstr("within its header"));
  std::string huge("\x93NUMPY\x02\x00\xff\xff\xff\x0f", 12);
  EXPECT_THAT(parse(huge), HasSubstr("within its header"));
  huge = std::string("\x93NUMPY\x02\x00\x00\x00\x02\x00", 12) + std::string(1 << 17, ' ');
  EXPECT_THAT(parse(huge), HasSubstr("header has 131072 bytes"));
  for (const char* const bad :
       {"{}", "{'descr': '<i4'}", "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), 'x': 1}",
        "{'descr': '<i4', 'fortran_order': Maybe, 'shape': (2,)}", "{'descr': '<i4",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (2"}) {
    EXPECT_THAT(parse(Npy(bad, "")), HasSubstr("cannot be read")) << bad;
  }
  EXPECT_THAT(
      parse(Npy("{'descr': '<i4', 'fortran_order': False, 'shape': (4611686018427387904,)}", "")),
      HasSubstr("was it cut off?"));
  EXPECT_THAT(parse(Npy("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 99999999999)}", "")),
              HasSubstr("99999999999 elements"));
  EXPECT_THAT(parse(Npy("{'descr': '<U99999999999', 'fortran_order': False, 'shape': (1,)}", "")),
              HasSubstr("no field takes"));
}

TEST(ForeignFiles, ArraysOfDifferentLengthAreRefused) {
  TempFolder folder;
  const auto array = [](int rows) {
    return Npy("{'descr': '<i4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ",)}",
               std::string(static_cast<std::size_t>(4 * rows), '\1'));
  };
  WriteFile(folder.path() / "id.npy", array(3));
  WriteFile(folder.path() / "other.npy", array(2));
  EXPECT_THAT(Shown(ForeignRowsOf(folder.path(), {})),
              testing::AllOf(HasSubstr("other.npy: it has 2 rows"), HasSubstr("id.npy has 3")));
}

// ---- CSV ----

ImportMapping BooksMapping() {
  ImportMapping mapping;
  mapping.fields = {MappingOf("id", {"", DataType::kInt64}),
                    MappingOf("title", {"", DataType::kVarChar, {{"max_length", "50"}}}),
                    MappingOf("price", {"", DataType::kDouble}),
                    MappingOf("flag", {"", DataType::kBool}),
                    MappingOf("vector", {"", DataType::kFloatVector, {{"dim", "2"}}})};
  mapping.fields[2].field.nullable = true;
  return mapping;
}

constexpr char kBooks[] =
    R"({"id":2,"title":"with \"quotes\", commas\u000aand a line","price":0.1,"flag":true,"vector":[0.1,0.2]})"
    "\n"
    R"({"id":1,"title":"plain","price":null,"flag":false,"vector":[0.001,-4]})"
    "\n";

TEST(ForeignFiles, CsvOfPandasAndOfSpreadsheets) {
  EXPECT_EQ(Shown(ForeignRowsOf(kData + "/pandas.csv", BooksMapping())), kBooks);
  ImportMapping mapping = BooksMapping();
  mapping.csv.delimiter = ';';
  EXPECT_EQ(Shown(ForeignRowsOf(kData + "/excel.csv", mapping)), kBooks);
}

std::string ReadCsv(const std::string& text, ImportMapping mapping = {}) {
  TempFolder folder;
  const std::string path = folder.path() / "t.csv";
  WriteFile(path, text);
  if (mapping.fields.empty()) {
    mapping.fields = {MappingOf("id", {"", DataType::kInt64}),
                      MappingOf("t", {"", DataType::kVarChar, {{"max_length", "10"}}})};
  }
  std::string shown = Shown(ForeignRowsOf(path, mapping));
  for (auto at = shown.find(path); at != std::string::npos; at = shown.find(path)) {
    shown.replace(at, path.size(), "t.csv");
  }
  return shown;
}

TEST(ForeignFiles, BadCsvIsRefusedWithItsLine) {
  EXPECT_EQ(ReadCsv("id,t\n1,a\n2\n"), "read t.csv, row 2 (line 3): it has 1 cells instead of 2");
  EXPECT_EQ(ReadCsv("id,t\n1,a,\n"), "read t.csv, row 1 (line 2): it has 3 cells instead of 2");
  EXPECT_EQ(ReadCsv("id,t\n\n"), "read t.csv, row 1 (line 2): it has 1 cells instead of 2");
  EXPECT_THAT(ReadCsv("id,t\n1,\"a\nb"),
              HasSubstr("line 2: the row that begins there has a quote that is never closed"));
  EXPECT_THAT(ReadCsv("id,t\n1,a\"b\n"), HasSubstr("line 2: a quote within a cell"));
  EXPECT_THAT(ReadCsv("id,t\n1,\"a\"b\n"),
              HasSubstr("line 2: something follows the closing quote"));
  EXPECT_THAT(ReadCsv("id,t\n1,a\rb\n"), HasSubstr("line 2: a carriage return"));
  EXPECT_THAT(ReadCsv("id,t\n1,a\r"), HasSubstr("line 2: a carriage return"));
  EXPECT_THAT(ReadCsv(""), HasSubstr("it is empty"));
  EXPECT_THAT(ReadCsv("id,\n"), HasSubstr("must name every column"));
  EXPECT_THAT(ReadCsv("id,id\n"), HasSubstr("two columns of the name 'id'"));
  EXPECT_THAT(ReadCsv("id,t\n1,\"" + std::string(kMaxCsvRow, 'x')),
              HasSubstr("is a quote never closed?"));
  EXPECT_EQ(ReadCsv("id,t\n1,\"x\n\"\nNaN,b\n"),
            "t.csv, row 2 (line 4): column id: \"NaN\" is no Int64");
  EXPECT_EQ(ReadCsv("id,t\n1,0123456789x\n"),
            "t.csv, row 1 (line 2): column t: \"0123456789x\" has 11 bytes, and the field takes 10 "
            "(max_length)");
  EXPECT_EQ(ReadCsv("id,t\n1,\xff\n"), "t.csv, row 1 (line 2): column t: bytes ff is not UTF-8");
}

TEST(ForeignFiles, AnEmptyCellIsNullAndAQuotedOneText) {
  EXPECT_EQ(ReadCsv("id,t\r\n1,\"\"\r\n2,x"), "{\"id\":1,\"t\":\"\"}\n{\"id\":2,\"t\":\"x\"}\n");
  EXPECT_THAT(ReadCsv("id,t\n1,\n"),
              HasSubstr("row 1 (line 2): column t: null, and the field takes none"));
  EXPECT_THAT(ReadCsv("id,t\n,a\n"), HasSubstr("column id: null"));
  ImportMapping mapping;
  mapping.fields = {MappingOf("id", {"", DataType::kInt64}),
                    MappingOf("t", {"", DataType::kVarChar, {{"max_length", "10"}}})};
  mapping.fields[1].empty_is_text = true;
  EXPECT_EQ(ReadCsv("id,t\n1,\n", mapping), "{\"id\":1,\"t\":\"\"}\n");
  mapping.fields[1].empty_is_text = false;
  mapping.fields[1].default_text = "none";
  EXPECT_EQ(ReadCsv("id,t\n1,\n", mapping), "{\"id\":1,\"t\":\"none\"}\n");
  mapping.fields[1].default_text.reset();
  mapping.fields[1].field.nullable = true;
  EXPECT_EQ(ReadCsv("id,t\n1,\n", mapping), "{\"id\":1,\"t\":null}\n");
}

// What is written by the rules of RFC 4180 is read, in pieces of whatever size.
TEST(CsvParser, ReadsWhatWasWrittenInPiecesOfAnySize) {
  rows::RowGenerator random(11);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::vector<std::string>> wanted(1 + random.Below(6));
    std::string text;
    for (auto& row : wanted) {
      row.resize(1 + random.Below(4));
      for (std::size_t i = 0; i < row.size(); ++i) {
        row[i] = random.Chance(30) ? "" : random.RandomText(12);
        if (i > 0) text += ',';
        const bool plain = row[i].find_first_of("\",\r\n") == std::string::npos;
        if (plain && random.Chance(50)) {
          text += row[i];
        } else {
          text += '"';
          for (const char c : row[i]) text += c == '"' ? std::string("\"\"") : std::string(1, c);
          text += '"';
        }
      }
      text += random.Chance(50) ? "\r\n" : "\n";
    }
    if (random.Chance(50) && text.ends_with('\n')) {
      text.pop_back();
      if (text.ends_with('\r')) text.pop_back();
      // A last row of one empty cell without a line break is no row.
      if (text.empty() || text.back() == '\n') text += "\n";
    }
    CsvParser parser({});
    std::vector<std::vector<std::string>> found;
    const auto keep = [&] {
      auto& row = found.emplace_back();
      for (const auto& cell : parser.cells()) row.push_back(cell.text);
    };
    for (std::size_t at = 0; at < text.size();) {
      std::string_view piece = std::string_view(text).substr(at, 1 + random.Below(7));
      at += piece.size();
      while (!piece.empty()) {
        const auto row = parser.Take(piece);
        ASSERT_TRUE(row.ok()) << row.status() << "\n" << text;
        if (*row) keep();
      }
    }
    const auto last = parser.End();
    ASSERT_TRUE(last.ok()) << last.status();
    if (*last) keep();
    ASSERT_EQ(found, wanted) << text;
  }
}

// ---- JSON lines ----

TEST(ForeignFiles, JsonLines) {
  ImportMapping mapping = BooksMapping();
  mapping.fields.pop_back();
  mapping.ignore = {"vector"};  // pandas wrote it as text
  EXPECT_EQ(Shown(ForeignRowsOf(kData + "/pandas.jsonl", mapping)),
            R"({"id":2,"title":"with \"quotes\", commas\u000aand a line","price":0.1,"flag":true})"
            "\n"
            R"({"id":1,"title":"plain","price":null,"flag":false})"
            "\n");
  EXPECT_THAT(Shown(ForeignRowsOf(kData + "/pandas.jsonl", BooksMapping())),
              HasSubstr("column vector: it has '\"[0.1, 0.2]\"' where '[' must stand"));
}

std::string ReadLines(const std::string& text, const ImportMapping& given = {}) {
  TempFolder folder;
  const std::string path = folder.path() / "t.ndjson";
  WriteFile(path, text);
  ImportMapping mapping = given;
  mapping.fields.push_back(MappingOf("id", {"", DataType::kInt64}));
  mapping.fields.push_back(MappingOf("j", {"", DataType::kJson}));
  mapping.fields.back().field.nullable = true;
  const std::string shown = Shown(ForeignRowsOf(path, mapping));
  return shown.starts_with("read ") ? "read " + shown.substr(5 + path.size()) : shown;
}

TEST(ForeignFiles, JsonLinesMayLackMembersAndHaveNoOthers) {
  EXPECT_EQ(ReadLines("{\"id\": 9007199254740993, \"j\": {\"a\":[1, 2]}}\n\n  "
                      "\n{\"j\":null,\"id\":2}\n{\"id\":3}"),
            "{\"id\":9007199254740993,\"j\":{\"a\":[1, "
            "2]}}\n{\"id\":2,\"j\":null}\n{\"id\":3,\"j\":null}\n");
  std::string many;
  for (int i = 0; i < 200; ++i) many += "{\"id\":" + std::to_string(i) + "}\n";
  EXPECT_THAT(ReadLines(many + "{\"id\":1,\"x\":2}\n"),
              HasSubstr(", row 201 (line 201): it has a member 'x'"));
  EXPECT_THAT(ReadLines("{\"id\":1,\"id\":2}"), HasSubstr("'id' comes twice"));
  EXPECT_THAT(ReadLines("{\"id\":1} {}"), HasSubstr("something follows"));
  EXPECT_THAT(ReadLines("[1]"), StartsWith("read , line 1: it has '[1]'"));
  EXPECT_THAT(ReadLines("{\"id\":1"), HasSubstr("line 1"));
}

TEST(ForeignFiles, ColumnsWithoutAFieldGoIntoMeta) {
  ImportMapping mapping;
  mapping.dynamic = true;
  EXPECT_EQ(ReadLines(R"({"id":1,"b":"x","a":[1.50],"n":null})", mapping),
            R"({"id":1,"j":null,"$meta":{"b":"x","a":[1.50]}})"
            "\n");
}

// ---- folders ----

TEST(ForeignFiles, SeveralFilesAreOneTable) {
  TempFolder folder;
  std::filesystem::create_directories(folder.path() / "b");
  std::filesystem::create_directories(folder.path() / "_temporary");
  WriteFile(folder.path() / "a.csv", "id,t\n1,one\n");
  WriteFile(folder.path() / "b" / "c.csv", "t,id\ntwo,2\nthree,3\n");
  WriteFile(folder.path() / "_temporary" / "x.csv", "no");
  WriteFile(folder.path() / "_SUCCESS", "");
  WriteFile(folder.path() / ".hidden.parquet", "");
  ImportMapping mapping;
  mapping.fields = {MappingOf("id", {"", DataType::kInt64}),
                    MappingOf("t", {"", DataType::kVarChar, {{"max_length", "10"}}})};
  EXPECT_EQ(Shown(ForeignRowsOf(folder.path(), mapping)),
            "{\"id\":1,\"t\":\"one\"}\n{\"id\":2,\"t\":\"two\"}\n{\"id\":3,\"t\":\"three\"}\n");
  const auto files = ForeignFiles::Open(**FindForeignInput(folder.path()), {});
  ASSERT_TRUE(files.ok());
  std::vector<ForeignValue> row;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(*(*files)->Next(row));
  EXPECT_THAT((*files)->Locate(1), testing::EndsWith("/a.csv, row 1"));
  EXPECT_THAT((*files)->Locate(3), testing::EndsWith("/b/c.csv, row 2"));
  WriteFile(folder.path() / "z.csv", "id\n4\n");
  EXPECT_THAT(Shown(ForeignRowsOf(folder.path(), mapping)),
              HasSubstr("its columns are not those of"));
  WriteFile(folder.path() / "q.npy", "");
  EXPECT_THAT(Shown(ForeignRowsOf(folder.path(), mapping)), HasSubstr("files of several kinds"));
}

TEST(ForeignFiles, WhatIsNotOfOthersIsLeftToOthers) {
  TempFolder folder;
  const auto found = [&](const std::string& name) {
    return FindForeignInput(folder.path() / name);
  };
  ASSERT_TRUE(found("").ok());
  EXPECT_FALSE(found("")->has_value()) << "an empty folder";
  std::filesystem::create_directories(folder.path() / "ours" / "default");
  WriteFile(folder.path() / "ours" / "default" / "part-00000.parquet", "");
  EXPECT_TRUE(found("ours")->has_value());
  WriteFile(folder.path() / "ours" / "unfinished.json", "{}");
  EXPECT_FALSE(found("ours")->has_value()) << "an export is read as such";
  EXPECT_FALSE(FindForeignInput("s3://bucket/prefix")->has_value());
  EXPECT_EQ(KindOf(found("not-there.csv").status()), Kind::kNotFound);
  WriteFile(folder.path() / "x.npz", "");
  EXPECT_THAT(std::string(found("x.npz").status().message()), HasSubstr("unzip it"));
  WriteFile(folder.path() / "x.csv.gz", "");
  EXPECT_THAT(std::string(found("x.csv.gz").status().message()), HasSubstr("unpack it first"));
  WriteFile(folder.path() / "x.txt", "");
  EXPECT_THAT(std::string(found("x.txt").status().message()), HasSubstr("ends in none of"));
}

}  // namespace
}  // namespace aerie::files
