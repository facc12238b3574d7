#include "milvus/uri.h"

#include <gtest/gtest.h>

namespace aerie::milvus {
namespace {

struct GoodUri {
  const char* text;
  const char* host;
  int port;
  bool tls;
  const char* user;
  const char* password;
  const char* token;
  const char* database;
  const char* shown;
};

TEST(ClusterUri, IsReadInEveryForm) {
  const GoodUri rows[] = {
      {"http://host:19530", "host", 19530, false, "", "", "", "", "http://host:19530"},
      {"https://h.example.com", "h.example.com", 19530, true, "", "", "", "",
       "https://h.example.com:19530"},
      {"milvus://10.0.0.1:1/", "10.0.0.1", 1, false, "", "", "", "", "http://10.0.0.1:1"},
      {"host", "host", 19530, false, "", "", "", "", "http://host:19530"},
      {"host:65535", "host", 65535, false, "", "", "", "", "http://host:65535"},
      {"host/db_1", "host", 19530, false, "", "", "", "db_1", "http://host:19530/db_1"},
      {"HTTPS://host:443", "host", 443, true, "", "", "", "", "https://host:443"},
      {"milvus+tls://root:Milvus@host:19530/main", "host", 19530, true, "root", "Milvus", "",
       "main", "https://***@host:19530/main"},
      {"http://u%40x:p%3A%2F%25@host", "host", 19530, false, "u@x", "p:/%", "", "",
       "http://***@host:19530"},
      {"http://u:p@ss:word@host:2", "host", 2, false, "u", "p@ss:word", "", "",
       "http://***@host:2"},
      {"https://apikey123@cloud:443", "cloud", 443, true, "", "", "apikey123", "",
       "https://***@cloud:443"},
      {"http://u:@host", "host", 19530, false, "u", "", "", "", "http://***@host:19530"},
      {"http://[::1]:19531/d%20b", "::1", 19531, false, "", "", "", "d b",
       "http://[::1]:19531/d b"},
      {"[2001:db8::7]", "2001:db8::7", 19530, false, "", "", "", "", "http://[2001:db8::7]:19530"},
  };
  for (const GoodUri& row : rows) {
    SCOPED_TRACE(row.text);
    const auto uri = ParseClusterUri(row.text);
    ASSERT_TRUE(uri.ok()) << uri.status();
    EXPECT_EQ(uri->host, row.host);
    EXPECT_EQ(uri->port, row.port);
    EXPECT_EQ(uri->tls, row.tls);
    EXPECT_EQ(uri->user, row.user);
    EXPECT_EQ(uri->password, row.password);
    EXPECT_EQ(uri->token, row.token);
    EXPECT_EQ(uri->database, row.database);
    EXPECT_EQ(uri->ToString(), row.shown);
  }
}

TEST(ClusterUri, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> rows[] = {
      {"", "is empty"},
      {"ftp://host", "unknown scheme"},
      {"http://", "has no host"},
      {"http://:19530", "has no host"},
      {"http://ho st", "blank or control"},
      {"http://host:", "no number from 1 to 65535"},
      {"http://host:0", "no number from 1 to 65535"},
      {"http://host:65536", "no number from 1 to 65535"},
      {"http://host:19530x", "no number from 1 to 65535"},
      {"http://::1:19530", "more than one colon"},
      {"http://[::1", "no ]"},
      {"http://[::1]x", "between ] and the port"},
      {"http://[host]:1", "no IPv6 address"},
      {"http://host/db/collection", "more than a database"},
      {"http://host?x=1", "query or fragment"},
      {"http://host/db?x=1", "query or fragment"},
      {"http://host/%zz", "percent sign in the database"},
      {"http://@host", "empty token"},
      {"http://:secret@host", "no user before the password"},
      {"http://u%3Ax:secret@host", "colon in the user's name"},
      {"http://u:secret%4@host", "percent sign in its credentials"},
  };
  for (const auto& [text, words] : rows) {
    SCOPED_TRACE(text);
    const auto uri = ParseClusterUri(text);
    ASSERT_FALSE(uri.ok());
    EXPECT_EQ(KindOf(uri.status()), Kind::kInvalid);
    const std::string message(uri.status().message());
    EXPECT_NE(message.find(words), std::string::npos) << message;
    EXPECT_EQ(message.find("secret"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace aerie::milvus
